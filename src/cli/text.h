/* SPDX-License-Identifier: Apache-2.0
 *
 * Text for people at a terminal: what came from a server made harmless, widths, sizes and times in
 * a form that one reads at a glance. Texts that are returned belong to the caller.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include "base/buf.h"
#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

/* Adds `text` without the power to steer a terminal: colours are dropped, other control characters
 * and broken UTF-8 become visible. Line ends and tabs stay. */
void text_add_safe(struct buf *out, const char *text);
/* A copy of it; NULL, for what an answer lacks, gives an empty one. */
char *text_safe(const char *text);
/* The same on one line: what would break it becomes a space. */
char *text_one_line(const char *text);

/* Columns that a text without control characters takes, and how many of its bytes fit into some. */
size_t text_width(const char *text);
size_t text_fit(const char *text, size_t columns);

/* How many single letters must change to make one word the other. */
size_t text_distance(const char *a, const char *b);

char *text_bytes(uint64_t bytes);        /* "512 B", "1.4 MB" */
char *text_duration(msec_t t);           /* "0.4 s", "12 s", "3 min 5 s", "2 h 10 min" */
char *text_ago(msec_t now, msec_t t);    /* "5 s ago", "3 min ago", "2 days ago", "2026-01-31" */
char *text_moment(msec_t now, msec_t t); /* local time; with the date unless it is today */

/* "2026-01-31T09:05:00.250Z" as the API writes it. */
bool text_parse_time(const char *text, msec_t *out);

#endif
