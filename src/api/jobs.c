/* SPDX-License-Identifier: Apache-2.0 */
#include "api/route.h"
#include "base/schema.h"

#include "artifact/base64.h"
#include "base/bounds.h"
#include "domain/job.h"

#include <stdio.h>

enum { DEFAULT_TIMEOUT_S = 1800 };

/* Those of `names` that the input has. */
static json_t *pick(const json_t *input, const char *const *names, size_t n)
{
    json_t *out = json_object();

    for (size_t i = 0; i < n; i++) {
        json_t *value = json_object_get(input, names[i]);
        if (value)
            json_object_set(out, names[i], value);
    }
    return out;
}

static int check_params(struct call *c, const json_t *params, struct err *e)
{
    scoped(mem_free) char *text = json_print(params);

    if (strlen(text) > LIMIT_PARAMS) {
        issue_custom(c->issues, "params", "params are larger than 1 MiB");
        return err_set(e, ERR_INPUT, "params are larger than 1 MiB: pass a reference instead");
    }
    if (json_object_get(params, "__libretto")) {
        issue_custom(c->issues, "params", "the key __libretto is reserved");
        return err_set(e, ERR_INPUT, "params must not have the key __libretto, which is reserved");
    }
    return 0;
}

static int create(struct call *c, struct db *db, json_t **out, struct err *e)
{
    static const char *const launch_names[] = { "start_url", "viewport", "gpu", "headless" };
    static const char *const option_names[] = { "callback_url", "skip_callbacks",
                                                "residential_proxy", "disable_default_proxy" };
    json_t *given = json_object_get(c->input, "params");
    scoped(json_decref) json_t *params = given ? json_incref(given) : json_object();
    scoped(json_decref) json_t *launch = pick(c->input, launch_names, n_items(launch_names));
    scoped(json_decref) json_t *options = pick(c->input, option_names, n_items(option_names));
    const struct job_spec spec = {
        .tenant = c->tenant,
        .workflow = json_text(c->input, "workflow"),
        .params = params,
        .launch = launch,
        .options = options,
        .callback_secret = json_text(c->input, "callback_secret"),
        .sealer = c->with->sealer,
        .credential_id = json_text(c->input, "credential_id"),
        .nonce = json_text(c->input, "nonce"),
        .request_digest = c->request_digest,
        .timeout_ms = json_int(c->input, "timeout_seconds", DEFAULT_TIMEOUT_S) * 1000,
        .queue_limit = c->with->settings->queue_jobs,
    };
    struct id id;
    bool existing;

    if (check_params(c, params, e) < 0)
        return -1;
    if (job_create(db, &spec, &id, &existing, e) < 0) {
        if (e->code == ERR_CONFLICT)
            c->data = json_pack("{s:s}", "job_id", id.text);
        return -1;
    }
    if (!existing && call_audit(c, db, "job.created", id.text, spec.workflow, e) < 0)
        return -1;
    struct engine_state state = engine_state(c->with->engine);
    bool at_once = !existing && state.ready > 0 && state.busy < state.slots;
    scoped(mem_free) char *message =
        existing  ? mem_text("This nonce was used before: here is its job")
        : at_once ? mem_text("Job started")
        : state.busy >= state.slots
            ? mem_format("Job queued: all %d slots of the server are busy", state.slots)
            : mem_text("Job queued: a browser is being started for it");
    *out = json_object();
    json_object_set_new(*out, "success", json_true());
    json_object_set_new(*out, "job_id", json_string(id.text));
    json_object_set_new(*out, "status", json_string(at_once ? "running" : "queued"));
    json_object_set_new(*out, "message", json_string(message));
    return 0;
}

static json_t *summary(const struct job *j)
{
    json_t *out = json_object();

    json_object_set_new(out, "job_id", json_string(j->id));
    json_object_set_new(out, "deployment_id", json_string(j->deployment_id));
    json_object_set_new(out, "workflow_id", json_string(j->workflow_id));
    json_object_set_new(out, "workflow", json_string(j->workflow));
    json_object_set_new(out, "status", json_string(j->status));
    json_object_set_new(out, "sandbox_level", json_or_null(j->sandbox_level));
    json_object_set_new(out, "created_at", json_time(j->created_at));
    json_object_set_new(out, "completed_at", json_time_or_null(j->completed_at));
    return out;
}

/* One more than was asked for is looked up: it tells whether there is another page. */
struct page {
    json_t *items;
    int64_t limit;
    bool more;
    char last[ID_TEXT_SIZE];
};

static void add_to_page(void *arg, const struct job *j)
{
    struct page *p = arg;

    p->more = (int64_t)json_array_size(p->items) == p->limit;
    if (p->more)
        return;
    json_array_append_new(p->items, summary(j));
    snprintf(p->last, sizeof p->last, "%s", j->id);
}

static int list(struct call *c, struct db *db, json_t **out, struct err *e)
{
    enum { DEFAULT_LIMIT = 20 };
    const struct job_filter filter = {
        .tenant = c->tenant,
        .status = json_text(c->input, "status"),
        .workflow = json_text(c->input, "workflow"),
        .cursor = json_text(c->input, "cursor"),
        .limit = json_int(c->input, "limit", DEFAULT_LIMIT) + 1,
    };
    struct page page = { .items = json_array(), .limit = filter.limit - 1 };
    char stopped[ID_TEXT_SIZE];

    *out = json_object();
    json_object_set_new(*out, "jobs", page.items);
    if (filter.cursor && !id_valid(filter.cursor)) {
        issue_custom(c->issues, "cursor", "Invalid cursor");
        return err_set(e, ERR_INPUT, "The cursor is not one that this route gave out");
    }
    if (job_each(db, &filter, add_to_page, &page, stopped, e) < 0)
        return -1;
    json_object_set_new(*out, "next_cursor",
                        page.more  ? json_string(page.last)
                        : *stopped ? json_string(stopped)
                                   : json_null());
    return 0;
}

static void keep_one(void *arg, const struct job *j)
{
    json_t *out = summary(j);

    json_object_set_new(out, "deployment_version", json_integer(j->deployment_version));
    json_object_set_new(out, "params", json_loads(j->params, 0, NULL));
    json_object_set_new(out, "started_at", json_time_or_null(j->started_at));
    if (strcmp(j->status, "completed") == 0)
        json_object_set_new(out, "result", json_loads(j->result, JSON_DECODE_ANY, NULL));
    json_object_set_new(out, "error", json_or_null(j->error));
    json_object_set_new(out, "mapped_stack", json_or_null(j->mapped_stack));
    if (j->queue_position >= 0)
        json_object_set_new(out, "queue_position", json_integer(j->queue_position));
    *(json_t **)arg = out;
}

static int get(struct call *c, struct db *db, json_t **out, struct err *e)
{
    if (job_get(db, c->tenant, json_text(c->input, "id"), keep_one, out, e) < 0)
        return -1;
    const char *status = json_text(*out, "status");
    return wait_unless_changed(c, status, !json_is_null(json_object_get(*out, "completed_at")));
}

static int cancel(struct call *c, struct db *db, json_t **out, struct err *e)
{
    char status[24];
    int asked = job_cancel(db, c->tenant, json_text(c->input, "id"), status, e);

    if (asked < 0 ||
        (asked && call_audit(c, db, "job.cancelled", json_text(c->input, "id"), NULL, e) < 0))
        return -1;
    scoped(mem_free) char *message =
        asked ? mem_text(strcmp(status, "queued") == 0 ? "Job cancelled" : "Job is being cancelled")
              : mem_format("Job cannot be cancelled: it is %s already", status);
    *out = success(message);
    json_object_set_new(*out, "success", json_boolean(asked));
    return 0;
}

/* What is named and cannot be read was swept since the row was looked at. */
static json_t *artifact(struct call *c, const char *key, bool is_text)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(buf_done) struct buf data = { 0 };
    scoped(buf_done) struct buf text = { 0 };

    if (!key || blob_read(c->with->blobs, key, &data, &e) < 0)
        return json_null();
    if (is_text)
        return json_stringn(buf_str(&data), data.n);
    base64_encode(data.data, data.n, &text);
    return json_string(buf_str(&text));
}

static int artifacts(struct call *c, struct db *db, json_t **out, struct err *e)
{
    const char *id = json_text(c->input, "id");
    scoped(mem_free) char *screenshot = NULL;
    scoped(mem_free) char *html = NULL;

    if (job_artifacts(db, c->tenant, id, &screenshot, &html, e) < 0)
        return -1;
    *out = json_object();
    json_object_set_new(*out, "job_id", json_string(id));
    json_object_set_new(*out, "screenshot", artifact(c, screenshot, false));
    json_object_set_new(*out, "html", artifact(c, html, true));
    return 0;
}

const struct route job_routes[] = {
    { ROUTE_CREATE, "/v1/jobs/create", create },
    { ROUTE_READ, "/v1/jobs/list", list },
    { ROUTE_READ, "/v1/jobs/get", get },
    { ROUTE_WRITE, "/v1/jobs/cancel", cancel },
    { ROUTE_FILE, "/v1/jobs/artifacts", artifacts },
    { 0 },
};
