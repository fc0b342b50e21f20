/* SPDX-License-Identifier: Apache-2.0
 *
 * A route is a row and a function. The router has checked the key and the input before the handler
 * runs, inside a transaction; the handler translates between the wire and the rules, and holds
 * neither SQL nor rules of its own.
 */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include "api/api.h"
#include "base/id.h"
#include "base/json.h"

/* An upload, whose bytes are durable under its key already. */
struct upload {
    struct id deployment;
    char *key;
    const struct buf *held; /* all of it, when it is small; else it is a blob with that key */
    int64_t size;
    char digest[65];
};

/* Adds to `items` what follows the element `cursor` in a list, and moves the cursor to the last that
 * it added; none is the end. */
typedef int (*rest_fn)(struct db *db, const char *tenant, char cursor[static ID_TEXT_SIZE],
                       json_t *items, struct err *e);

struct call {
    const struct api_options *with;
    const char *tenant, *key;   /* ids */
    json_t *input;              /* an object that satisfies the route's schema */
    const char *request_digest; /* of all that was asked, for nonces */
    const struct upload *upload;
    json_t *issues;       /* a handler that refuses its input may say where: issue_custom() */
    json_t *data;         /* of a fault, where issues do not say it; the router frees it */
    char next_cursor[64]; /* becomes the header x-next-cursor unless empty */

    /* The answer is a list that goes on behind `last`: it is read while it is sent. */
    rest_fn rest;
    char last[ID_TEXT_SIZE];

    /* For routes that wait: what the thing's state was when this request first looked. */
    bool looked;
    char first_state[64];
};

enum { HANDLER_WAIT = 1 }; /* nothing new yet; only when the input has wait_seconds */

/* 0 and `*out`, or -1 with a fault, or HANDLER_WAIT with the answer as it stands in `*out`. */
typedef int (*handler_fn)(struct call *c, struct db *db, json_t **out, struct err *e);

/* Before it, outside of any transaction and not on the writer: what takes time and needs no store. What it
 * puts into the input is as it left it when the handler runs. 0, or -1 with a fault. */
typedef int (*prepare_fn)(struct call *c, struct err *e);

enum route_kind {
    ROUTE_END,
    ROUTE_READ,   /* on the event thread, the waiting one, or that for large bodies */
    ROUTE_FILE,   /* the same on a thread that may wait for the disk: it reads blobs */
    ROUTE_WRITE,  /* on the store's writer; answered when it is durable */
    ROUTE_CREATE, /* the same, and an Idempotency-Key counts */
    ROUTE_UPLOAD, /* ROUTE_CREATE whose `source` streams to disk before the handler runs */
};

struct route {
    enum route_kind kind;
    const char *path;
    handler_fn handler;
    size_t max_body;    /* 0: LIMIT_BODY */
    prepare_fn prepare; /* or NULL */
};

extern const struct route deployment_routes[], workflow_routes[], job_routes[], log_routes[],
    build_routes[], credential_routes[], profile_routes[], telemetry_routes[];

enum { ROUTE_TABLES = 8 };
extern const struct route *const route_tables[ROUTE_TABLES]; /* all of them */

/* Notes in the audit log what this call does to `subject`. `detail` (or NULL) is no secret. */
must_use int call_audit(const struct call *c, struct db *db, const char *action,
                        const char *subject, const char *detail, struct err *e);

/* Answers that several routes share. */
json_t *success(const char *message);

/* A handler's way to wait: HANDLER_WAIT while `state` is what it was at this request's first look
 * and `final` is false, else 0. */
int wait_unless_changed(struct call *c, const char *state, bool final);

#endif
