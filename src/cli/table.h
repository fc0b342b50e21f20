/* SPDX-License-Identifier: Apache-2.0
 *
 * Aligned columns. Cells are texts from anywhere: they are made harmless here and kept on one line.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cli/screen.h"

#include "base/mem.h"

struct table;

/* `headings` ends with NULL. Without headings (NULL) it is a list of names and values. */
struct table *table_new(const char *const *headings);
void table_free(struct table *t);
DEFINE_SCOPED(struct table, table_free)

/* The next cell, row by row. NULL shows as a dash. */
void table_cell(struct table *t, enum style style, const char *text);
/* A name and its value: one row of a table without headings. NULL: the row is left out. */
void table_pair(struct table *t, const char *name, enum style style, const char *value);

void table_print(const struct table *t, const struct stream *to);

#endif
