/* SPDX-License-Identifier: Apache-2.0
 *
 * A blocking HTTP client for the command line: one call sends one request and waits for its answer.
 * The connection is kept between calls. Any status is an answer; a fault is only what kept one from
 * coming (ERR_UNAVAILABLE: no connection; ERR_TIMEOUT; ERR_TOO_LARGE: the answer is over
 * max_answer; ERR_IO: anything else on the way; ERR_INPUT: not a URL). Redirects are not followed:
 * they could carry the key to another host.
 */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct client;

struct client_options {
    const char *user_agent;   /* NULL: "impresario/<version>" */
    unsigned connect_seconds; /* 0: 10 */
    unsigned quiet_seconds;   /* ends a call on which no byte moved for so long; 0: 120 */
    size_t max_answer;        /* 0: 64 MiB */
};

struct client_reply {
    int status;
    char request_id[65];   /* x-request-id; empty when there was none */
    int64_t retry_after;   /* seconds; -1 when the server did not say */
    char next_cursor[513]; /* x-next-cursor, likewise */
    char content_type[65];
    struct buf body;
};
void client_reply_done(struct client_reply *r);
static inline void client_reply_done_at(struct client_reply *r)
{
    client_reply_done(r);
}

/* Give it to one thread at a time. `options` may be NULL. */
struct client *client_new(const struct client_options *options);
void client_free(struct client *c);
DEFINE_SCOPED(struct client, client_free)

/* `headers` are lines such as "x-api-key: abc", ended by NULL, or NULL. A POST says that its body
 * is application/json unless a line says otherwise. `out` is written only on success, and what it
 * held before is released, so that one reply may serve a loop. */
must_use int client_get(struct client *c, const char *url, const char *const *headers,
                        struct client_reply *out, struct err *e);
must_use int client_post(struct client *c, const char *url, const char *const *headers,
                         const void *body, size_t n, struct client_reply *out, struct err *e);

/* A body that is made while it is sent. */
struct client_upload {
    uint64_t size; /* what read() will give in all; CLIENT_SIZE_UNKNOWN sends it chunked */
    /* Fills up to n bytes; 0 is the end, -1 fails the call with what it wrote to `e`. */
    ssize_t (*read)(void *arg, void *into, size_t n, struct err *e);
    /* Called as bytes leave, at most ten times a second and once at the end; may be NULL. A value
     * other than 0 gives up: the call fails with ERR_IO "given up". */
    int (*progress)(void *arg, uint64_t sent, uint64_t size);
    void *arg;
};
#define CLIENT_SIZE_UNKNOWN UINT64_MAX

must_use int client_post_upload(struct client *c, const char *url, const char *const *headers,
                                const struct client_upload *up, struct client_reply *out,
                                struct err *e);

#endif
