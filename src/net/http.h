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
 * A body that no one wants (the answer came before its end) is read and dropped so that the
 * connection stays usable; when it is longer than HTTP_DROP_MAX the connection closes instead.
 *
 * What a peer gets without the service hearing of it: 400 for what is not HTTP, 413 for a body that
 * announces two lengths or a wrong one, 431 for a head over HTTP_HEAD_MAX, 408 when it is too slow.
 */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http;
struct http_req;

enum {
    HTTP_HEAD_MAX = 16 * 1024,   /* request line and header lines together */
    HTTP_DROP_MAX = 1024 * 1024, /* of an unwanted body, read and dropped */
};

struct http_options {
    const char *address;      /* "127.0.0.1", "::1", "0.0.0.0", "::" */
    uint16_t port;            /* 0: the kernel chooses; http_port() tells */
    unsigned max_connections; /* 0: 1000; further ones are closed at once */
    unsigned idle_seconds;    /* between requests; 0: 75; announced as Keep-Alive: timeout= */
    unsigned stall_seconds;   /* a head or body of which nothing more comes; 0: 30 */
    unsigned head_seconds;    /* a head is here by then or the connection closes; 0: 30 */
    unsigned min_body_rate;   /* bytes a second, on average, after stall_seconds; 0: 1024 */
    unsigned drain_seconds;   /* http_drain() waits no longer; 0: 30 */
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
};

must_use int http_start(const struct http_options *options, const struct http_service *service,
                        struct http **out, struct err *e);
uint16_t http_port(const struct http *h);

/* Takes no new connections, tells kept ones to go with their next answer, and returns when every
 * request that is under way has been answered, or after drain_seconds. */
void http_drain(struct http *h);

/* Closes every connection. Whoever still owes answers must give them before this returns: call
 * http_drain() first, and stop what answers afterwards. NULL is fine. */
void http_stop(struct http *h);

/* What the peer sent, as it sent it. They stay until gone(). */
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
 * length is told and the body left out. */
void http_reply(struct http_req *r, int status, const struct http_header *headers,
                struct buf *body);

#endif
