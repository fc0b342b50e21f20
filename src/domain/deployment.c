/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/deployment.h"

#include "base/bounds.h"
#include "domain/profile.h"
#include "domain/workflow.h"

#include <stdlib.h>

int deployment_check_queue(struct db *db, const char *tenant, int64_t limit, struct err *e)
{
    static const struct stmt OPEN = { "deployment.open",
                                      "SELECT building FROM tenant WHERE id = $1" };
    scoped(rows_free) struct rows *r = db_query(db, &OPEN, P_TEXT(tenant));

    if (rows_next(r, e) != 1)
        return -1;
    if (row_int(r, 0) >= limit)
        return err_set(e, ERR_LIMIT,
                       "%lld builds wait already, which is as many as a tenant may queue: wait for "
                       "some to end",
                       (long long)row_int(r, 0));
    return 0;
}

int deployment_create(struct db *db, const struct deployment_spec *spec, msec_t *created_at,
                      struct err *e)
{
    static const struct stmt NEXT = { "deployment.next_version",
                                      "UPDATE tenant SET deployments = deployments + 1,"
                                      " building = building + 1 WHERE id = $1" };
    static const struct stmt ADD = {
        "deployment.add",
        "INSERT INTO deployment (id, tenant_id, version, status, description, entry_point,"
        " auto_repair, source_key, source_size, source_digest, created_at)"
        " SELECT $1, t.id, t.deployments, 'building', $3, $4, $5, $6, $7, $8, $9"
        " FROM tenant t WHERE t.id = $2"
    };
    static const struct stmt KEEP = {
        "deployment.source", "INSERT INTO deployment_source (deployment_id, data) VALUES ($1, $2)"
    };
    msec_t now = db_now(db);

    if (db_run(db, e, &NEXT, P_TEXT(spec->tenant)) < 0 ||
        db_run(db, e, &ADD, P_TEXT(spec->id.text), P_TEXT(spec->tenant), P_TEXT(spec->description),
               P_TEXT(spec->entry_point), P_INT(spec->auto_repair), P_TEXT(spec->source_key),
               P_INT(spec->source_size), P_TEXT(spec->source_digest), P_INT(now)) < 0 ||
        (spec->source && db_run(db, e, &KEEP, P_TEXT(spec->id.text),
                                P_BLOB(spec->source->data, spec->source->n)) < 0))
        return -1;
    db_changed(db, "builds");
    *created_at = now;
    return 0;
}

#define DEPLOYMENT_COLUMNS                                                              \
    "SELECT d.id, d.description, d.status, d.source_key, d.bundle_id, d.build_error,"   \
    " d.entry_point, d.workflows, d.version, d.created_at, d.built_at, d.sandbox_level" \
    " FROM deployment d"

static void give(struct rows *r, deployment_fn row, void *arg)
{
    const struct deployment d = {
        .id = row_text(r, 0),
        .description = row_text(r, 1),
        .status = row_text(r, 2),
        .source_key = row_text(r, 3),
        .has_bundle = !row_null(r, 4),
        .build_error = row_text(r, 5),
        .entry_point = row_text(r, 6),
        .workflows = row_text(r, 7),
        .version = row_int(r, 8),
        .created_at = row_int(r, 9),
        .built_at = row_int(r, 10),
        .sandbox_level = row_text(r, 11),
    };
    row(arg, &d);
}

int deployment_get(struct db *db, const char *tenant, const char *id, deployment_fn row, void *arg,
                   struct err *e)
{
    static const struct stmt GET = { "deployment.get",
                                     DEPLOYMENT_COLUMNS " WHERE d.tenant_id = $1 AND d.id = $2" };
    scoped(rows_free) struct rows *r = db_query(db, &GET, P_TEXT(tenant), P_TEXT(id));
    int found = rows_next(r, e);

    if (found < 0)
        return -1;
    if (!found)
        return err_set(e, ERR_NOT_FOUND, "Deployment not found");
    give(r, row, arg);
    return 0;
}

int deployment_each(struct db *db, const char *tenant, const char *cursor, int64_t limit,
                    deployment_fn row, void *arg, struct err *e)
{
    static const struct stmt EACH = {
        "deployment.each",
        DEPLOYMENT_COLUMNS " WHERE d.tenant_id = $1 AND d.id < $2 ORDER BY d.id DESC LIMIT $3"
    };
    /* "~" sorts behind every hex digit: no cursor means from the newest on. */
    scoped(rows_free) struct rows *r =
        db_query(db, &EACH, P_TEXT(tenant), P_TEXT(cursor ? cursor : "~"), P_INT(limit));
    int more;

    while ((more = rows_next(r, e)) > 0)
        give(r, row, arg);
    return more;
}

/* ---- builds ---- */

void build_done(struct build *b)
{
    mem_free(b->entry_point);
    mem_free(b->source_key);
    *b = (struct build){ 0 };
}

void bundle_done(struct bundle *b)
{
    mem_free(b->blob_key);
    mem_free(b->kind);
    mem_free(b->entry);
    mem_free(b->layer);
    json_decref(b->workflows);
    *b = (struct bundle){ 0 };
}

int build_claim(struct db *db, int64_t epoch, const char *after, struct build *out, struct err *e)
{
    static const struct stmt CLAIM = {
        "build.claim",
        "UPDATE deployment SET build_epoch = $1, build_tries = build_tries + 1,"
        " sandbox_level = (SELECT sandbox_level FROM server)"
        " WHERE status = 'building' AND id = coalesce("
        "  (SELECT id FROM deployment WHERE status = 'building' AND tenant_id > $2"
        "   AND (build_epoch IS NULL OR build_epoch < $1) ORDER BY tenant_id, id LIMIT 1),"
        "  (SELECT id FROM deployment WHERE status = 'building' AND tenant_id <= $2"
        "   AND (build_epoch IS NULL OR build_epoch < $1) ORDER BY tenant_id, id LIMIT 1))"
        " RETURNING id, tenant_id, entry_point, source_key, build_tries"
    };

    for (;;) {
        struct build b = { 0 };
        {
            scoped(rows_free) struct rows *r = db_query(db, &CLAIM, P_INT(epoch), P_TEXT(after));
            int found = rows_next(r, e);
            if (found <= 0)
                return found;
            memcpy(b.deployment.text, row_text(r, 0), sizeof b.deployment.text);
            memcpy(b.tenant.text, row_text(r, 1), sizeof b.tenant.text);
            b.entry_point = mem_text(row_text(r, 2));
            b.source_key = mem_text(row_text(r, 3));
            b.tries = (int)row_int(r, 4);
        }
        if (b.tries <= BUILD_TRIES) {
            *out = b;
            return 1;
        }
        int r = build_failed(db, &b,
                             "The build was interrupted by a restart of the server three times.\n"
                             "This is not a fault of the uploaded code as far as the server can "
                             "tell; deploy again, and see the server's log if it happens again.",
                             e);
        build_done(&b);
        if (r < 0)
            return -1;
    }
}

int build_source(struct db *db, const struct build *b, struct buf *out, struct err *e)
{
    static const struct stmt FIND = { "build.source", "SELECT data FROM deployment_source"
                                                      " WHERE deployment_id = $1" };
    scoped(rows_free) struct rows *r = db_query(db, &FIND, P_TEXT(b->deployment.text));
    int found = rows_next(r, e);
    size_t n;

    if (found == 1) {
        const void *data = row_blob(r, 0, &n);
        buf_add(out, data, n);
    }
    return found;
}

/* The tenant's count goes with every deployment that leaves `building`. */
static int count_ended(struct db *db, const struct build *b, struct err *e)
{
    static const struct stmt ENDED = { "build.ended",
                                       "UPDATE tenant SET building = building - 1 WHERE id = $1" };

    return db_run(db, e, &ENDED, P_TEXT(b->tenant.text)) < 0 ? -1 : 0;
}

static int bundle_row(struct rows *r, struct bundle *out, struct err *e)
{
    struct bundle b = { .blob_key = mem_text(row_text(r, 1)),
                        .kind = mem_text(row_text(r, 2)),
                        .entry = mem_text(row_text(r, 3)),
                        .layer = mem_text(row_text(r, 4)),
                        .size = row_int(r, 6) };

    memcpy(b.id.text, row_text(r, 0), sizeof b.id.text);
    const char *workflows = row_text(r, 5);
    b.workflows = json_loads(workflows, 0, NULL);
    if (!b.workflows) {
        bundle_done(&b);
        return err_set(e, ERR_INTERNAL, "a bundle's workflows are not JSON");
    }
    *out = b;
    return 1;
}

int bundle_find(struct db *db, const char *tenant, const char *content_key, struct bundle *out,
                struct err *e)
{
    static const struct stmt FIND = {
        "bundle.find", "SELECT id, blob_key, kind, entry, layer, workflows, size FROM bundle"
                       " WHERE tenant_id = $1 AND content_key = $2"
    };
    scoped(rows_free) struct rows *r = db_query(db, &FIND, P_TEXT(tenant), P_TEXT(content_key));
    int found = rows_next(r, e);

    return found == 1 ? bundle_row(r, out, e) : found;
}

int bundle_add(struct db *db, const char *tenant, const char *content_key, const struct bundle *b,
               struct err *e)
{
    static const struct stmt ADD = {
        "bundle.add",
        "INSERT INTO bundle (id, tenant_id, content_key, blob_key, kind, entry, layer, workflows,"
        " size, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    };
    scoped(mem_free) char *workflows = json_print(b->workflows);

    return db_run(db, e, &ADD, P_TEXT(b->id.text), P_TEXT(tenant), P_TEXT(content_key),
                  P_TEXT(b->blob_key), P_TEXT(b->kind), P_TEXT(b->entry), P_TEXT(b->layer),
                  P_TEXT(workflows), P_INT(b->size), P_INT(db_now(db))) < 0
               ? -1
               : 0;
}

static int by_code_point(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *sorted_names(const json_t *workflows)
{
    size_t n = json_array_size(workflows);
    scoped(mem_free) const char **names = mem_new_array(n, sizeof *names);
    scoped(json_decref) json_t *sorted = json_array();

    for (size_t i = 0; i < n; i++)
        names[i] = json_text(json_array_get(workflows, i), "name");
    qsort(names, n, sizeof *names, by_code_point);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(sorted, json_string(names[i]));
    return json_print(sorted);
}

int build_ready(struct db *db, const struct build *b, const struct bundle *bundle, struct err *e)
{
    static const struct stmt READY = {
        "build.ready", "UPDATE deployment SET status = 'ready', bundle_id = $2, workflows = $3,"
                       " built_at = $4 WHERE id = $1 AND status = 'building'"
    };
    scoped(mem_free) char *names = sorted_names(bundle->workflows);
    size_t i;
    const json_t *workflow;

    int changed = db_run(db, e, &READY, P_TEXT(b->deployment.text), P_TEXT(bundle->id.text),
                         P_TEXT(names), P_INT(db_now(db)));
    if (changed < 0)
        return -1;
    if (changed == 0)
        return err_set(e, ERR_CONFLICT, "the deployment is not building any more");
    if (count_ended(db, b, e) < 0)
        return -1;
    json_array_foreach(bundle->workflows, i, workflow) {
        const char *profile = json_text(workflow, "auth_profile");
        bool created;
        if (profile && profile_ensure(db, b->tenant.text, profile, NULL, &created, e) < 0)
            return -1;
    }
    if (workflow_claim_names(db, b->tenant.text, b->deployment.text, bundle->workflows, e) < 0)
        return -1;
    db_changed(db, "deployment/%s", b->deployment.text);
    return 0;
}

int build_failed(struct db *db, const struct build *b, const char *why, struct err *e)
{
    static const struct stmt FAILED = {
        "build.failed", "UPDATE deployment SET status = 'failed', build_error = $2, built_at = $3"
                        " WHERE id = $1 AND status = 'building'"
    };
    size_t n = strlen(why);
    scoped(mem_free) char *text = NULL;

    if (n > LIMIT_BUILD_ERROR) {
        static const char mark[] = "\n(shortened; the build log has it all)";
        scoped(mem_free) char *start = mem_text_most(why, LIMIT_BUILD_ERROR - sizeof mark);
        text = mem_format("%s%s", start, mark);
    }
    int changed = db_run(db, e, &FAILED, P_TEXT(b->deployment.text), P_TEXT(text ? text : why),
                         P_INT(db_now(db)));
    if (changed < 0 || (changed > 0 && count_ended(db, b, e) < 0))
        return -1;
    db_changed(db, "deployment/%s", b->deployment.text);
    return 0;
}

int layer_find(struct db *db, const char *digest, struct err *e)
{
    static const struct stmt FIND = { "layer.find", "SELECT 1 FROM layer WHERE digest = $1" };
    scoped(rows_free) struct rows *r = db_query(db, &FIND, P_TEXT(digest));

    return rows_next(r, e);
}

int layer_add(struct db *db, const char *digest, int64_t packages, int64_t bytes,
              const char *lockfile, struct err *e)
{
    static const struct stmt ADD = {
        "layer.add", "INSERT INTO layer (digest, packages, bytes, lockfile, created_at)"
                     " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (digest) DO NOTHING"
    };

    return db_run(db, e, &ADD, P_TEXT(digest), P_INT(packages), P_INT(bytes), P_TEXT(lockfile),
                  P_INT(db_now(db))) < 0
               ? -1
               : 0;
}
