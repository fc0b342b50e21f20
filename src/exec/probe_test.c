/* SPDX-License-Identifier: Apache-2.0
 *
 * What a report says of boxes; that Node and Chromium run in them is for the tests of `doctor`.
 */
#include "exec/probe.h"

#include "base/json.h"
#include "base/tree.h"
#include "exec/exec.h"
#include "exec/walls.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    char data_dir[64];
    struct loop *loop;
    struct spawner *spawner;
};

static void start_with(struct world *w, const char *runner_dir)
{
    const struct spawner_options options = { .runner_dir = runner_dir, .data_dir = w->data_dir };
    scoped(err_clear) struct err e = { 0 };

    if (spawner_start(&options, &w->spawner, &e) < 0)
        fail_msg("%s", e.msg);
}

static int setup(void **state)
{
    struct world *w = mem_new(sizeof *w);

    (void)snprintf(w->data_dir, sizeof w->data_dir, "/tmp/probe-test-XXXXXX");
    assert_non_null(mkdtemp(w->data_dir));
    w->loop = loop_new(&clock_real);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    spawner_free(w->spawner);
    loop_free(w->loop);
    assert_int_equal(tree_remove(w->data_dir), 0);
    mem_free(w);
    return 0;
}

struct reading {
    struct loop *loop;
    struct buf text;
};

static void on_report(void *arg, const struct probe *r)
{
    struct reading *reading = arg;
    scoped(json_decref) json_t *value = probe_to_json(r, "strong");

    json_print_into(value, &reading->text);
    loop_stop(reading->loop);
}

static void assert_says(const struct buf *text, const char *words)
{
    if (!strstr(buf_str(text), words))
        fail_msg("%s is not in %s", words, buf_str(text));
}

static void a_machine_that_builds_boxes_is_strong(void **state)
{
    struct world *w = *state;
    const struct probe_options options = { .data_dir = w->data_dir };
    struct reading r = { .loop = w->loop };

    start_with(w, NULL);
    spawner_attach(w->spawner, w->loop);
    scoped(probing_free) struct probing *p =
        probe_start(w->spawner, w->loop, &options, on_report, &r);
    loop_run(w->loop);
    assert_says(&r.text, "{\"sandbox_level\":\"strong\",\"ready\":true,");
    for (size_t i = 0; wall_names[i]; i++) {
        scoped(mem_free) char *wall =
            mem_format("{\"name\":\"%s\",\"state\":\"ok\",\"found\":\"", wall_names[i]);
        assert_says(&r.text, wall);
    }
    assert_says(&r.text, "{\"name\":\"network\",\"state\":\"weak\"");
    assert_says(&r.text, "--job-network cage");
    buf_done(&r.text);
}

static void a_spawner_that_dies_meanwhile_says_nothing_of_the_walls(void **state)
{
    struct world *w = *state;
    const struct probe_options options = { .data_dir = w->data_dir };
    struct reading r = { .loop = w->loop };

    start_with(w, NULL);
    spawner_attach(w->spawner, w->loop);
    assert_int_equal(kill(spawner_pid(w->spawner), SIGKILL), 0);
    scoped(probing_free) struct probing *p =
        probe_start(w->spawner, w->loop, &options, on_report, &r);
    loop_run(w->loop);
    assert_says(&r.text, "{\"sandbox_level\":\"strong\",\"ready\":true,");
    buf_done(&r.text);
}

static void a_runner_that_is_not_there_is_named(void **state)
{
    struct world *w = *state;
    const struct probe_options options = { .data_dir = w->data_dir, .runner_dir = "/no-runner" };
    struct reading r = { .loop = w->loop };

    start_with(w, NULL);
    spawner_attach(w->spawner, w->loop);
    scoped(probing_free) struct probing *p =
        probe_start(w->spawner, w->loop, &options, on_report, &r);
    loop_run(w->loop);
    assert_says(&r.text, "\"ready\":false");
    assert_says(&r.text, "/no-runner/slot.mjs: No such file or directory");
    buf_done(&r.text);
}

static void what_is_required_is_the_least(void **state)
{
    (void)state;
    assert_true(probe_level_is_enough("full", "full"));
    assert_true(probe_level_is_enough("full", "strong"));
    assert_true(probe_level_is_enough("strong", "strong"));
    assert_false(probe_level_is_enough("strong", "full"));
    assert_true(probe_level_is_enough("basic", "basic"));
    assert_true(probe_level_is_enough("strong", "basic"));
    assert_false(probe_level_is_enough("basic", "strong"));
    assert_false(probe_level_is_enough("basic", "full"));
    assert_false(probe_level_is_enough("below", "basic"));
    assert_false(probe_level_is_enough("below", "strong"));
    assert_false(probe_level_is_enough("below", "full"));
}

struct short_form {
    struct loop *loop;
    const char *level;
    char *why;
    json_t *layers;
};

static void on_walls(void *arg, const struct probe *r)
{
    struct short_form *f = arg;

    f->level = probe_level(r);
    f->why = probe_why(r);
    f->layers = probe_layers(r);
    loop_stop(f->loop);
}

static void short_form_done(struct short_form *f)
{
    mem_free(f->why);
    json_decref(f->layers);
}

static void probe_walls(struct world *w, bool caged, const struct confined *server,
                        const struct confined *egress, struct short_form *out)
{
    const struct probe_options options = {
        .data_dir = w->data_dir,
        .caged = caged,
        .own = { [CONFINE_SERVER] = server, [CONFINE_EGRESS] = egress },
    };

    out->loop = w->loop;
    spawner_attach(w->spawner, w->loop);
    scoped(probing_free) struct probing *p =
        probe_start(w->spawner, w->loop, &options, on_walls, out);
    loop_run(w->loop);
}

/* The rest may be missing on this machine as well, so the level alone would not tell. */
static void a_wall_of_our_own_that_is_missing_is_named(void **state)
{
    struct world *w = *state;
    char old[] = "an old kernel";
    const struct confined server = { .why = { old, NULL, NULL } }, egress = { 0 };
    struct short_form f = { 0 };

    start_with(w, NULL);
    probe_walls(w, true, &server, &egress, &f);
    assert_string_equal(f.level, "strong");
    assert_non_null(strstr(f.why, "server-files: an old kernel"));
    assert_true(json_is_false(json_object_get(f.layers, "server-files")));
    assert_true(json_is_true(json_object_get(f.layers, "server-system-calls")));
    assert_true(json_is_true(json_object_get(f.layers, "egress-files")));
    assert_null(json_object_get(f.layers, "spawner-files")); /* nobody has told of it */
    short_form_done(&f);
}

static void the_short_form_names_what_is_short_of_full(void **state)
{
    struct world *w = *state;
    struct short_form f = { 0 };

    start_with(w, NULL);
    probe_walls(w, false, NULL, NULL, &f);
    assert_string_equal(f.level, "strong");
    assert_non_null(strstr(f.why, "jobs and installs use the host's network"));
    assert_true(json_is_false(json_object_get(f.layers, "network")));
    for (size_t i = 0; wall_names[i]; i++)
        assert_true(json_is_true(json_object_get(f.layers, wall_names[i])));
    short_form_done(&f);
}

static void a_box_that_cannot_be_built_is_below_and_says_why(void **state)
{
    struct world *w = *state;
    struct short_form f = { 0 };

    start_with(w, "/no-runner");
    probe_walls(w, true, NULL, NULL, &f);
    assert_string_equal(f.level, "below");
    assert_non_null(strstr(f.why, "namespaces: binds: /no-runner: No such file or directory"));
    short_form_done(&f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    if (exec_wanted(argv[0]))
        return exec_main(argc, argv);
    if (walls_wanted(argc, argv))
        return walls_main(argc, argv);
    const struct CMUnitTest tests[] = {
        TEST(a_machine_that_builds_boxes_is_strong),
        TEST(a_spawner_that_dies_meanwhile_says_nothing_of_the_walls),
        TEST(a_runner_that_is_not_there_is_named),
        cmocka_unit_test(what_is_required_is_the_least),
        TEST(a_wall_of_our_own_that_is_missing_is_named),
        TEST(the_short_form_names_what_is_short_of_full),
        TEST(a_box_that_cannot_be_built_is_below_and_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
