/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/job.h"

#include "base/bounds.h"
#include "domain/credential.h"
#include "domain/log_line.h"
#include "domain/workflow.h"

/* ---- creating ---- */

struct target {
    struct id workflow, deployment;
    int64_t version;
    json_t *launch;
};

static void keep_target(void *arg, const struct workflow *w)
{
    struct target *t = arg;

    memcpy(t->workflow.text, w->id, sizeof t->workflow.text);
    memcpy(t->deployment.text, w->deployment_id, sizeof t->deployment.text);
    t->version = w->deployment_version;
    t->launch = json_loads(w->launch, 0, NULL);
}

/* 1: the nonce is known, for the same request; 0: it is new. */
static int find_nonce(struct db *db, const struct job_spec *spec, struct id *id, struct err *e)
{
    static const struct stmt FIND = {
        "job.nonce", "SELECT id, request_digest FROM job WHERE tenant_id = $1 AND nonce = $2"
    };
    scoped(rows_free) struct rows *r =
        db_query(db, &FIND, P_TEXT(spec->tenant), P_TEXT(spec->nonce));
    int found = rows_next(r, e);

    if (found <= 0)
        return found;
    memcpy(id->text, row_text(r, 0), sizeof id->text);
    if (strcmp(row_text(r, 1), spec->request_digest) != 0)
        return err_set(e, ERR_CONFLICT,
                       "This nonce was used before with a different request, for job %s: use a new "
                       "nonce for a new job",
                       id->text);
    return 1;
}

static int check_queue(struct db *db, const struct job_spec *spec, struct err *e)
{
    static const struct stmt WAITING = { "job.waiting", "SELECT queued FROM tenant WHERE id = $1" };
    scoped(rows_free) struct rows *r = db_query(db, &WAITING, P_TEXT(spec->tenant));

    if (rows_next(r, e) != 1)
        return -1;
    if (row_int(r, 0) >= spec->queue_limit)
        return err_set(e, ERR_LIMIT,
                       "%lld jobs wait already, which is as many as a tenant may queue: wait for "
                       "some to end, or cancel some",
                       (long long)row_int(r, 0));
    return 0;
}

/* A credential that is named must be one that the workflow declares. */
static int check_credential(struct db *db, const struct job_spec *spec, const struct target *t,
                            struct err *e)
{
    scoped(mem_free) char *match = NULL;
    size_t i;
    const json_t *name;

    if (!spec->credential_id)
        return 0;
    if (credential_match_name(db, spec->tenant, spec->credential_id, &match, e) < 0)
        return -1;
    json_array_foreach(json_object_get(t->launch, "credential_names"), i, name) {
        if (strcasecmp(json_string_value(name), match) == 0)
            return 0;
    }
    return err_set(e, ERR_INPUT,
                   "Workflow \"%s\" does not declare the credential \"%s\": add it to the "
                   "workflow's credentials, or leave credential_id out",
                   spec->workflow, match);
}

/* The tenant's count goes with every job that comes to be `queued`, or is no more. */
static int count_queued(struct db *db, const char *id, int by, struct err *e)
{
    static const struct stmt COUNT = { "job.count_queued",
                                       "UPDATE tenant SET queued = queued + $2"
                                       " WHERE id = (SELECT tenant_id FROM job WHERE id = $1)" };

    return db_run(db, e, &COUNT, P_TEXT(id), P_INT(by)) < 0 ? -1 : 0;
}

static int insert(struct db *db, const struct job_spec *spec, const struct target *t,
                  const struct id *id, struct err *e)
{
    static const struct stmt ADD = {
        "job.add",
        "INSERT INTO job (id, tenant_id, workflow_id, workflow, deployment_id, deployment_version,"
        " status, launch, params, options, credential_id, nonce, request_digest, timeout_ms,"
        " created_at, callback_sealed) VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, $8, $9, $10,"
        " $11, $12, $13, $14, $15)"
    };
    scoped(mem_free) char *launch = json_print(t->launch);
    scoped(mem_free) char *params = json_print(spec->params);
    scoped(mem_free) char *options = json_print(spec->options);
    scoped(buf_done) struct buf sealed = { 0 };

    if (spec->callback_secret)
        seal(spec->sealer, spec->tenant, id->text, spec->callback_secret, &sealed);
    return db_run(db, e, &ADD, P_TEXT(id->text), P_TEXT(spec->tenant), P_TEXT(t->workflow.text),
                  P_TEXT(spec->workflow), P_TEXT(t->deployment.text), P_INT(t->version),
                  P_TEXT(launch), P_TEXT(params), P_TEXT(options), P_TEXT(spec->credential_id),
                  P_TEXT(spec->nonce), P_TEXT(spec->request_digest), P_INT(spec->timeout_ms),
                  P_INT(db_now(db)), P_BLOB(sealed.data, sealed.n));
}

/* Wishes that a machine of one's own cannot grant are taken, kept, and told. */
static int say_without_effect(struct db *db, const struct job_spec *spec, const struct target *t,
                              const struct id *id, struct err *e)
{
    static const struct {
        const char *name, *says;
    } wishes[] = {
        { "residential_proxy", "residential_proxy has no effect on this server, which has no "
                               "proxies: the job connects from its own address" },
        { "disable_default_proxy", "disable_default_proxy has no effect on this server, which has "
                                   "no proxies" },
        { "gpu", "gpu has no effect on this server: the browser draws without one" },
    };

    for (size_t i = 0; i < n_items(wishes); i++) {
        const json_t *option = json_object_get(spec->options, wishes[i].name);
        if ((json_is_object(option) || json_is_true(option) ||
             json_bool(t->launch, wishes[i].name, false)) &&
            job_log_add(db, id->text, "warn", wishes[i].says, e) < 0)
            return -1;
    }
    return 0;
}

int job_create(struct db *db, const struct job_spec *spec, struct id *id, bool *existing,
               struct err *e)
{
    struct target t = { 0 };

    if (spec->nonce) {
        int found = find_nonce(db, spec, id, e);
        *existing = found == 1;
        if (found != 0)
            return found < 0 ? -1 : 0;
    }
    if (workflow_get(db, spec->tenant, spec->workflow, keep_target, &t, e) < 0)
        return -1;
    (void)json_object_update(t.launch, json_shared(spec->launch));
    *id = id_new(db_env(db));
    *existing = false;
    int r = check_credential(db, spec, &t, e) < 0 || check_queue(db, spec, e) < 0 ||
                    insert(db, spec, &t, id, e) < 0 || count_queued(db, id->text, 1, e) < 0 ||
                    job_log_add(db, id->text, "info", "Job queued", e) < 0 ||
                    say_without_effect(db, spec, &t, id, e) < 0
                ? -1
                : 0;
    json_decref(t.launch);
    db_changed(db, "jobs");
    return r;
}

/* ---- looking ---- */

#define JOB_COLUMNS                                                                   \
    "SELECT id, workflow_id, workflow, deployment_id, status, params, result, error," \
    " mapped_stack, deployment_version, created_at, started_at, completed_at,"        \
    " sandbox_level FROM job"

static struct job job_row(struct rows *r)
{
    return (struct job){
        .id = row_text(r, 0),
        .workflow_id = row_text(r, 1),
        .workflow = row_text(r, 2),
        .deployment_id = row_text(r, 3),
        .status = row_text(r, 4),
        .params = row_text(r, 5),
        .result = row_text(r, 6),
        .error = row_text(r, 7),
        .mapped_stack = row_text(r, 8),
        .deployment_version = row_int(r, 9),
        .queue_position = -1,
        .created_at = row_int(r, 10),
        .started_at = row_int(r, 11),
        .completed_at = row_int(r, 12),
        .sandbox_level = row_text(r, 13),
    };
}

static int queue_position(struct db *db, const char *id, int64_t *out, struct err *e)
{
    /* Tenants take turns, each with its own jobs in order: the n-th of one comes after as many of
     * each other's as there are, but no more than n. */
    static const struct stmt BEFORE = {
        "job.position",
        "WITH mine AS (SELECT count(*) AS turn FROM job WHERE status = 'queued' AND id <= $1"
        "   AND tenant_id = (SELECT tenant_id FROM job WHERE id = $1)),"
        " line AS (SELECT queued AS n FROM tenant WHERE queued > 0)"
        " SELECT sum(CASE WHEN n < turn THEN n ELSE turn END) - 1 FROM mine, line"
    };
    scoped(rows_free) struct rows *r = db_query(db, &BEFORE, P_TEXT(id));

    if (rows_next(r, e) != 1)
        return -1;
    *out = row_int(r, 0);
    return 0;
}

int job_get(struct db *db, const char *tenant, const char *id, job_fn row, void *arg, struct err *e)
{
    static const struct stmt GET = { "job.get", JOB_COLUMNS " WHERE tenant_id = $1 AND id = $2" };
    scoped(rows_free) struct rows *r = db_query(db, &GET, P_TEXT(tenant), P_TEXT(id));
    int found = rows_next(r, e);

    if (found < 0)
        return -1;
    if (!found)
        return err_set(e, ERR_NOT_FOUND, "Job not found");
    struct job j = job_row(r);
    if (strcmp(j.status, "queued") == 0 && queue_position(db, j.id, &j.queue_position, e) < 0)
        return -1;
    row(arg, &j);
    return 0;
}

static bool is_wanted(const char *value, const char *wanted)
{
    return !wanted || strcmp(value, wanted) == 0;
}

int job_each(struct db *db, const struct job_filter *f, job_fn row, void *arg,
             char stopped[static ID_TEXT_SIZE], struct err *e)
{
    static const struct stmt ALL = { "job.each", JOB_COLUMNS " WHERE tenant_id = $1 AND id < $2"
                                                             " ORDER BY id DESC" };
    static const struct stmt OF_WORKFLOW = {
        "job.each_of_workflow",
        JOB_COLUMNS " WHERE tenant_id = $1 AND id < $2 AND workflow = $3 ORDER BY id DESC"
    };
    static const struct stmt QUEUED = {
        "job.each_queued",
        JOB_COLUMNS " WHERE tenant_id = $1 AND id < $2 AND status = 'queued' ORDER BY id DESC"
    };
    bool queued = f->status && strcmp(f->status, "queued") == 0;
    const char *cursor = f->cursor ? f->cursor : "~";
    scoped(rows_free) struct rows *r =
        queued ? db_query(db, &QUEUED, P_TEXT(f->tenant), P_TEXT(cursor))
        : f->workflow
            ? db_query(db, &OF_WORKFLOW, P_TEXT(f->tenant), P_TEXT(cursor), P_TEXT(f->workflow))
            : db_query(db, &ALL, P_TEXT(f->tenant), P_TEXT(cursor));
    int64_t looked = 0, given = 0;
    int more;

    stopped[0] = '\0';
    while (given < f->limit && (more = rows_next(r, e)) != 0) {
        if (more < 0)
            return -1;
        const struct job j = job_row(r);
        if (is_wanted(j.status, f->status) && is_wanted(j.workflow, f->workflow)) {
            row(arg, &j);
            given++;
        }
        if (++looked == LIMIT_WALK && given < f->limit) {
            memcpy(stopped, j.id, ID_TEXT_SIZE);
            break;
        }
    }
    return 0;
}

int job_artifacts(struct db *db, const char *tenant, const char *id, char **screenshot, char **html,
                  struct err *e)
{
    static const struct stmt GET = {
        "job.artifacts", "SELECT screenshot_key, html_key FROM job WHERE tenant_id = $1 AND id = $2"
    };
    scoped(rows_free) struct rows *r = db_query(db, &GET, P_TEXT(tenant), P_TEXT(id));
    int found = rows_next(r, e);

    if (found < 0)
        return -1;
    if (!found)
        return err_set(e, ERR_NOT_FOUND, "Job not found");
    *screenshot = mem_text(row_text(r, 0));
    *html = mem_text(row_text(r, 1));
    return 0;
}

/* ---- cancelling ---- */

static int cancel_one(struct db *db, const char *id, const char *why, struct err *e)
{
    static const struct stmt CANCEL = {
        "job.cancel", "UPDATE job SET status = 'cancelled', error = $2, cancel_at = $3,"
                      " completed_at = $3 WHERE id = $1 AND status = 'queued'"
    };
    int changed = db_run(db, e, &CANCEL, P_TEXT(id), P_TEXT(why), P_INT(db_now(db)));

    if (changed <= 0)
        return changed;
    db_changed(db, "job/%s", id);
    return count_queued(db, id, -1, e) < 0 ||
                   job_log_add(db, id, "warn", "Job cancelled before it began", e) < 0
               ? -1
               : 1;
}

int job_cancel(struct db *db, const char *tenant, const char *id, char status[static 24],
               struct err *e)
{
    static const struct stmt ASK = {
        "job.ask_cancel", "UPDATE job SET cancel_at = coalesce(cancel_at, $2) WHERE id = $1"
                          " AND status IN ('starting_browser', 'running')"
    };
    static const struct stmt STATUS = { "job.status",
                                        "SELECT status FROM job WHERE tenant_id = $1 AND id = $2" };
    {
        scoped(rows_free) struct rows *r = db_query(db, &STATUS, P_TEXT(tenant), P_TEXT(id));
        int found = rows_next(r, e);
        if (found < 0)
            return -1;
        if (!found)
            return err_set(e, ERR_NOT_FOUND, "Job not found");
        strncpy(status, row_text(r, 0), 23);
        status[23] = '\0';
    }
    if (strcmp(status, "queued") == 0)
        return cancel_one(db, id, "Cancelled on request before it began", e);
    int asked = db_run(db, e, &ASK, P_TEXT(id), P_INT(db_now(db)));
    if (asked > 0)
        db_changed(db, "cancel");
    return asked;
}

int job_cancel_queued(struct db *db, const char *tenant, const char *workflow, const char *why,
                      int64_t *n, struct err *e)
{
    /* Along the index of what is queued, once; along that of the workflow each step would pass all jobs
     * that it ever had. */
    static const struct stmt NEXT = {
        "job.next_queued", "SELECT id FROM job WHERE tenant_id = $1 AND id > $3"
                           " AND +workflow = $2 AND status = 'queued' ORDER BY id LIMIT 1"
    };
    scoped(mem_free) char *error = mem_format("Cancelled: %s", why);

    *n = 0;
    char id[ID_TEXT_SIZE] = "";
    for (;;) {
        {
            scoped(rows_free) struct rows *r =
                db_query(db, &NEXT, P_TEXT(tenant), P_TEXT(workflow), P_TEXT(id));
            int found = rows_next(r, e);
            if (found <= 0)
                return found;
            memcpy(id, row_text(r, 0), sizeof id);
        }
        if (cancel_one(db, id, error, e) < 0)
            return -1;
        ++*n;
    }
}

/* As the index job_open has it: without these words all jobs that ever were are looked at. */
#define OPEN " AND status IN ('queued', 'starting_browser', 'running')"

int job_each_cancelled(struct db *db, void (*row)(void *arg, const char *id), void *arg,
                       struct err *e)
{
    static const struct stmt EACH = { "job.each_cancelled",
                                      "SELECT id FROM job WHERE cancel_at IS NOT NULL" OPEN
                                      " AND status <> 'queued'" };
    scoped(rows_free) struct rows *r = db_query(db, &EACH);
    int more;

    while ((more = rows_next(r, e)) > 0)
        row(arg, row_text(r, 0));
    return more;
}

/* ---- running ---- */

void job_run_done(struct job_run *run)
{
    mem_free(run->workflow);
    mem_free(run->layer);
    mem_free(run->blob_key);
    mem_free(run->entry);
    mem_free(run->kind);
    mem_free(run->credential_id);
    json_decref(run->params);
    json_decref(run->launch);
    *run = (struct job_run){ 0 };
}

int job_turn(struct db *db, const char *after, struct id *tenant, struct err *e)
{
    static const struct stmt NEXT = {
        "job.turn", "SELECT tenant_id FROM job WHERE status = 'queued' AND tenant_id > $1"
                    " ORDER BY tenant_id LIMIT 1"
    };

    for (;;) {
        scoped(rows_free) struct rows *r = db_query(db, &NEXT, P_TEXT(after));
        int found = rows_next(r, e);
        if (found > 0)
            memcpy(tenant->text, row_text(r, 0), sizeof tenant->text);
        if (found != 0 || !*after)
            return found;
        after = ""; /* round the end */
    }
}

int job_next(struct db *db, const char *tenant, const char *after, struct job_run *out,
             struct err *e)
{
    static const struct stmt NEXT = {
        "job.next",
        "SELECT j.id, j.tenant_id, j.deployment_id, j.workflow, b.layer, b.blob_key, b.entry,"
        " b.kind, j.credential_id, j.params, j.launch, j.timeout_ms, j.created_at FROM job j"
        " JOIN deployment d ON d.id = j.deployment_id JOIN bundle b ON b.id = d.bundle_id"
        " WHERE j.tenant_id = $1 AND j.id > $2 AND j.status = 'queued' ORDER BY j.id LIMIT 1"
    };
    scoped(rows_free) struct rows *r = db_query(db, &NEXT, P_TEXT(tenant), P_TEXT(after));
    int found = rows_next(r, e);

    if (found <= 0)
        return found;
    struct job_run run = {
        .workflow = mem_text(row_text(r, 3)),
        .layer = mem_text(row_text(r, 4)),
        .blob_key = mem_text(row_text(r, 5)),
        .entry = mem_text(row_text(r, 6)),
        .kind = mem_text(row_text(r, 7)),
        .credential_id = mem_text(row_text(r, 8)),
        .params = json_loads(row_text(r, 9), 0, NULL),
        .launch = json_loads(row_text(r, 10), 0, NULL),
        .timeout_ms = row_int(r, 11),
        .created_at = row_int(r, 12),
    };
    memcpy(run.id.text, row_text(r, 0), sizeof run.id.text);
    memcpy(run.tenant.text, row_text(r, 1), sizeof run.tenant.text);
    memcpy(run.deployment.text, row_text(r, 2), sizeof run.deployment.text);
    *out = run;
    return 1;
}

#define LEVEL " sandbox_level = (SELECT sandbox_level FROM server)"

int job_begin(struct db *db, const char *id, int64_t epoch, enum job_begin how, struct err *e)
{
    static const struct stmt COLD = {
        "job.begin_cold", "UPDATE job SET status = 'starting_browser', epoch = $2," LEVEL
                          " WHERE id = $1 AND status = 'queued'"
    };
    static const struct stmt WARM = {
        "job.begin_warm", "UPDATE job SET status = 'running', epoch = $2, started_at = $3," LEVEL
                          " WHERE id = $1 AND status = 'queued'"
    };
    static const struct stmt STARTED = {
        "job.begin_started", "UPDATE job SET status = 'running', epoch = $2, started_at = $3"
                             " WHERE id = $1 AND status = 'starting_browser'"
    };
    int changed = how == JOB_COLD
                      ? db_run(db, e, &COLD, P_TEXT(id), P_INT(epoch))
                      : db_run(db, e, &WARM, P_TEXT(id), P_INT(epoch), P_INT(db_now(db)));

    if (changed > 0 && count_queued(db, id, -1, e) < 0)
        return -1;
    if (changed == 0 && how == JOB_WARM)
        changed = db_run(db, e, &STARTED, P_TEXT(id), P_INT(epoch), P_INT(db_now(db)));
    if (changed <= 0)
        return changed;
    db_changed(db, "job/%s", id);
    return job_log_add(db, id, "info", how == JOB_COLD ? "Starting a browser" : "Job started", e) <
                   0
               ? -1
               : 1;
}

/* JOB_AGAIN, or 0: it has begun, its end was asked for, or it was tried often enough. */
static int queue_again(struct db *db, const char *id, const char *why, struct err *e)
{
    static const struct stmt AGAIN = {
        "job.again", "UPDATE job SET status = 'queued', starts = starts + 1 WHERE id = $1"
                     " AND status = 'starting_browser' AND cancel_at IS NULL AND starts < $2"
    };
    int changed = db_run(db, e, &AGAIN, P_TEXT(id), P_INT(LIMIT_JOB_STARTS - 1));

    if (changed <= 0)
        return changed;
    scoped(mem_free) char *line =
        mem_format("%s\nNothing of the job has run; it is tried again", why);
    db_changed(db, "job/%s", id);
    db_changed(db, "jobs");
    return count_queued(db, id, 1, e) < 0 || job_log_add(db, id, "warn", line, e) < 0 ? -1
                                                                                      : JOB_AGAIN;
}

int job_finish(struct db *db, const char *id, const struct job_outcome *o, struct err *e)
{
    static const struct stmt FINISH = {
        "job.finish", "UPDATE job SET status = $2, result = $3, error = $4, mapped_stack = $5,"
                      " screenshot_key = $6, html_key = $7, completed_at = $8"
                      " WHERE id = $1 AND status IN ('starting_browser', 'running')"
    };
    static const char *const names[] = { "completed", "failed", "cancelled" };
    static const char *const says[] = { "Job completed", "Job failed", "Job cancelled" };
    static const char *const levels[] = { "info", "error", "warn" };
    int again = o->ours ? queue_again(db, id, o->error, e) : 0;

    if (again != 0)
        return again;
    int changed = db_run(db, e, &FINISH, P_TEXT(id), P_TEXT(names[o->status]), P_TEXT(o->result),
                         P_TEXT(o->error), P_TEXT(o->mapped_stack), P_TEXT(o->screenshot_key),
                         P_TEXT(o->html_key), P_INT(db_now(db)));

    if (changed <= 0)
        return changed;
    scoped(mem_free) char *line =
        o->error ? mem_format("%s: %s", says[o->status], o->error) : mem_text(says[o->status]);
    db_changed(db, "job/%s", id);
    db_changed(db, "jobs");
    return job_log_add(db, id, levels[o->status], line, e) < 0 ? -1 : JOB_SETTLED;
}

int job_recover(struct db *db, int64_t *lost, int64_t *requeued, struct err *e)
{
    static const struct stmt LOST = {
        "job.recover_lost",
        "UPDATE job SET status = CASE WHEN cancel_at IS NULL THEN 'failed' ELSE 'cancelled' END,"
        " error = CASE WHEN cancel_at IS NULL THEN $2 ELSE $3 END, completed_at = $1"
        " WHERE status = 'running'" OPEN
    };
    static const struct stmt CANCELLED = {
        "job.recover_cancelled",
        "UPDATE job SET status = 'cancelled', error = $2,"
        " completed_at = $1 WHERE status = 'starting_browser'" OPEN " AND cancel_at IS NOT NULL"
    };
    static const struct stmt AGAIN = { "job.recover_queue",
                                       "UPDATE job SET status = 'queued'"
                                       " WHERE status = 'starting_browser'" OPEN };
    static const struct stmt RECOUNT = {
        "job.recount", "UPDATE tenant SET queued = (SELECT count(*) FROM job j"
                       " WHERE j.tenant_id = tenant.id AND j.status = 'queued'), building ="
                       " (SELECT count(*) FROM deployment d WHERE +d.tenant_id = tenant.id"
                       "  AND d.status = 'building')"
    };
    msec_t now = db_now(db);
    int n_lost = db_run(db, e, &LOST, P_INT(now),
                        P_TEXT("WORKER_LOST: the server ended while this job ran. It is not "
                               "started again by itself, because its code may have acted already"),
                        P_TEXT("Cancelled on request"));
    if (n_lost < 0 ||
        db_run(db, e, &CANCELLED, P_INT(now), P_TEXT("Cancelled on request before it began")) < 0)
        return -1;
    int n_again = db_run(db, e, &AGAIN);
    if (n_again < 0 || db_run(db, e, &RECOUNT) < 0)
        return -1;
    *lost = n_lost;
    *requeued = n_again;
    return 0;
}

int job_count_open(struct db *db, int64_t *queued, int64_t *running, struct err *e)
{
    static const struct stmt COUNT = {
        "job.count_open", "SELECT count(CASE WHEN status = 'queued' THEN 1 END),"
                          " count(CASE WHEN status <> 'queued' THEN 1 END) FROM job"
                          " WHERE status IN ('queued', 'starting_browser', 'running')"
    };
    scoped(rows_free) struct rows *r = db_query(db, &COUNT);

    if (rows_next(r, e) != 1)
        return -1;
    *queued = row_int(r, 0);
    *running = row_int(r, 1);
    return 0;
}
