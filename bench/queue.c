/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue alone: the real store and the real dispatcher, with slots that do nothing. 64 callers each
 * create a job and wait until it is on disk, as clients of jobs/create do; each job is claimed, begun,
 * and settled with a result. Prints how many a second went all the way.
 *
 *     bench_queue FOLDER JOBS
 */
#include "base/log.h"
#include "domain/deployment.h"
#include "domain/key.h"
#include "engine/slot_fake.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { CALLERS = 64, SLOTS = 64 };

/* ---- slots that do nothing ---- */

static void become_ready(void *arg)
{
    slot_fake_ready(arg);
}

static void finish(void *arg)
{
    const struct slot_outcome outcome = { .outcome = { .status = JOB_COMPLETED,
                                                       .result = "null" } };

    slot_fake_end(arg, &outcome, NULL);
}

static void on_started(struct slot *s)
{
    loop_post(s->engine->loop, become_ready, s);
}

static void on_runs(struct slot *s)
{
    loop_post(s->engine->loop, finish, s);
}

/* ---- the world ---- */

static void must(int r, const struct err *e)
{
    if (r >= 0)
        return;
    fprintf(stderr, "bench_queue: %s\n", e->msg ? e->msg : "failed");
    exit(1);
}

struct world {
    struct settings settings;
    struct engine engine;
    struct id tenant;
    json_t *nothing;
    long jobs;
    long asked;     /* of the store's writer */
    long completed; /* as the store has it */
};

/* A tenant with one workflow. */
static int settle_in(struct db *db, void *arg, struct err *e)
{
    struct world *w = arg;
    struct key key;
    struct key_owner owner;
    struct build build = { 0 };
    struct bundle bundle = { .kind = mem_text("plain"),
                             .entry = mem_text("index.js"),
                             .blob_key = mem_text("bundles/b") };
    msec_t at;

    if (key_create(db, "bench", "bench", &key, e) < 0 || key_check(db, key.text, &owner, e) < 0)
        return -1;
    w->tenant = owner.tenant;
    build.deployment = id_new(db_env(db));
    build.tenant = owner.tenant;
    bundle.id = id_new(db_env(db));
    bundle.workflows = json_pack("[{s:s}]", "name", "nothing");
    const struct deployment_spec spec = { .tenant = owner.tenant.text,
                                          .id = build.deployment,
                                          .entry_point = "index.js",
                                          .source_key = "deployments/d",
                                          .source_digest = "d" };
    int r = deployment_create(db, &spec, &at, e) < 0 ||
                    bundle_add(db, owner.tenant.text, "key", &bundle, e) < 0 ||
                    build_ready(db, &build, &bundle, e) < 0
                ? -1
                : 0;
    bundle_done(&bundle);
    return r;
}

static int enqueue(struct db *db, void *arg, struct err *e)
{
    const struct world *w = arg;
    const struct job_spec spec = { .tenant = w->tenant.text,
                                   .workflow = "nothing",
                                   .params = w->nothing,
                                   .launch = w->nothing,
                                   .options = w->nothing,
                                   .timeout_ms = 60000,
                                   .queue_limit = w->jobs + 1 };
    struct id id;
    bool existing;

    return job_create(db, &spec, &id, &existing, e);
}

/* One caller has its answer, and asks for the next job; on the writer's thread. */
static void enqueued(void *arg, int r, const struct err *e)
{
    struct world *w = arg;

    must(r, e);
    if (w->asked < w->jobs) {
        w->asked++;
        store_submit(w->engine.store, enqueue, enqueued, w);
    }
}

static int count_completed(struct db *db, void *arg, struct err *e)
{
    static const struct stmt COUNT = { "bench.completed",
                                       "SELECT count(*) FROM job WHERE status = 'completed'" };
    struct world *w = arg;
    scoped(rows_free) struct rows *r = db_query(db, &COUNT);

    if (rows_next(r, e) != 1)
        return -1;
    w->completed = (long)row_int(r, 0);
    return 0;
}

/* Nothing is left to do when no job waits and no slot has one: then the store is asked. */
static void look(void *arg)
{
    struct world *w = arg;
    scoped(err_clear) struct err e = { 0 };

    must(store_read(w->engine.store, count_completed, w, &e), &e);
    if (w->completed == w->jobs)
        loop_stop(w->engine.loop);
    else
        loop_timer(w->engine.loop, 5, look, w);
}

static void wake(void *arg)
{
    dispatcher_wake(arg);
}

static void on_change(void *arg, const char *topic)
{
    struct world *w = arg;

    if (strcmp(topic, "jobs") == 0)
        loop_post(w->engine.loop, wake, w->engine.dispatcher);
}

/* Counting costs time, too: it begins when all have been asked for. */
static void wait_for_all(void *arg)
{
    struct world *w = arg;
    struct engine_state state = engine_state(&w->engine);

    if (w->asked == w->jobs && state.busy == 0)
        look(w);
    else
        loop_timer(w->engine.loop, 5, wait_for_all, w);
}

int main(int argc, char **argv)
{
    scoped(err_clear) struct err e = { 0 };
    struct world w = { .jobs = argc == 3 ? strtol(argv[2], NULL, 10) : 0 };

    if (w.jobs < CALLERS) {
        fprintf(stderr, "usage: bench_queue FOLDER JOBS\n");
        return 2;
    }
    log_setup(LOG_WARN, true);
    slot_fake_started = on_started;
    slot_fake_runs = on_runs;
    w.settings = (struct settings){ .data = argv[1], .job_slots = SLOTS, .warm_slots = SLOTS };
    w.nothing = json_object();
    w.engine = (struct engine){ .settings = &w.settings,
                                .loop = loop_new(env_real.clock),
                                .epoch = 1,
                                .walls = { .level = "strong" },
                                .lock = PTHREAD_MUTEX_INITIALIZER,
                                .drained = PTHREAD_COND_INITIALIZER };
    must(store_open(&env_real, argv[1], &w.engine.store, &e), &e);
    w.engine.with = (struct engine_options){ .settings = &w.settings, .store = w.engine.store };
    must(store_write(w.engine.store, settle_in, &w, &e), &e);
    w.engine.dispatcher = dispatcher_new(&w.engine);
    store_listen(w.engine.store, on_change, &w);

    msec_t from = clock_steady(env_real.clock);
    w.asked = CALLERS;
    for (int i = 0; i < CALLERS; i++)
        store_submit(w.engine.store, enqueue, enqueued, &w);
    loop_timer(w.engine.loop, 5, wait_for_all, &w);
    loop_run(w.engine.loop);
    msec_t took = clock_steady(env_real.clock) - from;

    assert(w.completed == w.jobs);
    printf("%.0f\n", (double)w.jobs * 1000 / (double)took);
    store_unlisten(w.engine.store, on_change, &w);
    dispatcher_free(w.engine.dispatcher);
    store_close(w.engine.store);
    loop_free(w.engine.loop);
    json_decref(w.nothing);
    return 0;
}
