/* SPDX-License-Identifier: Apache-2.0
 *
 * Browser profiles: names under which signed-in state is kept. So far the names alone: a job whose
 * workflow declares one starts clean.
 */
#ifndef DOMAIN_PROFILE_H
#define DOMAIN_PROFILE_H

#include "base/id.h"
#include "store/store.h"

/* Letters, digits, '.', '_', '-'; not "." or ".."; 128 characters at most. */
bool profile_name_valid(const char *name);

/* ERR_INPUT for an illegal name; `id` may be NULL. */
must_use int profile_ensure(struct db *db, const char *tenant, const char *name, struct id *id,
                            bool *created, struct err *e);
must_use int profile_each(struct db *db, const char *tenant,
                          void (*row)(void *arg, const char *id, const char *name, msec_t updated),
                          void *arg, struct err *e);
/* How many were deleted: 0 or 1. */
must_use int profile_delete(struct db *db, const char *tenant, const char *name, struct err *e);

#endif
