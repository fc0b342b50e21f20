/* SPDX-License-Identifier: Apache-2.0
 *
 * AI builds: workflows that the server writes itself.
 */
#include "api/route.h"
#include "base/schema.h"

#include "base/bounds.h"
#include "domain/ai_build.h"
#include "engine/files.h"

#include <stdio.h>

/* ---- build ---- */

/* JSON lines, as clients record them: what is no object is dropped, as the recorder may have been
 * stopped in the middle of a line, and so is what goes beyond the bounds. */
static json_t *log_lines(const char *text)
{
    json_t *out = json_array();
    int left = LIMIT_JSON_VALUES;

    while (*text && left >= 0) {
        size_t n = strcspn(text, "\n");
        scoped(err_clear) struct err e = { 0 };
        json_t *entry = NULL;
        if (n > 0 && json_parse_some(text, n, LIMIT_JSON_DEPTH, &left, &entry, &e) == 0) {
            if (json_is_object(entry) && json_array_size(out) < LIMIT_LOG_ENTRIES)
                json_array_append(out, entry);
            json_decref(entry);
        }
        text += n + (text[n] == '\n');
    }
    return out;
}

/* A new array, or NULL when nothing usable came. A text may be an array too. */
static json_t *read_log(const json_t *given)
{
    const char *text = json_string_value(given);
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *log = NULL;

    if (!text)
        log = json_is_array(given) ? json_incref(json_shared(given)) : NULL;
    else if (text[strspn(text, " \t\r\n")] != '[' ||
             json_parse(text, strlen(text), LIMIT_JSON_DEPTH, &log, &e) < 0)
        log = log_lines(text);
    return json_array_size(log) > 0 ? take(log) : NULL;
}

/* In the form that it is kept in: a JSON array as one text. Null when nothing usable came. */
static void keep_log(json_t *input, const char *name)
{
    scoped(json_decref) json_t *log = read_log(json_object_get(input, name));
    scoped(mem_free) char *text = log ? json_print(log) : NULL;

    json_object_set_new(input, name, text ? json_string(text) : json_null());
}

/* A file that the build may write, and TypeScript or JavaScript. */
static bool entry_point_valid(const char *path)
{
    const char *dot = strrchr(path, '.');

    return file_path_valid(path) && dot &&
           (strcmp(dot, ".ts") == 0 || strcmp(dot, ".js") == 0 || strcmp(dot, ".mjs") == 0);
}

static int check(const struct call *c, struct err *e)
{
    const char *url = json_text(c->input, "initial_url");
    const char *entry = json_text(c->input, "entry_point");
    const json_t *params = json_object_get(c->input, "params");
    scoped(mem_free) char *printed = params ? json_print(params) : mem_text("");

    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0) {
        issue_custom(c->issues, "initial_url", "must be an http or https address");
        return err_set(e, ERR_INPUT, "initial_url must be an http or https address");
    }
    if (!entry_point_valid(entry)) {
        issue_custom(c->issues, "entry_point", "must be a relative path that ends in .ts");
        return err_set(e, ERR_INPUT,
                       "entry_point \"%s\" is not a relative path of a module (write it like "
                       "index.ts or src/index.ts)",
                       entry);
    }
    if (strlen(printed) > LIMIT_PARAMS)
        return err_set(e, ERR_TOO_LARGE, "params are larger than %d KiB as JSON",
                       LIMIT_PARAMS / 1024);
    return 0;
}

static int prepare(struct call *c, struct err *e)
{
    keep_log(c->input, "network_log");
    keep_log(c->input, "action_log");
    if (!json_text(c->input, "entry_point"))
        json_object_set_new(c->input, "entry_point", json_string("index.ts"));
    return check(c, e);
}

static int build(struct call *c, struct db *db, json_t **out, struct err *e)
{
    const json_t *descriptions = json_object_get(c->input, "descriptions");
    const json_t *params = json_object_get(c->input, "params");
    scoped(json_decref) json_t *list = json_is_string(descriptions)
                                           ? json_pack("[O]", descriptions)
                                           : json_incref(json_shared(descriptions));
    scoped(json_decref) json_t *given = params ? json_incref(json_shared(params)) : json_object();
    const struct ai_build_spec spec = {
        .tenant = c->tenant,
        .descriptions = list,
        .initial_url = json_text(c->input, "initial_url"),
        .params = given,
        .network_log = json_text(c->input, "network_log"),
        .action_log = json_text(c->input, "action_log"),
        .entry_point = json_text(c->input, "entry_point"),
    };
    struct id id;

    if (!engine_has_model(c->with->settings) && !spec.action_log)
        return err_set(e, ERR_PRECONDITION,
                       "This server has no model to write workflows with: set "
                       "IMPRESARIO_MODEL_PROVIDER (anthropic or openai), IMPRESARIO_MODEL and "
                       "IMPRESARIO_MODEL_API_KEY (for a server of your own "
                       "IMPRESARIO_MODEL_BASE_URL), or send an action_log, from which a workflow "
                       "is made without a model");
    if (ai_build_create(db, &spec, &id, e) < 0 ||
        call_audit(c, db, "ai_build.created", id.text, NULL, e) < 0)
        return -1;
    *out = json_pack("{s:s,s:s}", "build_id", id.text, "status", "pending");
    return 0;
}

/* ---- buildStatus ---- */

struct status {
    json_t *out;
    char state[64];
    bool final;
};

static void keep_build(void *arg, const struct ai_build *b)
{
    struct status *s = arg;
    json_t *details = json_object();

    s->out = json_object();
    json_object_set_new(s->out, "build_id", json_string(b->id));
    json_object_set_new(s->out, "status", json_string(b->status));
    json_object_set_new(s->out, "deployment_id", json_or_null(b->deployment_id));
    json_object_set_new(s->out, "workflow_name", json_or_null(b->workflow_name));
    json_object_set_new(s->out, "summary", json_or_null(b->summary));
    json_object_set_new(s->out, "error", json_or_null(b->error));
    json_object_set_new(details, "steps", json_integer(b->steps));
    json_object_set_new(details, "tokens_in", json_integer(b->tokens_in));
    json_object_set_new(details, "tokens_out", json_integer(b->tokens_out));
    json_object_set_new(details, "cost", json_integer(b->cost));
    json_object_set_new(details, "worked_ms", json_integer(b->spent_ms));
    json_object_set_new(details, "cancelled", json_boolean(b->cancelled));
    json_object_set_new(s->out, "details", details);
    json_object_set_new(s->out, "created_at", json_time(b->created_at));
    json_object_set_new(s->out, "updated_at", json_time(b->updated_at));
    s->final = strcmp(b->status, "ready") == 0 || strcmp(b->status, "failed") == 0;
    snprintf(s->state, sizeof s->state, "%s", b->status);
}

static void add_step(void *arg, int64_t seq, const struct ai_step *s)
{
    json_t *step = json_object();

    json_object_set_new(step, "step", json_integer(seq));
    json_object_set_new(step, "kind", json_string(s->kind));
    json_object_set_new(step, "action", json_string(s->what));
    json_object_set_new(step, "reason", json_or_null(s->why));
    json_object_set_new(step, "observation", json_or_null(s->outcome));
    json_object_set_new(step, "ok", s->ok < 0 ? json_null() : json_boolean(s->ok));
    json_object_set_new(step, "started_at", json_time(s->started_at));
    json_object_set_new(step, "duration_ms", json_integer(s->took_ms));
    json_object_set_new(step, "tokens_in", json_integer(s->tokens_in));
    json_object_set_new(step, "tokens_out", json_integer(s->tokens_out));
    json_array_append_new(arg, step);
}

/* Whoever waits is told of each step, not only of each status. */
static int build_status(struct call *c, struct db *db, json_t **out, struct err *e)
{
    const char *id = json_text(c->input, "build_id");
    json_t *steps = json_array();
    struct status s = { 0 };
    char state[64];

    if (ai_build_get(db, c->tenant, id, keep_build, &s, e) < 0) {
        json_decref(steps);
        return -1;
    }
    *out = s.out;
    json_object_set_new(s.out, "attempted_steps", steps);
    if (ai_step_each(db, id, add_step, steps, e) < 0)
        return -1;
    snprintf(state, sizeof state, "%.24s/%zu", s.state, json_array_size(steps));
    return wait_unless_changed(c, state, s.final);
}

/* ---- cancelBuild ---- */

static int cancel(struct call *c, struct db *db, json_t **out, struct err *e)
{
    char status[24];
    int cancelled = ai_build_cancel(db, c->tenant, json_text(c->input, "build_id"), status, e);

    if (cancelled < 0 || (cancelled && call_audit(c, db, "ai_build.cancelled",
                                                  json_text(c->input, "build_id"), NULL, e) < 0))
        return -1;
    scoped(mem_free) char *message = cancelled ? mem_text("Build cancelled")
                                     : strcmp(status, "deploying") == 0
                                         ? mem_text("The workflow is being deployed already")
                                         : mem_format("The build is %s already", status);
    *out = json_pack("{s:b,s:s}", "success", cancelled, "message", message);
    return 0;
}

const struct route build_routes[] = {
    { ROUTE_CREATE, "/v1/workflows/build", build, LIMIT_BUILD_BODY, prepare },
    { ROUTE_READ, "/v1/workflows/buildStatus", build_status },
    { ROUTE_WRITE, "/v1/workflows/cancelBuild", cancel },
    { 0 },
};
