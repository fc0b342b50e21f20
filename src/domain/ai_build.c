/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/ai_build.h"

#include "base/bounds.h"

#include <stdio.h>

static int changed(struct db *db, const char *id, int n)
{
    if (n > 0)
        db_changed(db, "ai_build/%s", id);
    return n;
}

/* ---- for clients ---- */

static int check_open(struct db *db, const char *tenant, struct err *e)
{
    static const struct stmt OPEN = { "ai_build.open",
                                      "SELECT count(*) FROM ai_build WHERE tenant_id = $1"
                                      " AND status IN ('pending', 'agent_running', 'deploying')" };
    scoped(rows_free) struct rows *r = db_query(db, &OPEN, P_TEXT(tenant));

    if (rows_next(r, e) != 1)
        return -1;
    if (row_int(r, 0) >= AI_BUILDS_OPEN)
        return err_set(e, ERR_LIMIT,
                       "%lld AI builds wait already, which is as many as a tenant may queue: wait "
                       "for some to end, or cancel some",
                       (long long)row_int(r, 0));
    return 0;
}

static int recording_add(struct db *db, const char *id, const struct ai_build_spec *spec,
                         struct err *e)
{
    static const struct stmt ADD = { "ai_recording.add",
                                     "INSERT INTO ai_recording (build_id, network_log, action_log)"
                                     " VALUES ($1, $2, $3)" };

    if (!spec->network_log && !spec->action_log)
        return 0;
    return db_run(db, e, &ADD, P_TEXT(id), P_TEXT(spec->network_log), P_TEXT(spec->action_log));
}

/* A build that has ended needs it no more. */
static int recording_drop(struct db *db, const char *id, struct err *e)
{
    static const struct stmt DROP = { "ai_recording.drop",
                                      "DELETE FROM ai_recording WHERE build_id = $1" };

    return db_run(db, e, &DROP, P_TEXT(id));
}

int ai_build_create(struct db *db, const struct ai_build_spec *spec, struct id *id, struct err *e)
{
    static const struct stmt ADD = {
        "ai_build.add",
        "INSERT INTO ai_build (id, tenant_id, status, descriptions, initial_url, params,"
        " entry_point, created_at, updated_at)"
        " VALUES ($1, $2, 'pending', $3, $4, $5, $6, $7, $7)"
    };
    scoped(mem_free) char *descriptions = json_print(spec->descriptions);
    scoped(mem_free) char *params = json_print(spec->params);

    if (check_open(db, spec->tenant, e) < 0)
        return -1;
    *id = id_new(db_env(db));
    if (db_run(db, e, &ADD, P_TEXT(id->text), P_TEXT(spec->tenant), P_TEXT(descriptions),
               P_TEXT(spec->initial_url), P_TEXT(params), P_TEXT(spec->entry_point),
               P_INT(db_now(db))) < 0 ||
        recording_add(db, id->text, spec, e) < 0)
        return -1;
    db_changed(db, "ai_builds");
    return 0;
}

#define AI_BUILD_COLUMNS                                                                 \
    "SELECT id, status, deployment_id, workflow_name, summary, error, cancel_at, steps," \
    " tokens_in, tokens_out, cost, spent_ms, created_at, updated_at FROM ai_build"

static void give(struct rows *r, ai_build_fn row, void *arg)
{
    const struct ai_build b = {
        .id = row_text(r, 0),
        .status = row_text(r, 1),
        .deployment_id = row_text(r, 2),
        .workflow_name = row_text(r, 3),
        .summary = row_text(r, 4),
        .error = row_text(r, 5),
        .cancelled = !row_null(r, 6),
        .steps = row_int(r, 7),
        .tokens_in = row_int(r, 8),
        .tokens_out = row_int(r, 9),
        .cost = row_int(r, 10),
        .spent_ms = row_int(r, 11),
        .created_at = row_int(r, 12),
        .updated_at = row_int(r, 13),
    };
    row(arg, &b);
}

int ai_build_get(struct db *db, const char *tenant, const char *id, ai_build_fn row, void *arg,
                 struct err *e)
{
    static const struct stmt GET = { "ai_build.get",
                                     AI_BUILD_COLUMNS " WHERE tenant_id = $1 AND id = $2" };
    scoped(rows_free) struct rows *r = db_query(db, &GET, P_TEXT(tenant), P_TEXT(id));
    int found = rows_next(r, e);

    if (found < 0)
        return -1;
    if (!found)
        return err_set(e, ERR_NOT_FOUND, "Build not found");
    give(r, row, arg);
    return 0;
}

int ai_build_each(struct db *db, const char *tenant, msec_t failed_since, ai_build_fn row,
                  void *arg, struct err *e)
{
    static const struct stmt EACH = {
        "ai_build.each", AI_BUILD_COLUMNS
        " WHERE tenant_id = $1 AND (status IN ('pending', 'agent_running', 'deploying')"
        " OR (status = 'failed' AND updated_at >= $2)) ORDER BY updated_at DESC, id DESC"
    };
    scoped(rows_free) struct rows *r = db_query(db, &EACH, P_TEXT(tenant), P_INT(failed_since));
    int more;

    while ((more = rows_next(r, e)) > 0)
        give(r, row, arg);
    return more;
}

static void keep_status(void *arg, const struct ai_build *b)
{
    snprintf(arg, 24, "%s", b->status);
}

int ai_build_cancel(struct db *db, const char *tenant, const char *id, char status[static 24],
                    struct err *e)
{
    static const struct stmt DROP = {
        "ai_build.drop", "UPDATE ai_build SET status = 'failed', cancel_at = $2, updated_at = $2,"
                         " error = 'Cancelled on request'"
                         " WHERE id = $1 AND status = 'pending'"
    };
    static const struct stmt ASK = {
        "ai_build.ask_cancel", "UPDATE ai_build SET cancel_at = $2"
                               " WHERE id = $1 AND status = 'agent_running' AND cancel_at IS NULL"
    };
    msec_t now = db_now(db);

    if (ai_build_get(db, tenant, id, keep_status, status, e) < 0)
        return -1;
    if (strcmp(status, "pending") == 0) {
        int n = db_run(db, e, &DROP, P_TEXT(id), P_INT(now));
        return n < 0 || recording_drop(db, id, e) < 0 ? -1 : changed(db, id, n);
    }
    if (strcmp(status, "agent_running") != 0)
        return 0;
    if (db_run(db, e, &ASK, P_TEXT(id), P_INT(now)) < 0)
        return -1;
    db_changed(db, "ai_cancel");
    return 1;
}

int ai_step_each(struct db *db, const char *build, ai_step_fn row, void *arg, struct err *e)
{
    static const struct stmt EACH = {
        "ai_step.each", "SELECT seq, kind, what, why, outcome, ok, tokens_in, tokens_out, took_ms,"
                        " started_at FROM ai_step WHERE build_id = $1 ORDER BY seq"
    };
    scoped(rows_free) struct rows *r = db_query(db, &EACH, P_TEXT(build));
    int more;

    while ((more = rows_next(r, e)) > 0) {
        const struct ai_step s = {
            .kind = row_text(r, 1),
            .what = row_text(r, 2),
            .why = row_text(r, 3),
            .outcome = row_text(r, 4),
            .ok = row_null(r, 5) ? -1 : (int)row_int(r, 5),
            .tokens_in = row_int(r, 6),
            .tokens_out = row_int(r, 7),
            .took_ms = row_int(r, 8),
            .started_at = row_int(r, 9),
        };
        row(arg, row_int(r, 0), &s);
    }
    return more;
}

/* ---- for the engine ---- */

void ai_task_done(struct ai_task *t)
{
    json_decref(t->descriptions);
    json_decref(t->params);
    json_decref(t->state);
    mem_free(t->initial_url);
    mem_free(t->entry_point);
    *t = (struct ai_task){ 0 };
}

static json_t *parsed(const char *text)
{
    return text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
}

int ai_build_claim(struct db *db, int64_t epoch, const char *after, struct ai_task *out,
                   struct err *e)
{
    static const struct stmt CLAIM = {
        "ai_build.claim",
        "UPDATE ai_build SET epoch = $1, tries = tries + 1, updated_at = $2, status ="
        " CASE status WHEN 'pending' THEN 'agent_running' ELSE status END"
        " WHERE id = (SELECT id FROM ai_build"
        "   WHERE status IN ('pending', 'agent_running', 'deploying')"
        "   AND (epoch IS NULL OR epoch < $1) ORDER BY tenant_id <= $3, tenant_id, id LIMIT 1)"
        " RETURNING id, tenant_id, status, deployment_id, descriptions, initial_url, params,"
        " entry_point, state, steps, tokens_in, tokens_out, cost,"
        " spent_ms, tries"
    };

    for (;;) {
        struct ai_task t = { 0 };
        int64_t tries = 0;
        {
            scoped(rows_free) struct rows *r =
                db_query(db, &CLAIM, P_INT(epoch), P_INT(db_now(db)), P_TEXT(after));
            int found = rows_next(r, e);
            if (found <= 0)
                return found;
            memcpy(t.id.text, row_text(r, 0), sizeof t.id.text);
            memcpy(t.tenant.text, row_text(r, 1), sizeof t.tenant.text);
            t.deploying = strcmp(row_text(r, 2), "deploying") == 0;
            if (!row_null(r, 3))
                memcpy(t.deployment.text, row_text(r, 3), sizeof t.deployment.text);
            t.descriptions = parsed(row_text(r, 4));
            t.initial_url = mem_text(row_text(r, 5));
            t.params = parsed(row_text(r, 6));
            t.entry_point = mem_text(row_text(r, 7));
            t.state = parsed(row_text(r, 8));
            t.usage = (struct ai_usage){ row_int(r, 9), row_int(r, 10), row_int(r, 11),
                                         row_int(r, 12), row_int(r, 13) };
            tries = row_int(r, 14);
        }
        changed(db, t.id.text, 1);
        if (t.deploying || tries <= AI_BUILD_TRIES) {
            *out = t;
            return 1;
        }
        int r = ai_build_end(db, t.id.text,
                             "The build was interrupted by a restart of the server three times "
                             "without getting any further.\nSee the server's log, and build again",
                             &t.usage, e);
        ai_task_done(&t);
        if (r < 0)
            return -1;
    }
}

int ai_build_recording(struct db *db, const char *id, char **network_log, char **action_log,
                       struct err *e)
{
    static const struct stmt GET = {
        "ai_recording.get", "SELECT network_log, action_log FROM ai_recording WHERE build_id = $1"
    };
    scoped(rows_free) struct rows *r = db_query(db, &GET, P_TEXT(id));
    int found = rows_next(r, e);

    *network_log = *action_log = NULL;
    if (found > 0) {
        *network_log = mem_text(row_text(r, 0));
        *action_log = mem_text(row_text(r, 1));
    }
    return found < 0 ? -1 : 0;
}

int ai_build_step(struct db *db, const char *id, const struct ai_step *step, const char *state,
                  const struct ai_usage *usage, struct err *e)
{
    static const struct stmt GO_ON = {
        "ai_build.step",
        "UPDATE ai_build SET state = coalesce($2, state), steps = $3, tokens_in = $4,"
        " tokens_out = $5, cost = $6, spent_ms = $7, updated_at = $8, tries = 1"
        " WHERE id = $1 AND status = 'agent_running'"
    };
    static const struct stmt ADD = {
        "ai_step.add",
        "INSERT INTO ai_step (build_id, seq, kind, what, why, outcome, ok, tokens_in, tokens_out,"
        " took_ms, started_at) SELECT $1, coalesce(max(seq), 0) + 1, $2, $3, $4, $5, $6, $7, $8,"
        " $9, $10 FROM ai_step WHERE build_id = $1"
    };
    int n = db_run(db, e, &GO_ON, P_TEXT(id), P_TEXT(state), P_INT(usage->steps),
                   P_INT(usage->tokens_in), P_INT(usage->tokens_out), P_INT(usage->cost),
                   P_INT(usage->spent_ms), P_INT(db_now(db)));

    if (n <= 0)
        return n;
    const struct param none = P_NULL, verdict = P_INT(step->ok);
    if (db_run(db, e, &ADD, P_TEXT(id), P_TEXT(step->kind), P_TEXT(step->what), P_TEXT(step->why),
               P_TEXT(step->outcome), step->ok < 0 ? none : verdict, P_INT(step->tokens_in),
               P_INT(step->tokens_out), P_INT(step->took_ms), P_INT(step->started_at)) < 0)
        return -1;
    return changed(db, id, 1);
}

int ai_build_deploy(struct db *db, const char *id, const struct deployment_spec *spec,
                    const char *workflow, const char *summary, struct err *e)
{
    static const struct stmt DEPLOY = {
        "ai_build.deploy",
        "UPDATE ai_build SET status = 'deploying', deployment_id = $2, workflow_name = $3,"
        " summary = $4, updated_at = $5, state = NULL WHERE id = $1 AND status = 'agent_running'"
        " AND cancel_at IS NULL"
    };
    msec_t created_at;

    if (deployment_create(db, spec, &created_at, e) < 0)
        return -1;
    int n = db_run(db, e, &DEPLOY, P_TEXT(id), P_TEXT(spec->id.text), P_TEXT(workflow),
                   P_TEXT(summary), P_INT(db_now(db)));
    if (n == 0) /* so that there is no deployment either */
        return err_set(e, ERR_CONFLICT, "the build was cancelled before it was deployed");
    return changed(db, id, n);
}

int ai_build_end(struct db *db, const char *id, const char *error, const struct ai_usage *usage,
                 struct err *e)
{
    static const struct stmt END = {
        "ai_build.end", "UPDATE ai_build SET status = $2, error = $3, steps = $4, tokens_in = $5,"
                        " tokens_out = $6, cost = $7, spent_ms = $8, updated_at = $9, state = NULL"
                        " WHERE id = $1 AND status IN ('agent_running', 'deploying')"
    };

    int n = db_run(db, e, &END, P_TEXT(id), P_TEXT(error ? "failed" : "ready"), P_TEXT(error),
                   P_INT(usage->steps), P_INT(usage->tokens_in), P_INT(usage->tokens_out),
                   P_INT(usage->cost), P_INT(usage->spent_ms), P_INT(db_now(db)));

    return n < 0 || recording_drop(db, id, e) < 0 ? -1 : changed(db, id, n);
}

int ai_build_each_cancelled(struct db *db, void (*row)(void *arg, const char *id), void *arg,
                            struct err *e)
{
    /* With the words of the index ai_build_open: else all builds that ever were are looked at. */
    static const struct stmt EACH = {
        "ai_build.each_cancelled",
        "SELECT id FROM ai_build WHERE cancel_at IS NOT NULL AND status = 'agent_running'"
        " AND status IN ('pending', 'agent_running', 'deploying')"
    };
    scoped(rows_free) struct rows *r = db_query(db, &EACH);
    int more;

    while ((more = rows_next(r, e)) > 0)
        row(arg, row_text(r, 0));
    return more;
}
