/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/bounds.h"

#include <stdio.h>
#include <stdlib.h>

json_t *json_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

json_t *json_time(msec_t wall)
{
    char text[TIME_TEXT_SIZE];

    time_text(wall, text);
    return json_string(text);
}

json_t *json_time_or_null(msec_t wall)
{
    return wall ? json_time(wall) : json_null();
}

static int add_chunk(const char *data, size_t n, void *out)
{
    buf_add(out, data, n);
    return 0;
}

/* Digits that read back as the same number, and still as a real. */
static size_t shortest_real(double value, char text[static 32])
{
    int digits = 15, n; /* 15 hold any decimal that a person wrote, 17 any double */

    do
        n = snprintf(text, 32, "%.*g", digits, value);
    while (strtod(text, NULL) != value && ++digits <= 17);
    char *power = strchr(text, 'e');
    if (power) { /* e+22 and e-07 are e22 and e-7 */
        char *from = power + 1, *to = power + 1;
        if (*from == '-')
            to++;
        from += strspn(from, "+-0");
        memmove(to, from, strlen(from) + 1);
        return strlen(text);
    }
    return (size_t)n + (strchr(text, '.') ? 0 : (size_t)snprintf(text + n, 32 - (size_t)n, ".0"));
}

/* The length of the string, number or other character at `text`. */
static size_t token_length(const char *text)
{
    if (*text != '"')
        return *text == '-' || (*text >= '0' && *text <= '9') ? strspn(text, "0123456789+-.eE") : 1;
    size_t n = 1;
    while (text[n] != '"')
        n += text[n] == '\\' ? 2 : 1;
    return n + 1;
}

/* jansson writes a real with 17 digits, so that 15.53 becomes 15.529999999999999. What it wrote
 * is gone through once more: no number gets longer, so that there is room for it. */
static void shorten_reals(struct buf *b)
{
    size_t to = 0;

    for (size_t at = 0, n; at < b->n; at += n) {
        char real[32];
        n = token_length(b->data + at);
        if (b->data[at] != '"' && strcspn(b->data + at, ".eE") < n && n > 1) {
            size_t length = shortest_real(strtod(b->data + at, NULL), real);
            memcpy(b->data + to, real, length);
            to += length;
        } else {
            memmove(b->data + to, b->data + at, n);
            to += n;
        }
    }
    b->n = to;
    b->data[to] = '\0';
}

/* ---- compact, as everything that is sent: jansson takes four times as long ---- */

static void print_text(const char *text, size_t n, struct buf *out)
{
    static const char short_for[32] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'
    };
    size_t plain = 0; /* from here on nothing was written yet */

    buf_char(out, '"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= ' ' && c != '"' && c != '\\')
            continue;
        buf_add(out, text + plain, i - plain);
        plain = i + 1;
        if (c >= ' ' || short_for[c]) {
            const char pair[] = { '\\', text[i] };
            const char named[] = { '\\', short_for[c % 32] };
            buf_add(out, c >= ' ' ? pair : named, 2);
        } else {
            buf_format(out, "\\u%04X", (unsigned)c);
        }
    }
    buf_add(out, text + plain, n - plain);
    buf_char(out, '"');
}

static void print_real(double value, struct buf *out)
{
    char text[32];

    buf_add(out, text, shortest_real(value, text));
}

static void print_integer(json_int_t value, struct buf *out)
{
    char text[24];

    buf_add(out, text, (size_t)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, value));
}

static void print_compact(const json_t *value, struct buf *out) // NOLINT(misc-no-recursion)
{
    const char *name, *comma = "";
    json_t *member;
    size_t i;

    switch (json_typeof(value)) {
    case JSON_OBJECT:
        buf_char(out, '{');
        json_object_foreach(json_shared(value), name, member) {
            buf_text(out, comma);
            print_text(name, strlen(name), out);
            buf_char(out, ':');
            print_compact(member, out);
            comma = ",";
        }
        buf_char(out, '}');
        break;
    case JSON_ARRAY:
        buf_char(out, '[');
        json_array_foreach(value, i, member) {
            buf_text(out, comma);
            print_compact(member, out);
            comma = ",";
        }
        buf_char(out, ']');
        break;
    case JSON_STRING: print_text(json_string_value(value), json_string_length(value), out); break;
    case JSON_INTEGER: print_integer(json_integer_value(value), out); break;
    case JSON_REAL: print_real(json_real_value(value), out); break;
    case JSON_TRUE: buf_text(out, "true"); break;
    case JSON_FALSE: buf_text(out, "false"); break;
    case JSON_NULL: buf_text(out, "null"); break;
    }
}

void json_print_into(const json_t *value, struct buf *out)
{
    if (value)
        print_compact(value, out);
}

char *json_print_as(const json_t *value, size_t flags)
{
    struct buf out = { 0 };

    (void)json_dump_callback(value, add_chunk, &out, flags | JSON_ENCODE_ANY);
    if (out.n > 0)
        shorten_reals(&out);
    return buf_take(&out);
}

char *json_print(const json_t *value)
{
    struct buf out = { 0 };

    json_print_into(value, &out);
    return buf_take(&out);
}

const char *json_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

int64_t json_int(const json_t *object, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(object, name);

    if (json_is_integer(value))
        return json_integer_value(value);
    if (json_is_real(value)) { /* 300.0 and 3e2 are the integer 300 to senders in JavaScript */
        double real = json_real_value(value);
        return real >= -9223372036854775808.0 && real < 9223372036854775808.0 ? (int64_t)real
                                                                              : otherwise;
    }
    return otherwise;
}

bool json_bool(const json_t *object, const char *name, bool otherwise)
{
    const json_t *value = json_object_get(object, name);

    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

/* jansson refuses U+0000, lone surrogates and invalid UTF-8 by itself; its own depth limit is 2048 and
 * it counts no values, so both are counted here, in text that it has not seen yet. */
static int check_size(const char *text, size_t n, int limit, int *left, struct err *e)
{
    int depth = 0;
    bool in_string = false;

    (*left)--;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == ',' || c == '{' || c == '[') {
            if (--*left < 0)
                return err_set(e, ERR_INPUT, "the JSON has more than %d values", LIMIT_JSON_VALUES);
            if (c != ',' && ++depth > limit)
                return err_set(e, ERR_INPUT, "the JSON is nested deeper than %d levels", limit);
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return 0;
}

json_t *json_load(const char *text, size_t n, size_t flags, json_error_t *fault)
{
    json_t *value = json_loadb(text, n, flags | JSON_DECODE_ANY, fault);

    if (!value && json_error_code(fault) == json_error_numeric_overflow)
        value = json_loadb(text, n, flags | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, fault);
    return value;
}

int json_parse(const char *text, size_t n, int depth, json_t **out, struct err *e)
{
    int left = LIMIT_JSON_VALUES;

    return json_parse_some(text, n, depth, &left, out, e);
}

int json_parse_some(const char *text, size_t n, int depth, int *left, json_t **out, struct err *e)
{
    json_error_t fault;

    if (check_size(text, n, depth, left, e) < 0)
        return -1;
    /* Jansson takes one behind a number for its end. */
    if (n > 0 && memchr(text, '\0', n))
        return err_set(e, ERR_INPUT, "a NUL, which no JSON has");
    json_t *value = json_load(text, n, 0, &fault);
    if (!value)
        return err_set(e, ERR_INPUT, "%s at line %d, column %d", fault.text, fault.line,
                       fault.column);
    *out = value;
    return 0;
}
