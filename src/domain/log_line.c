/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/log_line.h"

int job_log_add(struct db *db, const char *job, const char *level, const char *message,
                struct err *e)
{
    static const struct stmt ADD = {
        "job_log.add", "INSERT INTO job_log (tenant_id, job_id, workflow, level, message, at)"
                       " SELECT tenant_id, id, workflow, $2, $3, $4 FROM job WHERE id = $1"
    };

    if (db_run(db, e, &ADD, P_TEXT(job), P_TEXT(level), P_TEXT(message), P_INT(db_now(db))) < 0)
        return -1;
    db_changed(db, "log/%s", job);
    return 0;
}

static int job_exists(struct db *db, const char *tenant, const char *job, struct err *e)
{
    static const struct stmt FIND = { "job_log.job",
                                      "SELECT 1 FROM job WHERE tenant_id = $1 AND id = $2" };
    scoped(rows_free) struct rows *r = db_query(db, &FIND, P_TEXT(tenant), P_TEXT(job));
    int found = rows_next(r, e);

    return found == 0 ? err_set(e, ERR_NOT_FOUND, "Job not found") : found < 0 ? -1 : 0;
}

#define JOB_LOG_COLUMNS "SELECT job_id, workflow, level, message, id, at FROM job_log"

int job_log_each(struct db *db, const struct job_log_filter *f,
                 void (*row)(void *arg, const struct job_log *line), void *arg, struct err *e)
{
    static const struct stmt OF_JOB = {
        "job_log.of_job", JOB_LOG_COLUMNS
        " WHERE +tenant_id = $1 AND job_id = $2 AND id > $3 AND ($4 IS NULL OR workflow = $4)"
        " AND ($5 IS NULL OR level = $5) ORDER BY id LIMIT $6"
    };
    static const struct stmt NEWEST = {
        "job_log.newest",
        JOB_LOG_COLUMNS " WHERE tenant_id = $1 AND ($2 IS NULL OR job_id = $2) AND id < $3"
                        " AND ($4 IS NULL OR workflow = $4) AND ($5 IS NULL OR level = $5)"
                        " ORDER BY id DESC LIMIT $6"
    };

    if (f->job && job_exists(db, f->tenant, f->job, e) < 0)
        return -1;
    int64_t cursor = f->cursor || f->job ? f->cursor : INT64_MAX;
    scoped(rows_free) struct rows *r =
        db_query(db, f->job ? &OF_JOB : &NEWEST, P_TEXT(f->tenant), P_TEXT(f->job), P_INT(cursor),
                 P_TEXT(f->workflow), P_TEXT(f->level), P_INT(f->limit));
    int more;

    while ((more = rows_next(r, e)) > 0) {
        const struct job_log line = { row_text(r, 0), row_text(r, 1), row_text(r, 2),
                                      row_text(r, 3), row_int(r, 4),  row_int(r, 5) };
        row(arg, &line);
    }
    return more;
}

int build_log_add(struct db *db, const char *deployment, const char *stream, const char *phase,
                  const char *message, struct err *e)
{
    static const struct stmt ADD = {
        "build_log.add", "INSERT INTO build_log (deployment_id, seq, at, stream, phase, message)"
                         " SELECT $1, coalesce(max(seq), 0) + 1, $2, $3, $4, $5 FROM build_log"
                         " WHERE deployment_id = $1"
    };

    if (db_run(db, e, &ADD, P_TEXT(deployment), P_INT(db_now(db)), P_TEXT(stream), P_TEXT(phase),
               P_TEXT(message)) < 0)
        return -1;
    db_changed(db, "build_log/%s", deployment);
    return 0;
}

int build_log_each(struct db *db, const char *deployment, int64_t after, int64_t limit,
                   void (*row)(void *arg, const struct build_log *line), void *arg, struct err *e)
{
    static const struct stmt EACH = {
        "build_log.each", "SELECT stream, phase, message, seq, at FROM build_log"
                          " WHERE deployment_id = $1 AND seq > $2 ORDER BY seq LIMIT $3"
    };
    scoped(rows_free) struct rows *r =
        db_query(db, &EACH, P_TEXT(deployment), P_INT(after), P_INT(limit));
    int more;

    while ((more = rows_next(r, e)) > 0) {
        const struct build_log line = { row_text(r, 0), row_text(r, 1), row_text(r, 2),
                                        row_int(r, 3), row_int(r, 4) };
        row(arg, &line);
    }
    return more;
}
