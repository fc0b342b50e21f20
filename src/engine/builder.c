/* SPDX-License-Identifier: Apache-2.0
 *
 * The builder: keeps build_workers builds under way while rows wait, and sees to it that what two of
 * them would make alike is made by one.
 */
#include "base/log.h"
#include "engine/build.h"

#include <assert.h>

struct place {
    struct building *building;
    char *makes[BUILD_CLAIMS];  /* keys of what it makes, or NULL */
    char *awaits[BUILD_CLAIMS]; /* key of what another one makes for it, or NULL */
    struct place *next;
};

enum {
    ERRAND_THREADS = 2, /* so that a sync does not wait for a large folder to be removed */
    PAUSE_MS = 1000,    /* after the store could not be written */
};

struct builder {
    struct engine *engine;
    struct timer *retry;
    struct errands *errands;
    struct place *places;
    int n;
    struct id last;                   /* the tenant that had the last turn */
    struct ahead *ahead[STEPS_AHEAD]; /* for the next build */
    char *layer;                      /* that was asked for last: the next build may too */
};

struct builder *builder_new(struct engine *e)
{
    struct builder *b = mem_new(sizeof *b);

    b->engine = e;
    b->errands = errands_new(e->loop, ERRAND_THREADS);
    return b;
}

void builder_run(struct builder *b, struct errand *errand)
{
    errands_run(b->errands, errand);
}

static void place_free(struct place *p)
{
    building_free(p->building);
    for (int kind = 0; kind < BUILD_CLAIMS; kind++) {
        mem_free(p->makes[kind]);
        mem_free(p->awaits[kind]);
    }
    mem_free(p);
}

void builder_free(struct builder *b)
{
    if (!b)
        return;
    while (b->places) {
        struct place *p = b->places;
        b->places = p->next;
        place_free(p);
    }
    errands_free(b->errands);
    timer_free(b->retry);
    for (int step = 0; step < STEPS_AHEAD; step++)
        ahead_free(b->ahead[step]);
    mem_free(b->layer);
    mem_free(b);
}

/* ---- boxes that wait ---- */

struct ahead *builder_ahead(struct builder *b, enum step step, const char *layer)
{
    scoped(ahead_free) struct ahead *a = take(b->ahead[step]);

    if (step == DISCOVER) {
        mem_free(b->layer);
        b->layer = mem_text(layer);
    }
    return a && ahead_fits(a, layer) ? take(a) : NULL;
}

/* Once there were builds there will be more. After one, not beside it: it would take time from it. */
static void look_ahead(struct builder *b)
{
    for (int i = 0; i < STEPS_AHEAD && engine_is_open(b->engine); i++) {
        const enum step step = i;
        scoped(err_clear) struct err e = { 0 };
        const char *layer = step == DISCOVER ? b->layer : NULL;
        if (b->engine->settings->warm_builds && !b->ahead[step] &&
            ahead_start(b->engine, step, layer, &b->ahead[step], &e) < 0)
            log_event(LOG_WARN, "build.not_ahead", F_TEXT("error", e.msg));
    }
}

void builder_forget(struct builder *b, const char *layer)
{
    struct ahead **a = &b->ahead[DISCOVER];

    if (*a && ahead_layer(*a) && strcmp(ahead_layer(*a), layer) == 0)
        ahead_free(take(*a));
    if (b->layer && strcmp(b->layer, layer) == 0)
        mem_free(take(b->layer));
}

struct claim {
    int64_t epoch;
    const char *after;
    struct build build;
    int found;
};

static int claim(struct db *db, void *arg, struct err *e)
{
    struct claim *c = arg;

    c->found = build_claim(db, c->epoch, c->after, &c->build, e);
    return c->found < 0 ? -1 : 0;
}

static struct building *begin(struct builder *b, struct build *what, const struct trial_user *trial)
{
    struct place *p = mem_new(sizeof *p);

    p->next = b->places;
    b->places = p;
    b->n++;
    return p->building = building_start(b, b->engine, what, trial);
}

static void on_retry(void *arg)
{
    struct builder *b = arg;

    b->retry = NULL;
    builder_wake(b);
}

void builder_wake(struct builder *b)
{
    while (!b->retry && b->n < b->engine->settings->build_workers && engine_is_open(b->engine)) {
        scoped(err_clear) struct err err = { 0 };
        struct claim c = { .epoch = b->engine->epoch, .after = b->last.text };
        if (store_write(b->engine->store, claim, &c, &err) < 0) {
            log_event(LOG_ERROR, "build.claim_failed", F_TEXT("error", err.msg));
            build_done(&c.build); /* read, and then undone */
            b->retry = loop_timer(b->engine->loop, PAUSE_MS, on_retry, b);
            break;
        }
        if (!c.found)
            break;
        b->last = c.build.tenant;
        (void)begin(b, &c.build, NULL);
    }
    engine_note_builds(b->engine, b->n);
}

struct building *builder_try(struct builder *b, struct build *what, const struct trial_user *user)
{
    return begin(b, what, user);
}

static struct place *place_of(struct builder *b, const struct building *which)
{
    struct place *p = b->places;

    while (p && p->building != which)
        p = p->next;
    assert(p); /* a building has its place until builder_ended() */
    return p;
}

static void after_one(void *arg)
{
    builder_wake(arg);
    look_ahead(arg);
}

void builder_ended(struct builder *b, struct building *which)
{
    struct place *p = place_of(b, which);
    struct place **at = &b->places;

    for (int kind = 0; kind < BUILD_CLAIMS; kind++)
        builder_release(b, which, kind);
    while (*at && *at != p)
        at = &(*at)->next;
    if (*at)
        *at = p->next;
    b->n--;
    place_free(p);
    loop_post(b->engine->loop, after_one, b);
}

void builder_drop(struct builder *b, struct building *trial)
{
    builder_ended(b, trial);
}

bool builder_claim(struct builder *b, struct building *which, enum build_claim kind,
                   const char *key)
{
    struct place *mine = place_of(b, which);

    for (const struct place *p = b->places; p; p = p->next) {
        if (p->makes[kind] && strcmp(p->makes[kind], key) == 0) {
            mine->awaits[kind] = mem_text(key);
            return false;
        }
    }
    mine->makes[kind] = mem_text(key);
    return true;
}

void builder_release(struct builder *b, struct building *which, enum build_claim kind)
{
    scoped(mem_free) char *key = take(place_of(b, which)->makes[kind]);
    bool again = key != NULL;

    /* A turn may end a build and so change the list: start over after each. */
    while (again) {
        again = false;
        for (struct place *p = b->places; p && !again; p = p->next) {
            if (p->awaits[kind] && strcmp(p->awaits[kind], key) == 0) {
                mem_free(take(p->awaits[kind]));
                building_turn(p->building, kind);
                again = true;
            }
        }
    }
}
