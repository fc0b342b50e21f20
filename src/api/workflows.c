/* SPDX-License-Identifier: Apache-2.0 */
#include "api/route.h"

#include "domain/ai_build.h"
#include "domain/workflow.h"

static void add_workflow(void *arg, const struct workflow *w)
{
    json_t *out = json_object();

    json_object_set_new(out, "name", json_string(w->name));
    json_object_set_new(out, "deployment_id", json_string(w->deployment_id));
    json_object_set_new(out, "deployment_status", json_string(w->deployment_status));
    json_object_set_new(out, "created_at", json_time(w->created_at));
    json_object_set_new(out, "updated_at", json_time(w->updated_at));
    json_array_append_new(arg, out);
}

static void add_build(void *arg, const struct ai_build *b)
{
    json_t *out = json_object();

    json_object_set_new(out, "build_id", json_string(b->id));
    json_object_set_new(out, "status", json_string(b->status));
    json_object_set_new(out, "workflow_name", json_or_null(b->workflow_name));
    json_object_set_new(out, "summary", json_or_null(b->summary));
    json_object_set_new(out, "error", json_or_null(b->error));
    json_object_set_new(out, "created_at", json_time(b->created_at));
    json_object_set_new(out, "updated_at", json_time(b->updated_at));
    json_array_append_new(arg, out);
}

static int list(struct call *c, struct db *db, json_t **out, struct err *e)
{
    enum { FAILED_STAY_MS = 24 * 60 * 60 * 1000 }; /* so that a person sees why */
    json_t *workflows = json_array();
    json_t *builds = json_array();

    *out = json_object();
    json_object_set_new(*out, "deployed_workflows", workflows);
    json_object_set_new(*out, "in_progress_builds", builds);
    if (ai_build_each(db, c->tenant, db_now(db) - FAILED_STAY_MS, add_build, builds, e) < 0)
        return -1;
    return workflow_each(db, c->tenant, add_workflow, workflows, e);
}

static json_t *schema(const char *text)
{
    return text ? json_loads(text, 0, NULL) : json_null();
}

static void keep_one(void *arg, const struct workflow *w)
{
    json_t *out = json_object();

    json_object_set_new(out, "workflow", json_string(w->name));
    json_object_set_new(out, "deployment_id", json_string(w->deployment_id));
    json_object_set_new(out, "deployment_status", json_string(w->deployment_status));
    json_object_set_new(out, "deployment_created_at", json_time(w->deployment_created_at));
    json_object_set_new(out, "deployment_built_at", json_time_or_null(w->deployment_built_at));
    json_object_set_new(out, "created_at", json_time(w->created_at));
    json_object_set_new(out, "updated_at", json_time(w->updated_at));
    json_object_set_new(out, "input_schema", schema(w->input_schema));
    json_object_set_new(out, "output_schema", schema(w->output_schema));
    json_object_set_new(out, "sharing_enabled", json_false());
    json_object_set_new(out, "publication", json_null());
    *(json_t **)arg = out;
}

static int get(struct call *c, struct db *db, json_t **out, struct err *e)
{
    return workflow_get(db, c->tenant, json_text(c->input, "workflow"), keep_one, out, e);
}

static int delete (struct call *c, struct db *db, json_t **out, struct err *e)
{
    const char *name = json_text(c->input, "workflow");
    int64_t cancelled;

    if (workflow_delete(db, c->tenant, name, &cancelled, e) < 0 ||
        call_audit(c, db, "workflow.deleted", name, NULL, e) < 0)
        return -1;
    scoped(mem_free) char *message =
        cancelled ? mem_format("Workflow \"%s\" deleted; %lld queued jobs were cancelled", name,
                               (long long)cancelled)
                  : mem_format("Workflow \"%s\" deleted", name);
    *out = success(message);
    return 0;
}

const struct route workflow_routes[] = {
    { ROUTE_READ, "/v1/workflows/list", list },
    { ROUTE_READ, "/v1/workflows/get", get },
    { ROUTE_WRITE, "/v1/workflows/delete", delete },
    { 0 },
};
