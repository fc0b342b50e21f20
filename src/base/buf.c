/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

char *buf_reserve(struct buf *b, size_t n)
{
    size_t need = b->n + n + 1;

    if (need > b->room) {
        size_t room = b->room ? b->room : 64;
        while (room < need)
            room *= 2;
        b->data = mem_resize(b->data, room);
        b->room = room;
    }
    return b->data + b->n;
}

void buf_grew(struct buf *b, size_t n)
{
    b->n += n;
    b->data[b->n] = '\0';
}

void buf_add(struct buf *b, const void *data, size_t n)
{
    char *to = buf_reserve(b, n);

    if (n > 0)
        memcpy(to, data, n);
    buf_grew(b, n);
}

void buf_text(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_vformat(struct buf *b, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (n < 0)
        abort();
    char *to = buf_reserve(b, (size_t)n);
    (void)vsnprintf(to, (size_t)n + 1, format, args);
    buf_grew(b, (size_t)n);
}

void buf_format(struct buf *b, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    buf_vformat(b, format, args);
    va_end(args);
}

void buf_drop(struct buf *b, size_t n)
{
    if (n == 0)
        return;
    memmove(b->data, b->data + n, b->n - n);
    b->n -= n;
    b->data[b->n] = '\0';
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    if (b->data)
        b->data[0] = '\0';
}

char *buf_take(struct buf *b)
{
    char *text = b->data ? b->data : mem_text("");

    *b = (struct buf){ 0 };
    return text;
}

void buf_done(struct buf *b)
{
    mem_free(b->data);
    *b = (struct buf){ 0 };
}
