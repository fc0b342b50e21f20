/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/slot_fake.h"

#include <stdlib.h>

struct slot *slots_fake;
void (*slot_fake_started)(struct slot *s);
void (*slot_fake_runs)(struct slot *s);

void slot_fake_ready(struct slot *s)
{
    s->state = SLOT_READY;
    s->user.ready(s->user.arg, s);
}

void slot_fake_end(struct slot *s, const struct slot_outcome *outcome, const char *why)
{
    if (s->has_job)
        s->user.outcome(s->user.arg, s, outcome);
    s->state = SLOT_ENDED;
    s->user.ended(s->user.arg, s, why);
}

int slot_start(struct engine *e, const char *layer, const struct slot_user *user, struct slot **out,
               struct err *err)
{
    struct slot *s = mem_new(sizeof *s);

    (void)layer, (void)err;
    *s = (struct slot){ .engine = e, .user = *user, .state = SLOT_WARMING, .next = slots_fake };
    *out = slots_fake = s;
    if (slot_fake_started)
        slot_fake_started(s);
    return 0;
}

void slot_free(struct slot *s)
{
    struct slot **at = &slots_fake;

    if (!s)
        return;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    if (s->has_job)
        job_run_done(&s->run);
    mem_free(s);
}

enum slot_state slot_state(const struct slot *s)
{
    return s->state;
}

const char *slot_layer(const struct slot *s)
{
    (void)s;
    return NULL;
}

struct job_run *slot_job(struct slot *s)
{
    return s->has_job ? &s->run : NULL;
}

void slot_reserve(struct slot *s, struct job_run *run)
{
    s->run = *run;
    *run = (struct job_run){ 0 };
    s->has_job = true;
}

void slot_run(struct slot *s, const json_t *credentials, const json_t *missing)
{
    (void)credentials, (void)missing;
    s->state = SLOT_RUNNING;
    if (slot_fake_runs)
        slot_fake_runs(s);
}

void slot_cancel(struct slot *s)
{
    (void)s;
}

void slot_kill(struct slot *s)
{
    (void)s;
}

bool slot_refused(struct slot *s, const struct egress_refusal *what)
{
    (void)s, (void)what;
    return false;
}

char *slot_refusal(const struct egress_refusal *what)
{
    (void)what;
    return NULL;
}

struct plan *slot_plan(struct engine *e, const char *name)
{
    (void)e, (void)name;
    return NULL;
}
