/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/retention.h"

#include "base/id.h"

enum age { AGE_DAY, AGE_LOG, AGE_ARTIFACT, AGE_CODE, AGES };

/* What a build under way found of an earlier one is named by no row of its own until the build ends. */
#define BUILDING                                                 \
    "SELECT tenant_id FROM deployment WHERE status = 'building'" \
    " UNION SELECT tenant_id FROM ai_build"                      \
    " WHERE status IN ('pending', 'agent_running', 'deploying')"

/* Code goes when no name runs it and no job will. The row stays, for those who look. */
#define OLD_CODE                                                                                 \
    "(SELECT d.id FROM deployment d WHERE (d.source_key IS NOT NULL OR d.bundle_id IS NOT NULL)" \
    " AND d.built_at < $1"                                                                       \
    " AND NOT EXISTS (SELECT 1 FROM workflow w WHERE w.deployment_id = d.id)"                    \
    " AND NOT EXISTS (SELECT 1 FROM job j WHERE j.deployment_id = d.id"                          \
    " AND j.status IN ('queued', 'starting_browser', 'running'))"                                \
    " ORDER BY d.built_at LIMIT $2)"

/* $1: when a row must have got its age, $2: how many rows at once. */
static const struct rule {
    enum age age;
    struct stmt stmt;
} RULES[] = {
    { AGE_LOG,
      { "retention.job_log", "DELETE FROM job_log WHERE id IN"
                             " (SELECT id FROM job_log WHERE at < $1 ORDER BY at LIMIT $2)" } },
    { AGE_DAY,
      { "retention.idempotency",
        "DELETE FROM idempotency WHERE (tenant_id, route, key) IN (SELECT tenant_id, route, key"
        " FROM idempotency WHERE created_at < $1 ORDER BY created_at LIMIT $2)" } },
    { AGE_ARTIFACT,
      { "retention.artifacts",
        "UPDATE job SET screenshot_key = NULL, html_key = NULL WHERE id IN"
        " (SELECT id FROM job WHERE (screenshot_key IS NOT NULL OR html_key IS NOT NULL)"
        " AND completed_at < $1 ORDER BY completed_at LIMIT $2)" } },
    { AGE_CODE,
      { "retention.source", "DELETE FROM deployment_source WHERE deployment_id IN " OLD_CODE } },
    { AGE_CODE,
      { "retention.code",
        "UPDATE deployment SET source_key = NULL, bundle_id = NULL WHERE id IN " OLD_CODE } },
    { AGE_DAY,
      { "retention.bundle",
        "DELETE FROM bundle WHERE id IN (SELECT b.id FROM bundle b WHERE b.created_at < $1"
        " AND NOT EXISTS (SELECT 1 FROM deployment d WHERE d.bundle_id = b.id)"
        " AND b.tenant_id NOT IN (" BUILDING ") LIMIT $2)" } },
    { AGE_DAY,
      { "retention.layer",
        "DELETE FROM layer WHERE digest IN (SELECT l.digest FROM layer l WHERE l.created_at < $1"
        " AND NOT EXISTS (SELECT 1 FROM bundle b WHERE b.layer = l.digest)"
        " AND NOT EXISTS (" BUILDING ") LIMIT $2)" } },
};

int retention_apply(struct db *db, const struct retention *r, msec_t now, struct err *e)
{
    const int64_t days[AGES] = { 1, r->log_days, r->artifact_days, r->code_days };
    int most = 0;

    for (size_t i = 0; i < n_items(RULES); i++) {
        int n = db_run(db, e, &RULES[i].stmt, P_INT(now - days[RULES[i].age] * RETENTION_DAY_MS),
                       P_INT(RETENTION_PART));
        if (n < 0)
            return -1;
        most = n > most ? n : most;
    }
    return most < RETENTION_PART ? most : RETENTION_PART;
}

/* ---- who names a file ---- */

/* One row a kind of blob: keys are "<kind>/<id>/<name>". $1 is the key, $2 the id. */
static const struct {
    const char *kind;
    struct stmt stmt;
} NAMERS[] = {
    { "deployments",
      { "retention.blob_source", "SELECT 1 FROM deployment WHERE id = $2 AND source_key = $1" } },
    { "bundles", { "retention.blob", "SELECT 1 FROM bundle WHERE id = $2 AND blob_key = $1" } },
    { "jobs",
      { "retention.artifact",
        "SELECT 1 FROM job WHERE id = $2 AND (screenshot_key = $1 OR html_key = $1)" } },
};

int retention_names(struct db *db, const char *key, struct err *e)
{
    const char *slash = strchr(key, '/');
    char id[ID_TEXT_SIZE];

    if (!slash || strlen(slash + 1) < ID_TEXT_SIZE)
        return 0;
    memcpy(id, slash + 1, ID_TEXT_SIZE - 1);
    id[ID_TEXT_SIZE - 1] = '\0';
    for (size_t i = 0; i < n_items(NAMERS); i++) {
        if (strncmp(key, NAMERS[i].kind, (size_t)(slash - key)) != 0 ||
            NAMERS[i].kind[slash - key] != '\0')
            continue;
        scoped(rows_free) struct rows *r = db_query(db, &NAMERS[i].stmt, P_TEXT(key), P_TEXT(id));
        return rows_next(r, e);
    }
    return 0; /* a proof's own: no row ever names them */
}
