/* SPDX-License-Identifier: Apache-2.0
 *
 * Command lines as data: a verb lists its flags, and the same rows read the words and print --help.
 * Flags and operands may be mixed; `--` ends the flags; `--name=value` is `--name value`.
 */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum flag_kind { FLAG_SWITCH, FLAG_TEXT, FLAG_NUMBER, FLAG_CHOICE };

struct flag {
    const char *name; /* "wait": typed as --wait; NULL ends a list */
    char letter;      /* typed as -o; 0: none */
    enum flag_kind kind;
    size_t offset;    /* into the struct that args_read() fills: bool, const char * or int64_t */
    const char *form; /* of its value: "SECONDS"; of a choice all of them: "json|text" */
    int64_t least, most;
    const char *what;
};

#define SWITCH(name, letter, type, field, what)                            \
    {                                                                      \
        name, letter, FLAG_SWITCH, offsetof(type, field), NULL, 0, 0, what \
    }
#define TEXT(name, letter, type, field, form, what)                      \
    {                                                                    \
        name, letter, FLAG_TEXT, offsetof(type, field), form, 0, 0, what \
    }
#define CHOICE(name, letter, type, field, choices, what)                      \
    {                                                                         \
        name, letter, FLAG_CHOICE, offsetof(type, field), choices, 0, 0, what \
    }
#define NUMBER(name, letter, type, field, form, least, most, what)                \
    {                                                                             \
        name, letter, FLAG_NUMBER, offsetof(type, field), form, least, most, what \
    }

struct args {
    const char *operands;      /* "NAME [VALUE]", for the first line of the help */
    int least, most;           /* how many operands there may be */
    const struct flag *flags;  /* its own; may be NULL */
    const struct flag *common; /* those of every verb */
    const char *what;          /* a line for the overview */
    const char *more;          /* paragraphs and examples for its own help; may be NULL */
};

/* Fills `into` and moves the operands to the front of argv, their number to *argc. Words stay where
 * they are and must outlive `into`. Fails with ERR_INPUT. */
must_use int args_read(const struct args *a, int *argc, char **argv, void *into, struct err *e);

/* Whether -h or --help stands among the words, before any `--`. */
bool args_ask_help(int argc, char *const *argv);

/* `name` is all that is typed before the operands: "impresario jobs run". */
void args_print_help(const struct args *a, const char *name, FILE *to);

#endif
