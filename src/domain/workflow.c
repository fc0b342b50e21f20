/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/workflow.h"

#include "domain/job.h"

#define WORKFLOW_COLUMNS                                                                         \
    "SELECT w.id, w.name, w.deployment_id, d.status, w.launch, w.input_schema, w.output_schema," \
    " d.version, w.created_at, w.updated_at, d.created_at, d.built_at"                           \
    " FROM workflow w JOIN deployment d ON d.id = w.deployment_id"

static void give(struct rows *r, workflow_fn row, void *arg)
{
    const struct workflow w = {
        .id = row_text(r, 0),
        .name = row_text(r, 1),
        .deployment_id = row_text(r, 2),
        .deployment_status = row_text(r, 3),
        .launch = row_text(r, 4),
        .input_schema = row_text(r, 5),
        .output_schema = row_text(r, 6),
        .deployment_version = row_int(r, 7),
        .created_at = row_int(r, 8),
        .updated_at = row_int(r, 9),
        .deployment_created_at = row_int(r, 10),
        .deployment_built_at = row_int(r, 11),
    };
    row(arg, &w);
}

int workflow_each(struct db *db, const char *tenant, workflow_fn row, void *arg, struct err *e)
{
    static const struct stmt EACH = { "workflow.each", WORKFLOW_COLUMNS
                                      " WHERE w.tenant_id = $1 ORDER BY w.updated_at DESC, w.id" };
    scoped(rows_free) struct rows *r = db_query(db, &EACH, P_TEXT(tenant));
    int more;

    while ((more = rows_next(r, e)) > 0)
        give(r, row, arg);
    return more;
}

int workflow_get(struct db *db, const char *tenant, const char *name, workflow_fn row, void *arg,
                 struct err *e)
{
    static const struct stmt GET = { "workflow.get",
                                     WORKFLOW_COLUMNS " WHERE w.tenant_id = $1 AND w.name = $2" };
    scoped(rows_free) struct rows *r = db_query(db, &GET, P_TEXT(tenant), P_TEXT(name));
    int found = rows_next(r, e);

    if (found < 0)
        return -1;
    if (!found)
        return err_set(e, ERR_NOT_FOUND, "Workflow \"%s\" not found", name);
    give(r, row, arg);
    return 0;
}

int workflow_delete(struct db *db, const char *tenant, const char *name, int64_t *cancelled,
                    struct err *e)
{
    static const struct stmt DELETE = { "workflow.delete",
                                        "DELETE FROM workflow WHERE tenant_id = $1 AND name = $2" };
    int deleted = db_run(db, e, &DELETE, P_TEXT(tenant), P_TEXT(name));

    if (deleted < 0)
        return -1;
    if (deleted == 0)
        return err_set(e, ERR_NOT_FOUND, "Workflow \"%s\" not found", name);
    return job_cancel_queued(db, tenant, name, "the workflow was deleted before the job began",
                             cancelled, e);
}

/* A name goes to the newest created deployment: ids of version 7 sort by creation. */
static int claim_name(struct db *db, const char *tenant, const char *deployment,
                      const json_t *workflow, struct err *e)
{
    static const struct stmt CLAIM = {
        "workflow.claim",
        "INSERT INTO workflow (id, tenant_id, name, deployment_id, launch, input_schema,"
        " output_schema, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)"
        " ON CONFLICT (tenant_id, name) DO UPDATE SET deployment_id = excluded.deployment_id,"
        " launch = excluded.launch, input_schema = excluded.input_schema,"
        " output_schema = excluded.output_schema, updated_at = excluded.updated_at"
        " WHERE workflow.deployment_id < excluded.deployment_id"
    };
    struct id id = id_new(db_env(db));
    const json_t *input = json_object_get(workflow, "input_schema");
    const json_t *output = json_object_get(workflow, "output_schema");
    scoped(mem_free) char *input_text = json_is_object(input) ? json_print(input) : NULL;
    scoped(mem_free) char *output_text = json_is_object(output) ? json_print(output) : NULL;
    scoped(json_decref) json_t *launch = json_copy(json_shared(workflow));

    (void)json_object_del(launch, "input_schema");
    (void)json_object_del(launch, "output_schema");
    scoped(mem_free) char *launch_text = json_print(launch);
    return db_run(db, e, &CLAIM, P_TEXT(id.text), P_TEXT(tenant),
                  P_TEXT(json_text(workflow, "name")), P_TEXT(deployment), P_TEXT(launch_text),
                  P_TEXT(input_text), P_TEXT(output_text), P_INT(db_now(db))) < 0
               ? -1
               : 0;
}

int workflow_claim_names(struct db *db, const char *tenant, const char *deployment,
                         const json_t *workflows, struct err *e)
{
    size_t i;
    const json_t *workflow;

    json_array_foreach(workflows, i, workflow) {
        if (claim_name(db, tenant, deployment, workflow, e) < 0)
            return -1;
    }
    return 0;
}
