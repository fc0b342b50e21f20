/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/profile.h"

bool profile_name_valid(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    return n >= 1 && n <= 128 && name[n] == '\0' && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

int profile_ensure(struct db *db, const char *tenant, const char *name, struct id *id,
                   bool *created, struct err *e)
{
    static const struct stmt ADD = {
        "profile.ensure",
        "INSERT INTO browser_profile (id, tenant_id, name, created_at, updated_at)"
        " VALUES ($1, $2, $3, $4, $4) ON CONFLICT (tenant_id, name) DO NOTHING"
    };
    static const struct stmt FIND = {
        "profile.find", "SELECT id FROM browser_profile WHERE tenant_id = $1 AND name = $2"
    };
    struct id fresh = id_new(db_env(db));

    if (!profile_name_valid(name))
        return err_set(e, ERR_INPUT,
                       "A profile name is 1 to 128 letters, digits, '.', '_' and '-', not \"%s\"",
                       name);
    int added =
        db_run(db, e, &ADD, P_TEXT(fresh.text), P_TEXT(tenant), P_TEXT(name), P_INT(db_now(db)));
    if (added < 0)
        return -1;
    *created = added == 1;
    scoped(rows_free) struct rows *r = db_query(db, &FIND, P_TEXT(tenant), P_TEXT(name));
    if (rows_next(r, e) != 1)
        return -1;
    if (id)
        memcpy(id->text, row_text(r, 0), sizeof id->text);
    return 0;
}

int profile_each(struct db *db, const char *tenant,
                 void (*row)(void *arg, const char *id, const char *name, msec_t updated),
                 void *arg, struct err *e)
{
    static const struct stmt EACH = {
        "profile.each", "SELECT id, name, updated_at FROM browser_profile WHERE tenant_id = $1"
                        " ORDER BY name"
    };
    scoped(rows_free) struct rows *r = db_query(db, &EACH, P_TEXT(tenant));
    int more;

    while ((more = rows_next(r, e)) > 0)
        row(arg, row_text(r, 0), row_text(r, 1), row_int(r, 2));
    return more;
}

int profile_delete(struct db *db, const char *tenant, const char *name, struct err *e)
{
    static const struct stmt DELETE = {
        "profile.delete", "DELETE FROM browser_profile WHERE tenant_id = $1 AND name = $2"
    };

    return db_run(db, e, &DELETE, P_TEXT(tenant), P_TEXT(name));
}
