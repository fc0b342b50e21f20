/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <stdio.h>
#include <time.h>
#include <wchar.h>

/* One character of UTF-8: its length and code point, or 0 when there is none at `text`. */
static size_t decode(const char *text, uint32_t *out)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t n = *at < 0x80 ? 1 : *at >= 0xc2 && *at < 0xe0 ? 2 : *at >= 0xe0 && *at < 0xf0 ? 3 : 4;
    uint32_t code = n == 1 ? *at : *at & (0x7fU >> n);

    if (*at == 0 || (*at >= 0x80 && *at < 0xc2) || *at > 0xf4)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3fU);
    }
    *out = code;
    return n;
}

/* The length of a colour sequence, ESC [ digits m, or 0. */
static size_t colour_at(const char *text)
{
    if (text[0] != '\033' || text[1] != '[')
        return 0;
    size_t n = 2 + strspn(text + 2, "0123456789;");
    return text[n] == 'm' ? n + 1 : 0;
}

/* U+202A and its like turn the reading direction, and with it what a reader believes to see. */
static bool is_steering(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

void text_add_safe(struct buf *out, const char *text)
{
    while (*text) {
        uint32_t code = 0;
        size_t colour = colour_at(text);
        size_t n = decode(text, &code);
        if (colour > 0) {
            text += colour;
        } else if (n == 0) {
            buf_format(out, "\\x%02x", (unsigned char)*text++);
        } else {
            if (text[0] == '\r' && text[1] == '\n')
                ; /* a line end of another system */
            else if (is_steering(code) && code != '\n' && code != '\t')
                buf_format(out, code < 0x100 ? "\\x%02x" : "\\u%04x", code);
            else
                buf_add(out, text, n);
            text += n;
        }
    }
}

char *text_safe(const char *text)
{
    struct buf out = { 0 };

    text_add_safe(&out, text ? text : "");
    return buf_take(&out);
}

char *text_one_line(const char *text)
{
    char *line = text_safe(text);

    for (char *at = line; *at; at++) {
        if (*at == '\n' || *at == '\t')
            *at = ' ';
    }
    return line;
}

static size_t columns_of(uint32_t code)
{
    int columns = wcwidth((wchar_t)code);

    return columns < 0 ? 1 : (size_t)columns;
}

size_t text_width(const char *text)
{
    size_t width = 0;

    while (*text) {
        uint32_t code = 0;
        size_t n = decode(text, &code);
        width += n > 0 ? columns_of(code) : 1;
        text += n > 0 ? n : 1;
    }
    return width;
}

size_t text_fit(const char *text, size_t columns)
{
    size_t bytes = 0;
    size_t width = 0;

    while (text[bytes]) {
        uint32_t code = 0;
        size_t n = decode(text + bytes, &code);
        width += n > 0 ? columns_of(code) : 1;
        if (width > columns)
            break;
        bytes += n > 0 ? n : 1;
    }
    return bytes;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t text_distance(const char *a, const char *b)
{
    size_t n = strlen(b);
    scoped(mem_free) size_t *row = mem_new_array(n + 1, sizeof *row);

    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t changed = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = least(changed, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[n];
}

char *text_bytes(uint64_t bytes)
{
    static const char *const units[] = { "kB", "MB", "GB", "TB" };
    double value = (double)bytes / 1000;
    size_t i = 0;

    if (bytes < 1000)
        return mem_format("%llu B", (unsigned long long)bytes);
    for (; value >= 999.5 && i < n_items(units) - 1; i++)
        value /= 1000;
    return mem_format(value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[i]);
}

char *text_duration(msec_t t)
{
    long long s = (long long)t / 1000;

    if (t < 9950)
        return mem_format("%.1f s", (double)t / 1000);
    if (s < 60)
        return mem_format("%lld s", s);
    if (s < 3600)
        return mem_format("%lld min %lld s", s / 60, s % 60);
    return mem_format("%lld h %lld min", s / 3600, s % 3600 / 60);
}

char *text_ago(msec_t now, msec_t t)
{
    long long s = (long long)(now - t) / 1000;
    long long days = s / 86400;
    char date[TIME_TEXT_SIZE];

    if (s < 1) /* or ahead of us: clocks of two machines differ */
        return mem_text("just now");
    if (s < 60)
        return mem_format("%lld s ago", s);
    if (s < 3600)
        return mem_format("%lld min ago", s / 60);
    if (s < 86400)
        return mem_format("%lld h ago", s / 3600);
    if (days < 30)
        return mem_format("%lld day%s ago", days, days == 1 ? "" : "s");
    time_text(t, date);
    return mem_text_n(date, 10);
}

char *text_moment(msec_t now, msec_t t)
{
    time_t seconds = (time_t)(t / 1000);
    time_t today = (time_t)(now / 1000);
    struct tm then, there;
    char text[32];

    (void)localtime_r(&seconds, &then);
    (void)localtime_r(&today, &there);
    bool same_day = then.tm_yday == there.tm_yday && then.tm_year == there.tm_year;
    (void)strftime(text, sizeof text, same_day ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &then);
    return mem_text(text);
}

bool text_parse_time(const char *text, msec_t *out)
{
    struct tm tm = { 0 };
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

    if (!rest || *rest != '.' || strspn(rest + 1, "0123456789") != 3 || strcmp(rest + 4, "Z") != 0)
        return false;
    *out =
        (msec_t)timegm(&tm) * 1000 + (rest[1] - '0') * 100 + (rest[2] - '0') * 10 + rest[3] - '0';
    return true;
}
