/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials: named secrets of a tenant, sealed in the store. Names match trimmed and without
 * regard to case, because that is how workflows declare them; the typed form is kept for people.
 */
#ifndef DOMAIN_CREDENTIAL_H
#define DOMAIN_CREDENTIAL_H

#include "base/id.h"
#include "base/json.h"
#include "domain/seal.h"
#include "store/store.h"

struct credential {
    const char *id, *name;
    msec_t created_at, updated_at;
};
typedef void (*credential_fn)(void *arg, const struct credential *c);

/* ERR_CONFLICT when the name is taken, unless `overwrite`; *overwritten says whether it was. */
must_use int credential_put(struct db *db, const struct sealer *s, const char *tenant,
                            const char *name, const char *value, bool overwrite, struct id *id,
                            bool *overwritten, struct err *e);
must_use int credential_each(struct db *db, const char *tenant, credential_fn row, void *arg,
                             struct err *e);
/* `value` is to be given to secret_free(). */
must_use int credential_get(struct db *db, const struct sealer *s, const char *tenant,
                            const char *name, struct id *id, char **value, struct err *e);
/* Either of name and value may be NULL. */
must_use int credential_update(struct db *db, const struct sealer *s, const char *tenant,
                               const char *id, const char *name, const char *value, struct err *e);
/* 1: gone; 0: jobs that wait or run use it, and `jobs` (an array) has their ids. */
must_use int credential_delete(struct db *db, const char *tenant, const char *id, json_t *jobs,
                               struct err *e);

/* The match name of a credential: ERR_NOT_FOUND for another tenant's. */
must_use int credential_match_name(struct db *db, const char *tenant, const char *id, char **out,
                                   struct err *e);

/* What a job gets: {"name": "value"} for every declared name that is stored, and the array of names
 * that are not. The caller wipes nothing: json_decref() is enough, as jansson knows no secrets. */
must_use int credential_collect(struct db *db, const struct sealer *s, const char *tenant,
                                const json_t *declared, json_t *values, json_t *missing,
                                struct err *e);

#endif
