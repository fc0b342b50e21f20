/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/engine_private.h"

#include "base/log.h"
#include "domain/job.h"
#include "domain/stored.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

/* ---- from other threads ---- */

static void wake_builder(void *arg)
{
    struct engine *e = arg;

    builder_wake(e->builder);
}

static void wake_dispatcher(void *arg)
{
    struct engine *e = arg;

    dispatcher_wake(e->dispatcher);
}

static void wake_cancel(void *arg)
{
    struct engine *e = arg;

    dispatcher_cancel(e->dispatcher);
}

static void wake_agents(void *arg)
{
    struct engine *e = arg;

    agents_wake(e->agents);
}

static void wake_agents_cancel(void *arg)
{
    struct engine *e = arg;

    agents_cancel(e->agents);
}

struct deployed {
    struct engine *engine;
    char *id;
};

static void tell_deployed(void *arg)
{
    struct deployed *d = arg;

    agents_deployed(d->engine->agents, d->id);
    mem_free(d->id);
    mem_free(d);
}

static void post_deployed(struct engine *e, const char *id)
{
    struct deployed *d = mem_new(sizeof *d);

    *d = (struct deployed){ e, mem_text(id) };
    loop_post(e->loop, tell_deployed, d);
}

static void on_change(void *arg, const char *topic)
{
    struct engine *e = arg;

    if (strcmp(topic, "builds") == 0)
        loop_post(e->loop, wake_builder, e);
    else if (strcmp(topic, "jobs") == 0)
        loop_post(e->loop, wake_dispatcher, e);
    else if (strcmp(topic, "cancel") == 0)
        loop_post(e->loop, wake_cancel, e);
    else if (strcmp(topic, "ai_builds") == 0)
        loop_post(e->loop, wake_agents, e);
    else if (strcmp(topic, "ai_cancel") == 0)
        loop_post(e->loop, wake_agents_cancel, e);
    else if (strncmp(topic, "deployment/", 11) == 0)
        post_deployed(e, topic + 11);
}

bool engine_has_model(const struct settings *s)
{
    return strcmp(s->model_provider, "none") != 0 && s->model;
}

bool engine_is_open(const struct engine *e)
{
    return e->walls.level && !e->draining;
}

struct engine_walls engine_walls(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    struct engine_walls walls = e->walls;
    pthread_mutex_unlock(&e->lock);
    return walls;
}

struct engine_state engine_state(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    struct engine_state state = e->state;
    pthread_mutex_unlock(&e->lock);
    return state;
}

const struct timings *engine_timings(const struct engine *e)
{
    return &e->timings;
}

static void note(struct engine *e)
{
    if (e->draining && e->state.busy == 0) {
        e->is_drained = true;
        pthread_cond_signal(&e->drained);
    }
}

void engine_note_slots(struct engine *e, int slots, int busy, int ready)
{
    pthread_mutex_lock(&e->lock);
    e->state.slots = slots;
    e->state.busy = busy;
    e->state.ready = ready;
    note(e);
    pthread_mutex_unlock(&e->lock);
}

void engine_note_builds(struct engine *e, int building)
{
    pthread_mutex_lock(&e->lock);
    e->state.building = building;
    pthread_mutex_unlock(&e->lock);
}

/* ---- starting ---- */

struct recovery {
    int64_t epoch, lost, requeued;
};

static int recover(struct db *db, void *arg, struct err *e)
{
    static const struct stmt RAISE = {
        "server.epoch", "UPDATE server SET epoch = epoch + 1, sandbox_level = NULL WHERE id = 1"
                        " RETURNING epoch"
    };
    struct recovery *found = arg;
    {
        scoped(rows_free) struct rows *r = db_query(db, &RAISE);
        if (rows_next(r, e) != 1)
            return -1;
        found->epoch = row_int(r, 0);
    }
    return stored_resume_ids(db, e) < 0 ? -1 : job_recover(db, &found->lost, &found->requeued, e);
}

static int make_folder(const char *data, const char *name, struct err *e)
{
    scoped(mem_free) char *path = mem_format("%s/%s", data, name);

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_set_errno(e, ERR_IO, errno, "make the folder %s", path);
    return 0;
}

static void on_refused(void *arg, const struct egress_refusal *what)
{
    struct engine *e = arg;

    if (!dispatcher_refused(e->dispatcher, what))
        agents_refused(e->agents, what);
}

static void on_egress_died(void *arg)
{
    const struct engine *e = arg;

    dispatcher_cut_off(e->dispatcher);
}

void engine_opened(struct engine *e, const char *level, json_t *layers, char *refusal)
{
    pthread_mutex_lock(&e->lock);
    e->refusal = refusal;
    e->walls = (struct engine_walls){ level, layers, refusal };
    pthread_mutex_unlock(&e->lock);
    builder_wake(e->builder);
    dispatcher_wake(e->dispatcher);
    agents_wake(e->agents);
}

static void *run(void *arg)
{
    struct engine *e = arg;

    spawner_attach(e->with.spawner, e->loop);
    e->builder = builder_new(e);
    e->dispatcher = dispatcher_new(e);
    e->agents = agents_new(e);
    if (e->with.egress)
        egress_attach(e->with.egress, e->loop,
                      &(struct egress_user){ on_refused, on_egress_died, e });
    if (e->with.registry)
        registry_attach(e->with.registry, e->loop);
    e->sweeper = sweeper_new(e);
    e->survey = survey_new(e);
    loop_run(e->loop);
    survey_free(e->survey);
    if (e->with.egress) /* it and the spawner outlive the loop */
        egress_attach(e->with.egress, NULL, NULL);
    if (e->with.registry)
        registry_attach(e->with.registry, NULL);
    sweeper_free(e->sweeper);
    agents_free(e->agents); /* before those that it borrows from */
    dispatcher_free(e->dispatcher);
    builder_free(e->builder);
    spawner_attach(e->with.spawner, NULL);
    return NULL;
}

int engine_start(const struct engine_options *options, struct engine **out, struct err *err)
{
    struct recovery found = { 0 };

    if (make_folder(options->settings->data, "layers", err) < 0 ||
        make_folder(options->settings->data, "staging", err) < 0 ||
        store_write(options->store, recover, &found, err) < 0)
        return -1;
    log_event(LOG_INFO, "engine.recovered", F_INT("epoch", found.epoch),
              F_INT("jobs_lost", found.lost), F_INT("jobs_requeued", found.requeued));

    struct engine *e = mem_new(sizeof *e);
    e->with = *options;
    e->settings = options->settings;
    e->store = options->store;
    e->epoch = found.epoch;
    e->loop = loop_new(store_env(options->store)->clock);
    pthread_mutex_init(&e->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&e->drained, &attr);
    pthread_condattr_destroy(&attr);
    store_listen(e->store, on_change, e);
    if (pthread_create(&e->thread, NULL, run, e) != 0)
        abort();
    *out = e;
    return 0;
}

/* ---- ending ---- */

static void begin_drain(void *arg)
{
    struct engine *e = arg;

    pthread_mutex_lock(&e->lock);
    e->draining = true;
    note(e);
    pthread_mutex_unlock(&e->lock);
    dispatcher_drain(e->dispatcher);
}

void engine_drain(struct engine *e)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += e->settings->drain_seconds;
    loop_post(e->loop, begin_drain, e);
    pthread_mutex_lock(&e->lock);
    while (!e->is_drained && pthread_cond_timedwait(&e->drained, &e->lock, &until) == 0)
        continue;
    pthread_mutex_unlock(&e->lock);
}

void engine_stop(struct engine *e)
{
    if (!e)
        return;
    store_unlisten(e->store, on_change, e);
    loop_stop(e->loop);
    pthread_join(e->thread, NULL);
    loop_free(e->loop);
    json_decref(e->walls.layers);
    mem_free(e->refusal);
    pthread_mutex_destroy(&e->lock);
    pthread_cond_destroy(&e->drained);
    mem_free(e);
}
