/* SPDX-License-Identifier: Apache-2.0
 *
 * Small helpers around jansson, so that building an answer reads like the answer. Texts given to
 * it have been checked for UTF-8 before (the store keeps nothing else).
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>

DEFINE_SCOPED(json_t, json_decref)

json_t *json_or_null(const char *text); /* a string, or null for NULL */
json_t *json_time(msec_t wall);         /* "2026-...Z" */
json_t *json_time_or_null(msec_t wall); /* null for 0 */

/* jansson counts references in values that we hold as const: the same value, to be shared. */
static inline json_t *json_shared(const json_t *value)
{
    union {
        const json_t *held;
        json_t *shared;
    } same = { value };
    return same.shared;
}

/* Text, owned by the caller. All JSON that this program says is written here: a real of up to 15
 * digits as it was read (15.53, not 15.529999999999999), any other with those that it needs. */
char *json_print(const json_t *value);                  /* compact */
char *json_print_as(const json_t *value, size_t flags); /* JSON_INDENT(n), JSON_SORT_KEYS ... */
void json_print_into(const json_t *value, struct buf *out);

/* Members by name; NULL, or the default, when absent, of another type or out of its range. */
const char *json_text(const json_t *object, const char *name);
int64_t json_int(const json_t *object, const char *name, int64_t otherwise);
bool json_bool(const json_t *object, const char *name, bool otherwise);

/* As json_loadb(), with any value, and where a whole number is beyond 64 bits with reals alone: JavaScript,
 * which has nothing else, writes 1e20 as one. */
json_t *json_load(const char *text, size_t n, size_t flags, json_error_t *fault);

/* Parses text that a stranger wrote: refuses depth over `depth`, more than LIMIT_JSON_VALUES values, U+0000 and what is not UTF-8 or
 * not exactly one value. As json_load(). ERR_INPUT with a
 * message that says where. */
must_use int json_parse(const char *text, size_t n, int depth, json_t **out, struct err *e);
/* One of several texts that may have so many values together: *left begins as LIMIT_JSON_VALUES, and is
 * below 0 when this one was too much. */
must_use int json_parse_some(const char *text, size_t n, int depth, int *left, json_t **out,
                             struct err *e);

#endif
