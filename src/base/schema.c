/* SPDX-License-Identifier: Apache-2.0 */
#include "base/schema.h"

#include "base/id.h"

#include <ctype.h>
#include <math.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Where a check stands: the path so far, and where issues go (NULL: only whether it is valid). */
struct check {
    json_t *path;
    json_t *issues;
    bool failed;
};

static void check(struct check *c, const json_t *schema, const json_t *value);

/* One step into the value. */
static void check_at(struct check *c, json_t *step, const json_t *schema, const json_t *value)
{
    json_array_append_new(c->path, step);
    check(c, schema, value);
    json_array_remove(c->path, json_array_size(c->path) - 1);
}

/* ---- issues ---- */

static void add(struct check *c, json_t *issue, const char *code, char *message)
{
    c->failed = true;
    if (c->issues) {
        json_object_set_new(issue, "code", json_string(code));
        json_object_set_new(issue, "message", json_string(message));
        json_object_set_new(issue, "path", json_deep_copy(c->path));
        json_array_append(c->issues, issue);
    }
    json_decref(issue);
    mem_free(message);
}

static void custom(struct check *c, const char *message)
{
    add(c, json_object(), "custom", mem_text(message));
}

void issue_custom(json_t *issues, const char *field, const char *message)
{
    scoped(json_decref) json_t *path = json_array();
    struct check c = { path, issues, false };

    if (field)
        json_array_append_new(path, json_string(field));
    custom(&c, message);
}

static void bound(struct check *c, bool small, const char *type, json_int_t limit, char *message)
{
    add(c,
        json_pack("{s:I,s:s,s:b,s:b}", small ? "minimum" : "maximum", limit, "type", type,
                  "inclusive", 1, "exact", 0),
        small ? "too_small" : "too_big", message);
}

/* `what` is String or Array, as in "String must contain at least 2 character(s)". */
static void check_count(struct check *c, const char *what, json_int_t n, json_int_t least,
                        json_int_t most, const char *parts)
{
    const char *type = *what == 'S' ? "string" : "array";

    if (n < least)
        bound(c, true, type, least,
              mem_format("%s must contain at least %lld %s(s)", what, (long long)least, parts));
    if (n > most)
        bound(c, false, type, most,
              mem_format("%s must contain at most %lld %s(s)", what, (long long)most, parts));
}

/* ---- types ---- */

static const char *type_of(const json_t *value)
{
    if (!value)
        return "undefined";
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "object";
    case JSON_ARRAY: return "array";
    case JSON_STRING: return "string";
    case JSON_INTEGER:
    case JSON_REAL: return "number";
    case JSON_TRUE:
    case JSON_FALSE: return "boolean";
    case JSON_NULL: break;
    }
    return "null";
}

static bool is_integral(const json_t *value)
{
    double real = json_number_value(value);

    return json_is_integer(value) || (floor(real) == real && fabs(real) < 9007199254740992.0);
}

static bool has_type(const json_t *value, const char *type)
{
    if (strcmp(type, "integer") == 0)
        return json_is_number(value) && is_integral(value);
    return strcmp(type_of(value), type) == 0;
}

/* False, with an issue, when the value has none of the types. */
static bool check_type(struct check *c, const json_t *types, const json_t *value)
{
    const char *expected = json_string_value(types);
    const char *received = type_of(value);

    if (expected && has_type(value, expected))
        return true;
    for (size_t i = 0; i < json_array_size(types); i++) {
        const char *one = json_string_value(json_array_get(types, i));
        if (has_type(value, one))
            return true;
        if (!expected && strcmp(one, "null") != 0)
            expected = one;
    }
    if (!expected)
        expected = "null";
    if (strcmp(expected, "integer") == 0 && json_is_number(value))
        received = "float";
    else if (strcmp(expected, "integer") == 0)
        expected = "number";
    add(c, json_pack("{s:s,s:s}", "expected", expected, "received", received), "invalid_type",
        mem_format("Expected %s, received %s", expected, received));
    return false;
}

/* ---- strings ---- */

/* As JavaScript counts them: a character beyond U+FFFF is two. */
static json_int_t utf16_length(const char *text)
{
    json_int_t n = 0;

    for (; *text; text++) {
        n += ((unsigned char)*text & 0xc0) != 0x80;
        n += (unsigned char)*text >= 0xf0;
    }
    return n;
}

static bool is_url(const char *text)
{
    size_t scheme =
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");

    if (scheme == 0 || !isalpha((unsigned char)text[0]) || text[scheme] != ':' ||
        strpbrk(text, " \t\r\n"))
        return false;
    const char *rest = text + scheme + 1;
    bool web = (scheme == 4 && strncasecmp(text, "http", 4) == 0) ||
               (scheme == 5 && strncasecmp(text, "https", 5) == 0);
    if (!web)
        return *rest != '\0';
    return strncmp(rest, "//", 2) == 0 && rest[2] != '\0' && !strchr("/?#:@", rest[2]);
}

static bool matches(const char *pattern, const char *text)
{
    int code;
    PCRE2_SIZE where;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                   PCRE2_UTF | PCRE2_DOLLAR_ENDONLY, &code, &where, NULL);

    if (!re)
        return true; /* an author's, in another dialect */
    pcre2_match_data *found = pcre2_match_data_create_from_pattern(re, NULL);
    int n = pcre2_match(re, (PCRE2_SPTR)text, strlen(text), 0, 0, found, NULL);
    pcre2_match_data_free(found);
    pcre2_code_free(re);
    return n != PCRE2_ERROR_NOMATCH; /* one that takes too many steps is not the text's fault */
}

static void invalid_string(struct check *c, const char *validation, const char *message)
{
    add(c, json_pack("{s:s}", "validation", validation), "invalid_string", mem_text(message));
}

static void check_string(struct check *c, const json_t *schema, const json_t *value)
{
    const char *text = json_string_value(value);
    const char *format = json_text(schema, "format");
    const char *pattern = json_text(schema, "pattern");

    check_count(c, "String", utf16_length(text), json_int(schema, "minLength", 0),
                json_int(schema, "maxLength", INT64_MAX), "character");
    if (format && strcmp(format, "uuid") == 0 && !id_valid(text))
        invalid_string(c, "uuid", "Invalid uuid");
    if (format && strcmp(format, "uri") == 0 && !is_url(text))
        invalid_string(c, "url", "Invalid url");
    if (format && strcmp(format, "date-time") == 0 &&
        !matches("^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?(Z|[+-]\\d{2}:\\d{2})$",
                 text))
        invalid_string(c, "datetime", "Invalid datetime");
    if (pattern && !matches(pattern, text))
        invalid_string(c, "regex", "Invalid");
}

static void check_number(struct check *c, const json_t *schema, const json_t *value)
{
    const json_t *least = json_object_get(schema, "minimum");
    const json_t *most = json_object_get(schema, "maximum");
    double number = json_number_value(value);

    if (least && number < json_number_value(least))
        bound(c, true, "number", json_integer_value(least),
              mem_format("Number must be greater than or equal to %lld",
                         (long long)json_integer_value(least)));
    if (most && number > json_number_value(most))
        bound(c, false, "number", json_integer_value(most),
              mem_format("Number must be less than or equal to %lld",
                         (long long)json_integer_value(most)));
}

/* ---- arrays and objects ---- */

static void check_array(struct check *c, const json_t *schema, const json_t *value)
{
    const json_t *items = json_object_get(schema, "items");

    const json_int_t most = json_int(schema, "maxItems", INT64_MAX);

    check_count(c, "Array", (json_int_t)json_array_size(value), json_int(schema, "minItems", 0),
                most, "element");
    /* What is too many was told; to look at them all would take as long as their sender likes. */
    for (size_t i = 0; items && i < json_array_size(value) && (json_int_t)i < most; i++)
        check_at(c, json_integer((json_int_t)i), items, json_array_get(value, i));
}

static void missing(struct check *c, const json_t *schema)
{
    const json_t *types = json_object_get(schema, "type");
    const char *expected = json_string_value(types);

    if (!expected)
        expected = json_string_value(json_array_get(types, 0));
    if (!expected)
        expected = "string";
    else if (strcmp(expected, "integer") == 0)
        expected = "number";
    add(c, json_pack("{s:s,s:s}", "expected", expected, "received", "undefined"), "invalid_type",
        mem_text("Required"));
}

static void check_object(struct check *c, const json_t *schema, const json_t *value)
{
    const json_t *properties = json_object_get(schema, "properties");
    const char *name;
    json_t *property;
    size_t i;
    json_t *required;

    json_array_foreach(json_object_get(schema, "required"), i, required) {
        name = json_string_value(required);
        if (json_object_get(value, name))
            continue;
        json_array_append_new(c->path, json_string(name));
        missing(c, json_object_get(properties, name));
        json_array_remove(c->path, json_array_size(c->path) - 1);
    }
    json_object_foreach(json_shared(properties), name, property) {
        const json_t *member = json_object_get(value, name);
        if (!member)
            continue;
        check_at(c, json_string(name), property, member);
    }
    json_object_foreach(json_object_get(schema, "dependentRequired"), name, property) {
        json_array_foreach(property, i, required) {
            if (json_object_get(value, name) &&
                !json_object_get(value, json_string_value(required))) {
                const char *says = json_text(schema, "$dependent");
                json_array_append_new(c->path, json_string(json_string_value(required)));
                custom(c, says ? says : "Fields are missing that belong together");
                json_array_remove(c->path, json_array_size(c->path) - 1);
            }
        }
    }
}

/* ---- rules made of schemas ---- */

static bool valid(const json_t *schema, const json_t *value)
{
    scoped(json_decref) json_t *path = json_array();
    struct check c = { path, NULL, false };

    check(&c, schema, value);
    return !c.failed;
}

static size_t count_valid(const json_t *schemas, const json_t *value)
{
    size_t n = 0, i;
    const json_t *schema;

    json_array_foreach(schemas, i, schema)
        n += valid(schema, value);
    return n;
}

static void check_rules(struct check *c, const json_t *schema, const json_t *value)
{
    const json_t *any = json_object_get(schema, "anyOf");
    const json_t *one = json_object_get(schema, "oneOf");
    const json_t *not = json_object_get(schema, "not");
    const json_t *when = json_object_get(schema, "if");
    const json_t *member;
    size_t i;

    if (any && count_valid(any, value) == 0) {
        const char *says = json_text(schema, "$anyOf");
        custom(c, says ? says : "Invalid input");
    }
    if (one && count_valid(one, value) != 1) {
        const char *says = json_text(schema, "$oneOf");
        custom(c, says ? says : "Invalid input");
    }
    if (not &&valid(not, value))
        custom(c, "Invalid input");
    if (when && valid(when, value) && !valid(json_object_get(schema, "then"), value))
        custom(c, "Invalid input");
    json_array_foreach(json_object_get(schema, "allOf"), i, member) {
        const char *says = json_text(member, "$message");
        if (!says)
            check(c, member, value);
        else if (!valid(member, value))
            custom(c, says);
    }
}

static void check_enum(struct check *c, const json_t *options, const json_t *value)
{
    scoped(buf_done) struct buf list = { 0 };
    size_t i;
    json_t *option;

    json_array_foreach(options, i, option) {
        if (json_equal(option, value))
            return;
        scoped(mem_free) char *plain = json_is_string(option) ? NULL : json_print(option);
        buf_format(&list, "%s'%s'", i ? " | " : "", plain ? plain : json_string_value(option));
    }
    if (!json_is_string(value)) {
        add(c, json_pack("{s:s,s:s}", "expected", buf_str(&list), "received", type_of(value)),
            "invalid_type", mem_format("Expected %s, received %s", buf_str(&list), type_of(value)));
        return;
    }
    add(c, json_pack("{s:O,s:O}", "received", value, "options", options), "invalid_enum_value",
        mem_format("Invalid enum value. Expected %s, received '%s'", buf_str(&list),
                   json_string_value(value)));
}

static void check(struct check *c, const json_t *schema, const json_t *value)
{
    const json_t *types = json_object_get(schema, "type");
    const json_t *options = json_object_get(schema, "enum");
    const json_t *fixed = json_object_get(schema, "const");

    if (types && !check_type(c, types, value))
        return;
    if (options)
        check_enum(c, options, value);
    if (fixed && !json_equal(fixed, value)) {
        scoped(mem_free) char *text = json_print(fixed);
        add(c, json_pack("{s:O}", "expected", fixed), "invalid_literal",
            mem_format("Invalid literal value, expected %s", text));
    }
    if (json_is_string(value))
        check_string(c, schema, value);
    else if (json_is_number(value))
        check_number(c, schema, value);
    else if (json_is_array(value))
        check_array(c, schema, value);
    else if (json_is_object(value))
        check_object(c, schema, value);
    check_rules(c, schema, value);
}

void schema_check(const json_t *schema, const json_t *value, json_t *issues)
{
    scoped(json_decref) json_t *path = json_array();
    struct check c = { path, issues, false };

    check(&c, schema, value);
}
