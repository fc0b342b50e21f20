/* SPDX-License-Identifier: Apache-2.0
 *
 * A clean run of files that are no deployment yet: they go through the same boxes as an upload, and
 * what comes out runs in a fresh slot, as a job would, as often as is asked. Nothing of it is kept.
 */
#ifndef ENGINE_PROOF_H
#define ENGINE_PROOF_H

#include "base/json.h"
#include "engine/engine_private.h"

struct proof;

struct proof_run {
    const char *fault;         /* of the server, so that nothing ran; else NULL */
    const char *result;        /* JSON; NULL: it failed */
    const char *error, *stack; /* of a failure; stack may be NULL */
    const char *log;           /* what it printed, shortened */
};

struct proof_user {
    /* What discovery found, or why the files make no bundle, or why the server could not make one. */
    void (*built)(void *arg, const json_t *workflows, const char *why, bool ours);
    void (*ran)(void *arg, const struct proof_run *run);
    void *arg;
};

/* `files` is an object, path to text. Both callbacks may free the proof. */
must_use int proof_new(struct engine *e, const char *tenant, const char *entry_point,
                       const json_t *files, const struct proof_user *user, struct proof **out,
                       struct err *err);
/* What discovery found in these very files; NULL: it is of others, or not built. */
const json_t *proof_found(const struct proof *p, const json_t *files);
/* Once it is built, one at a time; `workflow` is a member of what was found. */
void proof_run(struct proof *p, const json_t *workflow, const json_t *params);
/* True when this refusal was its run's, whose log has it now. */
bool proof_refused(struct proof *p, const struct egress_refusal *what);
void proof_free(struct proof *p);

#endif
