/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_testing.h"

#include "base/rng.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void a_malformed_head_is_refused_and_the_connection_closes(void **state)
{
    static const struct {
        const char *head, *status;
    } bad[] = {
        { "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
          " 400 " },
        { "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n"
          "transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
          " 400 " },
        { "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\nx", " 501 " },
        { "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
          " 501 " },
        { "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n", " 400 " },
        { "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 0x10\r\n\r\n", " 400 " },
        { "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n",
          " 413 " },
        { "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", " 400 " },
        { "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
          "fffffffffffffffff\r\n",
          " 413 " },
        { "GET / HTTP/1.1\r\nno colon here\r\n\r\n", " 400 " },
        { "GET / HTTP/1.1\r\n\r\n", " 400 " },
        { "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", " 400 " },
        { "GET /a b HTTP/1.1\r\nhost: a\r\n\r\n", " 400 " },
        { "GET /a?b c HTTP/1.1\r\nhost: a\r\n\r\n", " 400 " },
        { "GET / HTTP/9.9\r\nhost: a\r\n\r\n", " 505 " },
    };

    (void)state;
    for (size_t i = 0; i < n_items(bad); i++) {
        struct world w;
        world_start(&w, (struct http_options){ 0 });
        scoped(fd_close) int fd = peer_connect(&w);
        assert_true(peer_send(fd, bad[i].head));
        scoped(mem_free) char *answer = peer_answer(fd, false);
        if (!strstr(answer, bad[i].status) || strlen(answer) > 1000)
            fail_msg("case %zu: %s", i, answer);
        while (!peer_closed(fd)) /* the library sends the head of some of them twice */
            ;
        world_stop(&w);
    }
}

static void a_head_has_a_bound(void **state)
{
    struct world w;
    scoped(mem_free) char *filler = mem_new(HTTP_HEAD_MAX + 1);

    (void)state;
    memset(filler, 'x', HTTP_HEAD_MAX);
    world_start(&w, (struct http_options){ 0 });
    for (int i = 0; i < 3; i++) {
        scoped(fd_close) int fd = peer_connect(&w);
        bool sent =
            i == 2 || (peer_send(fd, "GET / HTTP/1.1\r\nhost: a\r\nx: ") && peer_send(fd, filler));
        if (i == 1) /* far over it: the library's own bound */
            sent = sent && peer_send(fd, filler) && peer_send(fd, filler);
        if (i == 2) { /* many lines, each short */
            sent = peer_send(fd, "GET / HTTP/1.1\r\nhost: a\r\n");
            for (int line = 0; sent && line < 5000; line++)
                sent = peer_send(fd, "a:\r\n");
        }
        (void)(sent && peer_send(fd, "\r\n\r\n"));
        scoped(mem_free) char *answer = peer_answer(fd, false);
        assert_non_null(strstr(answer, " 431 "));
        assert_true(peer_closed(fd));
    }
    scoped(fd_close) int line = peer_connect(&w);
    assert_true(peer_send(line, "GET /"));
    for (int i = 0; i < 4 && peer_send(line, filler); i++)
        ;
    scoped(mem_free) char *answer = peer_answer(line, false);
    assert_non_null(strstr(answer, " 414 "));
    world_stop(&w);
}

/* Sends a byte whenever the server has been silent for a tenth of a second, until it answers that it is
 * too late, and closes. */
static int drip(int fd, const char *text)
{
    struct pollfd p = { fd, POLLIN, 0 };
    int sent = 0;

    while (poll(&p, 1, 100) == 0) {
        (void)!send(fd, *text ? text++ : "x", 1, MSG_NOSIGNAL);
        assert_true(++sent < 200);
    }
    scoped(mem_free) char *answer = peer_answer(fd, false);
    assert_int_equal(strncmp(answer, "HTTP/1.1 408 ", 13), 0);
    assert_non_null(strstr(answer, "\r\n\r\nthe request did not come in time\n"));
    assert_true(peer_closed(fd));
    return sent;
}

static void slow_peers_are_cut(void **state)
{
    const struct http_options fast = {
        .idle_seconds = 1, .head_seconds = 1, .grace_seconds = 1, .min_rate = 1000
    };
    struct world w;

    (void)state;
    world_start(&w, fast);
    scoped(fd_close) int head = peer_connect(&w);
    assert_true(drip(head, "GET / HTTP/1.1\r\nhost: a\r\nx: ") > 3);
    assert_int_equal(w.begun, 0);
    scoped(fd_close) int body = peer_connect(&w);
    assert_true(
        peer_send(body, "POST /stream HTTP/1.1\r\nhost: a\r\ncontent-length: 99999\r\n\r\n"));
    assert_true(drip(body, "") > 3);
    world_wait_gone(&w, 1);
    assert_int_equal(http_stats(w.http).cut, 2);
    world_stop(&w);
}

static void who_waits_for_an_answer_is_not_cut(void **state)
{
    const struct http_options fast = { .idle_seconds = 1, .head_seconds = 1, .grace_seconds = 1 };
    struct world w;

    (void)state;
    world_start(&w, fast);
    scoped(fd_close) int waiting = peer_connect(&w);
    scoped(fd_close) int slow = peer_connect(&w);
    assert_true(peer_send(waiting, "GET /late HTTP/1.1\r\nhost: a\r\n\r\n"));
    world_wait_late(&w);
    (void)drip(slow, "GET / HTTP/1.1\r\nhost: a\r\nx: "); /* two seconds pass here */
    world_release(&w);
    scoped(mem_free) char *answer = peer_answer(waiting, false);
    assert_non_null(strstr(answer, "at last"));
    world_stop(&w);
}

/* Whatever comes, the front stays up, forgets nothing and answers the next client. */
static void noise_does_no_harm(void **state)
{
    static const char seed_request[] =
        "POST /echo?x HTTP/1.1\r\nhost: a\r\nconnection: keep-alive\r\nexpect: 100-continue\r\n"
        "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        "POST /small HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello"
        "POST /early HTTP/1.0\r\ncontent-length: 50\r\n\r\nhello";
    struct world w;
    struct rng_seeded rng;

    (void)state;
    rng_seeded_init(&rng, 20);
    world_start(&w, (struct http_options){ 0 });
    for (int round = 0; round < 3000; round++) {
        char request[sizeof seed_request];
        uint8_t dice[8];
        memcpy(request, seed_request, sizeof request);
        rng_fill(&rng.rng, dice, sizeof dice);
        size_t n = sizeof request - 1 - (dice[0] < 100 ? dice[1] % (sizeof request - 2) : 0);
        for (int i = 0; i < dice[2] % 8; i++) {
            uint8_t at[3];
            rng_fill(&rng.rng, at, sizeof at);
            request[(at[0] << 8 | at[1]) % n] = (char)at[2];
        }
        scoped(fd_close) int fd = peer_connect(&w);
        (void)peer_send_n(fd, request, n);
        if (dice[3] < 128)
            shutdown(fd, SHUT_WR);
    }
    scoped(fd_close) int fd = peer_connect(&w);
    assert_true(peer_send(fd, "GET /fine HTTP/1.1\r\nhost: a\r\n\r\n"));
    scoped(mem_free) char *answer = peer_answer(fd, false);
    assert_non_null(strstr(answer, "GET /fine"));
    world_stop(&w);
}

struct client {
    struct world *w;
    pthread_t thread;
    unsigned seed;
    int answers;
};

/* Cmocka's asserts belong to the main thread: a client only counts what it was told. */
static void *ask_many_times(void *arg)
{
    static const char *const requests[] = {
        "POST /thread HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi",
        "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi",
        "POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi",
        "GET /x HTTP/1.1\r\nhost: a\r\n\r\n",
    };
    struct client *c = arg;
    int fd = -1;

    for (size_t i = 0; i < 300; i++) {
        if (fd < 0)
            fd = peer_connect(c->w);
        if (!peer_send(fd, requests[(i + c->seed) % n_items(requests)]))
            break;
        if (i % 7 == c->seed) { /* leaves without hearing the answer */
            fd_close(take_fd(&fd));
            continue;
        }
        scoped(mem_free) char *answer = peer_answer(fd, false);
        c->answers += strstr(answer, " 200 ") || strstr(answer, " 401 ");
    }
    fd_close(fd);
    return NULL;
}

static void many_clients_and_threads_get_their_own_answers(void **state)
{
    struct world w;
    struct client clients[6];

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    for (unsigned i = 0; i < n_items(clients); i++) {
        clients[i] = (struct client){ &w, 0, i, 0 };
        assert_int_equal(pthread_create(&clients[i].thread, NULL, ask_many_times, &clients[i]), 0);
    }
    for (unsigned i = 0; i < n_items(clients); i++) {
        assert_int_equal(pthread_join(clients[i].thread, NULL), 0);
        assert_in_range(clients[i].answers, 300 - 43, 300 - 42);
    }
    http_drain(w.http); /* the last threads have answered when this returns */
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_malformed_head_is_refused_and_the_connection_closes),
        cmocka_unit_test(a_head_has_a_bound),
        cmocka_unit_test(slow_peers_are_cut),
        cmocka_unit_test(who_waits_for_an_answer_is_not_cut),
        cmocka_unit_test(noise_does_no_harm),
        cmocka_unit_test(many_clients_and_threads_get_their_own_answers),
    };

    return cmocka_run_group_tests_name("http_hostile", tests, NULL, NULL);
}
