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
static void ask_for(const struct asker *a, int number, char domain, char type)
{
    unsigned char question[] = "\0\1\1\0\0\1\0\0\0\0\0\0\002NN\001X\004test\0\0\1\0\1";

    question[13] = (unsigned char)('0' + number / 10);
    question[14] = (unsigned char)('0' + number % 10);
    question[16] = (unsigned char)domain;
    question[24] = (unsigned char)type;
    assert_int_equal(send(a->fd, question, sizeof question - 1, 0), sizeof question - 1);
}

static void ask(const struct asker *a, int number, char domain)
{
    ask_for(a, number, domain, 1);
}

static void wait_for(struct asker *a, int answers)
{
    a->wanted = answers;
    if (a->answers < answers)
        loop_run(a->loop);
    assert_int_equal(a->answers, answers);
}

/* Another question is answered at once, and in its turn: all before it have been read. */
static void let_it_read(struct asker *a)
{
    ask_for(a, 0, 'b', 16);
    wait_for(a, 1);
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

/* Cages that have asked for so many names of their own that take long, and one that has asked for none.
 * It comes when all that the others ask for is under way or waits. */
struct crowd {
    struct loop *loop;
    struct resolver *resolver;
    struct policy *policy;
    struct asker *greedy, other;
    int n, names;
};

static void crowd_open(struct crowd *c, int n, int names)
{
    scoped(err_clear) struct err e = { 0 };

    *c = (struct crowd){ .loop = loop_new(&clock_real), .n = n, .names = names };
    c->resolver = resolver_new(c->loop, lookup);
    c->greedy = mem_new_array((size_t)n, sizeof *c->greedy);
    assert_int_equal(sem_init(&slow, 0, 0), 0);
    assert_int_equal(policy_new(NULL, 0, &c->policy, &e), 0);
    asker_open(&c->other, c->loop, c->resolver, c->policy);
    for (int i = 0; i < n; i++) {
        asker_open(&c->greedy[i], c->loop, c->resolver, c->policy);
        for (int k = 0; k < names; k++)
            ask(&c->greedy[i], i * names + k, 'a');
    }
    for (int i = 0; i < n; i++)
        let_it_read(&c->greedy[i]);
}

static void let_names_be_found(int n)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(sem_post(&slow), 0);
}

/* Every name is found, once those that were let before are. */
static void crowd_close(struct crowd *c)
{
    for (int i = 0; i < c->n; i++) {
        wait_for(&c->greedy[i], 1 + c->names);
        asker_close(&c->greedy[i]);
    }
    asker_close(&c->other);
    resolver_free(c->resolver);
    policy_free(c->policy);
    loop_free(c->loop);
    mem_free(c->greedy);
    sem_destroy(&slow);
}

static void many_cages_leave_a_thread_for_the_next(void **state)
{
    enum { CAGES = 10, EACH = 9 };
    struct crowd c;

    (void)state;
    crowd_open(&c, CAGES, EACH);
    for (int i = 1; i <= 3; i++) {
        ask(&c.other, i, 'b');
        wait_for(&c.other, i);
    }
    let_names_be_found(CAGES * EACH);
    crowd_close(&c);
}

static void more_cages_than_threads_take_turns(void **state)
{
    enum { CAGES = 40, EACH = 2, BEFORE = CAGES }; /* no cage has more than one that waits */
    struct crowd c;

    (void)state;
    crowd_open(&c, CAGES, EACH);
    ask(&c.other, 1, 'b');
    let_it_read(&c.other);
    let_names_be_found(BEFORE + 1);
    wait_for(&c.other, 2);
    let_names_be_found(CAGES * EACH - BEFORE - 1);
    crowd_close(&c);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(names_that_take_long_hold_up_their_own_cage_alone),
        cmocka_unit_test(many_cages_leave_a_thread_for_the_next),
        cmocka_unit_test(more_cages_than_threads_take_turns),
    };
    return cmocka_run_group_tests_name("dns", promises, NULL, NULL);
}
