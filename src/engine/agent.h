/* SPDX-License-Identifier: Apache-2.0
 *
 * One AI build at work: it writes files, proves them by clean runs, and deploys what was proven.
 *
 *     with a model:     think -> act (tools) -> think -> ... -> finish --.
 *     with a log alone: compose ----------------------------------------`-> proof, proof -> deploy
 *
 * All that it must remember is the task's `state`: the conversation and the files. It is kept with
 * the row of each step, so that a build goes on after a restart, at worst one step behind and with
 * a new browser.
 */
#ifndef ENGINE_AGENT_H
#define ENGINE_AGENT_H

#include "domain/ai_build.h"
#include "engine/engine_private.h"
#include "engine/errand.h"

struct agent;
struct agents;

/* Takes what `task` holds. */
struct agent *agent_start(struct agents *owner, struct engine *e, struct ai_task *task);
void agent_free(struct agent *a);

const char *agent_id(const struct agent *a);
/* The deployment that it waits for; NULL: none. */
const char *agent_deployment(const struct agent *a);
/* It became ready, or failed, or may have. */
void agent_look(struct agent *a);
void agent_cancel(struct agent *a);
/* True when this refusal was one of its boxes', which has been told. */
bool agent_refused(struct agent *a, const struct egress_refusal *what);

/* ---- the queue, to its agents ---- */

/* It has ended: it will be freed soon. */
void agents_ended(struct agents *owner, struct agent *which);

/* What takes time, on a thread of the queue's. */
void agents_run(struct agents *owner, struct errand *errand);

#endif
