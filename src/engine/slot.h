/* SPDX-License-Identifier: Apache-2.0
 *
 * A slot: a box with a Node runner and one with its Chromium, both started and never used before. It
 * serves one job, and ends with it.
 *
 *     WARMING --ready--> READY --slot_run--> RUNNING --outcome--> ENDED
 *        |                 |                    |
 *        `-----------------`--- its box ends ---`-----------------> ENDED
 */
#ifndef ENGINE_SLOT_H
#define ENGINE_SLOT_H

#include "domain/job.h"
#include "engine/engine_private.h"

enum slot_state { SLOT_WARMING, SLOT_READY, SLOT_RUNNING, SLOT_ENDED };

/* What a job came to. Texts live during the call. */
struct slot_outcome {
    struct job_outcome outcome;
    const char *screenshot, *html; /* base64 of a PNG, text; or NULL */
    bool ours; /* it failed by a fault of the server, before anything of the tenant's ran */
};

struct slot;
struct slot_user {
    void (*ready)(void *arg, struct slot *s);
    /* The job in it has its outcome. */
    void (*outcome)(void *arg, struct slot *s, const struct slot_outcome *o);
    /* Its processes are gone; free it. `why` (no outcome was told, no job was in it) or NULL. */
    void (*ended)(void *arg, struct slot *s, const char *why);
    void *arg;
    /* What the job in it says; NULL: that goes to the job's log. */
    void (*said)(void *arg, const char *level, const char *text);
};

/* The walls around whatever drives a browser: a job, and the hands of an AI build. */
struct plan *slot_plan(struct engine *e, const char *name);

/* `layer` (a digest, or NULL) decides which dependencies jobs in it find. */
must_use int slot_start(struct engine *e, const char *layer, const struct slot_user *user,
                        struct slot **out, struct err *err);
/* Kills its box; tells nothing. */
void slot_free(struct slot *s);
DEFINE_SCOPED(struct slot, slot_free)

enum slot_state slot_state(const struct slot *s);
const char *slot_layer(const struct slot *s);
/* The job that it runs, or was started for; NULL when it is anybody's. */
struct job_run *slot_job(struct slot *s);

/* Takes what `run` holds. Its time begins now. */
void slot_reserve(struct slot *s, struct job_run *run);
/* READY -> RUNNING with the job that was reserved; the row says so already. `credentials` is the
 * object of values, `missing` the array of declared names that are not stored. */
void slot_run(struct slot *s, const json_t *credentials, const json_t *missing);
/* Somebody asked for the end of its job: SIGTERM, and half a second later SIGKILL. */
void slot_cancel(struct slot *s);
void slot_kill(struct slot *s);
/* True when this refusal was its job's, whose log has it now. */
bool slot_refused(struct slot *s, const struct egress_refusal *what);
/* What is said of a refused connection. */
char *slot_refusal(const struct egress_refusal *what);

#endif
