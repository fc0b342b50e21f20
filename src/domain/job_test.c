/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/domain_testing.h"

#include "base/bounds.h"
#include "domain/log_line.h"
#include "domain/workflow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void keep_status(void *arg, const struct job *j)
{
    snprintf(arg, 24, "%s", j->status);
}

static void assert_status(struct world *w, struct db *db, const struct id *id, const char *status)
{
    scoped(err_clear) struct err e = { 0 };
    char is[24] = "";

    assert_int_equal(job_get(db, w->tenant.text, id->text, keep_status, is, &e), 0);
    assert_string_equal(is, status);
}

/* ---- jobs ---- */

PROMISE(a_job_runs_at_most_once_and_its_first_outcome_stays)
{
    scoped(err_clear) struct err e = { 0 };
    const struct job_outcome done = { .status = JOB_COMPLETED, .result = "null" };
    const struct job_outcome lost = { .status = JOB_FAILED, .error = "late" };

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    struct id id = queued_job(w, db);
    assert_int_equal(job_finish(db, id.text, &done, &e), 0); /* it has not begun */
    assert_int_equal(job_begin(db, id.text, 1, JOB_COLD, &e), 1);
    assert_status(w, db, &id, "starting_browser");
    assert_int_equal(job_begin(db, id.text, 1, JOB_WARM, &e), 1);
    assert_int_equal(job_begin(db, id.text, 1, JOB_WARM, &e), 0);
    assert_status(w, db, &id, "running");
    assert_int_equal(job_finish(db, id.text, &done, &e), 1);
    assert_int_equal(job_finish(db, id.text, &lost, &e), 0);
    assert_status(w, db, &id, "completed");
}

static int64_t queued_of(struct world *w, struct db *db)
{
    static const struct stmt QUEUED = { "test.queued", "SELECT queued FROM tenant WHERE id = $1" };
    scoped(err_clear) struct err e = { 0 };
    scoped(rows_free) struct rows *r = db_query(db, &QUEUED, P_TEXT(w->tenant.text));

    assert_int_equal(rows_next(r, &e), 1);
    return row_int(r, 0);
}

PROMISE(a_job_that_could_not_begin_waits_again_unless_its_end_was_asked_for)
{
    scoped(err_clear) struct err e = { 0 };
    const struct job_outcome ours = { .status = JOB_FAILED, .error = "no browser", .ours = true };
    char status[24];

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    struct id id = queued_job(w, db);
    for (int i = 1; i < LIMIT_JOB_STARTS; i++) {
        assert_int_equal(job_begin(db, id.text, 1, JOB_COLD, &e), 1);
        assert_int_equal(queued_of(w, db), 0);
        assert_int_equal(job_finish(db, id.text, &ours, &e), JOB_AGAIN);
        assert_status(w, db, &id, "queued");
        assert_int_equal(queued_of(w, db), 1);
    }
    assert_int_equal(job_begin(db, id.text, 1, JOB_COLD, &e), 1);
    assert_int_equal(job_finish(db, id.text, &ours, &e), JOB_SETTLED);
    assert_status(w, db, &id, "failed");

    id = queued_job(w, db);
    assert_int_equal(job_begin(db, id.text, 1, JOB_COLD, &e), 1);
    assert_true(job_cancel(db, w->tenant.text, id.text, status, &e) >= 0);
    assert_int_equal(job_finish(db, id.text, &ours, &e), JOB_SETTLED);

    id = queued_job(w, db);
    assert_int_equal(job_begin(db, id.text, 1, JOB_WARM, &e), 1);
    assert_int_equal(job_finish(db, id.text, &ours, &e), JOB_SETTLED); /* it ran */
}

PROMISE(a_restart_puts_every_job_right)
{
    scoped(err_clear) struct err e = { 0 };
    struct id id[5];
    char status[24];
    int64_t lost, requeued;

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    for (size_t i = 0; i < n_items(id); i++) {
        id[i] = queued_job(w, db);
        if (i > 0)
            assert_int_equal(job_begin(db, id[i].text, 1, i > 2 ? JOB_WARM : JOB_COLD, &e), 1);
    }
    assert_int_equal(job_cancel(db, w->tenant.text, id[2].text, status, &e), 1);
    assert_int_equal(job_cancel(db, w->tenant.text, id[4].text, status, &e), 1);
    assert_int_equal(job_recover(db, &lost, &requeued, &e), 0);
    assert_status(w, db, &id[0], "queued");
    assert_status(w, db, &id[1], "queued");
    assert_status(w, db, &id[2], "cancelled");
    assert_status(w, db, &id[3], "failed");
    assert_status(w, db, &id[4], "cancelled");
    assert_int_equal(lost, 2);
    assert_int_equal(requeued, 1);
}

PROMISE(cancelling_ends_what_waits_and_asks_what_runs)
{
    scoped(err_clear) struct err e = { 0 };
    char status[24];

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    struct id waits = queued_job(w, db), runs = queued_job(w, db);
    assert_int_equal(job_begin(db, runs.text, 1, JOB_WARM, &e), 1);
    assert_int_equal(job_cancel(db, w->tenant.text, waits.text, status, &e), 1);
    assert_status(w, db, &waits, "cancelled");
    assert_int_equal(job_cancel(db, w->tenant.text, runs.text, status, &e), 1);
    assert_status(w, db, &runs, "running");
    assert_int_equal(job_cancel(db, w->tenant.text, waits.text, status, &e), 0);
    assert_string_equal(status, "cancelled");
    assert_int_equal(job_cancel(db, w->other.text, runs.text, status, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

PROMISE(a_nonce_makes_one_job)
{
    scoped(err_clear) struct err e = { 0 };
    struct id first, second;
    bool existing;

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    assert_int_equal(submit(&w->tenant, db, "n1", "d1", &first, &existing, &e), 0);
    assert_false(existing);
    assert_int_equal(submit(&w->tenant, db, "n1", "d1", &second, &existing, &e), 0);
    assert_true(existing);
    assert_string_equal(first.text, second.text);
    assert_int_equal(submit(&w->tenant, db, "n1", "d2", &second, &existing, &e), -1);
    assert_int_equal(e.code, ERR_CONFLICT);
}

PROMISE(a_callback_secret_is_kept_sealed)
{
    static const struct stmt KEPT = { "test.kept",
                                      "SELECT callback_sealed, options FROM job WHERE id = $1" };
    static const char secret[] = "a secret that nobody reads";
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *empty = json_object();
    scoped(secret_free) char *opened = NULL;
    struct id id;
    bool existing;
    size_t n;

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    const struct job_spec spec = { .tenant = w->tenant.text,
                                   .workflow = "books",
                                   .params = empty,
                                   .launch = empty,
                                   .options = empty,
                                   .callback_secret = secret,
                                   .sealer = w->sealer,
                                   .timeout_ms = 1000,
                                   .queue_limit = 3 };
    assert_int_equal(job_create(db, &spec, &id, &existing, &e), 0);
    scoped(rows_free) struct rows *r = db_query(db, &KEPT, P_TEXT(id.text));
    assert_int_equal(rows_next(r, &e), 1);
    const void *sealed = row_blob(r, 0, &n);
    assert_null(memmem(sealed, n, secret, strlen(secret)));
    assert_string_equal(row_text(r, 1), "{}");
    assert_int_equal(unseal(w->sealer, w->tenant.text, id.text, sealed, n, &opened, &e), 0);
    assert_string_equal(opened, secret);
}

PROMISE(a_full_queue_says_so)
{
    scoped(err_clear) struct err e = { 0 };
    struct id id;
    bool existing;

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    for (int i = 0; i < 3; i++)
        (void)queued_job(w, db);
    assert_int_equal(submit(&w->tenant, db, NULL, "d", &id, &existing, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
}

static void assert_queued(struct world *w, struct db *db, int64_t n)
{
    static const struct stmt KEPT = { "test.queued", "SELECT queued, (SELECT count(*) FROM job j"
                                                     " WHERE j.tenant_id = t.id AND j.status ="
                                                     " 'queued') FROM tenant t WHERE t.id = $1" };
    scoped(err_clear) struct err e = { 0 };
    scoped(rows_free) struct rows *r = db_query(db, &KEPT, P_TEXT(w->tenant.text));

    assert_int_equal(rows_next(r, &e), 1);
    assert_int_equal(row_int(r, 0), n);
    assert_int_equal(row_int(r, 1), n);
}

PROMISE(as_many_jobs_as_wait_are_counted)
{
    scoped(err_clear) struct err e = { 0 };
    char status[24];
    int64_t lost, again;

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    struct id warm = queued_job(w, db), cold = queued_job(w, db), gone = queued_job(w, db);
    assert_queued(w, db, 3);
    assert_int_equal(job_begin(db, warm.text, 1, JOB_WARM, &e), 1);
    assert_int_equal(job_begin(db, warm.text, 1, JOB_WARM, &e), 0);
    assert_queued(w, db, 2);
    assert_int_equal(job_begin(db, cold.text, 1, JOB_COLD, &e), 1);
    assert_queued(w, db, 1);
    assert_int_equal(job_cancel(db, w->tenant.text, gone.text, status, &e), 1);
    assert_int_equal(job_cancel(db, w->tenant.text, gone.text, status, &e), 0);
    assert_queued(w, db, 0);
    assert_int_equal(job_recover(db, &lost, &again, &e), 0); /* `cold` waits again */
    assert_queued(w, db, 1);
    assert_int_equal(job_begin(db, cold.text, 2, JOB_COLD, &e), 1);
    assert_int_equal(job_begin(db, cold.text, 2, JOB_WARM, &e), 1);
    assert_queued(w, db, 0);
}

PROMISE(deleting_a_workflow_cancels_what_waits_and_a_later_one_is_another)
{
    scoped(err_clear) struct err e = { 0 };
    int64_t cancelled;

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    struct id waits = queued_job(w, db), runs = queued_job(w, db);
    assert_int_equal(job_begin(db, runs.text, 1, JOB_WARM, &e), 1);
    assert_int_equal(workflow_delete(db, w->other.text, "books", &cancelled, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_int_equal(workflow_delete(db, w->tenant.text, "books", &cancelled, &e), 0);
    assert_int_equal(cancelled, 1);
    assert_status(w, db, &waits, "cancelled");
    assert_status(w, db, &runs, "running");
    assert_int_equal(workflow_delete(db, w->tenant.text, "books", &cancelled, &e), -1);
    deploy_ready(w, db, "[" WORKFLOW("books") "]");
}

PROMISE(a_job_knows_what_to_run)
{
    scoped(err_clear) struct err e = { 0 };
    struct job_run run = { 0 };

    assert_int_equal(job_next(db, w->tenant.text, "", &run, &e), 0);
    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    struct id id = queued_job(w, db);
    (void)queued_job(w, db);
    assert_int_equal(job_next(db, w->tenant.text, "", &run, &e), 1);
    assert_string_equal(run.id.text, id.text);
    assert_string_equal(run.entry, "index.mjs");
    assert_null(run.layer);
    assert_int_equal(json_array_size(json_object_get(run.launch, "credential_names")), 1);
    job_run_done(&run);
}

static void keep_position(void *arg, const struct job *j)
{
    *(int64_t *)arg = j->queue_position;
}

static int64_t position(const struct id *tenant, struct db *db, const struct id *job)
{
    scoped(err_clear) struct err e = { 0 };
    int64_t is = -2;

    assert_int_equal(job_get(db, tenant->text, job->text, keep_position, &is, &e), 0);
    return is;
}

PROMISE(tenants_take_turns_however_many_jobs_one_has)
{
    scoped(err_clear) struct err e = { 0 };
    const struct id *const all[] = { &w->tenant, &w->other };
    struct id turn;

    assert_int_equal(job_turn(db, "", &turn, &e), 0);
    for (size_t i = 0; i < n_items(all); i++) {
        (void)deploy_of(all[i], w, db);
        struct build b = claim(db, 1);
        ready(w, db, &b, "[" WORKFLOW("books") "]");
    }
    struct id one = queued_job(w, db), two = queued_job(w, db), three = queued_job(w, db);
    struct id theirs = queued_job_of(&w->other, db);
    assert_int_equal(job_turn(db, "", &turn, &e), 1);
    assert_string_equal(turn.text, w->tenant.text);
    assert_int_equal(job_turn(db, turn.text, &turn, &e), 1);
    assert_string_equal(turn.text, w->other.text);
    assert_int_equal(job_turn(db, turn.text, &turn, &e), 1); /* round the end */
    assert_string_equal(turn.text, w->tenant.text);

    /* The last to come waits for one job of each tenant at most, not for all that came before. */
    assert_int_equal(position(&w->other, db, &theirs), 1);
    assert_int_equal(position(&w->tenant, db, &one), 1);
    assert_int_equal(position(&w->tenant, db, &two), 2);
    assert_int_equal(position(&w->tenant, db, &three), 3);
}

/* ---- logs and lists ---- */

static void count_line(void *arg, const struct job_log *line)
{
    int *n = arg;

    assert_non_null(line->message);
    ++*n;
}

static void count_job(void *arg, const struct job *job)
{
    int *n = arg;

    assert_non_null(job->id);
    ++*n;
}

PROMISE(logs_can_be_paged_and_filtered)
{
    scoped(err_clear) struct err e = { 0 };
    int64_t stopped;
    int n = 0;

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    struct id job = queued_job(w, db); /* says one line itself */
    assert_int_equal(job_log_add(db, job.text, "warn", "careful", &e), 0);
    assert_int_equal(job_log_add(db, job.text, "error", "too late", &e), 0);
    struct job_log_filter filter = { .tenant = w->tenant.text, .job = job.text, .limit = 10 };
    assert_int_equal(job_log_each(db, &filter, count_line, &n, &stopped, &e), 0);
    assert_int_equal(n, 3);
    filter.level = "warn";
    n = 0;
    assert_int_equal(job_log_each(db, &filter, count_line, &n, &stopped, &e), 0);
    assert_int_equal(n, 1);
    filter.tenant = w->other.text;
    assert_int_equal(job_log_each(db, &filter, count_line, &n, &stopped, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
    clock_fake_advance(&w->clock, 1000);
}

/* One page looks at so many rows, whatever is asked for; the cursor goes on behind them. */
PROMISE(a_list_that_finds_little_stops_and_can_go_on)
{
    static const struct stmt LINES = {
        "test.lines", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)"
                      " INSERT INTO job_log (tenant_id, job_id, workflow, level, message, at)"
                      " SELECT tenant_id, id, workflow, 'info', 'x', 1 FROM job, n WHERE id = $1"
    };
    static const struct stmt JOBS = {
        "test.jobs", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)"
                     " INSERT INTO job (id, tenant_id, workflow_id, workflow, deployment_id,"
                     " deployment_version, status, launch, params, options, timeout_ms, created_at)"
                     " SELECT printf('f0000000-0000-7000-8000-%012x', i), tenant_id, workflow_id,"
                     " workflow, deployment_id, 1, 'completed', '{}', '{}', '{}', 1, 1"
                     " FROM job, n WHERE id = $1"
    };
    scoped(err_clear) struct err e = { 0 };
    char last[ID_TEXT_SIZE];
    int64_t stopped;
    int n = 0;

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    struct id job = queued_job(w, db);
    assert_int_equal(job_log_add(db, job.text, "warn", "the oldest", &e), 0);
    assert_int_equal(db_run(db, &e, &LINES, P_TEXT(job.text), P_INT(LIMIT_WALK)), LIMIT_WALK);
    struct job_log_filter lines = { .tenant = w->tenant.text, .level = "warn", .limit = 10 };
    assert_int_equal(job_log_each(db, &lines, count_line, &n, &stopped, &e), 0);
    assert_int_equal(n, 0);
    assert_true(stopped > 0);
    lines.cursor = stopped;
    assert_int_equal(job_log_each(db, &lines, count_line, &n, &stopped, &e), 0);
    assert_int_equal(n, 1);
    assert_int_equal(stopped, 0);

    assert_int_equal(db_run(db, &e, &JOBS, P_TEXT(job.text), P_INT(LIMIT_WALK)), LIMIT_WALK);
    struct job_filter jobs = { .tenant = w->tenant.text, .status = "queued", .limit = 10 };
    n = 0;
    assert_int_equal(job_each(db, &jobs, count_job, &n, last, &e), 0); /* has an index */
    assert_int_equal(n, 1);
    assert_string_equal(last, "");
    assert_true(job_begin(db, job.text, 1, JOB_WARM, &e) > 0);
    jobs.status = "running";
    n = 0;
    assert_int_equal(job_each(db, &jobs, count_job, &n, last, &e), 0);
    assert_int_equal(n, 0);
    jobs.cursor = last;
    char next[ID_TEXT_SIZE];
    assert_int_equal(job_each(db, &jobs, count_job, &n, next, &e), 0);
    assert_int_equal(n, 1);
    assert_string_equal(next, "");
    clock_fake_advance(&w->clock, 1000);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        TOLD(a_job_runs_at_most_once_and_its_first_outcome_stays),
        TOLD(a_job_that_could_not_begin_waits_again_unless_its_end_was_asked_for),
        TOLD(a_restart_puts_every_job_right),
        TOLD(cancelling_ends_what_waits_and_asks_what_runs),
        TOLD(a_nonce_makes_one_job),
        TOLD(a_callback_secret_is_kept_sealed),
        TOLD(a_full_queue_says_so),
        TOLD(as_many_jobs_as_wait_are_counted),
        TOLD(deleting_a_workflow_cancels_what_waits_and_a_later_one_is_another),
        TOLD(a_job_knows_what_to_run),
        TOLD(tenants_take_turns_however_many_jobs_one_has),
        TOLD(logs_can_be_paged_and_filtered),
        TOLD(a_list_that_finds_little_stops_and_can_go_on),
    };
    return cmocka_run_group_tests_name("job", promises, NULL, NULL);
}
