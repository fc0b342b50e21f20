/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/lines.h"

#include "engine/splitter.h"

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    BEHIND_MS = 5,
    FRAMES_ONCE = 64 * 1024 - 1, /* what a pipe holds; with a NUL a power of two */
    /* As many lines as there are bytes, at worst: with more at once `behind` would be asked too late. */
    OUTPUT_ONCE = 4 * 1024 - 1,
};

struct lines {
    struct loop *loop;
    struct timer *later; /* while its reader is behind; there is no watch then */
    int fd;
    struct lines_user user;
    struct watch *watch;
    struct splitter splitter;
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
static bool give(struct lines *l, char *text, size_t n, bool cut)
{
    bool freed = false;
    scoped(mem_free) char *own = text;

    /* cppcheck-suppress autoVariables ; it is taken back before this function returns */
    l->freed = &freed;
    l->user.line(l->user.arg, own, n, cut);
    if (freed)
        return false;
    l->freed = NULL;
    return true;
}

static bool give_lines(struct lines *l)
{
    char *text;
    size_t n;
    bool cut;

    while ((text = splitter_next(&l->splitter, &n, &cut))) {
        if (!give(l, text, n, cut))
            return false;
    }
    return true;
}

static void end(struct lines *l)
{
    size_t n;

    if (l->ended)
        return;
    l->ended = true;
    watch_free(take(l->watch));
    timer_free(take(l->later));
    char *rest = splitter_rest(&l->splitter, &n);
    if (rest && !give(l, rest, n, false))
        return;
    l->user.end(l->user.arg);
}

/* Reads once: 1 when there may be more, 0 when there is none for now, -1 when it is all over. */
static int read_some(struct lines *l)
{
    size_t once = l->splitter.longest > FRAMES_ONCE ? FRAMES_ONCE : OUTPUT_ONCE;
    char *to = splitter_room(&l->splitter, once);
    ssize_t n = read(l->fd, to, once);

    if (n < 0)
        return errno == EINTR ? 1 : errno == EAGAIN ? 0 : -1;
    splitter_grew(&l->splitter, (size_t)n);
    return n == 0 ? -1 : 1;
}

static void on_later(void *arg);

static void on_readable(void *arg, uint32_t events)
{
    struct lines *l = arg;

    (void)events;
    if (l->user.behind && l->user.behind(l->user.arg)) {
        watch_free(take(l->watch));
        l->later = loop_timer(l->loop, BEHIND_MS, on_later, l);
        return;
    }
    int more = read_some(l);
    if (!give_lines(l))
        return;
    if (more < 0)
        end(l);
}

static void on_later(void *arg)
{
    struct lines *l = arg;

    l->later = NULL;
    l->watch = loop_watch(l->loop, l->fd, EPOLLIN, on_readable, l);
}

struct lines *lines_new(struct loop *loop, int fd, size_t longest, const struct lines_user *user)
{
    struct lines *l = mem_new(sizeof *l);

    l->loop = loop;
    l->fd = fd;
    l->splitter.longest = longest;
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
    timer_free(l->later);
    fd_close(l->fd);
    splitter_done(&l->splitter);
    mem_free(l);
}
