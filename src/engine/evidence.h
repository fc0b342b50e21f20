/* SPDX-License-Identifier: Apache-2.0
 *
 * What was recorded before a build, as a model may read it: lines of the fields that matter, with
 * what is a stored credential, or looks like a secret, masked. Pure functions.
 */
#ifndef ENGINE_EVIDENCE_H
#define ENGINE_EVIDENCE_H

#include "base/json.h"

enum evidence { EVIDENCE_ACTIONS, EVIDENCE_NETWORK };

/* `log` is an array of objects, or NULL; `secrets` an object, name of a credential to its value. */

/* The whole of it, short. */
char *evidence_digest(const json_t *log, enum evidence which, const json_t *secrets);
/* The entries from number `from` (1 is the first) with the text `search` (or NULL: all), in full. */
char *evidence_page(const json_t *log, enum evidence which, int64_t from, const char *search,
                    const json_t *secrets);

/* Values of credentials are shown as their names. */
char *evidence_without(const char *text, const json_t *secrets);
/* So is what is named like a secret, or has the form of one. */
char *evidence_masked(const char *text);

#endif
