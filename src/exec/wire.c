/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/wire.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int wire_pair(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

/* After a failure: whether to try again, since it was an interruption, or a want of memory and `wait` allows
 * a pause, short beside what a box takes to start. Who does not wait is told EAGAIN. */
static bool may_retry(bool wait)
{
    const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

    if (errno == EINTR)
        return true;
    if (errno != ENOMEM && errno != ENOBUFS)
        return false;
    if (wait)
        (void)nanosleep(&pause, NULL);
    errno = EAGAIN;
    return wait;
}

int wire_send(int fd, const void *data, size_t n, const int *fds, size_t n_fds, bool wait)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * WIRE_MAX_FDS)] = { 0 };
    struct iovec part = { .iov_len = n };
    struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
    ssize_t sent;

    memcpy(&part.iov_base, &data, sizeof data); /* sendmsg() does not write there */
    if (n > WIRE_MAX || n_fds > WIRE_MAX_FDS) {
        errno = EMSGSIZE;
        return -1;
    }
    if (n_fds > 0) {
        m.msg_control = control;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(h), fds, sizeof(int) * n_fds);
    }
    do
        sent = sendmsg(fd, &m, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
    while (sent < 0 && may_retry(wait));
    return sent < 0 ? -1 : 0;
}

/* There is room for more where no credentials came: what is over the bound is closed. */
static void read_fds(const struct cmsghdr *h, struct wire_message *m)
{
    size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

    for (size_t i = 0; i < n; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
        if (m->n_fds < WIRE_MAX_FDS)
            m->fds[m->n_fds++] = fd;
        else
            fd_close(fd);
    }
}

static void read_control(struct msghdr *from, struct wire_message *m)
{
    for (struct cmsghdr *h = CMSG_FIRSTHDR(from); h; h = CMSG_NXTHDR(from, h)) {
        if (h->cmsg_level != SOL_SOCKET)
            continue;
        if (h->cmsg_type == SCM_RIGHTS) {
            read_fds(h, m);
        } else if (h->cmsg_type == SCM_CREDENTIALS) {
            struct ucred who;
            memcpy(&who, CMSG_DATA(h), sizeof who);
            m->sender = who.pid;
        }
    }
}

int wire_recv(int fd, struct wire_message *m, bool wait)
{
    _Alignas(struct cmsghdr) char
        control[CMSG_SPACE(sizeof(int) * WIRE_MAX_FDS) + CMSG_SPACE(sizeof(struct ucred))];
    struct iovec part = { .iov_base = m->data, .iov_len = WIRE_MAX };
    struct msghdr from = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
    };
    ssize_t n;

    m->n = m->n_fds = 0;
    m->sender = 0;
    /* A peer that left without reading what we sent is told once, as ECONNRESET, and before what it
     * had sent itself. */
    do
        n = recvmsg(fd, &from, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
    while (n < 0 && (errno == ECONNRESET || may_retry(wait)));
    if (n < 0)
        return -1;
    read_control(&from, m);
    m->lost_fds = from.msg_flags & MSG_CTRUNC;
    if (n == 0 && m->n_fds == 0)
        return 0;
    m->n = (size_t)n;
    m->data[n] = '\0';
    return 1;
}
