/* SPDX-License-Identifier: Apache-2.0
 *
 * Values checked against a JSON Schema, with issues in the words of Zod 3, which is what clients of
 * this API know. All issues of a value are found at once. Keywords that are not known here, and
 * patterns that PCRE cannot read, check nothing.
 *
 * Beside the standard keywords a schema may say in its own words what a rule that spans several
 * fields means: "$message" (in a member of allOf), "$anyOf", "$dependent".
 */
#ifndef BASE_SCHEMA_H
#define BASE_SCHEMA_H

#include "base/json.h"

/* Appends to `issues`, an array; what is fine adds nothing. */
void schema_check(const json_t *schema, const json_t *value, json_t *issues);

/* One more issue, of code "custom", for a rule that is not in a schema. */
void issue_custom(json_t *issues, const char *field, const char *message);

#endif
