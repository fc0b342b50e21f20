/* SPDX-License-Identifier: Apache-2.0
 *
 * AI builds: workflows that the server writes itself, from a description or from recorded actions.
 *
 *     pending -> agent_running -> deploying -> ready
 *        `------------`--------------`-------> failed
 *
 * Every step is a row, written in one transaction with the state that it led to; whoever takes the
 * build up again goes on from there. A build that was cancelled is a failed one that says so.
 */
#ifndef DOMAIN_AI_BUILD_H
#define DOMAIN_AI_BUILD_H

#include "base/id.h"
#include "base/json.h"
#include "domain/deployment.h"
#include "store/store.h"

struct ai_build_spec {
    const char *tenant;
    const json_t *descriptions; /* array of texts */
    const char *initial_url;
    const json_t *params;                 /* object */
    const char *network_log, *action_log; /* what was recorded: JSON arrays of objects, or NULL */
    const char *entry_point;
};

enum { AI_BUILDS_OPEN = 200 }; /* of one tenant that may wait or run */

/* ERR_LIMIT when too many wait. */
must_use int ai_build_create(struct db *db, const struct ai_build_spec *spec, struct id *id,
                             struct err *e);

/* One row as clients see it. Texts live until the next row. */
struct ai_build {
    const char *id, *status, *deployment_id, *workflow_name, *summary, *error;
    bool cancelled;
    int64_t steps, tokens_in, tokens_out, cost, spent_ms;
    msec_t created_at, updated_at;
};
typedef void (*ai_build_fn)(void *arg, const struct ai_build *b);

must_use int ai_build_get(struct db *db, const char *tenant, const char *id, ai_build_fn row,
                          void *arg, struct err *e);
/* Those under way, and those that failed after `failed_since`; the last changed first. */
must_use int ai_build_each(struct db *db, const char *tenant, msec_t failed_since, ai_build_fn row,
                           void *arg, struct err *e);

/* 1: it is cancelled, or will be in a moment; 0: too late, with its status put into `status`. */
must_use int ai_build_cancel(struct db *db, const char *tenant, const char *id,
                             char status[static 24], struct err *e);

struct ai_step {
    const char *kind, *what;
    const char *why, *outcome; /* or NULL */
    int ok;                    /* 0, 1; -1: no verdict */
    int64_t tokens_in, tokens_out;
    msec_t took_ms, started_at;
};
typedef void (*ai_step_fn)(void *arg, int64_t seq, const struct ai_step *s);
/* In the order of their happening. */
must_use int ai_step_each(struct db *db, const char *build, ai_step_fn row, void *arg,
                          struct err *e);

/* ---- for the engine ---- */

enum { AI_BUILD_TRIES = 3 }; /* a step that took the server down so often is not tried again */

struct ai_usage {
    int64_t steps, tokens_in, tokens_out, cost, spent_ms;
};

/* What is needed to work on a build. */
struct ai_task {
    struct id id, tenant;
    bool deploying;
    struct id deployment; /* when deploying */
    json_t *descriptions, *params;
    char *initial_url, *entry_point;
    json_t *state; /* NULL: nothing was done yet */
    struct ai_usage usage;
};
void ai_task_done(struct ai_task *t);

/* The oldest build that nobody of this epoch works on, of the tenant whose turn it is after `after`,
 * as in build_claim(): 1, or 0 when there is none. One that has used up its tries becomes failed on
 * the way. */
must_use int ai_build_claim(struct db *db, int64_t epoch, const char *after, struct ai_task *out,
                            struct err *e);

/* What was recorded, as it was given; the caller frees it. NULL: nothing was, or the build has ended. */
must_use int ai_build_recording(struct db *db, const char *id, char **network_log,
                                char **action_log, struct err *e);

/* A step that was taken: its row, and the state to go on from. 1, or 0 when the build is not at
 * work any more. `state` NULL keeps the one before. */
must_use int ai_build_step(struct db *db, const char *id, const struct ai_step *step,
                           const char *state, const struct ai_usage *usage, struct err *e);

/* agent_running -> deploying, together with the deployment. 1, or 0 as above. */
must_use int ai_build_deploy(struct db *db, const char *id, const struct deployment_spec *spec,
                             const char *workflow, const char *summary, struct err *e);

/* -> ready, or -> failed for a reason. 1, or 0 when it had ended before. */
must_use int ai_build_end(struct db *db, const char *id, const char *error,
                          const struct ai_usage *usage, struct err *e);

/* Ids of builds at work whose end was asked for. */
must_use int ai_build_each_cancelled(struct db *db, void (*row)(void *arg, const char *id),
                                     void *arg, struct err *e);

#endif
