/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's settings, read once at the start. Sources, the stronger first:
 *
 *     --log-level debug                  a flag
 *     IMPRESARIO_LOG_LEVEL=debug         the environment
 *     IMPRESARIO_LOG_LEVEL_FILE=/run/x   the environment, naming a file that holds the value
 *     log_level = debug                  a line of the file that --config names
 *     the default of its row in settings.def
 *
 * All that is given is checked, also where a stronger source wins.
 */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include "base/err.h"

#include <stdint.h>
#include <stdio.h>

struct text_list {
    char **items;
    size_t n;
};

/* Texts are NULL where the row has no default. Paths are absolute. */
struct settings {
#define PATH(name, ...)     char *name;
#define ADDRESS(name, ...)  char *name;
#define URL(name, ...)      char *name;
#define CHOICE(name, ...)   char *name;
#define TEXT(name, ...)     char *name;
#define SECRET(name, ...)   char *name;
#define HOSTS(name, ...)    struct text_list name;
#define PACKAGES(name, ...) struct text_list name;
#define INT(name, ...)      int64_t name;
#include "base/settings.def"
    struct text_list warnings; /* what was odd but no fault, for the log */
};

/* Reads all sources. Flags that are settings are taken out of `argv` (`*argc` shrinks); what they
 * do not know stays in its order for the caller, and so does all from `--` on. Fails with ERR_INPUT
 * and a message that names the setting, the source, what is wrong and what would be right. */
must_use int settings_load(struct settings *s, int *argc, char **argv, char *const *environment,
                           struct err *e);
void settings_done(struct settings *s);

static inline void settings_done_at(struct settings *s)
{
    settings_done(s);
}

/* The rows as flags with their meaning (for --help), or as a Markdown table (for the docs). */
enum settings_form { SETTINGS_HELP, SETTINGS_MARKDOWN };
void settings_print_table(FILE *to, enum settings_form form);

#endif
