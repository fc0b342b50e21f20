/* SPDX-License-Identifier: Apache-2.0
 *
 * The dispatcher with slots that do as they are told. Time stands still until a test moves it.
 */
#include "base/bounds.h"
#include "base/tree.h"
#include "domain/deployment.h"
#include "domain/key.h"
#include "engine/slot_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Its box is gone; the server was at fault, unless a job ran in it. */
static void lose(struct slot *s)
{
    const struct slot_outcome outcome = {
        .outcome = { .status = JOB_FAILED, .error = "it is gone" }, .ours = s->state != SLOT_RUNNING
    };

    slot_fake_end(s, &outcome, s->has_job ? NULL : "it is gone");
}

/* ---- a server with one tenant ---- */

struct house {
    char dir[32];
    struct clock_fake clock;
    struct env env;
    struct settings settings;
    struct engine engine;
    struct id tenant, job;
    char status[24], error[64];
};

static int settle_in(struct db *db, void *arg, struct err *e)
{
    struct house *h = arg;
    struct key key;
    struct key_owner owner;
    struct bundle bundle = { .id = id_new(db_env(db)),
                             .blob_key = mem_text("b"),
                             .kind = mem_text("plain"),
                             .entry = mem_text("index.js"),
                             .workflows = json_pack("[{s:s}]", "name", "w") };
    msec_t at;

    assert_int_equal(key_create(db, "acme", "test", &key, e), 0);
    assert_int_equal(key_check(db, key.text, &owner, e), 0);
    h->tenant = owner.tenant;
    const struct deployment_spec spec = { .tenant = owner.tenant.text,
                                          .id = id_new(db_env(db)),
                                          .entry_point = "index.js",
                                          .source_key = "s",
                                          .source_digest = "d" };
    struct build build = { .deployment = spec.id, .tenant = owner.tenant };
    assert_int_equal(deployment_create(db, &spec, &at, e), 0);
    assert_int_equal(bundle_add(db, owner.tenant.text, "content", &bundle, e), 0);
    assert_int_equal(build_ready(db, &build, &bundle, e), 0);
    bundle_done(&bundle);
    return 0;
}

static int add_job(struct db *db, void *arg, struct err *e)
{
    struct house *h = arg;
    scoped(json_decref) json_t *none = json_object();
    const struct job_spec spec = { .tenant = h->tenant.text,
                                   .workflow = "w",
                                   .params = none,
                                   .launch = none,
                                   .options = none,
                                   .timeout_ms = 1000,
                                   .queue_limit = 10 };
    bool existing;

    return job_create(db, &spec, &h->job, &existing, e);
}

static void note_job(void *arg, const struct job *j)
{
    struct house *h = arg;

    (void)snprintf(h->status, sizeof h->status, "%s", j->status);
    (void)snprintf(h->error, sizeof h->error, "%s", j->error ? j->error : "");
}

static int look(struct db *db, void *arg, struct err *e)
{
    struct house *h = arg;

    return job_get(db, h->tenant.text, h->job.text, note_job, h, e);
}

static const char *status(struct house *h)
{
    scoped(err_clear) struct err e = { 0 };

    assert_int_equal(store_read(h->engine.store, look, h, &e), 0);
    return h->status;
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void pass(struct house *h, msec_t time)
{
    h->clock.steady += time;
    for (int i = 0; i < 4; i++) { /* what one round asks for, the next does */
        loop_timer(h->engine.loop, 0, stop, h->engine.loop);
        loop_run(h->engine.loop);
    }
}

static int setup(void **state)
{
    scoped(err_clear) struct err e = { 0 };
    struct house *h = mem_new(sizeof *h);

    strcpy(h->dir, "/tmp/dispatcher-test-XXXXXX");
    clock_fake_init(&h->clock, 1700000000000);
    h->env = (struct env){ &h->clock.clock, &rng_real, &disk_real };
    assert_non_null(mkdtemp(h->dir));
    h->settings = (struct settings){ .data = h->dir, .job_slots = 2 };
    h->engine = (struct engine){ .settings = &h->settings,
                                 .loop = loop_new(&h->clock.clock),
                                 .epoch = 1,
                                 .walls = { .level = "strong" },
                                 .lock = PTHREAD_MUTEX_INITIALIZER,
                                 .drained = PTHREAD_COND_INITIALIZER };
    assert_int_equal(store_open(&h->env, h->dir, &h->engine.store, &e), 0);
    h->engine.with = (struct engine_options){ .settings = &h->settings, .store = h->engine.store };
    assert_int_equal(store_write(h->engine.store, settle_in, h, &e), 0);
    assert_int_equal(store_write(h->engine.store, add_job, h, &e), 0);
    h->engine.dispatcher = dispatcher_new(&h->engine);
    dispatcher_wake(h->engine.dispatcher);
    pass(h, 0);
    *state = h;
    return 0;
}

static int teardown(void **state)
{
    struct house *h = *state;

    dispatcher_free(h->engine.dispatcher);
    assert_null(slots_fake);
    store_close(h->engine.store);
    loop_free(h->engine.loop);
    assert_int_equal(tree_remove(h->dir), 0);
    mem_free(h);
    return 0;
}

/* ---- tests ---- */

static void a_job_whose_slot_is_lost_before_it_began_is_queued_again(void **state)
{
    struct house *h = *state;

    assert_string_equal(status(h), "starting_browser");
    lose(slots_fake);
    pass(h, 0);
    assert_string_equal(status(h), "queued");
    assert_null(slots_fake); /* not at once */
    pass(h, 1000);
    assert_string_equal(status(h), "starting_browser");
    slot_fake_ready(slots_fake);
    pass(h, 0);
    assert_string_equal(status(h), "running");
}

static void it_is_tried_so_often_and_then_it_has_failed(void **state)
{
    struct house *h = *state;

    for (int i = 1; i < LIMIT_JOB_STARTS; i++) {
        lose(slots_fake);
        pass(h, 0);
        assert_string_equal(status(h), "queued");
        pass(h, 60000);
    }
    lose(slots_fake);
    pass(h, 0);
    assert_string_equal(status(h), "failed");
    assert_string_equal(h->error, "it is gone");
}

static void a_job_that_ran_is_not_run_again(void **state)
{
    struct house *h = *state;

    slot_fake_ready(slots_fake);
    pass(h, 0);
    assert_string_equal(status(h), "running");
    lose(slots_fake);
    pass(h, 0);
    assert_string_equal(status(h), "failed");
}

static void where_boxes_are_refused_it_fails_at_once(void **state)
{
    struct house *h = *state;

    h->engine.walls.refusal = "no walls";
    lose(slots_fake);
    pass(h, 0);
    assert_string_equal(status(h), "failed");
}

/* All at once when the process that builds boxes dies; one of them says how long to wait. */
static void slots_that_are_lost_together_are_one_failure(void **state)
{
    struct house *h = *state;
    scoped(err_clear) struct err e = { 0 };

    assert_int_equal(store_write(h->engine.store, add_job, h, &e), 0);
    dispatcher_wake(h->engine.dispatcher);
    pass(h, 0);
    lose(slots_fake);
    lose(slots_fake);
    pass(h, 250);
    lose(slots_fake);
    lose(slots_fake);
    pass(h, 250);
    assert_null(slots_fake);
    pass(h, 250);
    assert_non_null(slots_fake->next);
}

static void who_waits_without_a_network_gets_no_job(void **state)
{
    struct house *h = *state;
    scoped(err_clear) struct err e = { 0 };

    h->settings.warm_slots = 1;
    slot_fake_ready(slots_fake);
    pass(h, 0);
    struct slot *waits = slots_fake;
    assert_false(waits->has_job);
    slot_fake_ready(waits);
    pass(h, 0);
    dispatcher_cut_off(h->engine.dispatcher);
    assert_string_equal(status(h), "running"); /* who has a job keeps it */
    assert_int_equal(store_write(h->engine.store, add_job, h, &e), 0);
    dispatcher_wake(h->engine.dispatcher);
    pass(h, 0);
    assert_string_equal(status(h), "starting_browser"); /* in one that is started for it */
    assert_false(waits->has_job);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_job_whose_slot_is_lost_before_it_began_is_queued_again),
        TEST(it_is_tried_so_often_and_then_it_has_failed),
        TEST(a_job_that_ran_is_not_run_again),
        TEST(where_boxes_are_refused_it_fails_at_once),
        TEST(slots_that_are_lost_together_are_one_failure),
        TEST(who_waits_without_a_network_gets_no_job),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
