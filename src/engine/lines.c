/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/lines.h"

#include "base/buf.h"

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

struct lines {
    int fd;
    size_t longest;
    struct lines_user user;
    struct watch *watch;
    struct buf held; /* the start of a line whose end has not come */
    size_t searched; /* of it, known to hold no newline */
    bool ended;
    bool *freed; /* set while a callback runs, so that it may free us */
};

/* How many bytes the character at `s` takes, 0 when it is not UTF-8 (RFC 3629, section 4): the first
 * byte decides how many follow, and what the second one may be. */
static size_t character(const unsigned char *s, size_t n)
{
    static const struct {
        unsigned char first, last, second_least, second_most, size;
    } rows[] = {
        { 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };

    for (size_t i = 0; i < n_items(rows); i++) {
        if (s[0] < rows[i].first || s[0] > rows[i].last || rows[i].size > n)
            continue;
        if (rows[i].size > 1 && (s[1] < rows[i].second_least || s[1] > rows[i].second_most))
            return 0;
        for (size_t more = 2; more < rows[i].size; more++) {
            if ((s[more] & 0xc0) != 0x80)
                return 0;
        }
        return rows[i].size;
    }
    return 0;
}

void text_make_valid(char *text, size_t n)
{
    unsigned char *at = (unsigned char *)text;

    for (size_t i = 0; i < n;) {
        size_t size = at[i] == '\0' ? 0 : character(at + i, n - i);
        if (size == 0) {
            at[i] = '?';
            size = 1;
        }
        i += size;
    }
}

/* False when the callback has freed us. */
static bool give(struct lines *l, size_t from, size_t n, bool cut)
{
    bool freed = false;
    scoped(mem_free) char *text = mem_text_n(l->held.data + from, n);

    /* cppcheck-suppress autoVariables ; it is taken back before this function returns */
    l->freed = &freed;
    l->user.line(l->user.arg, text, n, cut);
    if (freed)
        return false;
    l->freed = NULL;
    return true;
}

static bool give_lines(struct lines *l)
{
    size_t from =
        0; /* where the next one begins; what is before it is dropped at once, at the end */

    while (l->searched < l->held.n) {
        const char *end = memchr(l->held.data + l->searched, '\n', l->held.n - l->searched);
        size_t n = (end ? (size_t)(end - l->held.data) : l->held.n) - from;
        bool cut = n > l->longest;

        if (!end && !cut) {
            l->searched = l->held.n;
            break;
        }
        if (cut)
            n = l->longest;
        if (!give(l, from, n, cut))
            return false;
        from += cut ? n : n + 1;
        l->searched = from;
    }
    buf_drop(&l->held, from);
    l->searched -= from;
    return true;
}

static void end(struct lines *l)
{
    if (l->ended)
        return;
    l->ended = true;
    watch_free(take(l->watch));
    if (l->held.n > 0 && !give(l, 0, l->held.n, false))
        return;
    l->user.end(l->user.arg);
}

/* Reads once: 1 when there may be more, 0 when there is none for now, -1 when it is all over. */
static int read_some(struct lines *l)
{
    enum { ONCE = 64 * 1024 - 1 }; /* what a pipe holds; with a NUL a power of two */
    char *to = buf_reserve(&l->held, ONCE);
    ssize_t n = read(l->fd, to, ONCE);

    if (n < 0)
        return errno == EINTR ? 1 : errno == EAGAIN ? 0 : -1;
    buf_grew(&l->held, (size_t)n);
    return n == 0 ? -1 : 1;
}

static void on_readable(void *arg, uint32_t events)
{
    struct lines *l = arg;

    (void)events;
    int more = read_some(l);
    if (!give_lines(l))
        return;
    if (more < 0)
        end(l);
}

struct lines *lines_new(struct loop *loop, int fd, size_t longest, const struct lines_user *user)
{
    struct lines *l = mem_new(sizeof *l);

    l->fd = fd;
    l->longest = longest;
    l->user = *user;
    l->watch = loop_watch(loop, fd, EPOLLIN, on_readable, l);
    return l;
}

void lines_finish(struct lines *l)
{
    while (!l->ended) {
        int more = read_some(l);
        if (!give_lines(l))
            return;
        if (more <= 0) {
            end(l);
            return;
        }
    }
}

void lines_free(struct lines *l)
{
    if (!l)
        return;
    if (l->freed)
        *l->freed = true;
    watch_free(l->watch);
    fd_close(l->fd);
    buf_done(&l->held);
    mem_free(l);
}
