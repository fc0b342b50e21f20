/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/wire.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int open_descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* As wire_send() would, which has a bound of its own. */
static void send_many(int to, int n)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * 64)] = { 0 };
    char byte = 'x';
    struct iovec part = { &byte, 1 };
    struct msghdr m = { .msg_iov = &part,
                        .msg_iovlen = 1,
                        .msg_control = control,
                        .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n) };
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);

    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)n);
    for (int i = 0; i < n; i++)
        memcpy(CMSG_DATA(h) + sizeof(int) * (size_t)i, &to, sizeof to);
    assert_int_equal(sendmsg(to, &m, 0), 1);
}

static void more_descriptors_than_fit_are_closed(void **state)
{
    int before = open_descriptors(), ends[2];
    struct wire_message *m = mem_new(sizeof *m);

    (void)state;
    assert_int_equal(wire_pair(ends), 0);
    for (int n = 1; n < 64; n++) {
        send_many(ends[0], n);
        assert_int_equal(wire_recv(ends[1], m, false), 1);
        assert_int_equal(m->n, 1);
        assert_int_equal(m->sender, 0);
        assert_int_equal(m->n_fds, n < WIRE_MAX_FDS ? n : WIRE_MAX_FDS);
        for (size_t i = 0; i < m->n_fds; i++)
            fd_close(m->fds[i]);
        assert_int_equal(open_descriptors(), before + 2);
    }
    fd_close(ends[0]);
    fd_close(ends[1]);
    mem_free(m);
}

static void a_message_without_its_descriptors_says_so(void **state)
{
    int before = open_descriptors(), ends[2];
    struct wire_message *m = mem_new(sizeof *m);
    struct rlimit usual, few;

    (void)state;
    assert_int_equal(wire_pair(ends), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    few = (struct rlimit){ (rlim_t)ends[1] + 2, usual.rlim_max };
    for (int all = 0; all < 2; all++) {
        assert_int_equal(wire_send(ends[0], "x", 1, (int[]){ ends[0], ends[0] }, 2, false), 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, all ? &usual : &few), 0);
        assert_int_equal(wire_recv(ends[1], m, false), 1);
        assert_true(m->lost_fds == !all);
        assert_int_equal(m->n_fds, all ? 2 : 1);
        for (size_t i = 0; i < m->n_fds; i++)
            fd_close(m->fds[i]);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    }
    fd_close(ends[0]);
    fd_close(ends[1]);
    assert_int_equal(open_descriptors(), before);
    mem_free(m);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(more_descriptors_than_fit_are_closed),
        cmocka_unit_test(a_message_without_its_descriptors_says_so),
    };
    return cmocka_run_group_tests_name("wire", promises, NULL, NULL);
}
