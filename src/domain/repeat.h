/* SPDX-License-Identifier: Apache-2.0
 *
 * Repeated requests: a create that carries an Idempotency-Key is done once; whoever sends it again
 * hears the first answer.
 */
#ifndef DOMAIN_REPEAT_H
#define DOMAIN_REPEAT_H

#include "base/json.h"
#include "store/store.h"

/* 1 and the first answer, or 0. ERR_CONFLICT when the key came with another request. */
must_use int repeat_find(struct db *db, const char *tenant, const char *route, const char *key,
                         const char *request_digest, json_t **answer, struct err *e);
must_use int repeat_keep(struct db *db, const char *tenant, const char *route, const char *key,
                         const char *request_digest, const json_t *answer, struct err *e);

#endif
