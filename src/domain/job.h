/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs: one run of one workflow, from the moment it is asked for until its outcome is kept.
 *
 *                      BEGIN(cold)        BEGIN(warm)  FINISH       CANCEL       RESTART
 *   queued             starting_browser   running      .            cancelled    queued
 *   starting_browser   .                  running      failed       (asked for)  queued
 *   running            .                  .            final state  (asked for)  failed
 *   completed, failed, cancelled: nothing changes them; what a dead slot still says is dropped.
 *
 * `started_at` is durable before tenant code runs, and tenant code runs at most once: a form sent
 * twice is worse than a job that says it was lost. The engine acts on cancellations that are asked
 * for. Every change of state is one UPDATE that names the state it leaves.
 */
#ifndef DOMAIN_JOB_H
#define DOMAIN_JOB_H

#include "base/id.h"
#include "base/json.h"
#include "domain/seal.h"
#include "store/store.h"

struct job_spec {
    const char *tenant;
    const char *workflow;
    const json_t *params;  /* an object */
    const json_t *launch;  /* overrides: start_url, viewport, gpu, headless; absent ones default */
    const json_t *options; /* what else was asked for, kept as given */
    const char *callback_secret; /* or NULL; kept sealed */
    const struct sealer *sealer;
    const char *credential_id; /* or NULL */
    const char *nonce;         /* or NULL */
    const char *request_digest;
    msec_t timeout_ms;
    int64_t queue_limit; /* jobs of one tenant that may wait */
};

/* ERR_NOT_FOUND: the workflow, the credential; ERR_INPUT: a credential that the workflow does not
 * declare; ERR_CONFLICT: the nonce came with another request; ERR_LIMIT: the queue is full.
 * `existing` says that the nonce was used before for the same request, whose id is given. */
must_use int job_create(struct db *db, const struct job_spec *spec, struct id *id, bool *existing,
                        struct err *e);

/* One row as clients see it; texts live until the next row. */
struct job {
    const char *id, *workflow_id, *workflow, *deployment_id, *status, *params, *result, *error,
        *mapped_stack;
    const char *sandbox_level; /* when it left the queue; NULL: it did not */
    int64_t deployment_version;
    int64_t queue_position; /* of a queued job: at most so many go first; else -1. job_get() only */
    msec_t created_at, started_at, completed_at;
};
typedef void (*job_fn)(void *arg, const struct job *j);

must_use int job_get(struct db *db, const char *tenant, const char *id, job_fn row, void *arg,
                     struct err *e);

struct job_filter {
    const char *tenant;
    const char *status, *workflow, *cursor; /* NULL: any */
    int64_t limit;
};
/* Newest first. `stopped` is "" when all were looked at or as many given as the limit says; else, after
 * LIMIT_WALK of them, the last that was looked at, for the cursor. */
must_use int job_each(struct db *db, const struct job_filter *filter, job_fn row, void *arg,
                      char stopped[static ID_TEXT_SIZE], struct err *e);

/* Keys of the blobs that a failed job left, each NULL when there is none (any more); freed by the
 * caller. ERR_NOT_FOUND: the job. */
must_use int job_artifacts(struct db *db, const char *tenant, const char *id, char **screenshot,
                           char **html, struct err *e);

/* 1: it is cancelled, or will be as soon as its processes have ended; 0: it was final already, with
 * the status put into `status`. */
must_use int job_cancel(struct db *db, const char *tenant, const char *id, char status[static 24],
                        struct err *e);
must_use int job_cancel_queued(struct db *db, const char *tenant, const char *workflow,
                               const char *why, int64_t *n, struct err *e);

/* ---- for the engine ---- */

/* What a slot must know to run a job. */
struct job_run {
    struct id id, tenant, deployment;
    char *workflow;
    char *layer;    /* digest, or NULL */
    char *blob_key; /* of the bundle */
    char *entry, *kind;
    char *credential_id;
    json_t *params, *launch;
    msec_t timeout_ms, created_at;
};
void job_run_done(struct job_run *run);

/* The tenant whose turn it is: the next one, in the order of ids and round the end, that has a job
 * waiting. `after` is the one that had the last turn, or "". 1, or 0 when no job waits. */
must_use int job_turn(struct db *db, const char *after, struct id *tenant, struct err *e);

/* The tenant's oldest queued job behind `after`, an id or "": 1, or 0 when none waits there. */
must_use int job_next(struct db *db, const char *tenant, const char *after, struct job_run *out,
                      struct err *e);

enum job_begin { JOB_COLD, JOB_WARM };
/* 1: the job is now starting_browser (cold) or running (warm); 0: it was cancelled meanwhile. */
must_use int job_begin(struct db *db, const char *id, int64_t epoch, enum job_begin how,
                       struct err *e);

struct job_outcome {
    enum { JOB_COMPLETED, JOB_FAILED, JOB_CANCELLED } status;
    const char *result; /* JSON; JOB_COMPLETED */
    const char *error;  /* the others */
    const char *mapped_stack;
    const char *screenshot_key, *html_key;
    bool ours; /* JOB_FAILED before anything of the tenant's ran, and not by its fault */
};
/* JOB_SETTLED: this is the outcome; 0: it had one before. JOB_AGAIN: it was `ours`, and the job is
 * queued once more, up to LIMIT_JOB_STARTS times in all. */
enum { JOB_SETTLED = 1, JOB_AGAIN };
must_use int job_finish(struct db *db, const char *id, const struct job_outcome *outcome,
                        struct err *e);

/* A new epoch: what ran in older ones is put right, before anybody can look. Gives how many jobs
 * were lost and how many wait again. */
must_use int job_recover(struct db *db, int64_t *lost, int64_t *requeued, struct err *e);

/* Ids of running jobs whose end was asked for. */
must_use int job_each_cancelled(struct db *db, void (*row)(void *arg, const char *id), void *arg,
                                struct err *e);

must_use int job_count_open(struct db *db, int64_t *queued, int64_t *running, struct err *e);

#endif
