/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

/* Who reads a pipe gets so long to make room, once: from the first lost line on nobody waits. */
static int patience_ms = 1000;

static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER; /* guards the next two */
static int64_t lost;                                        /* lines, since one that was written */
static bool is_open; /* a part of the last one was written, and not its end */

static enum log_level least_level = LOG_INFO;
static bool as_json = true;
static const char *const level_names[] = { "debug", "info", "warn", "error" };

void log_patience(int ms)
{
    patience_ms = ms;
}

void log_setup(enum log_level least, bool json)
{
    least_level = least;
    as_json = json;
}

bool log_level_parse(const char *text, enum log_level *out)
{
    for (size_t i = 0; i < n_items(level_names); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static void add_quoted(struct buf *b, const char *text)
{
    buf_char(b, '"');
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at == '"' || *at == '\\')
            buf_format(b, "\\%c", *at);
        else if (*at == '\n')
            buf_text(b, "\\n");
        else if (*at < 0x20 || *at == 0x7f)
            buf_format(b, "\\u%04x", *at);
        else
            buf_char(b, (char)*at);
    }
    buf_char(b, '"');
}

static void add_value(struct buf *b, const struct log_field *f)
{
    if (f->kind == LOG_INT)
        buf_format(b, "%lld", (long long)f->number);
    else if (f->text)
        add_quoted(b, f->text);
    else
        buf_text(b, "null");
}

static void format(struct buf *line, enum log_level level, const char *event,
                   const struct log_field *fields)
{
    char now[TIME_TEXT_SIZE];

    time_text(clock_wall(&clock_real), now);
    if (as_json) {
        buf_format(line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", now,
                   level_names[level], event);
        for (const struct log_field *f = fields; f->name; f++) {
            buf_format(line, ",\"%s\":", f->name);
            add_value(line, f);
        }
        buf_text(line, "}\n");
    } else {
        buf_format(line, "%.8s %-5s %s", now + 11, level_names[level], event);
        for (const struct log_field *f = fields; f->name; f++) {
            buf_format(line, " %s=", f->name);
            add_value(line, f);
        }
        buf_char(line, '\n');
    }
}

static bool has_room(void)
{
    struct pollfd err = { .fd = STDERR_FILENO, .events = POLLOUT };

    return poll(&err, 1, lost ? 0 : patience_ms) == 1;
}

/* How much of it was written. What polls as writable takes PIPE_BUF bytes without waiting, and a line
 * that is no longer does not mix with those of other processes. */
static size_t put(const char *data, size_t n)
{
    size_t done = 0;

    while (done < n && has_room()) {
        ssize_t k = write(STDERR_FILENO, data + done, n - done < PIPE_BUF ? n - done : PIPE_BUF);
        if (k < 0 && errno != EINTR)
            break;
        done += k > 0 ? (size_t)k : 0;
    }
    return done;
}

static bool put_line(const struct buf *line)
{
    if (is_open && put("\n", 1) == 0)
        return false;
    size_t done = put(line->data, line->n);
    is_open = done > 0 && done < line->n;
    return done == line->n;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    scoped(buf_done) struct buf line = { 0 };

    if (level < least_level)
        return;
    format(&line, level, event, fields);
    pthread_mutex_lock(&writing);
    if (lost > 0) {
        scoped(buf_done) struct buf gap = { 0 };
        format(&gap, LOG_WARN, "log.lost", (struct log_field[]){ F_INT("lines", lost), { 0 } });
        lost = put_line(&gap) ? 0 : lost;
    }
    if (lost > 0 || !put_line(&line))
        lost++;
    pthread_mutex_unlock(&writing);
}
