/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/sealed.h"

/* One of each kind: tenant, row, value. */
static const struct stmt ONE[] = {
    { "sealed.credential", "SELECT tenant_id, id, sealed FROM credential LIMIT 1" },
    { "sealed.callback", "SELECT tenant_id, id, callback_sealed FROM job"
                         " WHERE callback_sealed IS NOT NULL LIMIT 1" },
};

static int any(struct db *db, void *arg, struct err *e)
{
    bool *found = arg;

    for (size_t i = 0; i < n_items(ONE); i++) {
        scoped(rows_free) struct rows *r = db_query(db, &ONE[i]);
        int one = rows_next(r, e);
        if (one < 0)
            return -1;
        *found = *found || one;
    }
    return 0;
}

static int opens(struct db *db, void *arg, struct err *e)
{
    for (size_t i = 0; i < n_items(ONE); i++) {
        scoped(rows_free) struct rows *r = db_query(db, &ONE[i]);
        scoped(secret_free) char *value = NULL;
        size_t n;
        int one = rows_next(r, e);
        if (one < 0)
            return -1;
        if (!one)
            continue;
        const void *sealed = row_blob(r, 2, &n);
        if (unseal(arg, row_text(r, 0), row_text(r, 1), sealed, n, &value, e) < 0)
            return err_set(
                e, ERR_PRECONDITION,
                "the master key is not the one that the stored secrets are sealed under: "
                "put the right file back, or name it with --master-key-file");
    }
    return 0;
}

int sealed_open(struct store *store, const char *key_path, struct sealer **out, struct err *e)
{
    scoped(sealer_close) struct sealer *sealer = NULL;
    bool sealed = false;

    if (store_read(store, any, &sealed, e) < 0)
        return -1;
    if (sealer_open(store_env(store), key_path, !sealed, &sealer, e) < 0)
        return sealed ? err_wrap(e, "stored secrets are sealed under a key that is needed; name it "
                                    "with --master-key-file")
                      : -1;
    if (store_read(store, opens, sealer, e) < 0)
        return -1;
    *out = take(sealer);
    return 0;
}
