/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_testing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 10000 };

/* --- the service --------------------------------------------------------------------------- */

static const struct http_header plain[] = { { "content-type", "text/plain" }, { 0 } };

static void say(struct http_req *r, int status, const char *text)
{
    struct buf body = { 0 };

    buf_text(&body, text);
    http_reply(r, status, plain, &body);
}

static bool asks(const struct http_req *r, const char *path)
{
    return strcmp(http_path(r), path) == 0;
}

static enum http_take begin(void *ctx, struct http_req *r, size_t *max_body)
{
    struct world *w = ctx;

    pthread_mutex_lock(&w->lock);
    w->begun++;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    if (asks(r, "/early")) {
        say(r, 401, "no");
        return HTTP_ANSWERED;
    }
    if (asks(r, "/small"))
        *max_body = 100;
    if (asks(r, "/drop"))
        return HTTP_BODY_NONE;
    if (asks(r, "/stream") || asks(r, "/stop-at-1000")) {
        *max_body = 64 << 20;
        return HTTP_BODY_STREAM;
    }
    return HTTP_BODY_MEMORY;
}

static int chunk(void *ctx, struct http_req *r, const void *data, size_t n)
{
    struct world *w = ctx;

    (void)data;
    w->streamed += n;
    if (asks(r, "/stop-at-1000") && http_received(r) >= 1000) {
        say(r, 400, "enough");
        return -1;
    }
    return 0;
}

static void *answer_elsewhere(void *arg)
{
    say(arg, 200, "from a thread");
    return NULL;
}

struct pieces {
    struct world *world;
    int left;
    bool breaks;
};

static int more(void *arg, struct buf *out)
{
    struct pieces *p = arg;

    if (p->left == 0)
        return 0;
    if (p->breaks && p->left < PIECES)
        return -1;
    memset(buf_reserve(out, PIECE), 'p', PIECE);
    buf_grew(out, PIECE);
    p->left--;
    return 0;
}

static void done(void *arg)
{
    struct pieces *p = arg;
    struct world *w = p->world;

    pthread_mutex_lock(&w->lock);
    w->sources++;
    pthread_mutex_unlock(&w->lock);
    mem_free(p);
}

static void answer_in_pieces(struct world *w, struct http_req *r, bool breaks)
{
    struct pieces *p = mem_new(sizeof *p);
    const struct http_source source = { more, done, p };

    *p = (struct pieces){ w, PIECES, breaks };
    http_reply_from(r, 200, plain, &source);
}

/* "0123456789", without its first two. */
static void answer_with_file(struct http_req *r)
{
    int fd = memfd_create("answer", MFD_CLOEXEC);

    if (fd < 0 || write(fd, "0123456789", 10) != 10)
        abort();
    http_reply_file(r, 200, plain, &(struct http_file){ fd, 2, 8 });
}

static void complete(void *ctx, struct http_req *r)
{
    struct world *w = ctx;
    struct buf body = { 0 };
    size_t n;
    const char *got = http_body(r, &n);
    pthread_t thread;

    if (asks(r, "/late")) {
        pthread_mutex_lock(&w->lock);
        w->late = r;
        pthread_cond_broadcast(&w->changed);
        pthread_mutex_unlock(&w->lock);
        return;
    }
    if (asks(r, "/thread")) {
        if (pthread_create(&thread, NULL, answer_elsewhere, r) != 0)
            abort();
        (void)pthread_detach(thread);
        return;
    }
    if (asks(r, "/pieces") || asks(r, "/broken")) {
        answer_in_pieces(w, r, asks(r, "/broken"));
        return;
    }
    if (asks(r, "/file")) {
        answer_with_file(r);
        return;
    }
    if (asks(r, "/echo") || asks(r, "/small"))
        buf_add(&body, got, n);
    else
        buf_format(&body, "%s %s?%s %llu from %s", http_method(r), http_path(r),
                   http_query(r) ? http_query(r) : "-", (unsigned long long)http_received(r),
                   http_peer(r));
    http_reply(r, 200, plain, &body);
}

static void too_large(void *ctx, struct http_req *r, size_t limit)
{
    (void)ctx;
    (void)limit;
    say(r, 413, "too large");
}

static void gone(void *ctx, struct http_req *r)
{
    struct world *w = ctx;

    (void)r;
    pthread_mutex_lock(&w->lock);
    w->gone++;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static const char *unavailable(void *ctx, const char *why, struct buf *out)
{
    (void)ctx;
    buf_format(out, "for now: %s", why);
    return "text/testing";
}

void world_start(struct world *w, struct http_options options)
{
    scoped(err_clear) struct err e = { 0 };

    *w = (struct world){ 0 };
    const struct http_service service = { w, begin, chunk, complete, too_large, gone, unavailable };
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    if (!options.address)
        options.address = "127.0.0.1";
    if (http_start(&options, &service, &w->http, &e) < 0)
        fail_msg("%s", e.msg);
}

void world_stop(struct world *w)
{
    http_stop(w->http);
    assert_int_equal(w->begun, w->gone);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
}

static void wait_changed(struct world *w)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_MS / 1000;
    if (pthread_cond_timedwait(&w->changed, &w->lock, &until) == ETIMEDOUT)
        fail_msg("nothing happened");
}

void world_wait_late(struct world *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->late)
        wait_changed(w);
    pthread_mutex_unlock(&w->lock);
}

void world_release(struct world *w)
{
    world_wait_late(w);
    struct http_req *r = take(w->late);
    say(r, 200, "at last");
}

void world_wait_begun(struct world *w, int n)
{
    pthread_mutex_lock(&w->lock);
    while (w->begun < n)
        wait_changed(w);
    pthread_mutex_unlock(&w->lock);
}

void world_wait_gone(struct world *w, int n)
{
    pthread_mutex_lock(&w->lock);
    while (w->gone < n)
        wait_changed(w);
    pthread_mutex_unlock(&w->lock);
}

/* --- the client ---------------------------------------------------------------------------- */

int peer_connect(struct world *w)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(http_port(w->http)) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void wait_for(int fd, short events)
{
    struct pollfd p = { fd, events, 0 };

    if (poll(&p, 1, PATIENCE_MS) != 1)
        fail_msg("the server is silent");
}

bool peer_send_n(int fd, const void *data, size_t n)
{
    const char *at = data;

    while (n > 0) {
        wait_for(fd, POLLOUT);
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN)
            continue;
        if (sent < 0)
            return false;
        at += sent;
        n -= (size_t)sent;
    }
    return true;
}

bool peer_send(int fd, const char *text)
{
    return peer_send_n(fd, text, strlen(text));
}

/* One byte at a time: what follows belongs to the next answer. */
static bool read_byte(int fd, struct buf *into)
{
    char c;

    wait_for(fd, POLLIN);
    if (recv(fd, &c, 1, 0) != 1)
        return false;
    buf_char(into, c);
    return true;
}

char *peer_answer(int fd, bool head_only)
{
    struct buf got = { 0 };

    while (!got.data || !strstr(got.data, "\r\n\r\n")) {
        if (!read_byte(fd, &got))
            return buf_take(&got);
    }
    const char *length = strcasestr(got.data, "\r\ncontent-length: ");
    size_t n = length && !head_only ? strtoul(length + 18, NULL, 10) : 0;
    for (size_t i = 0; i < n && read_byte(fd, &got); i++)
        ;
    return buf_take(&got);
}

bool peer_closed(int fd)
{
    char c;

    wait_for(fd, POLLIN);
    ssize_t n = recv(fd, &c, 1, 0);
    return n == 0 || (n < 0 && errno == ECONNRESET);
}
