/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a command writes: results to one stream, the telling of how it goes to another, and what
 * each of them can show. Colours are for terminals only, and NO_COLOR (no-color.org) forbids them.
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <stdbool.h>
#include <stdio.h>

struct stream {
    FILE *file;
    bool terminal; /* someone watches: lines may be redrawn */
    bool colour;
    bool unicode;
};

struct screen {
    struct stream out, err;
};

/* stdout and stderr, as they are. Sets the process's character type to that of its locale. */
struct screen screen_standard(void);

enum style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_RED, STYLE_GREEN, STYLE_YELLOW };

/* The sequences around a styled text; empty where there is no colour. */
const char *style_on(const struct stream *s, enum style style);
const char *style_off(const struct stream *s, enum style style);

/* The colour of a status of a deployment or a job. */
enum style style_of_status(const char *status);

#endif
