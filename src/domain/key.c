/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/key.h"

#include "base/sha256.h"

static const char ALPHABET[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* The number in `bytes`, big end first, as `n` digits of base 62. */
static void base62(const unsigned char *bytes, size_t size, char *out, size_t n)
{
    unsigned char rest[32];

    memcpy(rest, bytes, size);
    for (size_t i = n; i-- > 0;) {
        unsigned carry = 0;
        for (size_t j = 0; j < size; j++) {
            unsigned value = carry << 8 | rest[j];
            rest[j] = (unsigned char)(value / 62);
            carry = value % 62;
        }
        out[i] = ALPHABET[carry];
    }
}

static void checksum(const char *text, size_t n, char out[static 6])
{
    unsigned char digest[32];

    sha256(text, n, digest);
    base62(digest, 4, out, 6);
}

void key_digest(const char *text, unsigned char out[static KEY_DIGEST])
{
    sha256(text, strlen(text), out);
}

static void digest_text(const char *key, char out[static 65])
{
    unsigned char digest[KEY_DIGEST];

    key_digest(key, digest);
    hex_text(digest, sizeof digest, out);
}

static bool tenant_name_valid(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_");

    return n >= 1 && n <= 64 && name[n] == '\0';
}

static int tenant_ensure(struct db *db, const char *name, struct id *out, struct err *e)
{
    static const struct stmt ADD = { "tenant.add",
                                     "INSERT INTO tenant (id, name, created_at) VALUES ($1, $2, $3)"
                                     " ON CONFLICT (name) DO NOTHING" };
    static const struct stmt FIND = { "tenant.find", "SELECT id FROM tenant WHERE name = $1" };
    struct id id = id_new(db_env(db));

    if (!tenant_name_valid(name))
        return err_set(e, ERR_INPUT,
                       "a tenant's name is 1 to 64 characters of a-z, 0-9, '-' and '_', not \"%s\"",
                       name);
    if (db_run(db, e, &ADD, P_TEXT(id.text), P_TEXT(name), P_INT(db_now(db))) < 0)
        return -1;
    scoped(rows_free) struct rows *r = db_query(db, &FIND, P_TEXT(name));
    if (rows_next(r, e) != 1)
        return -1;
    memcpy(out->text, row_text(r, 0), sizeof out->text);
    return 0;
}

int key_create(struct db *db, const char *tenant, const char *label, struct key *out, struct err *e)
{
    static const struct stmt ADD = {
        "key.add", "INSERT INTO api_key (id, tenant_id, label, start, digest, created_at)"
                   " VALUES ($1, $2, $3, $4, $5, $6)"
    };
    unsigned char secret[32];
    char digest[65], start[11];
    struct id tenant_id;
    struct key key = { id_new(db_env(db)), "lbt_" };

    if (strlen(label) > 200)
        return err_set(e, ERR_INPUT, "a key's label has at most 200 bytes, not %zu", strlen(label));
    if (tenant_ensure(db, tenant, &tenant_id, e) < 0)
        return -1;
    rng_fill(db_env(db)->rng, secret, sizeof secret);
    base62(secret, sizeof secret, key.text + 4, 43);
    OPENSSL_cleanse(secret, sizeof secret);
    checksum(key.text, 47, key.text + 47);
    digest_text(key.text, digest);
    memcpy(start, key.text, 10);
    start[10] = '\0';
    if (db_run(db, e, &ADD, P_TEXT(key.id.text), P_TEXT(tenant_id.text), P_TEXT(label),
               P_TEXT(start), P_TEXT(digest), P_INT(db_now(db))) < 0)
        return -1;
    *out = key;
    return 0;
}

int key_check(struct db *db, const char *text, struct key_owner *out, struct err *e)
{
    static const struct stmt FIND = {
        "key.find", "SELECT id, tenant_id FROM api_key WHERE digest = $1 AND revoked_at IS NULL"
    };
    char sum[6], digest[65];
    int found = 0;

    if (strlen(text) == KEY_TEXT_SIZE - 1 && strncmp(text, "lbt_", 4) == 0) {
        checksum(text, 47, sum);
        if (memcmp(sum, text + 47, sizeof sum) == 0) {
            /* The digest is what is compared, so the time that it takes tells nothing of the key. */
            digest_text(text, digest);
            scoped(rows_free) struct rows *r = db_query(db, &FIND, P_TEXT(digest));
            found = rows_next(r, e);
            if (found < 0)
                return -1;
            if (found) {
                memcpy(out->key.text, row_text(r, 0), sizeof out->key.text);
                memcpy(out->tenant.text, row_text(r, 1), sizeof out->tenant.text);
            }
        }
    }
    if (!found)
        return err_set(e, ERR_AUTH,
                       "Missing or invalid API key: send a valid key in the x-api-key header");
    return 0;
}

int key_revoke(struct db *db, const char *id_or_start, struct id *id, struct err *e)
{
    static const struct stmt FIND = { "key.named", "SELECT id FROM api_key WHERE revoked_at IS NULL"
                                                   " AND (id = $1 OR start = substr($1, 1, 10))"
                                                   " LIMIT 2" };
    static const struct stmt CLOSE = { "key.revoke",
                                       "UPDATE api_key SET revoked_at = $2 WHERE id = $1" };
    {
        scoped(rows_free) struct rows *r = db_query(db, &FIND, P_TEXT(id_or_start));
        int found = rows_next(r, e);
        if (found < 0)
            return -1;
        if (!found)
            return err_set(e, ERR_NOT_FOUND, "no valid key has the id or the start \"%.10s\"",
                           id_or_start);
        memcpy(id->text, row_text(r, 0), sizeof id->text);
        found = rows_next(r, e);
        if (found < 0)
            return -1;
        if (found)
            return err_set(e, ERR_CONFLICT, "several keys start with \"%.10s\": name one by its id",
                           id_or_start);
    }
    return db_run(db, e, &CLOSE, P_TEXT(id->text), P_INT(db_now(db))) < 0 ? -1 : 0;
}

int key_each(struct db *db, void (*row)(void *arg, const struct key_row *row), void *arg,
             struct err *e)
{
    static const struct stmt ALL = {
        "key.all", "SELECT k.id, t.name, k.label, k.start, k.created_at, k.revoked_at"
                   " FROM api_key k JOIN tenant t ON t.id = k.tenant_id ORDER BY t.name, k.id"
    };
    scoped(rows_free) struct rows *r = db_query(db, &ALL);
    int more;

    while ((more = rows_next(r, e)) > 0) {
        const struct key_row key = { row_text(r, 0), row_text(r, 1), row_text(r, 2),
                                     row_text(r, 3), row_int(r, 4),  row_int(r, 5) };
        row(arg, &key);
    }
    return more;
}
