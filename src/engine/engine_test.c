/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the engine that read what comes out of a box. The engine as a whole is tested with
 * real boxes, in test/api.
 */
#include "engine/box.h"
#include "engine/engine_private.h"
#include "engine/feed.h"
#include "engine/found.h"
#include "engine/lines.h"
#include "engine/outcomes.h"
#include "engine/splitter.h"

#include "base/tree.h"
#include "domain/deployment.h"
#include "domain/key.h"
#include "store/full_fake.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- lines ---- */

struct heard {
    struct loop *loop;
    struct lines *lines;
    char text[4096];
    size_t n;
    int ends;
    bool free_at_first;
    void (*line)(void *arg, char *text, size_t n, bool cut); /* NULL: on_line() */
    int behind;                                              /* so many times it cannot follow */
};

static void on_line(void *arg, char *text, size_t n, bool cut)
{
    struct heard *h = arg;

    h->n += (size_t)snprintf(h->text + h->n, sizeof h->text - h->n, "%.*s%s", (int)n, text,
                             cut ? "+" : "|");
    if (h->free_at_first) {
        lines_free(take(h->lines));
        loop_stop(h->loop);
    }
}

static void on_end(void *arg)
{
    struct heard *h = arg;

    h->ends++;
    loop_stop(h->loop);
}

static bool on_behind(void *arg)
{
    struct heard *h = arg;

    if (h->behind == 0)
        return false;
    assert_int_equal(h->n, 0);
    h->behind--;
    return true;
}

/* What `text`, written in pieces of `piece` bytes, is heard as. */
static void hear(struct heard *h, const char *text, size_t size, size_t piece, size_t longest)
{
    int ends[2];

    h->loop = loop_new(&clock_real);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    h->lines = lines_new(h->loop, ends[0], longest,
                         &(struct lines_user){ h->line ? h->line : on_line, on_end, h, on_behind });
    for (size_t at = 0; at < size; at += piece) {
        size_t n = size - at < piece ? size - at : piece;
        assert_int_equal(write(ends[1], text + at, n), (ssize_t)n);
    }
    close(ends[1]);
    loop_run(h->loop);
    lines_free(h->lines);
    loop_free(h->loop);
}

static void lines_are_the_same_however_they_arrive(void **state)
{
    static const char text[] = "one\n\ntwo\nlast without end";

    (void)state;
    for (size_t piece = 1; piece < sizeof text; piece++) {
        struct heard h = { 0 };
        hear(&h, text, sizeof text - 1, piece, 100);
        assert_string_equal(h.text, "one||two|last without end|");
        assert_int_equal(h.ends, 1);
    }
}

static void a_line_over_its_bound_comes_in_parts(void **state)
{
    struct heard h = { 0 };

    (void)state;
    hear(&h, "abcdefghij\nk\n", 13, 13, 4);
    assert_string_equal(h.text, "abcd+efgh+ij|k|");
}

/* A warm slot waits for hours between two lines, and its room may have come from the reserve. */
static void who_has_given_all_lines_holds_no_memory(void **state)
{
    scoped(splitter_done) struct splitter s = { .longest = 100 };
    size_t n;
    bool cut;

    (void)state;
    for (int i = 0; i < 3; i++) {
        memcpy(splitter_room(&s, 10000), "one\ntwo\nthr", 11);
        splitter_grew(&s, 11);
        for (int line = 0; line < 2; line++) {
            scoped(mem_free) char *text = splitter_next(&s, &n, &cut);
            assert_string_equal(text, line == 0 ? "one" : "two");
        }
        assert_null(splitter_next(&s, &n, &cut));
        assert_non_null(s.held.data);
        memcpy(splitter_room(&s, 10000), "ee\n", 3);
        splitter_grew(&s, 3);
        scoped(mem_free) char *third = splitter_next(&s, &n, &cut);
        assert_string_equal(third, "three");
        assert_null(splitter_next(&s, &n, &cut));
        assert_null(s.held.data);
    }
}

static void whoever_hears_a_line_may_stop_listening(void **state)
{
    struct heard h = { .free_at_first = true };

    (void)state;
    hear(&h, "one\ntwo\n", 8, 8, 100);
    assert_null(h.lines);
}

static void to_whom_is_behind_nothing_is_read(void **state)
{
    struct heard h = { .behind = 3 };

    (void)state;
    hear(&h, "one\ntwo\n", 8, 8, 100);
    assert_int_equal(h.behind, 0);
    assert_string_equal(h.text, "one|two|");
    assert_int_equal(h.ends, 1);
}

static void count_line(void *arg, char *text, size_t n, bool cut)
{
    struct heard *h = arg;

    text_make_valid(text, n); /* as every reader does */
    h->n += !cut;
}

/* Processor time that it takes to hear so many empty lines, which are read at once. */
static clock_t time_of(size_t lines, size_t times)
{
    scoped(mem_free) char *text = mem_new(lines);
    clock_t begin = clock();

    memset(text, '\n', lines);
    for (size_t i = 0; i < times; i++) {
        struct heard h = { .line = count_line };
        hear(&h, text, lines, lines, 1024 * 1024); /* as frames, which are read in large pieces */
        assert_int_equal(h.n, lines);
    }
    return clock() - begin;
}

static void many_lines_at_once_cost_as_much_as_one_by_one(void **state)
{
    enum { MANY = 64 * 1024, FEW = 1024 };

    (void)state;
    assert_in_range(time_of(MANY, 1), 0, 4 * time_of(FEW, MANY / FEW));
}

static void what_is_no_text_becomes_text(void **state)
{
    static const struct {
        const char *raw, *text;
    } cases[] = {
        { "plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80",
          "plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80" },
        { "\xff\xfe", "??" },
        { "\xc0\x80", "??" },           /* a NUL, written too long */
        { "\xed\xa0\x80", "???" },      /* a surrogate */
        { "\xf4\x90\x80\x80", "????" }, /* beyond the last character */
        { "cut \xe2\x82", "cut ??" },
    };

    (void)state;
    for (size_t i = 0; i < n_items(cases); i++) {
        scoped(mem_free) char *text = mem_text(cases[i].raw);
        text_make_valid(text, strlen(text));
        assert_string_equal(text, cases[i].text);
    }
    char nul[] = { 'a', '\0', 'b', '\0' };
    text_make_valid(nul, 3);
    assert_string_equal(nul, "a?b");
}

/* ---- feeds ---- */

static void drain(void *arg, uint32_t events)
{
    struct heard *h = arg;
    char part[8192];
    ssize_t n = read(h->ends, part, sizeof part);

    (void)events;
    if (n <= 0)
        loop_stop(h->loop);
    else
        h->n += (size_t)n;
}

static void a_feed_gives_all_and_ends(void **state)
{
    enum { SIZE = 1000000 }; /* far more than a pipe holds */
    scoped(err_clear) struct err e = { 0 };
    struct heard h = { 0 };
    struct feed *feed = NULL;

    (void)state;
    h.loop = loop_new(&clock_real);
    assert_int_equal(feed_new(h.loop, &feed, &h.ends, &e), 0);
    feed_text(feed, mem_new(SIZE), SIZE);
    struct watch *w = loop_watch(h.loop, h.ends, 1 /* EPOLLIN */, drain, &h);
    loop_run(h.loop);
    assert_int_equal(h.n, SIZE);
    watch_free(w);
    feed_free(feed);
    close(h.ends);
    loop_free(h.loop);
}

/* ---- boxes ---- */

static const struct plan_limits small = { .memory_mib = 64, .pids = 8, .work_mib = 8 };

/* With `more` descriptors beyond those that are open. */
static int start_box_with(struct loop *loop, int more, struct err *e)
{
    struct rlimit before, few;
    struct box *box = NULL;
    int next = dup(STDIN_FILENO);
    const struct box_spec spec = { .loop = loop, .plan = plan_new("test", &small), .out_file = -1 };

    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){ (rlim_t)(next + more), before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int r = box_start(&spec, &(struct box_user){ 0 }, &box, e);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(dup(STDIN_FILENO), next); /* nothing was left open */
    close(next);
    return r;
}

static void without_descriptors_no_box_is_started(void **state)
{
    enum { NEEDED = 7 }; /* two pipes, a pair of sockets, and one of these again */
    struct loop *loop = loop_new(&clock_real);

    (void)state;
    for (int more = 0; more < NEEDED; more++) {
        scoped(err_clear) struct err e = { 0 };
        assert_int_equal(start_box_with(loop, more, &e), -1);
        assert_int_equal(e.code, ERR_IO);
    }
    loop_free(loop);
}

/* ---- outcomes ---- */

struct kept {
    struct store *store;
    struct job_run run;
    char status[24];
    size_t n_result;
};

static int make_job(struct db *db, void *arg, struct err *e)
{
    struct kept *k = arg;
    struct key key;
    struct key_owner owner;
    struct bundle bundle = { .id = id_new(db_env(db)),
                             .blob_key = mem_text("b"),
                             .kind = mem_text("module"),
                             .entry = mem_text("index.js"),
                             .workflows = json_pack("[{s:s}]", "name", "w") };
    bool existing;
    msec_t at;
    scoped(json_decref) json_t *none = json_object();

    assert_int_equal(key_create(db, "acme", "test", &key, e), 0);
    assert_int_equal(key_check(db, key.text, &owner, e), 0);
    k->run.tenant = owner.tenant;
    const struct deployment_spec deployment = { .tenant = owner.tenant.text,
                                                .id = id_new(db_env(db)),
                                                .entry_point = "index.ts",
                                                .source_key = "s",
                                                .source_digest = "d" };
    struct build build = { .deployment = deployment.id, .tenant = owner.tenant };
    assert_int_equal(deployment_create(db, &deployment, &at, e), 0);
    assert_int_equal(bundle_add(db, owner.tenant.text, "content", &bundle, e), 0);
    assert_int_equal(build_ready(db, &build, &bundle, e), 0);
    bundle_done(&bundle);
    const struct job_spec job = { .tenant = owner.tenant.text,
                                  .workflow = "w",
                                  .params = none,
                                  .launch = none,
                                  .options = none,
                                  .request_digest = "",
                                  .timeout_ms = 1000,
                                  .queue_limit = 10 };
    assert_int_equal(job_create(db, &job, &k->run.id, &existing, e), 0);
    assert_int_equal(job_begin(db, k->run.id.text, 1, JOB_WARM, e), 1);
    return 0;
}

static void note_job(void *arg, const struct job *j)
{
    struct kept *k = arg;

    (void)snprintf(k->status, sizeof k->status, "%s", j->status);
    k->n_result = j->result ? strlen(j->result) : 0;
}

static int look_at_job(struct db *db, void *arg, struct err *e)
{
    struct kept *k = arg;

    return job_get(db, k->run.tenant.text, k->run.id.text, note_job, k, e);
}

static void assert_status(struct kept *k, const char *status)
{
    scoped(err_clear) struct err e = { 0 };

    assert_int_equal(store_read(k->store, look_at_job, k, &e), 0);
    assert_string_equal(k->status, status);
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void an_outcome_waits_for_room_on_the_disk(void **state)
{
    enum { LARGE = 1000000 };
    char dir[] = "/tmp/impresario-engine-XXXXXX";
    scoped(err_clear) struct err e = { 0 };
    scoped(mem_free) char *result = mem_new(LARGE + 1);
    struct clock_fake clock;
    struct kept k = { .run.workflow = mem_text("w") };
    struct timings timings = { 0 };

    (void)state;
    clock_fake_init(&clock, 1700000000000);
    assert_non_null(mkdtemp(dir));
    assert_int_equal(store_open(&env_real, dir, &k.store, &e), 0);
    assert_int_equal(store_write(k.store, make_job, &k, &e), 0);
    struct loop *loop = loop_new(&clock.clock);
    struct outcomes *outcomes = outcomes_new(k.store, loop, &timings);
    memset(result, '1', LARGE);
    store_fake_full(k.store, true);
    outcomes_keep(outcomes, &k.run,
                  &(struct job_outcome){ .status = JOB_COMPLETED, .result = result });
    memset(result, '2', LARGE); /* it has its own */
    assert_status(&k, "running");

    for (int tries = 0; tries < 3; tries++) {
        store_fake_full(k.store, tries < 2);
        assert_status(&k, "running");
        clock.steady += 60 * 1000;
        loop_timer(loop, 0, stop, loop);
        loop_run(loop);
    }
    assert_status(&k, "completed");
    assert_int_equal(k.n_result, LARGE);

    outcomes_keep(outcomes, &k.run, &(struct job_outcome){ .status = JOB_FAILED, .error = "late" });
    outcomes_free(outcomes); /* writes it */
    assert_int_equal(timings.n[JOB_SETTLE], 2);
    assert_status(&k, "completed");
    loop_free(loop);
    store_close(k.store);
    job_run_done(&k.run);
    assert_int_equal(tree_remove(dir), 0);
}

/* ---- what discovery found ---- */

static int found(const char *text, json_t **out, struct err *e)
{
    scoped(json_decref) json_t *frame = json_loads(text, 0, NULL);

    assert_non_null(frame);
    return found_workflows(frame, out, e);
}

static void what_discovery_found_is_put_together_anew(void **state)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *all = NULL;

    (void)state;
    assert_int_equal(
        found("{\"workflows\":[{\"name\":\"a\",\"input_schema\":7,\"credential_names\":[1,\"x\"],"
              "\"auth_profile\":\"../..\",\"viewport\":{\"width\":10,\"height\":20,\"z\":1},"
              "\"surprise\":true}]}",
              &all, &e),
        0);
    const json_t *one = json_array_get(all, 0);
    assert_true(json_is_null(json_object_get(one, "input_schema")));
    assert_true(json_is_null(json_object_get(one, "auth_profile")));
    assert_null(json_object_get(one, "surprise"));
    assert_int_equal(json_array_size(json_object_get(one, "credential_names")), 1);
    assert_int_equal(json_object_size(json_object_get(one, "viewport")), 2);
}

static void what_discovery_found_wrong_is_named(void **state)
{
    static const struct {
        const char *frame, *says;
    } cases[] = {
        { "{}", "No workflows" },
        { "{\"workflows\":[]}", "No workflows" },
        { "{\"workflows\":[{}]}", "illegal name" },
        { "{\"workflows\":[{\"name\":\"  \"}]}", "illegal name" },
        { "{\"workflows\":[{\"name\":\"a\\nb\"}]}", "illegal name" },
        { "{\"workflows\":[{\"name\":\"a\"},{\"name\":\"a\"}]}", "Duplicate workflow name: \"a\"" },
        { "{\"workflows\":[{\"name\":\"a\",\"viewport\":{\"width\":0,\"height\":1}}]}",
          "illegal viewport" },
    };

    (void)state;
    for (size_t i = 0; i < n_items(cases); i++) {
        scoped(err_clear) struct err e = { 0 };
        json_t *all = NULL;
        assert_int_equal(found(cases[i].frame, &all, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        assert_non_null(strstr(e.msg, cases[i].says));
        assert_null(all);
    }
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(lines_are_the_same_however_they_arrive),
        cmocka_unit_test(a_line_over_its_bound_comes_in_parts),
        cmocka_unit_test(who_has_given_all_lines_holds_no_memory),
        cmocka_unit_test(whoever_hears_a_line_may_stop_listening),
        cmocka_unit_test(to_whom_is_behind_nothing_is_read),
        cmocka_unit_test(many_lines_at_once_cost_as_much_as_one_by_one),
        cmocka_unit_test(what_is_no_text_becomes_text),
        cmocka_unit_test(a_feed_gives_all_and_ends),
        cmocka_unit_test(without_descriptors_no_box_is_started),
        cmocka_unit_test(an_outcome_waits_for_room_on_the_disk),
        cmocka_unit_test(what_discovery_found_is_put_together_anew),
        cmocka_unit_test(what_discovery_found_wrong_is_named),
    };
    (void)close_range(STDERR_FILENO + 1, ~0U, 0); /* numbers of descriptors are counted here */
    return cmocka_run_group_tests_name("engine", promises, NULL, NULL);
}
