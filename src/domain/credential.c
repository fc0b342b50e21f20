/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/credential.h"

#include <ctype.h>

/* Trimmed and lower-cased as the runtime does it, for the ASCII letters that names are made of. */
static char *match_name(const char *name)
{
    static const char white[] = " \t\r\n\f\v";
    const char *start = name + strspn(name, white);
    size_t n = strlen(start);

    while (n > 0 && strchr(white, start[n - 1]))
        n--;
    char *match = mem_text_n(start, n);
    for (char *at = match; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return match;
}

static int find(struct db *db, const char *tenant, const char *match, struct id *id, struct err *e)
{
    static const struct stmt FIND = {
        "credential.find", "SELECT id FROM credential WHERE tenant_id = $1 AND match_name = $2"
    };
    scoped(rows_free) struct rows *r = db_query(db, &FIND, P_TEXT(tenant), P_TEXT(match));
    int found = rows_next(r, e);

    if (found == 1)
        memcpy(id->text, row_text(r, 0), sizeof id->text);
    return found;
}

static int set_value(struct db *db, const struct sealer *s, const char *tenant, const char *id,
                     const char *value, struct err *e)
{
    static const struct stmt SET = {
        "credential.set_value",
        "UPDATE credential SET sealed = $3, updated_at = $4 WHERE tenant_id = $1 AND id = $2"
    };
    scoped(buf_done) struct buf sealed = { 0 };

    seal(s, tenant, id, value, &sealed);
    return db_run(db, e, &SET, P_TEXT(tenant), P_TEXT(id), P_BLOB(sealed.data, sealed.n),
                  P_INT(db_now(db)));
}

int credential_put(struct db *db, const struct sealer *s, const char *tenant, const char *name,
                   const char *value, bool overwrite, struct id *id, bool *overwritten,
                   struct err *e)
{
    static const struct stmt ADD = {
        "credential.add",
        "INSERT INTO credential (id, tenant_id, name, match_name, sealed, created_at, updated_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $6)"
    };
    scoped(mem_free) char *match = match_name(name);
    struct id kept;

    if (match[0] == '\0')
        return err_set(e, ERR_INPUT, "A credential's name must not be blank");
    int found = find(db, tenant, match, &kept, e);
    if (found < 0)
        return -1;
    if (found && !overwrite)
        return err_set(e, ERR_CONFLICT,
                       "A credential named \"%s\" exists already: update it, or choose another "
                       "name (names match without regard to case)",
                       name);
    *overwritten = found == 1;
    if (found) {
        *id = kept;
        return set_value(db, s, tenant, kept.text, value, e) < 0 ? -1 : 0;
    }
    scoped(buf_done) struct buf sealed = { 0 };
    *id = id_new(db_env(db));
    seal(s, tenant, id->text, value, &sealed);
    return db_run(db, e, &ADD, P_TEXT(id->text), P_TEXT(tenant), P_TEXT(name), P_TEXT(match),
                  P_BLOB(sealed.data, sealed.n), P_INT(db_now(db))) < 0
               ? -1
               : 0;
}

int credential_each(struct db *db, const char *tenant, credential_fn row, void *arg, struct err *e)
{
    static const struct stmt EACH = { "credential.each",
                                      "SELECT id, name, created_at, updated_at FROM credential"
                                      " WHERE tenant_id = $1 ORDER BY match_name" };
    scoped(rows_free) struct rows *r = db_query(db, &EACH, P_TEXT(tenant));
    int more;

    while ((more = rows_next(r, e)) > 0) {
        const struct credential c = { row_text(r, 0), row_text(r, 1), row_int(r, 2),
                                      row_int(r, 3) };
        row(arg, &c);
    }
    return more;
}

/* 1 and the value, or 0. */
static int open_value(struct db *db, const struct sealer *s, const char *tenant, const char *match,
                      struct id *id, char **value, struct err *e)
{
    static const struct stmt GET = { "credential.get",
                                     "SELECT id, sealed FROM credential WHERE tenant_id = $1"
                                     " AND match_name = $2" };
    scoped(rows_free) struct rows *r = db_query(db, &GET, P_TEXT(tenant), P_TEXT(match));
    int found = rows_next(r, e);

    if (found <= 0)
        return found;
    size_t n;
    memcpy(id->text, row_text(r, 0), sizeof id->text);
    const void *sealed = row_blob(r, 1, &n);
    return unseal(s, tenant, id->text, sealed, n, value, e) < 0 ? -1 : 1;
}

int credential_get(struct db *db, const struct sealer *s, const char *tenant, const char *name,
                   struct id *id, char **value, struct err *e)
{
    scoped(mem_free) char *match = match_name(name);
    int found = open_value(db, s, tenant, match, id, value, e);

    if (found < 0)
        return -1;
    return found ? 0 : err_set(e, ERR_NOT_FOUND, "Credential not found");
}

int credential_update(struct db *db, const struct sealer *s, const char *tenant, const char *id,
                      const char *name, const char *value, struct err *e)
{
    static const struct stmt RENAME = {
        "credential.rename", "UPDATE credential SET name = $3, match_name = $4, updated_at = $5"
                             " WHERE tenant_id = $1 AND id = $2"
    };
    scoped(mem_free) char *old = NULL;

    if (credential_match_name(db, tenant, id, &old, e) < 0)
        return -1;
    if (name) {
        scoped(mem_free) char *match = match_name(name);
        struct id other;
        if (match[0] == '\0')
            return err_set(e, ERR_INPUT, "A credential's name must not be blank");
        int found = find(db, tenant, match, &other, e);
        if (found < 0)
            return -1;
        if (found && strcmp(other.text, id) != 0)
            return err_set(e, ERR_CONFLICT, "A credential named \"%s\" exists already", name);
        if (db_run(db, e, &RENAME, P_TEXT(tenant), P_TEXT(id), P_TEXT(name), P_TEXT(match),
                   P_INT(db_now(db))) < 0)
            return -1;
    }
    return value && set_value(db, s, tenant, id, value, e) < 0 ? -1 : 0;
}

int credential_match_name(struct db *db, const char *tenant, const char *id, char **out,
                          struct err *e)
{
    static const struct stmt NAME = {
        "credential.name", "SELECT match_name FROM credential WHERE tenant_id = $1 AND id = $2"
    };
    scoped(rows_free) struct rows *r = db_query(db, &NAME, P_TEXT(tenant), P_TEXT(id));
    int found = rows_next(r, e);

    if (found < 0)
        return -1;
    if (!found)
        return err_set(e, ERR_NOT_FOUND, "Credential not found");
    *out = mem_text(row_text(r, 0));
    return 0;
}

static bool declares(const json_t *launch, const char *match)
{
    size_t i;
    const json_t *name;

    json_array_foreach(json_object_get(launch, "credential_names"), i, name) {
        scoped(mem_free) char *declared = match_name(json_string_value(name));
        if (strcmp(declared, match) == 0)
            return true;
    }
    return false;
}

int credential_delete(struct db *db, const char *tenant, const char *id, json_t *jobs,
                      struct err *e)
{
    static const struct stmt USERS = {
        /* Along the index of open jobs: the tenant may have had many others. */
        "credential.users", "SELECT id, launch, credential_id FROM job WHERE +tenant_id = $1"
                            " AND status IN ('queued', 'starting_browser', 'running')"
    };
    static const struct stmt DELETE = { "credential.delete",
                                        "DELETE FROM credential WHERE tenant_id = $1 AND id = $2" };
    scoped(mem_free) char *match = NULL;

    if (credential_match_name(db, tenant, id, &match, e) < 0)
        return -1;
    {
        scoped(rows_free) struct rows *r = db_query(db, &USERS, P_TEXT(tenant));
        int more;
        while ((more = rows_next(r, e)) > 0) {
            const char *by_id = row_text(r, 2);
            scoped(json_decref) json_t *launch = json_loads(row_text(r, 1), 0, NULL);
            if ((by_id && strcmp(by_id, id) == 0) || declares(launch, match))
                json_array_append_new(jobs, json_string(row_text(r, 0)));
        }
        if (more < 0)
            return -1;
    }
    if (json_array_size(jobs) > 0)
        return 0;
    return db_run(db, e, &DELETE, P_TEXT(tenant), P_TEXT(id)) < 0 ? -1 : 1;
}

int credential_collect(struct db *db, const struct sealer *s, const char *tenant,
                       const json_t *declared, json_t *values, json_t *missing, struct err *e)
{
    size_t i;
    const json_t *name;

    json_array_foreach(declared, i, name) {
        scoped(mem_free) char *match = match_name(json_string_value(name));
        scoped(secret_free) char *value = NULL;
        struct id id;
        int found = open_value(db, s, tenant, match, &id, &value, e);
        if (found < 0)
            return -1;
        if (found)
            json_object_set_new(values, match, json_string(value));
        else
            json_array_append_new(missing, json_string(match));
    }
    return 0;
}
