/* SPDX-License-Identifier: Apache-2.0 */
#include "api/route.h"
#include "base/schema.h"

#include "domain/credential.h"

/* What the rules refuse of an input is refused for its name. */
static int refused(struct call *c, const struct err *e)
{
    if (e->code == ERR_INPUT)
        issue_custom(c->issues, "name", e->msg);
    return -1;
}

static int put(struct call *c, struct db *db, bool overwrite, json_t **out, struct err *e)
{
    const char *name = json_text(c->input, "name");
    struct id id;
    bool overwritten;

    if (credential_put(db, c->with->sealer, c->tenant, name, json_text(c->input, "value"),
                       overwrite, &id, &overwritten, e) < 0)
        return refused(c, e);
    if (call_audit(c, db, overwritten ? "credential.changed" : "credential.created", id.text, name,
                   e) < 0)
        return -1;
    scoped(mem_free) char *message =
        mem_format("Credential \"%s\" %s", name, overwritten ? "updated" : "created");
    *out = success(message);
    json_object_set_new(*out, "credential_id", json_string(id.text));
    if (overwrite)
        json_object_set_new(*out, "overwritten", json_boolean(overwritten));
    return 0;
}

static int create(struct call *c, struct db *db, json_t **out, struct err *e)
{
    return put(c, db, false, out, e);
}

static int upsert(struct call *c, struct db *db, json_t **out, struct err *e)
{
    return put(c, db, true, out, e);
}

static void add_credential(void *arg, const struct credential *c)
{
    json_t *out = json_object();

    json_object_set_new(out, "credential_id", json_string(c->id));
    json_object_set_new(out, "name", json_string(c->name));
    json_object_set_new(out, "created_at", json_time(c->created_at));
    json_object_set_new(out, "updated_at", json_time(c->updated_at));
    json_array_append_new(arg, out);
}

static int list(struct call *c, struct db *db, json_t **out, struct err *e)
{
    json_t *credentials = json_array();

    *out = json_object();
    json_object_set_new(*out, "credentials", credentials);
    return credential_each(db, c->tenant, add_credential, credentials, e);
}

static int get(struct call *c, struct db *db, json_t **out, struct err *e)
{
    scoped(secret_free) char *value = NULL;
    struct id id;

    if (credential_get(db, c->with->sealer, c->tenant, json_text(c->input, "name"), &id, &value,
                       e) < 0)
        return -1;
    *out = json_object();
    json_object_set_new(*out, "id", json_string(id.text));
    json_object_set_new(*out, "value", json_string(value));
    return 0;
}

static int update(struct call *c, struct db *db, json_t **out, struct err *e)
{
    const char *id = json_text(c->input, "id");
    scoped(mem_free) char *name = NULL;

    if (credential_update(db, c->with->sealer, c->tenant, id, json_text(c->input, "name"),
                          json_text(c->input, "value"), e) < 0)
        return refused(c, e);
    if (credential_match_name(db, c->tenant, id, &name, e) < 0 ||
        call_audit(c, db, "credential.changed", id, name, e) < 0)
        return -1;
    *out = success("Credential updated");
    return 0;
}

static int delete (struct call *c, struct db *db, json_t **out, struct err *e)
{
    const char *id = json_text(c->input, "id");
    scoped(json_decref) json_t *jobs = json_array();
    scoped(mem_free) char *name = NULL;

    if (credential_match_name(db, c->tenant, id, &name, e) < 0)
        return -1;
    int deleted = credential_delete(db, c->tenant, id, jobs, e);
    if (deleted < 0 || (deleted && call_audit(c, db, "credential.deleted", id, name, e) < 0))
        return -1;
    if (deleted) {
        *out = success("Credential deleted");
        return 0;
    }
    scoped(buf_done) struct buf message = { 0 };
    buf_text(&message, "Credential not deleted: jobs that wait or run use it (");
    for (size_t i = 0; i < json_array_size(jobs) && i < 10; i++)
        buf_format(&message, "%s%s", i ? ", " : "", json_string_value(json_array_get(jobs, i)));
    if (json_array_size(jobs) > 10)
        buf_format(&message, " and %zu more", json_array_size(jobs) - 10);
    buf_text(&message, "). Cancel them, or wait for their end");
    *out = success(buf_str(&message));
    json_object_set_new(*out, "success", json_false());
    return 0;
}

const struct route credential_routes[] = {
    { ROUTE_CREATE, "/v1/credentials/create", create },
    { ROUTE_READ, "/v1/credentials/list", list },
    { ROUTE_READ, "/v1/credentials/get", get },
    { ROUTE_WRITE, "/v1/credentials/update", update },
    { ROUTE_WRITE, "/v1/credentials/upsert", upsert },
    { ROUTE_WRITE, "/v1/credentials/delete", delete },
    { 0 },
};
