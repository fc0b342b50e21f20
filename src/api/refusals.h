/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests without a valid key, for the audit log. Whoever tries keys must not be able to fill the
 * disk: a row a minute at most, which says how many there were since the one before.
 */
#ifndef API_REFUSALS_H
#define API_REFUSALS_H

#include "domain/seal.h"
#include "store/store.h"

struct refusals;

struct refusals *refusals_new(struct store *store, const struct sealer *sealer);
void refusals_free(struct refusals *r); /* once the store is closed */

/* One more, from this peer. Waits for nothing. */
void refusals_note(struct refusals *r, const char *peer);

#endif
