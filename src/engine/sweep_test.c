/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sweep.h"

#include "base/tree.h"
#include "domain/deployment.h"
#include "domain/job.h"
#include "domain/key.h"
#include "domain/log_line.h"
#include "domain/workflow.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { DAY = RETENTION_DAY_MS };

static const msec_t START = 1800000000000;

struct world {
    char dir[64];
    struct clock_fake clock;
    struct rng_seeded rng;
    struct env env;
    struct store *store;
    struct blobs *blobs;
    struct sweep sweep;
    struct id tenant;
    char forgotten[64]; /* the layer that went */
    int (*step)(struct world *w, struct db *db, struct err *e);
};

static int in_write(struct db *db, void *arg, struct err *e)
{
    struct world *w = arg;

    return w->step(w, db, e);
}

static void act(struct world *w, int (*step)(struct world *w, struct db *db, struct err *e))
{
    scoped(err_clear) struct err e = { 0 };

    w->step = step;
    if (store_write(w->store, in_write, w, &e) < 0)
        fail_msg("%s", e.msg);
}

static int make_tenant(struct world *w, struct db *db, struct err *e)
{
    struct key key;
    struct key_owner owner;

    if (key_create(db, "acme", "one", &key, e) < 0 || key_check(db, key.text, &owner, e) < 0)
        return -1;
    w->tenant = owner.tenant;
    return 0;
}

static void make_folder(const struct world *w, const char *name)
{
    scoped(mem_free) char *path = mem_format("%s/%s", w->dir, name);

    assert_int_equal(mkdir(path, 0700), 0);
}

static int open_world(void **state)
{
    struct world *w = mem_new(sizeof *w);
    scoped(err_clear) struct err e = { 0 };

    strcpy(w->dir, "/tmp/impresario-sweep-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    clock_fake_init(&w->clock, START);
    rng_seeded_init(&w->rng, 5);
    w->env = (struct env){ &w->clock.clock, &w->rng.rng, &disk_real };
    assert_int_equal(store_open(&w->env, w->dir, &w->store, &e), 0);
    assert_int_equal(blobs_open(&w->env, w->dir, &w->blobs, &e), 0);
    make_folder(w, "layers");
    make_folder(w, "staging");
    w->sweep = (struct sweep){ w->store, w->blobs, w->dir, { 30, 90, 7 } };
    act(w, make_tenant);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    blobs_close(w->blobs);
    store_close(w->store);
    assert_int_equal(tree_remove(w->dir), 0);
    mem_free(w);
    return 0;
}

/* ---- what there is ---- */

/* A file of the moment that the fake clock shows. */
static void touch(struct world *w, const char *below)
{
    scoped(mem_free) char *path = mem_format("%s/%s", w->dir, below);
    const struct timespec now = { clock_wall(&w->clock.clock) / 1000, 0 };
    const struct timespec times[] = { now, now };

    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void keep_blob(struct world *w, const char *key)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(mem_free) char *below = mem_format("blobs/%s", key);
    struct blob *blob;

    assert_int_equal(blob_new(w->blobs, &blob, &e), 0);
    assert_int_equal(blob_keep(blob, key, &e), 0);
    touch(w, below);
}

static bool there(struct world *w, const char *below)
{
    scoped(mem_free) char *path = mem_format("%s/%s", w->dir, below);

    return access(path, F_OK) == 0;
}

static bool blob_there(struct world *w, const char *key)
{
    scoped(mem_free) char *below = mem_format("blobs/%s", key);

    return there(w, below);
}

struct made {
    struct id id;
    char source[96], bundle[96];
};

static struct made made; /* by the last deploy() */
static const char *deploys, *layer;
static bool finishes;

static int deploy_step(struct world *w, struct db *db, struct err *e)
{
    struct made *m = &made;
    struct id bundle_id = id_new(&w->env);
    struct build b = { 0 };
    msec_t at;

    m->id = id_new(&w->env);
    snprintf(m->source, sizeof m->source, "deployments/%.36s/source.tar.gz", m->id.text);
    snprintf(m->bundle, sizeof m->bundle, "bundles/%.36s/bundle.tar", bundle_id.text);
    keep_blob(w, m->source);
    const struct deployment_spec spec = { .tenant = w->tenant.text,
                                          .id = m->id,
                                          .entry_point = "index.ts",
                                          .source_key = m->source,
                                          .source_digest = "d" };
    if (deployment_create(db, &spec, &at, e) < 0)
        return -1;
    if (!finishes)
        return 0;
    keep_blob(w, m->bundle);
    scoped(mem_free) char *workflows =
        mem_format("[{\"name\":\"%s\",\"input_schema\":null,\"output_schema\":null}]", deploys);
    struct bundle bundle = { .id = bundle_id,
                             .blob_key = mem_text(m->bundle),
                             .kind = mem_text("plain"),
                             .entry = mem_text("index.mjs"),
                             .layer = mem_text(layer),
                             .workflows = json_loads(workflows, 0, NULL) };
    int r = build_claim(db, 1, "", &b, e) < 0 ||
                    (layer && layer_add(db, layer, 1, 1, NULL, e) < 0) ||
                    bundle_add(db, w->tenant.text, bundle_id.text, &bundle, e) < 0 ||
                    build_ready(db, &b, &bundle, e) < 0
                ? -1
                : 0;
    bundle_done(&bundle);
    build_done(&b);
    return r;
}

/* A deployment that declares `name`; a NULL one stays `building`. */
static struct made deploy(struct world *w, const char *name)
{
    deploys = name;
    finishes = name != NULL;
    act(w, deploy_step);
    return made;
}

static struct id job;
static const struct job_outcome *outcome;

static int submit_step(struct world *w, struct db *db, struct err *e)
{
    scoped(json_decref) json_t *empty = json_object();
    const struct job_spec spec = { .tenant = w->tenant.text,
                                   .workflow = "books",
                                   .params = empty,
                                   .launch = empty,
                                   .options = empty,
                                   .timeout_ms = 1000,
                                   .queue_limit = 100 };
    bool existing;

    return job_create(db, &spec, &job, &existing, e);
}

static int finish_step(struct world *w, struct db *db, struct err *e)
{
    (void)w;
    return job_begin(db, job.text, 1, JOB_WARM, e) < 0 || job_finish(db, job.text, outcome, e) < 0
               ? -1
               : 0;
}

static void finish_job(struct world *w, const struct job_outcome *o)
{
    outcome = o;
    act(w, finish_step);
}

static void on_layer_gone(void *arg, const char *digest)
{
    struct world *w = arg;

    snprintf(w->forgotten, sizeof w->forgotten, "%s", digest);
}

/* All of a sweep, or only its rows, as when the server dies in its middle. */
static int sweep(struct world *w, bool files)
{
    scoped(err_clear) struct err e = { 0 };
    int more, n = 0;

    while ((more = sweep_rows(&w->sweep, &e)) > 0)
        continue;
    assert_int_equal(more, 0);
    if (files) {
        assert_int_equal(sweep_layers(&w->sweep, on_layer_gone, w, &e), 0);
        assert_int_equal(sweep_files(&w->sweep, &n, &e), 0);
    }
    return n;
}

static void days_pass(struct world *w, int64_t days)
{
    clock_fake_advance(&w->clock, days * DAY + 1);
}

/* ---- promises ---- */

static void code_goes_once_no_name_and_no_job_runs_it(void **state)
{
    struct world *w = *state;
    struct made old = deploy(w, "books");

    act(w, submit_step);
    days_pass(w, 8);
    struct made other = deploy(w, "films"), new = deploy(w, "books");
    assert_int_equal(sweep(w, true), 0);
    assert_true(blob_there(w, old.source) && blob_there(w, old.bundle)); /* the job waits for it */

    finish_job(w, &(struct job_outcome){ .status = JOB_COMPLETED, .result = "1" });
    assert_int_equal(sweep(w, true), 2);
    assert_false(blob_there(w, old.source) || blob_there(w, old.bundle));
    days_pass(w, 1000);
    assert_int_equal(sweep(w, true), 0);
    assert_true(blob_there(w, new.source) && blob_there(w, new.bundle));
    assert_true(blob_there(w, other.source) && blob_there(w, other.bundle));
}

static void young_code_stays(void **state)
{
    struct world *w = *state;
    struct made old = deploy(w, "books");

    days_pass(w, 6);
    (void)deploy(w, "books");
    assert_int_equal(sweep(w, true), 0);
    assert_true(blob_there(w, old.source));
    days_pass(w, 1);
    assert_int_equal(sweep(w, true), 2);
}

static int delete_step(struct world *w, struct db *db, struct err *e)
{
    int64_t cancelled;

    return workflow_delete(db, w->tenant.text, "books", &cancelled, e);
}

static void code_of_a_deleted_workflow_goes(void **state)
{
    struct world *w = *state;
    struct made m = deploy(w, "books");

    days_pass(w, 8);
    act(w, delete_step);
    assert_int_equal(sweep(w, true), 2);
    assert_false(blob_there(w, m.source));
}

static void a_build_under_way_keeps_its_upload_and_every_bundle_it_may_find(void **state)
{
    struct world *w = *state;
    struct made old = deploy(w, "books");

    days_pass(w, 8);
    act(w, delete_step);
    struct made building = deploy(w, NULL);
    days_pass(w, 100);
    assert_int_equal(sweep(w, true), 1); /* the old upload alone */
    assert_true(blob_there(w, old.bundle));
    assert_true(blob_there(w, building.source));
}

static void a_layer_goes_with_its_last_bundle(void **state)
{
    struct world *w = *state;

    layer = "0123abcd";
    (void)deploy(w, "books");
    layer = NULL;
    make_folder(w, "layers/0123abcd");
    days_pass(w, 8);
    assert_int_equal(sweep(w, true), 0);
    assert_true(there(w, "layers/0123abcd"));

    act(w, delete_step);
    (void)sweep(w, true);
    assert_string_equal(w->forgotten, "0123abcd");
    assert_false(there(w, "layers/0123abcd") || there(w, "staging/gone-0123abcd"));
}

static void what_an_interrupted_install_left_goes_after_a_day(void **state)
{
    struct world *w = *state;

    make_folder(w, "staging/interrupted");
    make_folder(w, "staging/gone-from-an-earlier-sweep");
    touch(w, "staging/interrupted");
    (void)sweep(w, true);
    assert_true(there(w, "staging/interrupted"));
    assert_false(there(w, "staging/gone-from-an-earlier-sweep"));
    days_pass(w, 1);
    clock_fake_advance(&w->clock, 1000);
    (void)sweep(w, true);
    assert_false(there(w, "staging/interrupted"));
}

static void what_a_failed_job_left_goes_at_its_age(void **state)
{
    struct world *w = *state;

    (void)deploy(w, "books");
    act(w, submit_step);
    scoped(mem_free) char *picture = mem_format("jobs/%s/screenshot.png", job.text);
    scoped(mem_free) char *page = mem_format("jobs/%s/page.html", job.text);
    keep_blob(w, picture);
    keep_blob(w, page);
    finish_job(
        w, &(struct job_outcome){
               .status = JOB_FAILED, .error = "no", .screenshot_key = picture, .html_key = page });
    days_pass(w, 89);
    assert_int_equal(sweep(w, true), 0);
    days_pass(w, 1);
    assert_int_equal(sweep(w, true), 2);
    assert_false(blob_there(w, picture) || blob_there(w, page));
}

static void a_file_without_a_row_goes_after_a_day(void **state)
{
    struct world *w = *state;
    static const char *const keys[] = {
        "deployments/01900000-0000-7000-8000-000000000001/source.tar.gz",
        "bundles/01900000-0000-7000-8000-000000000002/bundle.tar",
        "proofs/01900000-0000-7000-8000-000000000003/source.tar.gz",
        "jobs/01900000-0000-7000-8000-000000000004/page.html",
    };

    for (size_t i = 0; i < n_items(keys); i++)
        keep_blob(w, keys[i]);
    assert_int_equal(sweep(w, true), 0); /* its row may be about to be written */
    days_pass(w, 1);
    assert_int_equal(sweep(w, true), (int)n_items(keys));
    for (size_t i = 0; i < n_items(keys); i++)
        assert_false(blob_there(w, keys[i]));
}

static void a_sweep_that_was_cut_off_is_finished_by_the_next(void **state)
{
    struct world *w = *state;
    struct made m = deploy(w, "books");

    days_pass(w, 8);
    act(w, delete_step);
    (void)sweep(w, false);
    assert_true(blob_there(w, m.source) && blob_there(w, m.bundle));
    assert_int_equal(sweep(w, true), 2);
    assert_false(blob_there(w, m.source) || blob_there(w, m.bundle));
}

static int many_lines_step(struct world *w, struct db *db, struct err *e)
{
    (void)w;
    for (int i = 0; i < RETENTION_PART; i++) {
        if (job_log_add(db, job.text, "info", "a line", e) < 0)
            return -1;
    }
    return 0;
}

static void log_lines_go_in_parts(void **state)
{
    struct world *w = *state;
    scoped(err_clear) struct err e = { 0 };

    (void)deploy(w, "books");
    act(w, submit_step);
    act(w, many_lines_step);
    assert_int_equal(sweep_rows(&w->sweep, &e), 0);
    days_pass(w, 30);
    assert_int_equal(sweep_rows(&w->sweep, &e), 1);
    assert_int_equal(sweep_rows(&w->sweep, &e), 0);
}

#define TOLD(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest promises[] = {
        TOLD(code_goes_once_no_name_and_no_job_runs_it),
        TOLD(young_code_stays),
        TOLD(code_of_a_deleted_workflow_goes),
        TOLD(a_build_under_way_keeps_its_upload_and_every_bundle_it_may_find),
        TOLD(a_layer_goes_with_its_last_bundle),
        TOLD(what_an_interrupted_install_left_goes_after_a_day),
        TOLD(what_a_failed_job_left_goes_at_its_age),
        TOLD(a_file_without_a_row_goes_after_a_day),
        TOLD(a_sweep_that_was_cut_off_is_finished_by_the_next),
        TOLD(log_lines_go_in_parts),
    };
    return cmocka_run_group_tests_name("sweep", promises, NULL, NULL);
}
