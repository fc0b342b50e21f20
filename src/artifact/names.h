/* SPDX-License-Identifier: Apache-2.0
 *
 * The names in an archive: what a path may be, and which of them clash. Two names clash when they
 * are equal, or when some other machine would take them for one: when they differ only in case or
 * in the Unicode form of a letter (an "é" of one or of two code points).
 */
#ifndef ARTIFACT_NAMES_H
#define ARTIFACT_NAMES_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Writes the path as it is used: without `.`, empty parts and slashes at the ends ("./a//b/" is
 * "a/b", "./" is ""). ERR_INPUT, naming the entry: absolute, with `..`, too long, not UTF-8. */
must_use int name_clean(const char *path, size_t max, struct buf *out, struct err *e);

bool name_is_utf8(const char *name);

/* Whether a link at `path` (clean) that points to `target` stays inside, by its text alone. */
bool name_link_stays(const char *path, const char *target);

/* Whether a part of the path (clean) is `part`, or begins with it when `begins`. */
bool name_has_part(const char *path, const char *part, bool begins);

/* The name in quotes as a person can read it: what is not printable UTF-8 is escaped, and what is
 * very long shortened in its middle. */
void name_show(const char *name, struct buf *out);
char *name_shown(const char *name);

enum name_kind { NAME_FOLDER, NAME_FILE, NAME_LINK };

struct names;

struct names *names_new(size_t max);
void names_free(struct names *n);
DEFINE_SCOPED(struct names, names_free)

/* Adds a clean path and the folders above it. A folder may be added again; anything else that was
 * there before is ERR_INPUT and names both. More than `max` names, folders that no entry names
 * counted too, are ERR_LIMIT. */
must_use int names_add(struct names *n, const char *path, enum name_kind kind, struct err *e);

must_use int names_too_many(size_t max, struct err *e); /* what it then says */

/* Whether it was added as a file. */
bool names_has_file(const struct names *n, const char *path);

#endif
