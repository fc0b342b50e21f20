/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

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

void json_print_into(const json_t *value, struct buf *out)
{
    (void)json_dump_callback(value, add_chunk, out, JSON_COMPACT | JSON_ENCODE_ANY);
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
    if (json_is_real(value)) /* 300.0 and 3e2 are the integer 300 to senders in JavaScript */
        return (int64_t)json_real_value(value);
    return otherwise;
}

bool json_bool(const json_t *object, const char *name, bool otherwise)
{
    const json_t *value = json_object_get(object, name);

    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

/* jansson refuses U+0000, lone surrogates and invalid UTF-8 by itself; its own depth limit is 2048,
 * so nesting is counted here, in text that it has not seen yet. */
static int check_depth(const char *text, size_t n, int limit, struct err *e)
{
    int depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > limit)
                return err_set(e, ERR_INPUT, "the JSON is nested deeper than %d levels", limit);
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return 0;
}

int json_parse(const char *text, size_t n, int depth, json_t **out, struct err *e)
{
    json_error_t fault;

    if (check_depth(text, n, depth, e) < 0)
        return -1;
    json_t *value = json_loadb(text, n, JSON_DECODE_ANY, &fault);
    if (!value)
        return err_set(e, ERR_INPUT, "%s at line %d, column %d", fault.text, fault.line,
                       fault.column);
    *out = value;
    return 0;
}
