/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/repeat.h"

int repeat_find(struct db *db, const char *tenant, const char *route, const char *key,
                const char *request_digest, json_t **answer, struct err *e)
{
    static const struct stmt FIND = { "repeat.find",
                                      "SELECT request_digest, answer FROM idempotency"
                                      " WHERE tenant_id = $1 AND route = $2 AND key = $3" };
    scoped(rows_free) struct rows *r =
        db_query(db, &FIND, P_TEXT(tenant), P_TEXT(route), P_TEXT(key));
    int found = rows_next(r, e);

    if (found <= 0)
        return found;
    if (strcmp(row_text(r, 0), request_digest) != 0)
        return err_set(e, ERR_CONFLICT,
                       "This Idempotency-Key was used before with a different request: use a new "
                       "key for a new request");
    *answer = json_loads(row_text(r, 1), JSON_DECODE_ANY, NULL);
    return *answer ? 1 : err_set(e, ERR_INTERNAL, "a kept answer is not JSON");
}

int repeat_keep(struct db *db, const char *tenant, const char *route, const char *key,
                const char *request_digest, const json_t *answer, struct err *e)
{
    static const struct stmt KEEP = {
        "repeat.keep", "INSERT INTO idempotency (tenant_id, route, key, request_digest, answer,"
                       " created_at) VALUES ($1, $2, $3, $4, $5, $6)"
    };
    scoped(mem_free) char *text = json_print(answer);

    return db_run(db, e, &KEEP, P_TEXT(tenant), P_TEXT(route), P_TEXT(key), P_TEXT(request_digest),
                  P_TEXT(text), P_INT(db_now(db))) < 0
               ? -1
               : 0;
}
