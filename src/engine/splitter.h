/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes that arrive in pieces of any size, made into lines: hostile, so that a line is bounded. No
 * descriptor is read here.
 */
#ifndef ENGINE_SPLITTER_H
#define ENGINE_SPLITTER_H

#include "base/buf.h"

#include <stdbool.h>

struct splitter {
    size_t longest; /* the caller's, before the first byte */
    struct buf held;
    size_t from;     /* where the next line begins in it */
    size_t searched; /* of it, known to hold no newline */
};

/* Room for `n` bytes, which splitter_grew() counts; what was taken as lines is dropped. */
char *splitter_room(struct splitter *s, size_t n);
void splitter_grew(struct splitter *s, size_t n);

/* The next line, which the caller frees: without its newline, `*n` bytes and a NUL. `*cut` says that it
 * was longer than its bound and goes on in the next one. NULL: more bytes are needed. */
char *splitter_next(struct splitter *s, size_t *n, bool *cut);
/* What stands behind the last newline, when nothing comes any more; NULL: nothing. */
char *splitter_rest(struct splitter *s, size_t *n);

void splitter_done(struct splitter *s);
static inline void splitter_done_at(struct splitter *s)
{
    splitter_done(s);
}

#endif
