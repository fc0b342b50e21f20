/* SPDX-License-Identifier: Apache-2.0
 *
 * The survey: at the start of a server the walls of boxes are tried, once, from inside of some. That
 * takes longer than anybody should wait for a first answer, so requests are answered meanwhile, and
 * what they ask for waits. The level goes to the store before anything runs, because what runs keeps
 * it; it is said in the log once, and by /readyz for as long as the server lives.
 */
#include "base/log.h"
#include "engine/engine_private.h"
#include "exec/probe.h"

enum { AGAIN_MS = 1000 }; /* after the store could not be written */

struct survey {
    struct engine *engine;
    struct probing *probing;
    const char *level;
    json_t *layers;
    char *why;     /* what keeps the level from being "full" */
    char *refusal; /* NULL: the walls are enough */
    struct timer *next;
};

static int note_level(struct db *db, void *arg, struct err *e)
{
    static const struct stmt NOTE = { "server.level",
                                      "UPDATE server SET sandbox_level = $1 WHERE id = 1" };
    const struct survey *s = arg;

    return db_run(db, e, &NOTE, P_TEXT(s->level)) < 0 ? -1 : 0;
}

static void say(const struct survey *s, bool refused)
{
    if (strcmp(s->level, "full") == 0)
        log_event(LOG_INFO, "sandbox.level", F_TEXT("level", s->level));
    else
        log_event(refused ? LOG_ERROR : LOG_WARN, refused ? "sandbox.refused" : "sandbox.level",
                  F_TEXT("level", s->level), F_TEXT("why", s->why),
                  F_TEXT("remedy", "impresario doctor"));
}

static void keep(void *arg)
{
    struct survey *s = arg;
    scoped(err_clear) struct err e = { 0 };

    s->next = NULL;
    probing_free(take(s->probing));
    if (store_write(s->engine->store, note_level, s, &e) < 0) {
        log_event(LOG_ERROR, "sandbox.level_not_kept", F_TEXT("error", e.msg));
        s->next = loop_timer(s->engine->loop, AGAIN_MS, keep, s);
        return;
    }
    const bool refused = s->refusal != NULL;
    engine_opened(s->engine, s->level, take(s->layers), take(s->refusal));
    say(s, refused);
}

static void on_probed(void *arg, const struct probe *r)
{
    struct survey *s = arg;
    const char *required = s->engine->settings->sandbox_require;

    s->why = probe_why(r);
    s->level = probe_level(r);
    s->layers = probe_layers(r);
    if (!probe_level_is_enough(s->level, required)) {
        s->refusal = mem_format("the walls here are \"%s\", and sandbox_require is \"%s\": %s",
                                s->level, required, s->why);
        spawner_refuse(s->engine->with.spawner, s->refusal);
    } else if (strcmp(s->level, "basic") == 0) {
        spawner_accept_basic(s->engine->with.spawner);
    }
    s->next = loop_timer(s->engine->loop, 0, keep, s); /* the probe still runs */
}

struct survey *survey_new(struct engine *e)
{
    const struct probe_options options = {
        .data_dir = e->settings->data,
        .caged = e->with.egress != NULL,
        .own = { [CONFINE_SERVER] = e->with.own,
                 [CONFINE_SPAWNER] = spawner_walls(e->with.spawner),
                 [CONFINE_EGRESS] = e->with.egress ? egress_walls(e->with.egress) : NULL,
                 [CONFINE_REGISTRY] = e->with.registry ? registry_walls(e->with.registry) : NULL },
    };
    struct survey *s = mem_new(sizeof *s);

    s->engine = e;
    s->probing = probe_start(e->with.spawner, e->loop, &options, on_probed, s);
    return s;
}

void survey_free(struct survey *s)
{
    if (!s)
        return;
    timer_free(s->next);
    probing_free(s->probing);
    json_decref(s->layers);
    mem_free(s->why);
    mem_free(s->refusal);
    mem_free(s);
}
