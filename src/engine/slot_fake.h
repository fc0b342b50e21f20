/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of engine/slot.h for slots that have no box and do as they are told: what is linked with
 * slot_fake.c takes these, and never the ones of slot.c.
 */
#ifndef ENGINE_SLOT_FAKE_H
#define ENGINE_SLOT_FAKE_H

#include "engine/slot.h"

struct slot {
    struct engine *engine;
    struct slot_user user;
    enum slot_state state;
    bool has_job;
    struct job_run run;
    struct slot *next;
};

extern struct slot *slots_fake; /* those that there are; the last that was started first */

/* Called, where they are set, on the engine's thread: one was started; the job of one is to run. */
extern void (*slot_fake_started)(struct slot *s);
extern void (*slot_fake_runs)(struct slot *s);

void slot_fake_ready(struct slot *s);
/* `outcome` is of its job, if it has one; `why`: the reason where it had none. It is freed with that. */
void slot_fake_end(struct slot *s, const struct slot_outcome *outcome, const char *why);

#endif
