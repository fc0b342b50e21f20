/* SPDX-License-Identifier: Apache-2.0
 *
 * The builder: keeps build_workers builds under way while rows wait, and sees to it that one layer
 * is installed by one build at a time.
 */
#include "base/log.h"
#include "engine/build.h"

struct place {
    struct building *building;
    char *installs; /* digest of the layer that it makes, or NULL */
    char *awaits;   /* digest of the layer that another one makes for it, or NULL */
    struct place *next;
};

struct builder {
    struct engine *engine;
    struct place *places;
    int n;
};

struct builder *builder_new(struct engine *e)
{
    struct builder *b = mem_new(sizeof *b);

    b->engine = e;
    return b;
}

static void place_free(struct place *p)
{
    building_free(p->building);
    mem_free(p->installs);
    mem_free(p->awaits);
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
    mem_free(b);
}

struct claim {
    int64_t epoch;
    struct build build;
    int found;
};

static int claim(struct db *db, void *arg, struct err *e)
{
    struct claim *c = arg;

    c->found = build_claim(db, c->epoch, &c->build, e);
    return c->found < 0 ? -1 : 0;
}

void builder_wake(struct builder *b)
{
    while (b->n < b->engine->settings->build_workers && !b->engine->draining) {
        scoped(err_clear) struct err err = { 0 };
        struct claim c = { .epoch = b->engine->epoch };
        if (store_write(b->engine->store, claim, &c, &err) < 0) {
            log_event(LOG_ERROR, "build.claim_failed", F_TEXT("error", err.msg));
            return;
        }
        if (!c.found)
            break;
        struct place *p = mem_new(sizeof *p);
        p->next = b->places;
        b->places = p;
        b->n++;
        p->building = building_start(b, b->engine, &c.build);
    }
    engine_note_builds(b->engine, b->n);
}

static struct place *place_of(struct builder *b, const struct building *which)
{
    struct place *p = b->places;

    while (p->building != which)
        p = p->next;
    return p;
}

static void wake(void *arg)
{
    builder_wake(arg);
}

void builder_ended(struct builder *b, struct building *which)
{
    struct place *p = place_of(b, which);
    struct place **at = &b->places;

    if (p->installs)
        builder_layer_done(b, which);
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    b->n--;
    place_free(p);
    loop_post(b->engine->loop, wake, b);
}

bool builder_claim_layer(struct builder *b, struct building *which, const char *digest)
{
    struct place *mine = place_of(b, which);

    for (const struct place *p = b->places; p; p = p->next) {
        if (p->installs && strcmp(p->installs, digest) == 0) {
            mine->awaits = mem_text(digest);
            return false;
        }
    }
    mine->installs = mem_text(digest);
    return true;
}

void builder_layer_done(struct builder *b, struct building *which)
{
    scoped(mem_free) char *digest = take(place_of(b, which)->installs);
    bool again = true;

    /* A turn may end a build and so change the list: start over after each. */
    while (again) {
        again = false;
        for (struct place *p = b->places; p && !again; p = p->next) {
            if (p->awaits && strcmp(p->awaits, digest) == 0) {
                mem_free(take(p->awaits));
                building_layer_turn(p->building);
                again = true;
            }
        }
    }
}
