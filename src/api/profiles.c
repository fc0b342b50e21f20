/* SPDX-License-Identifier: Apache-2.0 */
#include "api/route.h"
#include "base/schema.h"

#include "domain/profile.h"

static int ensure(struct call *c, struct db *db, json_t **out, struct err *e)
{
    const char *name = json_text(c->input, "name");
    struct id id;
    bool created;

    if (profile_ensure(db, c->tenant, name, &id, &created, e) < 0) {
        if (e->code == ERR_INPUT)
            issue_custom(c->issues, "name", e->msg);
        return -1;
    }
    *out = json_object();
    json_object_set_new(*out, "success", json_true());
    json_object_set_new(*out, "profile_id", json_string(id.text));
    json_object_set_new(*out, "name", json_string(name));
    json_object_set_new(*out, "created", json_boolean(created));
    return 0;
}

static void add_profile(void *arg, const char *id, const char *name, msec_t updated)
{
    json_t *out = json_object();

    json_object_set_new(out, "profile_id", json_string(id));
    json_object_set_new(out, "name", json_string(name));
    json_object_set_new(out, "providers", json_pack("[s]", "impresario"));
    json_object_set_new(out, "updated_at", json_time(updated));
    json_array_append_new(arg, out);
}

static int list(struct call *c, struct db *db, json_t **out, struct err *e)
{
    json_t *profiles = json_array();

    *out = json_object();
    json_object_set_new(*out, "profiles", profiles);
    return profile_each(db, c->tenant, add_profile, profiles, e);
}

static int delete (struct call *c, struct db *db, json_t **out, struct err *e)
{
    int deleted = profile_delete(db, c->tenant, json_text(c->input, "name"), e);

    if (deleted < 0 ||
        (deleted && call_audit(c, db, "profile.deleted", json_text(c->input, "name"), NULL, e) < 0))
        return -1;
    *out = json_object();
    json_object_set_new(*out, "success", json_true());
    json_object_set_new(*out, "deleted_count", json_integer(deleted));
    return 0;
}

const struct route profile_routes[] = {
    { ROUTE_WRITE, "/v1/browserProfiles/ensure", ensure },
    { ROUTE_READ, "/v1/browserProfiles/list", list },
    { ROUTE_WRITE, "/v1/browserProfiles/delete", delete },
    { 0 },
};
