/* SPDX-License-Identifier: Apache-2.0
 *
 * The builder with boxes that do as they are told. Time stands still until a test moves it.
 */
#include "base/tree.h"
#include "domain/deployment.h"
#include "domain/key.h"
#include "engine/box_fake.h"
#include "engine/engine_private.h"
#include "store/full_fake.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER  "f123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SOURCE "deployments/one/source.tar.gz"

/* A server with one tenant and one deployment that waits; nobody has woken its builder. */
struct yard {
    char dir[32];
    struct clock_fake clock;
    struct env env;
    struct settings settings;
    struct engine engine;
    struct id tenant, deployment;
    char status[24];
    int64_t tries;
};

static int settle_in(struct db *db, void *arg, struct err *e)
{
    struct yard *y = arg;
    struct key key;
    struct key_owner owner;

    assert_int_equal(key_create(db, "acme", "test", &key, e), 0);
    assert_int_equal(key_check(db, key.text, &owner, e), 0);
    y->tenant = owner.tenant;
    return 0;
}

/* Its row fills its page: that it has failed needs another page. */
static int add_deployment(struct db *db, void *arg, struct err *e)
{
    struct yard *y = arg;
    msec_t at;
    char words[3801];

    memset(words, 'x', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    y->deployment = id_new(db_env(db));
    const struct deployment_spec spec = { .tenant = y->tenant.text,
                                          .id = y->deployment,
                                          .description = words,
                                          .entry_point = "index.ts",
                                          .source_key = SOURCE,
                                          .source_digest = "d" };
    return deployment_create(db, &spec, &at, e);
}

static int spend_tries(struct db *db, void *arg, struct err *e)
{
    static const struct stmt LAST = { "test.last_try", "UPDATE deployment SET build_tries = 2" };

    (void)arg;
    return db_run(db, e, &LAST) == 1 ? 0 : -1;
}

static void note_deployment(void *arg, const struct deployment *d)
{
    struct yard *y = arg;

    (void)snprintf(y->status, sizeof y->status, "%s", d->status);
}

static int look(struct db *db, void *arg, struct err *e)
{
    static const struct stmt TRIES = { "test.tries",
                                       "SELECT build_tries FROM deployment WHERE id = $1" };
    struct yard *y = arg;
    scoped(rows_free) struct rows *r = db_query(db, &TRIES, P_TEXT(y->deployment.text));

    assert_int_equal(rows_next(r, e), 1);
    y->tries = row_int(r, 0);
    return deployment_get(db, y->tenant.text, y->deployment.text, note_deployment, y, e);
}

static void assert_build_is(struct yard *y, const char *status)
{
    scoped(err_clear) struct err e = { 0 };

    assert_int_equal(store_read(y->engine.store, look, y, &e), 0);
    assert_string_equal(y->status, status);
}

static void assert_tries(struct yard *y, int n)
{
    assert_build_is(y, "building");
    assert_int_equal(y->tries, n);
}

static int refuse_updates(struct db *db, void *arg, struct err *e)
{
    static const struct stmt REFUSE = { "test.refuse",
                                        "CREATE TEMP TRIGGER refuse BEFORE UPDATE ON deployment"
                                        " BEGIN SELECT raise(ABORT, 'refused'); END" };
    static const struct stmt ALLOW = { "test.allow", "DROP TRIGGER refuse" };

    return db_run(db, e, *(bool *)arg ? &REFUSE : &ALLOW) < 0 ? -1 : 0;
}

static void write_with(struct yard *y, store_fn fn, void *arg)
{
    scoped(err_clear) struct err e = { 0 };

    assert_int_equal(store_write(y->engine.store, fn, arg, &e), 0);
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void pass(struct yard *y, msec_t time)
{
    y->clock.steady += time;
    for (int i = 0; i < 4; i++) { /* what one round asks for, the next does */
        loop_timer(y->engine.loop, 0, stop, y->engine.loop);
        loop_run(y->engine.loop);
    }
}

/* As the engine does when a row has changed. */
static void wake(struct yard *y)
{
    builder_wake(y->engine.builder);
    pass(y, 0);
}

static void keep_source(struct yard *y)
{
    scoped(err_clear) struct err e = { 0 };
    struct blob *blob;

    assert_int_equal(blob_new(y->engine.with.blobs, &blob, &e), 0);
    assert_int_equal(blob_keep(blob, SOURCE, &e), 0);
}

static int setup(void **state)
{
    scoped(err_clear) struct err e = { 0 };
    struct yard *y = mem_new(sizeof *y);

    strcpy(y->dir, "/tmp/builder-test-XXXXXX");
    clock_fake_init(&y->clock, 1700000000000);
    y->env = (struct env){ &y->clock.clock, &rng_real, &disk_real };
    assert_non_null(mkdtemp(y->dir));
    y->settings = (struct settings){ .data = y->dir,
                                     .build_workers = 1,
                                     .build_seconds = 600,
                                     .discover_seconds = 60,
                                     .build_memory_mib = 64,
                                     .discover_memory_mib = 64,
                                     .install_memory_mib = 64,
                                     .unpacked_mib = 8,
                                     .entries = 8 };
    y->engine.with = (struct engine_options){ .settings = &y->settings };
    assert_int_equal(store_open(&y->env, y->dir, &y->engine.with.store, &e), 0);
    assert_int_equal(blobs_open(&y->env, y->dir, &y->engine.with.blobs, &e), 0);
    y->engine.settings = &y->settings;
    y->engine.store = y->engine.with.store;
    y->engine.loop = loop_new(&y->clock.clock);
    y->engine.epoch = 1;
    y->engine.walls.level = "strong";
    assert_int_equal(pthread_mutex_init(&y->engine.lock, NULL), 0);
    write_with(y, settle_in, y);
    write_with(y, add_deployment, y);
    y->engine.builder = builder_new(&y->engine);
    *state = y;
    return 0;
}

static int teardown(void **state)
{
    struct yard *y = *state;

    builder_free(y->engine.builder);
    assert_null(boxes_fake);
    loop_free(y->engine.loop);
    blobs_close(y->engine.with.blobs);
    store_close(y->engine.store);
    assert_int_equal(pthread_mutex_destroy(&y->engine.lock), 0);
    assert_int_equal(tree_remove(y->dir), 0);
    mem_free(y);
    return 0;
}

/* ---- when the store or the server cannot ---- */

static void a_build_goes_on_when_the_store_does(void **state)
{
    struct yard *y = *state;
    bool refused = true;

    write_with(y, spend_tries, NULL);
    write_with(y, refuse_updates, &refused);
    builder_wake(y->engine.builder);
    refused = false;
    write_with(y, refuse_updates, &refused);
    store_fake_full(y->engine.store, true);
    for (int i = 0; i < 3; i++) { /* it claims again by itself; there is no source */
        pass(y, 60 * 1000);
        assert_build_is(y, "building");
        assert_int_equal(y->engine.state.building, 1);
    }
    store_fake_full(y->engine.store, false);
    pass(y, 60 * 1000);
    assert_build_is(y, "failed");
    assert_int_equal(y->engine.state.building, 0);
}

/* There is no source, which is the server's fault. */
static void a_build_is_tried_again_after_a_second_and_after_four(void **state)
{
    struct yard *y = *state;

    wake(y);
    assert_tries(y, 1);
    pass(y, 999);
    wake(y);
    assert_tries(y, 1);
    pass(y, 1);
    wake(y);
    assert_tries(y, 2);
    pass(y, 3999);
    wake(y);
    assert_tries(y, 2);
    pass(y, 1);
    wake(y);
    assert_build_is(y, "failed");
    assert_int_equal(y->tries, 3);
}

static void without_workers_a_build_waits(void **state)
{
    struct yard *y = *state;

    y->settings.build_workers = 0;
    wake(y);
    assert_tries(y, 0);
    assert_int_equal(y->engine.state.building, 0);
}

static void before_the_walls_are_known_a_build_waits(void **state)
{
    struct yard *y = *state;

    y->engine.walls.level = NULL;
    builder_wake(y->engine.builder);
    assert_int_equal(y->engine.state.building, 0);
    y->engine.walls.level = "strong";
    builder_wake(y->engine.builder);
    assert_int_equal(y->engine.state.building, 1);
}

/* ---- the same content ---- */

#define PREPARED                                                              \
    "{\"t\":\"prepared\",\"content_key\":\"" KEY "\",\"entry\":\"index.js\"," \
    "\"kind\":\"plain\"}"

static void build_one(struct yard *y)
{
    keep_source(y);
    wake(y);
    box_fake_says(box_fake_at_work(), "{\"t\":\"key\",\"content_key\":\"" KEY "\"}");
    pass(y, 0);
    box_fake_says(box_fake_at_work(), PREPARED);
    box_fake_exits(box_fake_at_work());
    pass(y, 0);
    box_fake_says(box_fake_at_work(), "{\"t\":\"discovered\",\"workflows\":[{\"name\":\"w\"}]}");
    box_fake_exits(box_fake_at_work());
    pass(y, 0);
    assert_build_is(y, "ready");
    write_with(y, add_deployment, y);
    wake(y);
    assert_tries(y, 1);
}

static void whose_content_is_known_is_ready_when_its_key_is(void **state)
{
    struct yard *y = *state;

    build_one(y);
    box_fake_says(box_fake_at_work(), "{\"t\":\"key\",\"content_key\":\"" KEY "\"}");
    pass(y, 0);
    assert_build_is(y, "ready");
}

static void whose_box_is_quicker_than_the_look_for_its_key_is_ready_too(void **state)
{
    struct yard *y = *state;

    build_one(y);
    box_fake_says(box_fake_at_work(), "{\"t\":\"key\",\"content_key\":\"" KEY "\"}");
    box_fake_says(box_fake_at_work(), PREPARED);
    box_fake_exits(box_fake_at_work());
    pass(y, 0);
    assert_build_is(y, "ready");
}

static void whose_content_is_not_known_is_built(void **state)
{
    struct yard *y = *state;

    build_one(y);
    box_fake_says(box_fake_at_work(), "{\"t\":\"key\",\"content_key\":\"" OTHER "\"}");
    pass(y, 0);
    assert_build_is(y, "building");
    box_fake_exits(box_fake_at_work());
    pass(y, 0);
    assert_build_is(y, "failed"); /* it said nothing */
}

/* ---- what was installed ---- */

#define WITH_A                                                                \
    "{\"t\":\"prepared\",\"content_key\":\"" KEY "\",\"entry\":\"index.js\"," \
    "\"kind\":\"plain\",\"dependencies\":{\"a\":\"1.0.0\"}}"

static char *path_of(const struct yard *y, const char *folder, const char *name)
{
    return mem_format("%s/%s/%s", y->dir, folder, name);
}

static void make_folder(const struct yard *y, const char *name)
{
    scoped(mem_free) char *path = path_of(y, name, "");

    assert_int_equal(mkdir(path, 0755), 0);
}

/* Until its box has ended. */
static void install(struct yard *y)
{
    scoped(mem_free) char *staging = path_of(y, "staging", y->deployment.text);
    scoped(mem_free) char *package = mem_format("%s/a", staging);

    y->settings.runner = y->dir;
    make_folder(y, "layers");
    make_folder(y, "staging");
    keep_source(y);
    wake(y);
    box_fake_says(box_fake_at_work(), WITH_A);
    box_fake_exits(box_fake_at_work());
    pass(y, 0);
    assert_int_equal(mkdir(package, 0755), 0);
    box_fake_says(box_fake_at_work(), "{\"t\":\"installed\",\"packages\":1,\"bytes\":1}");
    box_fake_exits(box_fake_at_work());
}

static int count_names(const struct yard *y, const char *folder)
{
    scoped(mem_free) char *path = path_of(y, folder, "");
    DIR *dir = opendir(path);
    int n = 0;

    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

static void what_was_installed_is_kept_before_it_is_imported(void **state)
{
    struct yard *y = *state;

    install(y);
    assert_null(boxes_fake);
    assert_int_equal(count_names(y, "layers"), 0);
    while (!boxes_fake) /* it is synced on another thread */
        pass(y, 0);
    assert_int_equal(count_names(y, "layers"), 1);
    assert_int_equal(count_names(y, "staging"), 0);
    box_fake_says(box_fake_at_work(), "{\"t\":\"discovered\",\"workflows\":[{\"name\":\"w\"}]}");
    box_fake_exits(box_fake_at_work());
    pass(y, 0);
    assert_build_is(y, "ready");
}

static void who_ends_while_a_layer_is_synced_leaves_it(void **state)
{
    struct yard *y = *state;

    install(y);
    builder_free(take(y->engine.builder));
    assert_int_equal(count_names(y, "layers"), 0);
    assert_build_is(y, "building");
}

static void what_cannot_be_kept_is_no_layer(void **state)
{
    struct yard *y = *state;
    scoped(mem_free) char *layers = path_of(y, "layers", "");

    install(y);
    assert_int_equal(rmdir(layers), 0);
    while (!boxes_fake) /* another thread comes back, and a second later it is tried again */
        pass(y, 1000);
    assert_tries(y, 2);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_build_goes_on_when_the_store_does),
        TEST(a_build_is_tried_again_after_a_second_and_after_four),
        TEST(without_workers_a_build_waits),
        TEST(before_the_walls_are_known_a_build_waits),
        TEST(whose_content_is_known_is_ready_when_its_key_is),
        TEST(whose_box_is_quicker_than_the_look_for_its_key_is_ready_too),
        TEST(whose_content_is_not_known_is_built),
        TEST(what_was_installed_is_kept_before_it_is_imported),
        TEST(who_ends_while_a_layer_is_synced_leaves_it),
        TEST(what_cannot_be_kept_is_no_layer),
    };

    (void)signal(SIGPIPE,
                 SIG_IGN); /* as the server does: what is fed to these boxes is read by nobody */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
