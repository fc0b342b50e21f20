/* SPDX-License-Identifier: Apache-2.0
 *
 * Outcomes of jobs on their way to the store. One that it refuses, as with a full disk, is tried
 * again until it is kept: a job that has ended does not stay `running` for want of room.
 */
#ifndef ENGINE_OUTCOMES_H
#define ENGINE_OUTCOMES_H

#include "base/loop.h"
#include "domain/job.h"
#include "engine/timing.h"

struct outcomes;

/* How long each takes until it is kept goes to `timings`. */
struct outcomes *outcomes_new(struct store *store, struct loop *loop, struct timings *timings);
/* It is written when the loop's turn is over, in one commit with others of that turn. A job that has an
 * outcome keeps its first. */
void outcomes_keep(struct outcomes *o, const struct job_run *run,
                   const struct job_outcome *outcome);
/* Writes those that wait: what is not kept then, the next start finds running. */
void outcomes_free(struct outcomes *o);
DEFINE_SCOPED(struct outcomes, outcomes_free)

#endif
