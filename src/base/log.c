/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <unistd.h>

static enum log_level least_level = LOG_INFO;
static bool as_json = true;
static const char *const level_names[] = { "debug", "info", "warn", "error" };

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

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    scoped(buf_done) struct buf line = { 0 };
    char now[TIME_TEXT_SIZE];

    if (level < least_level)
        return;
    time_text(clock_wall(&clock_real), now);
    if (as_json) {
        buf_format(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", now,
                   level_names[level], event);
        for (const struct log_field *f = fields; f->name; f++) {
            buf_format(&line, ",\"%s\":", f->name);
            add_value(&line, f);
        }
        buf_text(&line, "}\n");
    } else {
        buf_format(&line, "%.8s %-5s %s", now + 11, level_names[level], event);
        for (const struct log_field *f = fields; f->name; f++) {
            buf_format(&line, " %s=", f->name);
            add_value(&line, f);
        }
        buf_char(&line, '\n');
    }
    /* One write a line: lines of several threads and processes do not mix. */
    (void)!write(STDERR_FILENO, line.data, line.n);
}
