/* SPDX-License-Identifier: Apache-2.0 */
#include "egress/dns.h"

#include <arpa/inet.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { NAMES = 60 };

static sem_t slow; /* names of a.test wait for it */

static void lookup(const char *name, struct resolved *out)
{
    while (strstr(name, "a.test") && sem_wait(&slow) < 0)
        continue;
    *out = (struct resolved){ .outcome = RESOLVER_NO_NAME };
}

/* A cage's resolver, and a program that asks it. */
struct asker {
    struct loop *loop;
    struct dns *dns;
    int fd;
    struct watch *watch;
    int answers, wanted;
};

static void on_answer(void *arg, uint32_t events)
{
    struct asker *a = arg;
    char answer[512];

    (void)events;
    a->answers += recv(a->fd, answer, sizeof answer, MSG_DONTWAIT) > 0;
    if (a->answers == a->wanted)
        loop_stop(a->loop);
}

static void never_refused(void *arg, const char *name, const struct place *at, const char *reason)
{
    (void)arg;
    (void)at;
    fail_msg("%s: %s", name, reason);
}

static int bound_socket(struct sockaddr_in *at)
{
    socklen_t n = sizeof *at;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    *at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof *at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)at, &n), 0);
    return fd;
}

static void asker_open(struct asker *a, struct loop *loop, struct resolver *r, struct policy *p)
{
    const struct dns_options options = {
        .loop = loop, .resolver = r, .policy = p, .refused = never_refused
    };
    struct sockaddr_in at, own;

    *a = (struct asker){ .loop = loop, .dns = dns_new(&options, bound_socket(&at)) };
    a->fd = bound_socket(&own);
    assert_int_equal(connect(a->fd, (struct sockaddr *)&at, sizeof at), 0);
    a->watch = loop_watch(loop, a->fd, EPOLLIN, on_answer, a);
}

static void asker_close(struct asker *a)
{
    watch_free(a->watch);
    dns_free(a->dns);
    close(a->fd);
}

/* "NN.X.test", a question for an address. */
static void ask(const struct asker *a, int number, char domain)
{
    unsigned char question[] = "\0\1\1\0\0\1\0\0\0\0\0\0\002NN\001X\004test\0\0\1\0\1";

    question[13] = (unsigned char)('0' + number / 10);
    question[14] = (unsigned char)('0' + number % 10);
    question[16] = (unsigned char)domain;
    assert_int_equal(send(a->fd, question, sizeof question - 1, 0), sizeof question - 1);
}

static void wait_for(struct asker *a, int answers)
{
    a->wanted = answers;
    loop_run(a->loop);
    assert_int_equal(a->answers, answers);
}

static void names_that_take_long_hold_up_their_own_cage_alone(void **state)
{
    scoped(err_clear) struct err e = { 0 };
    struct loop *loop = loop_new(&clock_real);
    struct resolver *resolver = resolver_new(loop, lookup);
    scoped(policy_free) struct policy *policy = NULL;
    struct asker greedy, other;

    (void)state;
    assert_int_equal(sem_init(&slow, 0, 0), 0);
    assert_int_equal(policy_new(NULL, 0, &policy, &e), 0);
    asker_open(&greedy, loop, resolver, policy);
    asker_open(&other, loop, resolver, policy);
    for (int i = 0; i < NAMES; i++)
        ask(&greedy, i, 'a');
    ask(&greedy, 99, 'b'); /* waits behind them */
    for (int i = 0; i < 3; i++) {
        ask(&other, i, 'b');
        wait_for(&other, i + 1);
    }
    assert_int_equal(greedy.answers, 0);
    for (int i = 0; i < NAMES; i++)
        assert_int_equal(sem_post(&slow), 0);
    wait_for(&greedy, NAMES + 1);

    asker_close(&greedy);
    asker_close(&other);
    resolver_free(resolver);
    loop_free(loop);
    sem_destroy(&slow);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(names_that_take_long_hold_up_their_own_cage_alone),
    };
    return cmocka_run_group_tests_name("dns", promises, NULL, NULL);
}
