/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines from a descriptor that something in a box writes to: hostile, so that they are bounded, made
 * valid UTF-8, and never waited for.
 */
#ifndef ENGINE_LINES_H
#define ENGINE_LINES_H

#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct lines;

struct lines_user {
    /* `text` ends with a NUL and holds no other. `cut` says that the line was longer than its bound
     * and goes on in the next call. */
    void (*line)(void *arg, char *text, size_t n, bool cut);
    void (*end)(void *arg); /* nothing comes any more; may free */
    void *arg;
    /* Asked before each reading: true leaves what was written where it is, for a while. NULL: never. */
    bool (*behind)(void *arg);
};

/* Takes the descriptor, which must not block. */
struct lines *lines_new(struct loop *loop, int fd, size_t longest, const struct lines_user *user);
/* Reads what is there without waiting, behind or not, then calls end() unless it was called already. */
void lines_finish(struct lines *l);
void lines_free(struct lines *l); /* without end() */

/* Replaces, in place, what is not UTF-8 by '?', and NULs too. */
void text_make_valid(char *text, size_t n);

#endif
