/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the HTTP front share: a service that does what the path says, and a client that
 * writes and reads bytes.
 */
#ifndef NET_HTTP_TESTING_H
#define NET_HTTP_TESTING_H

#include "net/http.h"

#include <pthread.h>

/* The service. /echo answers the body, /drop takes none, /stream counts it, /early is answered in
 * begin(), /stop-at-1000 refuses its stream after so many bytes, /late waits for world_release(),
 * /thread is answered by another thread, /file with a part of a file, /pieces with PIECES of them, each
 * of PIECE bytes, /broken breaks off at its second one, /small takes 100 bytes at most. All but /late
 * answer 200 with what they saw; refusals are 401, 400 and 413, and 503 begins with "for now: ". */
enum { PIECES = 50, PIECE = 100000 };

struct world {
    struct http *http;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct http_req *late;    /* waits for world_release() */
    int begun, gone, sources; /* of the last, how many are done with */
    uint64_t streamed;
};

void world_start(struct world *w, struct http_options options); /* no address: 127.0.0.1 */
void world_stop(struct world *w);
void world_wait_late(struct world *w); /* until a request to /late is complete */
void world_release(struct world *w);   /* answers it, on the calling thread */
void world_wait_begun(struct world *w, int n);
void world_wait_gone(struct world *w, int n);

/* The client. All of it fails the test when it takes longer than ten seconds. */
int peer_connect(struct world *w);
/* False: the other side has closed. */
bool peer_send(int fd, const char *text);
bool peer_send_n(int fd, const void *data, size_t n);
/* One answer: its head and as much body as its content-length says (none: `head_only`). Empty when
 * the connection closed before. The caller frees it. */
char *peer_answer(int fd, bool head_only);
bool peer_closed(int fd); /* waits for the end of the stream; false: there was more */

#endif
