/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing run of bytes, always followed by a NUL that does not count. `{ 0 }` is an empty one.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/mem.h"

#include <stdarg.h>

struct buf {
    char *data; /* NULL until something is added */
    size_t n;
    size_t room;
};

void buf_add(struct buf *b, const void *data, size_t n);
void buf_text(struct buf *b, const char *text);
void buf_char(struct buf *b, char c);
void buf_format(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vformat(struct buf *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0), nonnull(2)));

/* Room for n more bytes at the end; buf_grew() says how many were written there. */
char *buf_reserve(struct buf *b, size_t n);
void buf_grew(struct buf *b, size_t n);

/* Removes the first n bytes. */
void buf_drop(struct buf *b, size_t n);
void buf_reset(struct buf *b);
/* Gives the text away (never NULL) and leaves the buffer empty. */
char *buf_take(struct buf *b);
void buf_done(struct buf *b);

static inline const char *buf_str(const struct buf *b)
{
    return b->data ? b->data : "";
}
static inline void buf_done_at(struct buf *b)
{
    buf_done(b);
}

#endif
