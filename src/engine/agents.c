/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue of AI builds: keeps ai_builds of them at work. What takes time has threads of its own.
 */
#include "base/log.h"
#include "engine/agent.h"

struct place {
    struct agent *agent;
    bool ended;
    struct place *next;
};

struct agents {
    struct engine *engine;
    struct errands *errands;
    struct place *places;
    int n;
    struct id last;      /* the tenant that had the last turn */
    struct timer *again; /* the store could not be asked */
    bool waking;
};

enum { AGAIN_MS = 1000 };

struct agents *agents_new(struct engine *e)
{
    struct agents *a = mem_new(sizeof *a);

    a->engine = e;
    a->errands = errands_new(e->loop, (int)e->settings->ai_builds);
    return a;
}

void agents_run(struct agents *owner, struct errand *errand)
{
    errands_run(owner->errands, errand);
}

struct claim {
    int64_t epoch;
    const char *after;
    struct ai_task task;
    int found;
};

static int claim(struct db *db, void *arg, struct err *e)
{
    struct claim *c = arg;

    c->found = ai_build_claim(db, c->epoch, c->after, &c->task, e);
    return c->found < 0 ? -1 : 0;
}

static void on_again(void *arg)
{
    struct agents *a = arg;

    a->again = NULL;
    agents_wake(a);
    agents_cancel(a);
}

/* A full disk, say: nobody else would wake us when there is room again. */
static void look_again(struct agents *a)
{
    if (!a->again)
        a->again = loop_timer(a->engine->loop, AGAIN_MS, on_again, a);
}

void agents_wake(struct agents *a)
{
    while (a->n < a->engine->settings->ai_builds && engine_is_open(a->engine)) {
        scoped(err_clear) struct err e = { 0 };
        struct claim c = { .epoch = a->engine->epoch, .after = a->last.text };
        if (store_write(a->engine->store, claim, &c, &e) < 0) {
            log_event(LOG_ERROR, "ai_build.claim_failed", F_TEXT("error", e.msg));
            ai_task_done(&c.task); /* read, and then undone */
            look_again(a);
            return;
        }
        if (!c.found)
            return;
        a->last = c.task.tenant;
        struct place *p = mem_new(sizeof *p);
        p->next = a->places;
        a->places = p;
        a->n++;
        p->agent = agent_start(a, a->engine, &c.task);
    }
}

/* Agents end inside of callbacks of their own boxes, and are freed outside of them. */
static void sweep(void *arg)
{
    struct agents *a = arg;
    struct place **at = &a->places;

    a->waking = false;
    while (*at) {
        struct place *p = *at;
        if (!p->ended) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        a->n--;
        agent_free(p->agent);
        mem_free(p);
    }
    agents_wake(a);
}

void agents_ended(struct agents *owner, struct agent *which)
{
    for (struct place *p = owner->places; p; p = p->next)
        p->ended = p->ended || p->agent == which;
    if (!owner->waking)
        loop_post(owner->engine->loop, sweep, owner);
    owner->waking = true;
}

static void cancel_one(void *arg, const char *id)
{
    struct agents *a = arg;

    for (struct place *p = a->places; p; p = p->next) {
        if (!p->ended && strcmp(agent_id(p->agent), id) == 0)
            agent_cancel(p->agent);
    }
}

struct ids {
    char (*items)[ID_TEXT_SIZE];
    size_t n;
};

static void keep_id(void *arg, const char *id)
{
    struct ids *ids = arg;

    ids->items = mem_resize(ids->items, (ids->n + 1) * sizeof *ids->items);
    memcpy(ids->items[ids->n++], id, ID_TEXT_SIZE);
}

static int cancelled(struct db *db, void *arg, struct err *e)
{
    return ai_build_each_cancelled(db, keep_id, arg, e);
}

void agents_cancel(struct agents *a)
{
    scoped(err_clear) struct err e = { 0 };
    struct ids ids = { 0 };

    if (store_read(a->engine->store, cancelled, &ids, &e) < 0) {
        log_event(LOG_ERROR, "ai_build.cancel_failed", F_TEXT("error", e.msg));
        look_again(a);
    }
    for (size_t i = 0; i < ids.n; i++)
        cancel_one(a, ids.items[i]);
    mem_free(ids.items);
}

void agents_deployed(struct agents *a, const char *deployment)
{
    for (struct place *p = a->places; p; p = p->next) {
        const char *awaited = p->ended ? NULL : agent_deployment(p->agent);
        if (awaited && strcmp(awaited, deployment) == 0)
            agent_look(p->agent);
    }
}

void agents_refused(struct agents *a, const struct egress_refusal *what)
{
    for (struct place *p = a->places; p; p = p->next) {
        if (agent_refused(p->agent, what))
            return;
    }
}

/* Rows stay as they are, for the next start. The loop runs no more: what it was posted is freed
 * here. */
void agents_free(struct agents *a)
{
    if (!a)
        return;
    while (a->places) {
        struct place *p = a->places;
        a->places = p->next;
        agent_free(p->agent);
        mem_free(p);
    }
    timer_free(a->again);
    errands_free(a->errands);
    mem_free(a);
}
