/* SPDX-License-Identifier: Apache-2.0
 *
 * One request on its way through the API: what the router, the uploads and the waiting share.
 */
#ifndef API_REQUEST_H
#define API_REQUEST_H

#include "api/refusals.h"
#include "api/route.h"
#include "artifact/envelope.h"
#include "artifact/intake.h"
#include "base/loop.h"
#include "base/pool.h"
#include "domain/keyring.h"

#include <stdatomic.h>

/* A path and method of routes.json, with what this server does for it. */
struct entry {
    const char *path, *method;
    const json_t *about;       /* the row of routes.json */
    const struct route *route; /* NULL: not implemented */
};

struct waiting;

struct api {
    struct api_options with;
    struct http_service service;
    json_t *table;         /* routes.json */
    struct entry *entries; /* sorted by path, then method */
    size_t n_entries;
    struct pool *disk;   /* makes uploads durable */
    struct pool *bodies; /* reads large ones */
    struct waiting *waiting;
    struct keyring *keys;      /* event thread, as are the next */
    struct rates *rates;       /* of keys */
    struct refusals *refusals; /* of those who have none */
    char *openapi;             /* once somebody has asked: writing it takes ten milliseconds */
    atomic_bool draining;
    _Atomic uint64_t answered[6]; /* by status / 100 */
};

struct request {
    struct api *api;
    struct http_req *http;
    const struct entry *entry;
    struct key_owner owner; /* whose key it came with */
    char id[65];            /* X-Request-Id */
    int retry_after;        /* seconds; 0: what the fault says */
    const char *allow;      /* of a fault: the method that the path takes, NULL: this one */
    char *idempotency_key;

    struct envelope *envelope; /* uploads only, as are the next two */
    struct intake *intake;
    struct blob *blob;
    struct upload upload;

    json_t *input;
    char digest[65];
    struct call call;
    json_t *issues;
    json_t *answer;
    bool handled; /* the handler has written; else the answer is an earlier one's */

    /* A request that waits for a change of the thing with this id. */
    const char *awaits;
    struct timer *deadline;
    struct request *next;
};

/* ---- answering: the last thing done with a request, which belongs to others afterwards ---- */

void request_answer(struct request *r);                    /* 200 and r->answer */
void request_fail(struct request *r, const struct err *e); /* with r->issues, if any */
/* The one or the other, by what a handler returned. */
void request_end(struct request *r, int state, const struct err *e);

/* ---- the body ---- */

/* Parses and checks the body that was received, and runs the handler; or answers. */
void request_take_body(struct request *r);
/* Checks `document` (taken), the whole body, against the route; false: it has been answered. */
bool request_take(struct request *r, json_t *document);

/* ---- running ---- */

/* Runs the handler where its kind wants it. */
void request_run(struct request *r);
/* Runs a reading handler on this thread: 0, -1 with a fault, or HANDLER_WAIT. */
int request_read(struct request *r, struct err *e);

/* ---- uploads ---- */

/* 0, or -1: it has been answered. */
int upload_begin(struct request *r);
int upload_chunk(struct request *r, const void *data, size_t n);
void upload_complete(struct request *r);
/* Removes what no row came to name. */
void upload_written(struct request *r, int state, const struct err *e);
void upload_done(struct request *r);

/* ---- waiting ---- */

struct waiting *waiting_start(struct api *a);
void waiting_add(struct waiting *w, struct request *r);
/* Answers all as they stand, from now on at once. */
void waiting_drain(struct waiting *w);
void waiting_stop(struct waiting *w);

#endif
