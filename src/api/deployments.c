/* SPDX-License-Identifier: Apache-2.0 */
#include "api/route.h"
#include "base/schema.h"

#include "base/bounds.h"
#include "domain/deployment.h"
#include "domain/log_line.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *deployment_json(const struct deployment *d)
{
    json_t *out = json_object();
    /* Equal deployments share a bundle; to clients each has its own. */
    scoped(mem_free) char *bundle =
        d->has_bundle ? mem_format("deployments/%s/bundle.tar", d->id) : NULL;

    json_object_set_new(out, "id", json_string(d->id));
    json_object_set_new(out, "deployment_id", json_string(d->id));
    json_object_set_new(out, "description", json_or_null(d->description));
    json_object_set_new(out, "status", json_string(d->status));
    json_object_set_new(out, "source_path", json_or_null(d->source_key));
    json_object_set_new(out, "bundle_path", json_or_null(bundle));
    json_object_set_new(out, "build_error", json_or_null(d->build_error));
    json_object_set_new(out, "sandbox_level", json_or_null(d->sandbox_level));
    json_object_set_new(out, "entry_point", json_string(d->entry_point));
    json_object_set_new(out, "built_at", json_time_or_null(d->built_at));
    json_object_set_new(out, "created_at", json_time(d->created_at));
    json_object_set_new(out, "workflows",
                        d->workflows ? json_loads(d->workflows, 0, NULL) : json_null());
    return out;
}

/* Relative, with "/" between names that are neither empty nor dots. */
static bool entry_point_valid(const char *path)
{
    for (const char *at = path;; at++) {
        size_t n = strcspn(at, "/");
        if (n == 0 || (n == 2 && strncmp(at, "..", 2) == 0) || memchr(at, '\\', n))
            return false;
        at += n;
        if (*at == '\0')
            return true;
    }
}

static int create(struct call *c, struct db *db, json_t **out, struct err *e)
{
    const char *entry = json_text(c->input, "entry_point");
    const char *description = json_text(c->input, "description");
    const struct deployment_spec spec = {
        .tenant = c->tenant,
        .id = c->upload->deployment,
        .entry_point = entry ? entry : "index.ts",
        .description = description && *description ? description : NULL,
        .auto_repair = json_bool(c->input, "auto_repair", false),
        .source_key = c->upload->key,
        .source = c->upload->held,
        .source_size = c->upload->size,
        .source_digest = c->upload->digest,
    };
    msec_t created_at;

    if (!entry_point_valid(spec.entry_point)) {
        issue_custom(c->issues, "entry_point",
                     "must be a relative path inside the archive, with '/' between its parts and "
                     "without '..'");
        return err_set(e, ERR_INPUT,
                       "entry_point \"%s\" is not a relative path inside the archive (write it "
                       "like src/index.ts, without '..')",
                       spec.entry_point);
    }
    if (deployment_check_queue(db, c->tenant, c->with->settings->queue_builds, e) < 0 ||
        deployment_create(db, &spec, &created_at, e) < 0 ||
        call_audit(c, db, "deployment.created", spec.id.text, c->upload->digest, e) < 0)
        return -1;
    *out = json_object();
    json_object_set_new(*out, "deployment_id", json_string(spec.id.text));
    json_object_set_new(*out, "status", json_string("building"));
    json_object_set_new(*out, "created_at", json_time(created_at));
    return 0;
}

/* One more than was asked for is looked up: it tells whether there is another page. */
struct page {
    json_t *items;
    int64_t limit;
    bool more;
    char last[ID_TEXT_SIZE];
};

static void add_to_page(void *arg, const struct deployment *d)
{
    struct page *p = arg;

    p->more = (int64_t)json_array_size(p->items) == p->limit;
    if (p->more)
        return;
    json_array_append_new(p->items, deployment_json(d));
    snprintf(p->last, sizeof p->last, "%s", d->id);
}

/* Of a list without a limit: some 40 KiB, which is a millisecond of the event thread. */
enum { PIECE = 100 };

static int rest(struct db *db, const char *tenant, char cursor[static ID_TEXT_SIZE], json_t *items,
                struct err *e)
{
    struct page page = { .items = items, .limit = PIECE };

    if (deployment_each(db, tenant, cursor, PIECE, add_to_page, &page, e) < 0)
        return -1;
    if (json_array_size(items) > 0)
        memcpy(cursor, page.last, ID_TEXT_SIZE);
    return 0;
}

static int list(struct call *c, struct db *db, json_t **out, struct err *e)
{
    const char *cursor = json_text(c->input, "cursor");
    int64_t limit = json_int(c->input, "limit", 0);
    struct page page = { .items = json_array(), .limit = limit ? limit : PIECE };

    *out = page.items;
    if (cursor && !id_valid(cursor)) {
        issue_custom(c->issues, "cursor", "Invalid cursor");
        return err_set(e, ERR_INPUT, "The cursor is not one that this route gave out");
    }
    if (deployment_each(db, c->tenant, cursor, page.limit + 1, add_to_page, &page, e) < 0)
        return -1;
    if (page.more && limit) {
        snprintf(c->next_cursor, sizeof c->next_cursor, "%s", page.last);
    } else if (page.more) {
        c->rest = rest;
        memcpy(c->last, page.last, sizeof c->last);
    }
    return 0;
}

static void keep_one(void *arg, const struct deployment *d)
{
    json_t **out = arg;

    *out = deployment_json(d);
}

static int sync(struct call *c, struct db *db, json_t **out, struct err *e)
{
    if (deployment_get(db, c->tenant, json_text(c->input, "id"), keep_one, out, e) < 0)
        return -1;
    const char *status = json_text(*out, "status");
    return wait_unless_changed(c, status, strcmp(status, "building") != 0);
}

struct log_page {
    json_t *lines;
    int64_t last;
};

static void add_line(void *arg, const struct build_log *line)
{
    struct log_page *p = arg;
    json_t *out = json_object();

    json_object_set_new(out, "timestamp", json_time(line->at));
    json_object_set_new(out, "stream", json_string(line->stream));
    json_object_set_new(out, "phase", json_string(line->phase));
    json_object_set_new(out, "message", json_string(line->message));
    json_array_append_new(p->lines, out);
    p->last = line->seq;
}

static int logs(struct call *c, struct db *db, json_t **out, struct err *e)
{
    enum { LINES = 1000 };
    const char *id = json_text(c->input, "id");
    const char *cursor = json_text(c->input, "cursor");
    char *end = NULL;
    struct log_page page = { .lines = json_array(),
                             .last = cursor ? strtoll(cursor, &end, 10) : 0 };
    scoped(json_decref) json_t *deployment = NULL;
    char next[24];

    *out = json_object();
    json_object_set_new(*out, "lines", page.lines);
    if (cursor && (end == cursor || *end || page.last < 0)) {
        issue_custom(c->issues, "cursor", "Invalid cursor");
        return err_set(e, ERR_INPUT, "The cursor is not one that this route gave out");
    }
    if (deployment_get(db, c->tenant, id, keep_one, &deployment, e) < 0 ||
        build_log_each(db, id, page.last, LINES, add_line, &page, e) < 0)
        return -1;
    bool over = strcmp(json_text(deployment, "status"), "building") != 0;
    bool done = over && json_array_size(page.lines) < LINES;
    snprintf(next, sizeof next, "%lld", (long long)page.last);
    json_object_set_new(*out, "next_cursor", done ? json_null() : json_string(next));
    json_object_set_new(*out, "done", json_boolean(done));
    return json_array_size(page.lines) > 0 || done ? 0 : HANDLER_WAIT;
}

const struct route deployment_routes[] = {
    { ROUTE_UPLOAD, "/v1/deployments/create", create },
    { ROUTE_READ, "/v1/deployments/list", list },
    { ROUTE_READ, "/v1/deployments/sync", sync },
    { ROUTE_READ, "/v1/deployments/get", sync },
    { ROUTE_READ, "/v1/deployments/logs", logs },
    { 0 },
};
