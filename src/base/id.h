/* SPDX-License-Identifier: Apache-2.0
 *
 * Ids are UUIDs of version 7 (RFC 9562): lower case, and they sort by the time of their birth.
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include "base/env.h"

#include <stdbool.h>

enum { ID_TEXT_SIZE = 37 };

struct id {
    char text[ID_TEXT_SIZE];
};

/* Ids made by one process are strictly increasing, also within a millisecond. Thread safe. */
struct id id_new(const struct env *env);

/* Those that are made from now on come after `id`, whatever the clock says: an earlier process made it.
 * What is no id changes nothing. */
void id_resume(const char *id);

/* Any UUID of version 1 to 8 with variant 10xx, in either case. */
bool id_valid(const char *text);

void hex_text(const void *data, size_t n, char *out); /* writes 2n characters and a NUL */
bool hex_bytes(const char *text, void *out, size_t n);

#endif
