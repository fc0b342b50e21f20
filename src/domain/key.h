/* SPDX-License-Identifier: Apache-2.0
 *
 * Tenants and their API keys. A key is "lbt_", 43 letters and digits that hold 256 random bits, and
 * 6 more as a checksum, so that a mistyped key is told from an unknown one without a look-up, and a
 * leaked one is found by scanners. Only its SHA-256 is kept.
 */
#ifndef DOMAIN_KEY_H
#define DOMAIN_KEY_H

#include "base/id.h"
#include "store/store.h"

enum { KEY_TEXT_SIZE = 4 + 43 + 6 + 1, KEY_DIGEST = 32 };

struct key {
    struct id id;
    char text[KEY_TEXT_SIZE];
};

/* Gives `tenant` (1-64 of a-z, 0-9, '-', '_') one more key; the tenant is made when it is new. */
must_use int key_create(struct db *db, const char *tenant, const char *label, struct key *out,
                        struct err *e);

/* Of any text, a key or not. */
void key_digest(const char *text, unsigned char out[static KEY_DIGEST]);

struct key_owner {
    struct id key, tenant;
};
/* Finds whose key this is. ERR_AUTH, with one message for every reason, when nobody's. */
must_use int key_check(struct db *db, const char *text, struct key_owner *out, struct err *e);

/* Closes the door for a key, by its id or by its first characters, and gives its id. ERR_NOT_FOUND, or
 * ERR_CONFLICT when several keys start so. */
must_use int key_revoke(struct db *db, const char *id_or_start, struct id *id, struct err *e);

struct key_row {
    const char *id, *tenant, *label, *start;
    msec_t created_at, revoked_at; /* revoked_at: 0 while it is good */
};
must_use int key_each(struct db *db, void (*row)(void *arg, const struct key_row *row), void *arg,
                      struct err *e);

#endif
