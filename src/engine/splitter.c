/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/splitter.h"

char *splitter_room(struct splitter *s, size_t n)
{
    buf_drop(&s->held, s->from);
    s->searched -= s->from;
    s->from = 0;
    return buf_reserve(&s->held, n);
}

void splitter_grew(struct splitter *s, size_t n)
{
    buf_grew(&s->held, n);
}

char *splitter_next(struct splitter *s, size_t *n, bool *cut)
{
    const char *data = s->held.data;
    const char *end =
        s->searched < s->held.n ? memchr(data + s->searched, '\n', s->held.n - s->searched) : NULL;

    *n = (end ? (size_t)(end - data) : s->held.n) - s->from;
    *cut = *n > s->longest;
    if (!end && !*cut) {
        s->searched = s->held.n;
        if (*n == 0) /* all of it was given: who waits for more, perhaps for hours, holds nothing */
            splitter_done(s);
        return NULL;
    }
    if (*cut)
        *n = s->longest;
    char *text = mem_text_n(data + s->from, *n);
    s->from += *cut ? *n : *n + 1;
    s->searched = s->from;
    return text;
}

char *splitter_rest(struct splitter *s, size_t *n)
{
    *n = s->held.n - s->from;
    if (*n == 0)
        return NULL;
    char *text = mem_text_n(s->held.data + s->from, *n);
    s->from = s->searched = s->held.n;
    return text;
}

void splitter_done(struct splitter *s)
{
    buf_done(&s->held);
    s->from = s->searched = 0;
}
