/* SPDX-License-Identifier: Apache-2.0
 *
 * What the two halves of the HTTP front share: http.c has the connections, request.c what comes and
 * goes on them.
 */
#ifndef NET_HTTP_PRIVATE_H
#define NET_HTTP_PRIVATE_H

#include "net/http.h"
#include "net/keeper.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>

enum { HTTP_ADOPTED = 256 }; /* connections that the event thread has not seen yet */

struct http {
    struct MHD_Daemon *daemon;
    struct http_service service;
    struct keeper *keeper;
    const struct clock *clock;
    msec_t idle_ms, head_ms, grace_ms;
    unsigned min_rate, max_connections, drain_seconds;
    size_t max_held, held; /* of bodies in memory; the event thread's */
    char keep_alive[32];   /* "timeout=75" */
    int listener, wake;    /* an eventfd */
    uint16_t port;
    pthread_t events;
    /* The event thread's: */
    msec_t accept_at;           /* not before */
    bool told;                  /* it is logged that nothing can be accepted */
    struct http_req *receiving; /* those whose body is not here yet */
    msec_t look_at;             /* not before: whether their peers are still there */

    pthread_mutex_t lock;      /* guards the rest, and the answer of every request */
    pthread_cond_t quieter;    /* the last answer was sent, or the service has returned */
    struct http_req *parked;   /* those that wait for http_reply() */
    struct http_req *answered; /* those that had it since, for the event thread to go on with */
    int adopted[HTTP_ADOPTED];
    size_t n_adopted;
    uint64_t connections, under_way, requests, starved;
    size_t max_unsent, unsent; /* of answers in memory, but for small ones */
    bool shut;                 /* nothing is accepted any more */
    bool stopping;             /* the event thread ends */
    bool draining;             /* connections close with their next answer */
    bool closed;     /* the service is no longer called, but to hear that a request is gone */
    bool in_service; /* it is being called right now */
};

struct connection {
    struct kept kept;
    struct http_req *req; /* the one under way */
    char peer[INET6_ADDRSTRLEN];
};

#define UNKNOWN_LENGTH UINT64_MAX

struct http_req {
    struct http *http;
    struct MHD_Connection *mhd;
    struct connection *conn;
    const char *method;
    char *path, *query; /* one allocation */
    void *user;

    bool begun;     /* http_on_access() has seen it */
    bool known;     /* to the service, which will want to hear that it is gone */
    bool completed; /* complete() was called */
    bool receiving; /* its body, and there is more to come */
    bool dropping;  /* the rest of the body interests no one */
    enum http_take take;
    uint64_t announced; /* content-length; UNKNOWN_LENGTH: chunked */
    uint64_t received, dropped;
    size_t max_body;
    msec_t since; /* when its head was here */
    struct buf body;

    /* The answer, guarded by http.lock until it is there. */
    bool answered;
    int status;
    struct MHD_Response *response; /* NULL: the library had no memory for it */
    struct buf head;               /* header lines, only then */
    struct buf answer;             /* the body; `response` has a view of it, or one of its own */
    uint64_t n_answer;             /* bytes of the body, wherever it is */
    size_t unsent;                 /* of http.unsent */
    bool parked;
    struct http_req *prev; /* in http.receiving, then in http.parked */
    struct http_req *next; /* likewise, and in http.answered */
};

static inline msec_t http_now(const struct http *h)
{
    return clock_steady(h->clock);
}

/* The event thread looks at what has changed for it. Any thread. */
void http_wake(struct http *h);

/* Closes what is still to receive and whose peer has gone. The event thread. */
void http_close_deserted(struct http *h);

/* Answers for the service, which is no longer asked. */
void http_req_refuse(struct http_req *r);

/* The service hears that it is gone; `r` is freed. */
void http_req_end(struct http_req *r);

/* What the library calls. */
void *http_on_target(void *arg, const char *target, struct MHD_Connection *mhd);
enum MHD_Result http_on_access(void *arg, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *data, size_t *n,
                               void **state);
void http_on_completed(void *arg, struct MHD_Connection *mhd, void **state,
                       enum MHD_RequestTerminationCode how);

#endif
