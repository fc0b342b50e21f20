/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP front: connections, heads, bodies and their bounds. It knows no routes: a service says
 * what is to become of a request once its head is here, and answers it, at once or later.
 *
 * The life of a request, all on one event thread but for http_reply():
 *
 *     begin ----------------------------------------------> (answered)         HTTP_ANSWERED
 *       |------------------------------------> complete --> (answered)         HTTP_BODY_NONE
 *       |---> the body is collected ----------> complete --> (answered)        HTTP_BODY_MEMORY
 *       |---> chunk, chunk, ... --------------> complete --> (answered)        HTTP_BODY_STREAM
 *                 any of them, when the body is over its bound: too_large
 *     ... and `gone` last, exactly once for each request that had a begin.
 *
 * A body that no one wants any more (the answer came before its end) is read and dropped, so that
 * the connection stays usable. When more than HTTP_DROP_MAX of it would have to be dropped, or the
 * peer asked with `Expect: 100-continue`, the answer goes out at once and the connection closes.
 *
 * What the service never hears of: 400 (not HTTP, no host, two lengths), 414 and 431 (a head over
 * HTTP_HEAD_MAX), 503 (as much of other bodies is in memory as may be), 501 (a transfer coding that is not chunked), 505, and peers that are too slow,
 * whose connection closes.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http;
struct http_req;

enum {
    HTTP_HEAD_MAX = 16 * 1024,   /* request line and header lines together */
    HTTP_DROP_MAX = 1024 * 1024, /* of an unwanted body, read and dropped */
    /* An answer of up to so much is given though others wait to be sent: it costs no more than its
     * connection does, and what changes something answers in fewer bytes. */
    HTTP_SMALL_ANSWER = 32 * 1024,
};

struct http_options {
    const char *address;      /* "127.0.0.1", "::1", "0.0.0.0", "::" (both families), "localhost";
                                 NULL: nothing is listened to, connections come by http_adopt() */
    uint16_t port;            /* 0: the kernel chooses; http_port() tells */
    unsigned max_connections; /* 0: 1000; further ones wait in the kernel's queue */
    unsigned idle_seconds;    /* of silence, wherever it falls; 0: LIMIT_IDLE_SECONDS; announced */
    unsigned head_seconds;    /* for a head, from the connection or the request line on;
                                 0: LIMIT_HEAD_SECONDS */
    unsigned min_rate;      /* bytes a second that a body must come or go with; 0: LIMIT_SLOWEST */
    unsigned grace_seconds; /* on top of that; 0: LIMIT_LATE_SECONDS */
    unsigned drain_seconds; /* http_drain() waits no longer; 0: 30 */
    size_t max_held;        /* bytes of all bodies in memory together; 0: 256 MiB */
    size_t max_unsent;      /* bytes of all answers that were not sent yet; 0: 256 MiB */
    const struct clock *clock; /* NULL: clock_real */
};

enum http_take {
    HTTP_BODY_NONE,   /* a body is not wanted, should one come: it is dropped, then complete() */
    HTTP_BODY_MEMORY, /* collect it for http_body() */
    HTTP_BODY_STREAM, /* hand it to chunk() as it arrives */
    HTTP_ANSWERED,    /* begin() has called http_reply() */
};

struct http_service {
    void *ctx;

    /* The head is here. `*max_body` comes as LIMIT_BODY and may be changed. */
    enum http_take (*begin)(void *ctx, struct http_req *r, size_t *max_body);

    /* 0, or -1 when it has called http_reply(): no more chunks and no complete() then. */
    int (*chunk)(void *ctx, struct http_req *r, const void *data, size_t n);

    /* All of the request is here. Answers now, or keeps `r` and answers later. */
    void (*complete)(void *ctx, struct http_req *r);

    /* The body announces or has more than `limit` bytes. Calls http_reply(). */
    void (*too_large)(void *ctx, struct http_req *r, size_t limit);

    /* The last call for `r`, which must not be used afterwards: its answer is sent, or the peer
     * went away. When the service still owes an answer this waits for it. */
    void (*gone)(void *ctx, struct http_req *r);

    /* How a 503 reads that the service did not answer itself: adds the body to `out`, and tells its
     * media type. Any thread, and also once drained. NULL: `why` is a line of text. */
    const char *(*unavailable)(void *ctx, const char *why, struct buf *out);
};

must_use int http_start(const struct http_options *options, const struct http_service *service,
                        struct http **out, struct err *e);
uint16_t http_port(const struct http *h);

/* Takes a connection that was accepted elsewhere, non-blocking; with too many of them it is closed.
 * Any thread. */
void http_adopt(struct http *h, int fd);

/* Takes no new connections, closes kept ones with their next answer, and returns when every request
 * under way has been answered, or after drain_seconds. From then on the service is no longer
 * called, but for gone() and unavailable(): what still comes is answered 503. */
void http_drain(struct http *h);

/* Closes every connection; requests that still wait are answered 503, and their gone() has been
 * called when this returns. Stop whatever calls http_reply() first. NULL is fine. */
void http_stop(struct http *h);

struct http_stats {
    uint64_t connections; /* open now */
    uint64_t under_way;   /* requests with a begin and no gone */
    uint64_t requests;    /* since the start */
    uint64_t cut;         /* connections closed because their peer was too slow */
    uint64_t starved;     /* times that there was no descriptor or memory for a new connection */
};
struct http_stats http_stats(struct http *h);      /* any thread */
struct http *http_front(const struct http_req *r); /* that it came by */

/* What the peer sent, as it sent it. On the event thread it stays until gone(), on another one until
 * http_reply(). */
const char *http_method(const struct http_req *r);
const char *http_path(const struct http_req *r);  /* raw: nothing decoded, nothing folded */
const char *http_query(const struct http_req *r); /* after the `?`, raw; NULL: there was none */
const char *http_header(const struct http_req *r, const char *name); /* NULL: none */
const char *http_peer(const struct http_req *r);                     /* "127.0.0.1", "::1" */

/* The collected body, from complete() on; what follows its end is a NUL. Never NULL. */
const char *http_body(const struct http_req *r, size_t *n);
/* Bytes of the body that have arrived so far. */
uint64_t http_received(const struct http_req *r);

void http_set_user(struct http_req *r, void *user);
void *http_user(const struct http_req *r);

struct http_header {
    const char *name; /* lower case reads best; NULL ends a list */
    const char *value;
};

/* Answers, from any thread, exactly once. `body` is taken (NULL: none), `headers` are copied (NULL:
 * none). content-length, date, connection and keep-alive are added here. To a HEAD the body's
 * length is told and the body left out. On a thread other than the event thread `r` must not be
 * touched afterwards. */
void http_reply(struct http_req *r, int status, const struct http_header *headers,
                struct buf *body);

/* An answer that is made while it is sent, so that it need not fit into memory. */
struct http_source {
    /* Adds the next piece to `out`; none is the end, and -1 breaks the connection off, since the status
     * is sent already. On the event thread whenever the last piece is sent; not once drained. */
    int (*more)(void *arg, struct buf *out);
    void (*done)(void *arg); /* also when the peer went away; the request may be gone by then */
    void *arg;
};

/* As http_reply(), with a body that comes in pieces. */
void http_reply_from(struct http_req *r, int status, const struct http_header *headers,
                     const struct http_source *source);
/* The same with a part of a file as the body. `fd` is taken; what is read from it must not change. */
struct http_file {
    int fd;
    uint64_t from, n;
};
void http_reply_file(struct http_req *r, int status, const struct http_header *headers,
                     const struct http_file *body);

#endif
