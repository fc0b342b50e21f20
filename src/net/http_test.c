/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bounds.h"
#include "base/reserve.h"
#include "net/http_private.h"
#include "net/http_testing.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* The linker puts these before the library's (meson.build): the n-th from now on has no memory. */
struct MHD_Response *__real_MHD_create_response_from_buffer(size_t n, void *data,
                                                            enum MHD_ResponseMemoryMode mode);
struct MHD_Response *__wrap_MHD_create_response_from_buffer(size_t n, void *data,
                                                            enum MHD_ResponseMemoryMode mode);
enum MHD_Result __real_MHD_add_response_header(struct MHD_Response *response, const char *name,
                                               const char *value);
enum MHD_Result __wrap_MHD_add_response_header(struct MHD_Response *response, const char *name,
                                               const char *value);

static atomic_int fails_at;

static bool fails(void)
{
    return atomic_load(&fails_at) > 0 && atomic_fetch_sub(&fails_at, 1) == 1;
}

struct MHD_Response *__wrap_MHD_create_response_from_buffer(size_t n, void *data,
                                                            enum MHD_ResponseMemoryMode mode)
{
    return fails() ? NULL : __real_MHD_create_response_from_buffer(n, data, mode);
}

enum MHD_Result __wrap_MHD_add_response_header(struct MHD_Response *response, const char *name,
                                               const char *value)
{
    return fails() ? MHD_NO : __real_MHD_add_response_header(response, name, value);
}

static void expect_answer(int fd, const char *status, const char *in_it)
{
    scoped(mem_free) char *answer = peer_answer(fd, false);

    if (!strstr(answer, status) || !strstr(answer, in_it))
        fail_msg("no '%s' with '%s' in: %s", status, in_it, answer);
}

static void the_connection_works(int fd)
{
    assert_true(peer_send(fd, "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello"));
    expect_answer(fd, " 200 ", "\r\n\r\nhello");
}

static void a_kept_connection_serves_many_requests(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    scoped(fd_close) int fd = peer_connect(&w);
    for (int i = 0; i < 3; i++)
        the_connection_works(fd);
    assert_true(peer_send(fd, "GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
    expect_answer(fd, " 200 ", "keep-alive: timeout=75\r\n");
    world_stop(&w);
}

static void what_the_library_has_no_memory_for_is_answered_without_it(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    for (int nth = 1; nth <= 3; nth++) { /* the answer, its keep-alive, the service's header */
        scoped(fd_close) int fd = peer_connect(&w);
        the_connection_works(fd);
        atomic_store(&fails_at, nth);
        assert_true(
            peer_send(fd, "POST /late HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello"));
        world_wait_late(&w);
        world_release(&w);
        scoped(mem_free) char *answer = peer_answer(fd, false);
        assert_int_equal(atomic_load(&fails_at), 0);
        assert_non_null(strstr(answer, "HTTP/1.1 200 "));
        assert_non_null(strstr(answer, "connection: close\r\n"));
        assert_non_null(strstr(answer, "content-type: "));
        assert_true(peer_closed(fd));
        world_wait_gone(&w, 2 * nth);
    }
    world_stop(&w);
}

static void a_target_arrives_as_it_was_sent(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    scoped(fd_close) int fd = peer_connect(&w);
    assert_true(peer_send(fd, "GET //a/%2e%2E/b+c%00/?x=%20&y?z=1 HTTP/1.1\r\nhost: a\r\n\r\n"));
    expect_answer(fd, " 200 ", "GET //a/%2e%2E/b+c%00/?x=%20&y?z=1 0 from 127.0.0.1");
    assert_true(peer_send(fd, "PURGE /x HTTP/1.1\r\nhost: a\r\n\r\n"));
    expect_answer(fd, " 200 ", "PURGE /x?- 0");
    world_stop(&w);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    scoped(fd_close) int fd = peer_connect(&w);
    assert_true(peer_send(fd, "GET /1 HTTP/1.1\r\nhost: a\r\n\r\n"
                              "POST /thread HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx"
                              "GET /3 HTTP/1.1\r\nhost: a\r\n\r\n"));
    expect_answer(fd, " 200 ", "GET /1?");
    expect_answer(fd, " 200 ", "from a thread");
    expect_answer(fd, " 200 ", "GET /3?");
    world_stop(&w);
}

static void head_tells_the_length_and_sends_nothing(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    scoped(fd_close) int fd = peer_connect(&w);
    assert_true(peer_send(fd, "HEAD /x HTTP/1.1\r\nhost: a\r\n\r\n"));
    scoped(mem_free) char *answer = peer_answer(fd, true);
    assert_non_null(strstr(answer, " 200 "));
    assert_non_null(strcasestr(answer, "content-length: 26\r\n"));
    the_connection_works(fd);
    world_stop(&w);
}

static void a_part_of_a_file_is_an_answer(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    scoped(fd_close) int fd = peer_connect(&w);
    assert_true(peer_send(fd, "GET /file HTTP/1.1\r\nhost: a\r\n\r\n"));
    expect_answer(fd, " 200 ", "\r\n\r\n23456789");
    assert_true(peer_send(fd, "HEAD /file HTTP/1.1\r\nhost: a\r\n\r\n"));
    scoped(mem_free) char *answer = peer_answer(fd, true);
    assert_non_null(strcasestr(answer, "content-length: 8\r\n"));
    the_connection_works(fd);
    world_stop(&w);
}

/* A connection that another listener accepted: its end here, and the peer's. */
static int accepted_elsewhere(int *peer)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    scoped(fd_close) int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t n = sizeof at;

    assert_int_equal(bind(listener, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &n), 0);
    *peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(*peer, (struct sockaddr *)&at, n), 0);
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* One more than there may be. */
static void a_connection_that_was_accepted_elsewhere_is_served(void **state)
{
    struct world w;
    int one, other;

    (void)state;
    world_start(&w, (struct http_options){ .max_connections = 1 });
    http_adopt(w.http, accepted_elsewhere(&one));
    the_connection_works(one);
    http_adopt(w.http, accepted_elsewhere(&other));
    assert_true(peer_closed(other));
    fd_close(one);
    fd_close(other);
    world_stop(&w);
}

static void http_1_0_is_answered_and_closed(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    scoped(fd_close) int fd = peer_connect(&w);
    assert_true(peer_send(fd, "GET /old HTTP/1.0\r\n\r\n"));
    expect_answer(fd, " 200 ", "GET /old?-");
    assert_true(peer_closed(fd));
    scoped(fd_close) int kept = peer_connect(&w);
    for (int i = 0; i < 2; i++) {
        assert_true(peer_send(kept, "GET /old HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"));
        expect_answer(kept, " 200 ", "GET /old?-");
    }
    world_stop(&w);
}

static void bodies_may_be_chunked(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    scoped(fd_close) int fd = peer_connect(&w);
    assert_true(peer_send(fd, "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
                              "3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\ntrailer: x\r\n\r\n"));
    expect_answer(fd, " 200 ", "\r\n\r\nabcde");
    the_connection_works(fd);
    world_stop(&w);
}

/* All that comes until the other side closes, without what is between `p`s. */
static size_t count_pieces(int fd, char last[static 8])
{
    scoped(mem_free) char *block = mem_new(1 << 16);
    size_t found = 0;
    ssize_t n;

    memset(last, 0, 8);
    while ((n = read(fd, block, 1 << 16)) > 0) {
        const char *at = memmem(block, (size_t)n, "\r\n\r\n", 4);
        bool head = found == 0 && strncmp(block, "HTTP/1.1 200", 12) == 0 && at;
        for (const char *c = head ? at : block; c < block + n; c++)
            found += *c == 'p';
        for (ssize_t i = n < 7 ? 0 : n - 7; i < n; i++) {
            memmove(last, last + 1, 6);
            last[6] = block[i];
        }
    }
    return found;
}

static void an_answer_may_come_in_pieces(void **state)
{
    struct world w;
    char last[8];

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    scoped(fd_close) int fd = peer_connect(&w);
    assert_true(peer_send(fd, "GET /pieces HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"));
    assert_int_equal(count_pieces(fd, last), PIECES * PIECE);
    assert_string_equal(last, "\r\n0\r\n\r\n");
    world_wait_gone(&w, 1);
    scoped(fd_close) int broken = peer_connect(&w);
    assert_true(peer_send(broken, "GET /broken HTTP/1.1\r\nhost: a\r\n\r\n"));
    assert_in_range(count_pieces(broken, last), 1, PIECE);
    assert_null(strstr(last, "\r\n0\r\n"));
    world_wait_gone(&w, 2);
    scoped(fd_close) int left = peer_connect(&w);
    assert_true(peer_send(left, "GET /pieces HTTP/1.1\r\nhost: a\r\n\r\n"));
    world_wait_begun(&w, 3);
    fd_close(take_fd(&left));
    world_wait_gone(&w, 3);
    world_stop(&w);
    assert_int_equal(w.sources, 3);
}

static void a_stream_is_never_held_whole(void **state)
{
    enum { MIB = 1 << 20, N = 40 };
    struct world w;
    scoped(mem_free) char *block = mem_new(MIB);

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    scoped(fd_close) int fd = peer_connect(&w);
    assert_true(
        peer_send(fd, "POST /stream HTTP/1.1\r\nhost: a\r\ncontent-length: 41943040\r\n\r\n"));
    for (int i = 0; i < N; i++)
        assert_true(peer_send_n(fd, block, MIB));
    expect_answer(fd, " 200 ", "POST /stream?- 41943040");
    assert_true(w.streamed == (uint64_t)N * MIB);
    the_connection_works(fd);
    world_stop(&w);
}

static void expect_100_continue_is_answered(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    scoped(fd_close) int fd = peer_connect(&w);
    assert_true(peer_send(fd, "POST /echo HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n"
                              "content-length: 2\r\n\r\n"));
    expect_answer(fd, " 100 ", "\r\n\r\n");
    assert_true(peer_send(fd, "ok"));
    expect_answer(fd, " 200 ", "\r\n\r\nok");
    the_connection_works(fd);
    world_stop(&w);
}

static void a_body_that_announces_too_much_is_refused_before_it_comes(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    scoped(fd_close) int fd = peer_connect(&w);
    assert_true(peer_send(fd, "POST /small HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n"
                              "content-length: 101\r\n\r\n"));
    expect_answer(fd, " 413 ", "connection: close");
    assert_true(peer_closed(fd));
    scoped(fd_close) int huge = peer_connect(&w);
    assert_true(
        peer_send(huge, "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999\r\n\r\n"));
    expect_answer(huge, " 413 ", "connection: close");
    world_stop(&w);
}

static void a_connection_survives_a_body_a_little_too_large(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    scoped(fd_close) int fd = peer_connect(&w);
    assert_true(peer_send(fd, "POST /small HTTP/1.1\r\nhost: a\r\ncontent-length: 103\r\n\r\n"));
    for (int i = 0; i < 103; i++)
        assert_true(peer_send(fd, "x"));
    expect_answer(fd, " 413 ", "too large");
    the_connection_works(fd);
    assert_true(peer_send(fd,
                          "POST /small HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
                          "20\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"
                          "20\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"
                          "20\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"
                          "20\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n0\r\n\r\n"));
    expect_answer(fd, " 413 ", "too large");
    the_connection_works(fd);
    world_stop(&w);
}

static void bodies_in_memory_have_a_bound_together(void **state)
{
    static const char head[] = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 600\r\n\r\n";
    char body[600];
    struct world w;

    (void)state;
    memset(body, 'x', sizeof body);
    scoped(mem_free) char *most = mem_format("%s%.*s", head, 500, body);
    world_start(&w, (struct http_options){ .max_held = 1000 });
    scoped(fd_close) int one = peer_connect(&w);
    scoped(fd_close) int other = peer_connect(&w);
    assert_true(peer_send(one, most));
    world_wait_begun(&w, 1);
    assert_true(peer_send(other, head) && peer_send_n(other, body, 600));
    expect_answer(other, " 503 ", "Too many large requests at once");
    assert_true(peer_send_n(one, body, 100));
    expect_answer(one, " 200 ", "xxx");
    world_wait_gone(&w, 2);
    assert_true(peer_send(other, head) && peer_send_n(other, body, 600));
    expect_answer(other, " 200 ", "xxx");
    world_stop(&w);
}

static void while_memory_is_short_bodies_are_refused(void **state)
{
    static const char post[] = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nxxx";
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    scoped(fd_close) int peer = peer_connect(&w);
    void *most = reserve_take(MEM_RESERVE / 2);
    assert_true(peer_send(peer, post));
    expect_answer(peer, " 503 ", "Too many large requests at once");
    reserve_give(most);
    assert_true(peer_send(peer, post));
    expect_answer(peer, " 200 ", "xxx");
    world_stop(&w);
}

static void answers_that_nobody_reads_have_a_bound_together(void **state)
{
    enum { LARGE = 2000000, MIDDLE = HTTP_SMALL_ANSWER + 1, LITTLE = 4096 };
    static const char head[] = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n";
    scoped(mem_free) char *large = mem_format(head, LARGE);
    scoped(mem_free) char *middle = mem_format(head, MIDDLE);
    scoped(mem_free) char *body = mem_new(LARGE);
    struct world w;
    char first;

    (void)state;
    memset(body, 'x', LARGE);
    world_start(&w, (struct http_options){ .max_unsent = LARGE });
    /* What connections have from the listener: the kernel does not take the whole answer at once. */
    assert_int_equal(
        setsockopt(w.http->listener, SOL_SOCKET, SO_SNDBUF, &(int){ LITTLE }, sizeof(int)), 0);
    int lazy = peer_connect(&w);
    scoped(fd_close) int other = peer_connect(&w);
    assert_true(peer_send(lazy, large) && peer_send_n(lazy, body, LARGE));
    assert_int_equal(recv(lazy, &first, 1, 0), 1); /* the answer is there, and waits */
    assert_true(peer_send(other, middle) && peer_send_n(other, body, MIDDLE));
    expect_answer(other, " 503 ", "Too many large answers");
    the_connection_works(other);
    fd_close(lazy);
    world_wait_gone(&w, 3);
    assert_true(peer_send(other, middle) && peer_send_n(other, body, MIDDLE));
    expect_answer(other, " 200 ", "xxx");
    world_stop(&w);
}

static void a_connection_survives_an_early_refusal(void **state)
{
    struct world w;
    scoped(mem_free) char *block = mem_new(HTTP_DROP_MAX);

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    scoped(fd_close) int fd = peer_connect(&w);
    assert_true(
        peer_send(fd, "POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 1048576\r\n\r\n"));
    assert_true(peer_send_n(fd, block, HTTP_DROP_MAX));
    expect_answer(fd, " 401 ", "\r\n\r\nno");
    the_connection_works(fd);
    assert_true(
        peer_send(fd, "POST /stop-at-1000 HTTP/1.1\r\nhost: a\r\ncontent-length: 5000\r\n\r\n"));
    assert_true(peer_send_n(fd, block, 5000));
    expect_answer(fd, " 400 ", "\r\n\r\nenough");
    the_connection_works(fd);
    world_stop(&w);
}

/* The answer overtakes the body, and arrives although the peer goes on sending. */
static void an_answer_reaches_who_still_sends(void **state)
{
    static const char *const heads[] = {
        "POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 30000000\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 30000000\r\n\r\n",
        "POST /stop-at-1000 HTTP/1.1\r\nhost: a\r\ncontent-length: 30000000\r\n\r\n",
        "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2000000\r\n",
    };
    static const char *const statuses[] = { " 401 ", " 413 ", " 400 ", " 413 " };
    scoped(mem_free) char *block = mem_new(30000000);

    (void)state;
    for (size_t i = 0; i < n_items(heads); i++) {
        struct world w;
        world_start(&w, (struct http_options){ 0 });
        scoped(fd_close) int fd = peer_connect(&w);
        assert_true(peer_send(fd, heads[i]));
        assert_true(peer_send_n(fd, block, 30000000));
        expect_answer(fd, statuses[i], "connection: close\r\n");
        world_stop(&w);
    }
}

/* Whose answer comes in the moment in which the library is told to wait for it. */
static struct world *_Atomic hasty;

/* In place of the library's own. */
void MHD_suspend_connection(struct MHD_Connection *connection)
{
    void (*library)(struct MHD_Connection *);

    *(void **)&library = dlsym(RTLD_NEXT, "MHD_suspend_connection");
    library(connection);
    if (hasty)
        world_release(hasty);
}

static void an_answer_that_comes_at_once_is_sent_at_once(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    scoped(fd_close) int fd = peer_connect(&w);
    hasty = &w;
    for (int i = 0; i < 3; i++) {
        assert_true(peer_send(fd, "POST /late HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi"));
        expect_answer(fd, " 200 ", "at last"); /* with nothing else that wakes the server */
    }
    hasty = NULL;
    world_stop(&w);
}

static void a_late_answer_finds_its_request(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    scoped(fd_close) int fd = peer_connect(&w);
    for (int i = 0; i < 3; i++) {
        assert_true(peer_send(fd, "POST /late HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi"));
        world_release(&w);
        expect_answer(fd, " 200 ", "at last");
    }
    world_stop(&w);
}

static void a_peer_that_left_is_gone_after_the_late_answer(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    int fd = peer_connect(&w);
    assert_true(peer_send(fd, "GET /late HTTP/1.1\r\nhost: a\r\n\r\n"));
    world_wait_late(&w);
    fd_close(fd);
    assert_int_equal(w.gone, 0);
    world_release(&w);
    world_wait_gone(&w, 1);
    world_stop(&w);
}

static void a_peer_that_leaves_within_its_body_is_gone(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    int fd = peer_connect(&w);
    assert_true(peer_send(fd, "POST /stream HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc"));
    world_wait_begun(&w, 1);
    fd_close(fd);
    world_wait_gone(&w, 1);
    world_stop(&w);
}

/* All that this peer will say is here before the front looks. */
static int peer_that_said(struct world *w, const char *text)
{
    int peer;
    int fd = accepted_elsewhere(&peer);

    assert_true(peer_send(peer, text));
    shutdown(peer, SHUT_WR);
    http_adopt(w->http, fd);
    return peer;
}

/* Nothing tells of the end of its stream any more once it has been read up to there. */
static void a_peer_that_left_before_its_body_was_read_is_gone(void **state)
{
    static const char *const cut[] = {
        "POST /stream HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n",
        "POST /stream HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc",
        "POST /stream HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
        "POST /stream HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2",
    };
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    for (size_t i = 0; i < n_items(cut); i++) {
        scoped(fd_close) int peer = peer_that_said(&w, cut[i]);
        world_wait_gone(&w, (int)i + 1);
        assert_true(peer_closed(peer));
    }
    scoped(fd_close) int early =
        peer_that_said(&w, "POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc");
    expect_answer(early, " 401 ", "");
    scoped(fd_close) int all =
        peer_that_said(&w, "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi");
    expect_answer(all, " 200 ", "\r\n\r\nhi");
    world_stop(&w);
}

/* Half-closed is not gone: `nc -N` and the like still read. */
static void a_peer_that_said_all_it_will_say_gets_its_answer(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    scoped(fd_close) int fd = peer_connect(&w);
    assert_true(peer_send(fd, "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi"));
    shutdown(fd, SHUT_WR);
    expect_answer(fd, " 200 ", "\r\n\r\nhi");
    world_stop(&w);
}

static void *drain(void *arg)
{
    http_drain(arg);
    return NULL;
}

static void draining_waits_for_answers_and_keeps_no_one(void **state)
{
    struct world w;
    pthread_t thread;

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    scoped(fd_close) int fd = peer_connect(&w);
    scoped(fd_close) int idle = peer_connect(&w);
    the_connection_works(idle);
    assert_true(peer_send(fd, "GET /late HTTP/1.1\r\nhost: a\r\n\r\n"));
    world_wait_late(&w);
    assert_int_equal(pthread_create(&thread, NULL, drain, w.http), 0);
    /* Drained or not yet, the request that waits is answered. */
    world_release(&w);
    scoped(mem_free) char *answer = peer_answer(fd, false);
    assert_non_null(strstr(answer, "at last"));
    assert_int_equal(pthread_join(thread, NULL), 0);
    int begun = w.begun;
    assert_true(peer_send(idle, "GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
    expect_answer(idle, " 503 ", "retry-after: 5\r\n");
    assert_true(peer_closed(idle));
    assert_int_equal(w.begun, begun);
    world_stop(&w);
}

static void draining_ends_when_its_time_is_up(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ .drain_seconds = 1 });
    scoped(fd_close) int waiting = peer_connect(&w);
    scoped(fd_close) int sending = peer_connect(&w);
    assert_true(peer_send(waiting, "GET /late HTTP/1.1\r\nhost: a\r\n\r\n"));
    assert_true(
        peer_send(sending, "POST /stream HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab"));
    world_wait_late(&w);
    world_wait_begun(&w, 2);
    http_drain(w.http);
    uint64_t streamed = w.streamed; /* the service is left alone from here on */
    assert_true(peer_send(sending, "cd"));
    expect_answer(sending, " 503 ", "\r\n\r\nfor now: The server is stopping");
    assert_true(peer_closed(sending));
    assert_int_equal(w.streamed, streamed);
    world_stop(&w);
    expect_answer(waiting, " 503 ", "content-type: text/testing\r\n");
    assert_true(peer_closed(waiting));
}

static void near_the_limit_connections_are_not_kept(void **state)
{
    enum { N = 16 };
    struct world w;
    int fds[N];

    (void)state;
    world_start(&w, (struct http_options){ .max_connections = N });
    for (int i = 0; i < N; i++)
        fds[i] = peer_connect(&w);
    for (int i = 0; i < N; i++) {
        assert_true(peer_send(fds[i], "GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
        scoped(mem_free) char *answer = peer_answer(fds[i], false);
        assert_non_null(strstr(answer, " 200 "));
        if (i == N - 1)
            assert_null(strcasestr(answer, "close"));
    }
    for (int i = 0; i < N; i++)
        fd_close(fds[i]);
    world_stop(&w);
}

static void beyond_the_limit_a_connection_waits_for_a_place(void **state)
{
    struct world w;

    (void)state;
    world_start(&w, (struct http_options){ .max_connections = 1 });
    int in = peer_connect(&w);
    assert_true(peer_send(in, "GET /late HTTP/1.1\r\nhost: a\r\n\r\n"));
    world_wait_late(&w);
    scoped(fd_close) int waiting = peer_connect(&w);
    assert_true(peer_send(waiting, "GET /next HTTP/1.1\r\nhost: a\r\n\r\n"));
    world_release(&w);
    expect_answer(in, " 200 ", "at last");
    assert_int_equal(w.begun, 1);
    fd_close(in);
    expect_answer(waiting, " 200 ", "GET /next");
    world_stop(&w);
}

/* The next descriptor that this process would get does not fit. */
static rlim_t take_descriptors(void)
{
    struct rlimit files;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    rlim_t before = files.rlim_cur;
    scoped(fd_close) int next = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    files.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    return before;
}

static void give_descriptors(rlim_t most)
{
    struct rlimit files;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = most;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
}

/* With and without another connection, which is kept and so gives no descriptor back. */
static void a_shortage_of_descriptors_ends_with_its_cause(void **state)
{
    struct sockaddr_in to = { .sin_family = AF_INET };

    (void)state;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int others = 0; others < 2; others++) {
        struct world w;
        world_start(&w, (struct http_options){ 0 });
        scoped(fd_close) int kept = others ? peer_connect(&w) : -1;
        if (others)
            the_connection_works(kept);
        scoped(fd_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        to.sin_port = htons(http_port(w.http));
        rlim_t most = take_descriptors();
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
        for (int ms = 0; ms < 10000 && http_stats(w.http).starved < 2; ms++)
            (void)poll(NULL, 0, 1);
        uint64_t starved = http_stats(w.http).starved;
        give_descriptors(most);
        the_connection_works(fd);
        assert_true(starved >= 2 && starved < 100); /* it tries again, and does not spin */
        if (others)
            the_connection_works(kept);
        world_stop(&w);
    }
}

static void one_address_serves_both_families(void **state)
{
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    struct world w;

    (void)state;
    scoped(fd_close) int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&six, sizeof six) < 0)
        skip(); /* a machine without IPv6 */
    world_start(&w, (struct http_options){ .address = "::" });
    scoped(fd_close) int four = peer_connect(&w);
    assert_true(peer_send(four, "GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
    expect_answer(four, " 200 ", "from 127.0.0.1");
    six.sin6_port = htons(http_port(w.http));
    assert_int_equal(connect(fd, (struct sockaddr *)&six, sizeof six), 0);
    assert_true(peer_send(fd, "GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
    expect_answer(fd, " 200 ", "from ::1");
    world_stop(&w);
}

static void an_address_that_is_taken_is_named(void **state)
{
    struct world w;
    struct http *second = NULL;
    const struct http_service none = { 0 };
    scoped(err_clear) struct err e = { 0 };
    char expected[64];

    (void)state;
    world_start(&w, (struct http_options){ 0 });
    struct http_options same = { .address = "127.0.0.1", .port = http_port(w.http) };
    assert_int_equal(http_start(&same, &none, &second, &e), -1);
    (void)snprintf(expected, sizeof expected,
                   "listen on 127.0.0.1, port %u: Address already in use", same.port);
    assert_string_equal(e.msg, expected);
    world_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kept_connection_serves_many_requests),
        cmocka_unit_test(what_the_library_has_no_memory_for_is_answered_without_it),
        cmocka_unit_test(a_target_arrives_as_it_was_sent),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(head_tells_the_length_and_sends_nothing),
        cmocka_unit_test(a_part_of_a_file_is_an_answer),
        cmocka_unit_test(a_connection_that_was_accepted_elsewhere_is_served),
        cmocka_unit_test(http_1_0_is_answered_and_closed),
        cmocka_unit_test(bodies_may_be_chunked),
        cmocka_unit_test(an_answer_may_come_in_pieces),
        cmocka_unit_test(a_stream_is_never_held_whole),
        cmocka_unit_test(expect_100_continue_is_answered),
        cmocka_unit_test(a_body_that_announces_too_much_is_refused_before_it_comes),
        cmocka_unit_test(bodies_in_memory_have_a_bound_together),
        cmocka_unit_test(answers_that_nobody_reads_have_a_bound_together),
        cmocka_unit_test(while_memory_is_short_bodies_are_refused),
        cmocka_unit_test(a_connection_survives_a_body_a_little_too_large),
        cmocka_unit_test(a_connection_survives_an_early_refusal),
        cmocka_unit_test(an_answer_reaches_who_still_sends),
        cmocka_unit_test(an_answer_that_comes_at_once_is_sent_at_once),
        cmocka_unit_test(a_late_answer_finds_its_request),
        cmocka_unit_test(a_peer_that_left_is_gone_after_the_late_answer),
        cmocka_unit_test(a_peer_that_leaves_within_its_body_is_gone),
        cmocka_unit_test(a_peer_that_left_before_its_body_was_read_is_gone),
        cmocka_unit_test(a_peer_that_said_all_it_will_say_gets_its_answer),
        cmocka_unit_test(draining_waits_for_answers_and_keeps_no_one),
        cmocka_unit_test(draining_ends_when_its_time_is_up),
        cmocka_unit_test(near_the_limit_connections_are_not_kept),
        cmocka_unit_test(beyond_the_limit_a_connection_waits_for_a_place),
        cmocka_unit_test(a_shortage_of_descriptors_ends_with_its_cause),
        cmocka_unit_test(one_address_serves_both_families),
        cmocka_unit_test(an_address_that_is_taken_is_named),
    };

    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
