/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/domain_testing.h"

#include "base/bounds.h"
#include "domain/ai_build.h"
#include "domain/repeat.h"
#include "domain/retention.h"
#include "domain/workflow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void keep_owner(void *arg, const struct workflow *found)
{
    snprintf(arg, ID_TEXT_SIZE, "%s", found->deployment_id);
}

static void assert_owner(struct world *w, struct db *db, const char *name, const struct id *owner)
{
    scoped(err_clear) struct err e = { 0 };
    char is[ID_TEXT_SIZE] = "";

    assert_int_equal(workflow_get(db, w->tenant.text, name, keep_owner, is, &e), 0);
    assert_string_equal(is, owner->text);
}

PROMISE(a_small_archive_stands_beside_its_row_until_its_code_goes)
{
    static const struct retention keep = { .log_days = 30, .artifact_days = 90, .code_days = 7 };
    scoped(err_clear) struct err e = { 0 };
    scoped(buf_done) struct buf source = { 0 };
    scoped(buf_done) struct buf again = { 0 };
    msec_t at;

    buf_add(&source, "\x1f\x8b\0x", 4);
    const struct deployment_spec spec = { .tenant = w->tenant.text,
                                          .id = id_new(&w->env),
                                          .entry_point = "index.ts",
                                          .source_key = "deployments/x/source.tar.gz",
                                          .source = &source,
                                          .source_size = 4,
                                          .source_digest = "d" };
    assert_int_equal(deployment_create(db, &spec, &at, &e), 0);
    struct build b = claim(db, 1);
    assert_int_equal(build_source(db, &b, &again, &e), 1);
    assert_int_equal(again.n, 4);
    assert_memory_equal(again.data, source.data, 4);

    assert_int_equal(build_failed(db, &b, "no", &e), 0);
    clock_fake_advance(&w->clock, 6 * RETENTION_DAY_MS);
    assert_int_equal(retention_apply(db, &keep, db_now(db), &e), 0);
    assert_int_equal(build_source(db, &b, &again, &e), 1);
    clock_fake_advance(&w->clock, 2 * RETENTION_DAY_MS);
    assert_int_equal(retention_apply(db, &keep, db_now(db), &e), 1);
    assert_int_equal(build_source(db, &b, &again, &e), 0);
    build_done(&b);
}

PROMISE(as_many_builds_as_wait_are_counted)
{
    scoped(err_clear) struct err e = { 0 };

    (void)deploy(w, db);
    (void)deploy(w, db);
    (void)deploy_of(&w->other, w, db);
    assert_int_equal(deployment_check_queue(db, w->tenant.text, 3, &e), 0);
    assert_int_equal(deployment_check_queue(db, w->tenant.text, 2, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);

    struct build b = claim(db, 1);
    assert_int_equal(build_failed(db, &b, "no", &e), 0);
    assert_int_equal(build_failed(db, &b, "and it does not fail twice", &e), 0);
    build_done(&b);
    assert_int_equal(deployment_check_queue(db, w->tenant.text, 1, &e), -1);
    b = claim(db, 1);
    ready(w, db, &b, "[" WORKFLOW("one") "]");
    assert_int_equal(deployment_check_queue(db, w->tenant.text, 1, &e), 0);
    assert_int_equal(deployment_check_queue(db, w->other.text, 1, &e), -1);
}

/* ---- deployments and names ---- */

PROMISE(the_newest_created_ready_deployment_owns_a_name)
{
    struct id first = deploy(w, db), second = deploy(w, db), third = deploy(w, db);
    struct build one = claim(db, 1), two = claim(db, 1), three = claim(db, 1);
    scoped(err_clear) struct err e = { 0 };

    ready(w, db, &two, "[" WORKFLOW("books") "]");
    assert_owner(w, db, "books", &second);
    /* An older build that ends later takes nothing back but what nobody else has. */
    ready(w, db, &one, "[" WORKFLOW("books") "," WORKFLOW("films") "]");
    assert_owner(w, db, "books", &second);
    assert_owner(w, db, "films", &first);
    /* A newer one that fails takes nothing. */
    assert_int_equal(build_failed(db, &three, "no", &e), 0);
    assert_owner(w, db, "books", &second);
    build_done(&three);
    (void)third;
}

PROMISE(a_build_is_claimed_once_an_epoch_and_three_times_in_all)
{
    scoped(err_clear) struct err e = { 0 };
    struct id id = deploy(w, db);
    struct build b = { 0 };

    for (int64_t epoch = 1; epoch <= BUILD_TRIES; epoch++) {
        b = claim(db, epoch);
        assert_string_equal(b.deployment.text, id.text);
        build_done(&b);
        assert_int_equal(build_claim(db, epoch, "", &b, &e), 0);
    }
    assert_int_equal(build_claim(db, BUILD_TRIES + 1, "", &b, &e), 0);
    assert_int_equal(build_claim(db, BUILD_TRIES + 2, "", &b, &e), 0);
}

static void keep_error(void *arg, const struct deployment *d)
{
    *(char **)arg = mem_text(d->build_error);
}

PROMISE(a_verdict_is_final_and_its_reason_bounded)
{
    scoped(err_clear) struct err e = { 0 };
    struct id id = deploy(w, db);
    struct build b = claim(db, 1);
    scoped(mem_free) char *why = mem_new(3 * LIMIT_BUILD_ERROR);
    scoped(mem_free) char *kept = NULL;

    for (size_t i = 0; i + 3 < 3 * LIMIT_BUILD_ERROR; i += 3) {
        why[i] = '\xe2'; /* never cut inside of a character */
        why[i + 1] = '\x82';
        why[i + 2] = '\xac';
    }
    assert_int_equal(build_failed(db, &b, why, &e), 0);
    assert_int_equal(deployment_get(db, w->tenant.text, id.text, keep_error, &kept, &e), 0);
    assert_true(strlen(kept) <= LIMIT_BUILD_ERROR);
    assert_non_null(strstr(kept, "\xe2\x82\xac\n(shortened"));
    struct bundle bundle = { .id = id_new(&w->env), .workflows = json_array() };
    assert_int_equal(build_ready(db, &b, &bundle, &e), -1);
    bundle_done(&bundle);
    build_done(&b);
}

PROMISE(versions_count_up_within_a_tenant)
{
    static const struct stmt VERSIONS = {
        "test.versions", "SELECT count(DISTINCT version), max(version) FROM deployment"
    };
    scoped(err_clear) struct err e = { 0 };

    for (int i = 0; i < 5; i++)
        (void)deploy(w, db);
    scoped(rows_free) struct rows *r = db_query(db, &VERSIONS);
    assert_int_equal(rows_next(r, &e), 1);
    assert_int_equal(row_int(r, 0), 5);
    assert_int_equal(row_int(r, 1), 5);
}

PROMISE(tenants_take_turns_with_builds)
{
    struct id first = deploy(w, db), second = deploy(w, db), theirs = deploy_of(&w->other, w, db);
    const struct id *const order[] = { &first, &theirs, &second };
    struct id last = { "" };

    for (size_t i = 0; i < n_items(order); i++) {
        scoped(err_clear) struct err e = { 0 };
        struct build b = { 0 };
        assert_int_equal(build_claim(db, 1, last.text, &b, &e), 1);
        assert_string_equal(b.deployment.text, order[i]->text);
        last = b.tenant;
        build_done(&b);
    }
}

/* ---- requests that come again ---- */

PROMISE(a_repeated_request_hears_its_first_answer)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *answer = json_pack("{s:s}", "id", "1");
    scoped(json_decref) json_t *kept = NULL;
    const char *route = "/v1/jobs/create";

    assert_int_equal(repeat_find(db, w->tenant.text, route, "k", "d", &kept, &e), 0);
    assert_int_equal(repeat_keep(db, w->tenant.text, route, "k", "d", answer, &e), 0);
    assert_int_equal(repeat_find(db, w->other.text, route, "k", "d", &kept, &e), 0);
    assert_int_equal(repeat_find(db, w->tenant.text, route, "k", "d", &kept, &e), 1);
    assert_true(json_equal(kept, answer));
    assert_int_equal(repeat_find(db, w->tenant.text, route, "k", "other", &kept, &e), -1);
    assert_int_equal(e.code, ERR_CONFLICT);
}

/* ---- AI builds ---- */

static void count_build(void *arg, const struct ai_build *b)
{
    (void)b;
    ++*(int *)arg;
}

static void count_step(void *arg, int64_t seq, const struct ai_step *s)
{
    assert_int_equal(seq, ++*(int *)arg);
    assert_string_equal(s->what, "Looked at the page");
}

static void expect_recording(struct db *db, const char *build, const char *wanted)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(mem_free) char *network = NULL, *actions = NULL;

    assert_int_equal(ai_build_recording(db, build, &network, &actions, &e), 0);
    assert_null(network);
    if (wanted)
        assert_string_equal(actions, wanted);
    else
        assert_null(actions);
}

static void ai_builds(struct world *w, struct db *db)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *descriptions = json_pack("[s]", "List the lamps");
    scoped(json_decref) json_t *params = json_object();
    const struct ai_build_spec spec = { .tenant = w->tenant.text,
                                        .descriptions = descriptions,
                                        .initial_url = "http://127.0.0.1/",
                                        .params = params,
                                        .action_log = "[{}]",
                                        .entry_point = "index.ts" };
    const struct ai_step step = { .kind = "snapshot", .what = "Looked at the page", .ok = -1 };
    const struct ai_usage usage = { .steps = 1 };
    struct id first, second;
    struct ai_task task = { 0 };
    char status[24];
    int n = 0;

    assert_int_equal(ai_build_create(db, &spec, &first, &e), 0);
    assert_int_equal(ai_build_create(db, &spec, &second, &e), 0);

    /* one that waits is cancelled at once; another tenant's is unknown */
    assert_int_equal(ai_build_cancel(db, w->other.text, second.text, status, &e), -1);
    expect_recording(db, second.text, "[{}]");
    assert_int_equal(ai_build_cancel(db, w->tenant.text, second.text, status, &e), 1);
    expect_recording(db, second.text, NULL);
    assert_int_equal(ai_build_cancel(db, w->tenant.text, second.text, status, &e), 0);
    assert_string_equal(status, "failed");

    /* claimed once an epoch; a step's state is what the next epoch goes on from */
    assert_int_equal(ai_build_claim(db, 1, "", &task, &e), 1);
    assert_string_equal(task.id.text, first.text);
    assert_null(task.state);
    ai_task_done(&task);
    assert_int_equal(ai_build_claim(db, 1, "", &task, &e), 0);
    assert_int_equal(ai_build_step(db, first.text, &step, "{\"n\":1}", &usage, &e), 1);
    assert_int_equal(ai_build_step(db, first.text, &step, NULL, &usage, &e), 1);
    assert_int_equal(ai_step_each(db, first.text, count_step, &n, &e), 0);
    assert_int_equal(n, 2);
    assert_int_equal(ai_build_claim(db, 2, "", &task, &e), 1);
    assert_int_equal(json_int(task.state, "n", 0), 1);
    assert_int_equal(task.usage.steps, 1);
    ai_task_done(&task);

    /* three times without a step is enough */
    assert_int_equal(ai_build_claim(db, 3, "", &task, &e), 1);
    ai_task_done(&task);
    expect_recording(db, first.text, "[{}]");
    assert_int_equal(ai_build_claim(db, 4, "", &task, &e), 0);
    expect_recording(db, first.text, NULL);
    assert_int_equal(ai_build_step(db, first.text, &step, NULL, &usage, &e), 0);

    /* failed ones stay listed for a while */
    n = 0;
    assert_int_equal(ai_build_each(db, w->tenant.text, 0, count_build, &n, &e), 0);
    assert_int_equal(n, 2);
    n = 0;
    assert_int_equal(ai_build_each(db, w->tenant.text, db_now(db) + 1, count_build, &n, &e), 0);
    assert_int_equal(n, 0);
}

static void an_ai_build_goes_on_where_it_stopped(void **state)
{
    act(*state, ai_builds);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        TOLD(a_small_archive_stands_beside_its_row_until_its_code_goes),
        TOLD(as_many_builds_as_wait_are_counted),
        TOLD(the_newest_created_ready_deployment_owns_a_name),
        TOLD(a_build_is_claimed_once_an_epoch_and_three_times_in_all),
        TOLD(a_verdict_is_final_and_its_reason_bounded),
        TOLD(versions_count_up_within_a_tenant),
        TOLD(tenants_take_turns_with_builds),
        TOLD(a_repeated_request_hears_its_first_answer),
        TOLD(an_ai_build_goes_on_where_it_stopped),
    };
    return cmocka_run_group_tests_name("deployment", promises, NULL, NULL);
}
