/* SPDX-License-Identifier: Apache-2.0
 *
 * The API described, for programs and for people, from the same rows that the router uses.
 */
#include "api/route.h"

#include "routes_text.h"

#include <stdlib.h>

static const json_t *row_of(const json_t *rows, const char *path)
{
    size_t i;
    const json_t *row;

    json_array_foreach(rows, i, row) {
        if (strcmp(json_text(row, "path"), path) == 0)
            return row;
    }
    abort(); /* every route of ours stands in routes.json */
}

static json_t *enveloped(const json_t *schema)
{
    return json_pack("{s:s,s:[s],s:{s:O}}", "type", "object", "required", "json", "properties",
                     "json", schema);
}

static json_t *content(json_t *schema)
{
    return json_pack("{s:{s:{s:o}}}", "content", "application/json", "schema", schema);
}

static json_t *error_schema(void)
{
    return json_pack("{s:s,s:{s:{s:s},s:{s:s},s:{s:s},s:{s:s},s:{s:s}},s:[s,s,s,s]}", "type",
                     "object", "properties", "defined", "type", "boolean", "code", "type", "string",
                     "status", "type", "integer", "message", "type", "string", "data", "type",
                     "object", "required", "defined", "code", "status", "message");
}

static json_t *operation(const struct route *route, const json_t *row)
{
    json_t *out = json_object(), *responses = json_object();
    scoped(json_decref) json_t *error = error_schema();
    json_t *ok = content(enveloped(json_object_get(row, "output")));
    json_t *bad = content(enveloped(error));
    const char *auth = json_text(row, "auth");

    json_object_set_new(ok, "description", json_string("The answer, in its envelope"));
    json_object_set_new(bad, "description", json_string("What is wrong, in the same envelope"));
    json_object_set_new(responses, "200", ok);
    json_object_set_new(responses, "default", bad);
    json_object_set_new(out, "operationId", json_string(route->path + 4));
    json_object_set_new(out, "tags", json_pack("[O]", json_object_get(row, "group")));
    json_object_set_new(out, "requestBody", content(enveloped(json_object_get(row, "input"))));
    json_object_set_new(out, "responses", responses);
    if (strncmp(auth, "api_key", 7) == 0)
        json_object_set_new(out, "security", json_pack("[{s:[]}]", "key"));
    return out;
}

char *api_openapi(void)
{
    scoped(json_decref) json_t *rows = json_loads(ROUTES_TEXT, 0, NULL);
    json_t *paths = json_object();
    scoped(json_decref) json_t *out = json_pack(
        "{s:s,s:{s:s,s:s,s:s},s:{s:{s:{s:s,s:s,s:s}}},s:o}", "openapi", "3.1.0", "info", "title",
        "Impresario", "version", IMPRESARIO_VERSION, "description",
        "The Libretto Cloud API, served from one's own machine", "components", "securitySchemes",
        "key", "type", "apiKey", "in", "header", "name", "x-api-key", "paths", paths);

    for (size_t t = 0; t < ROUTE_TABLES; t++) {
        for (const struct route *r = route_tables[t]; r->kind != ROUTE_END; r++)
            json_object_set_new(paths, r->path,
                                json_pack("{s:o}", "post", operation(r, row_of(rows, r->path))));
    }
    return json_print(out);
}

/* ---- Markdown ---- */

/* "a or b": the items themselves, or what they say under `key`. */
static void alternatives(const json_t *items, const char *key, struct buf *out)
{
    size_t i;
    const json_t *one;

    json_array_foreach(items, i, one)
        buf_format(out, "%s%s", i ? " or " : "",
                   key ? json_text(one, key) : json_string_value(one));
}

static void type_words(const json_t *schema, struct buf *out)
{
    const json_t *type = json_object_get(schema, "type");
    const json_t *choices = json_object_get(schema, "enum");
    const json_t *fixed = json_object_get(schema, "const");
    const json_t *forms = json_object_get(schema, "oneOf");
    size_t i;
    const json_t *one;

    if (fixed) {
        scoped(mem_free) char *text = json_print(fixed);
        buf_format(out, "always `%s`", text);
    } else if (choices) {
        json_array_foreach(choices, i, one)
            buf_format(out, "%s`%s`", i ? ", " : "", json_string_value(one));
    } else if (json_is_string(type)) {
        buf_text(out, json_string_value(type));
    } else if (json_is_array(type)) {
        alternatives(type, NULL, out);
    } else if (forms) {
        alternatives(forms, "type", out);
    } else {
        buf_text(out, "any JSON");
    }
    if (json_text(schema, "format"))
        buf_format(out, " (%s)", json_text(schema, "format"));
}

static void range_words(const json_t *schema, struct buf *out)
{
    static const char *const names[][2] = { { "minLength", "at least %lld characters" },
                                            { "maxLength", "at most %lld characters" },
                                            { "minimum", "from %lld" },
                                            { "maximum", "to %lld" } };

    for (size_t i = 0; i < n_items(names); i++) {
        const json_t *limit = json_object_get(schema, names[i][0]);
        const char *at = strstr(names[i][1], "%lld");
        if (json_is_integer(limit))
            buf_format(out, "; %.*s%lld%s", (int)(at - names[i][1]), names[i][1],
                       (long long)json_integer_value(limit), at + 4);
    }
    const json_t *otherwise = json_object_get(schema, "default");
    if (otherwise) {
        scoped(mem_free) char *text = json_dumps(otherwise, JSON_ENCODE_ANY | JSON_COMPACT);
        buf_format(out, "; default `%s`", text);
    }
    if (json_text(schema, "description"))
        buf_format(out, "; %s", json_text(schema, "description"));
}

static bool is_required(const json_t *schema, const char *name)
{
    size_t i;
    const json_t *one;

    json_array_foreach(json_object_get(schema, "required"), i, one) {
        if (strcmp(json_string_value(one), name) == 0)
            return true;
    }
    return false;
}

/* A row for each field, and for each below it: `lines[].message`. */
static void rows_of(const json_t *schema, const char *above, struct buf *out)
{
    const json_t *items = json_object_get(schema, "items");
    const char *name;
    json_t *field;

    if (items) {
        scoped(mem_free) char *path = mem_format("%s[]", above);
        rows_of(items, path, out);
    }
    json_object_foreach(json_shared(json_object_get(schema, "properties")), name, field) {
        scoped(mem_free) char *path = mem_format("%s%s%s", above, *above ? "." : "", name);
        buf_format(out, "| `%s` | ", path);
        type_words(field, out);
        buf_format(out, " | %s", is_required(schema, name) ? "required" : "optional");
        range_words(field, out);
        buf_text(out, " |\n");
        rows_of(field, path, out);
    }
}

static void fields(const json_t *schema, struct buf *out)
{
    scoped(buf_done) struct buf rows = { 0 };

    if (json_object_get(schema, "items"))
        buf_text(out, "An array.\n\n");
    rows_of(schema, "", &rows);
    if (rows.n)
        buf_format(out, "| field | type | |\n|---|---|---|\n%s\n", buf_str(&rows));
    else
        buf_text(out, "No fields.\n\n");
}

/* What this route may answer besides what any may. */
static void faults(const json_t *row, struct buf *out)
{
    size_t i;
    const json_t *code;

    json_array_foreach(json_object_get(row, "errors"), i, code)
        buf_format(out, "%s`%s`", i ? ", " : "Errors: ", json_string_value(code));
    if (json_array_size(json_object_get(row, "errors")))
        buf_text(out, "\n\n");
}

char *api_markdown(void)
{
    scoped(json_decref) json_t *rows = json_loads(ROUTES_TEXT, 0, NULL);
    struct buf out = { 0 };

    buf_text(
        &out,
        "# API reference\n\n"
        "Made by `impresario routes --markdown` from the table that the server routes with.\n"
        "Requests are `POST` with a body `{\"json\": <input>}` and a key in `x-api-key`; answers "
        "are\n`{\"json\": <output>}`, faults `{\"json\": {\"defined\": false, \"code\", \"status\", "
        "\"message\", \"data\"}}`.\n"
        "Any route may answer `BAD_REQUEST`, `UNAUTHORIZED`, `METHOD_NOT_SUPPORTED`, "
        "`PAYLOAD_TOO_LARGE`,\n`UNSUPPORTED_MEDIA_TYPE`, `TOO_MANY_REQUESTS`, "
        "`INTERNAL_SERVER_ERROR` and `SERVICE_UNAVAILABLE`;\na route's own errors stand below "
        "its fields.\n\n");
    for (size_t t = 0; t < ROUTE_TABLES; t++) {
        for (const struct route *r = route_tables[t]; r->kind != ROUTE_END; r++) {
            const json_t *row = row_of(rows, r->path);
            buf_format(&out, "## %s\n\nInput:\n\n", r->path);
            fields(json_object_get(row, "input"), &out);
            buf_text(&out, "Output:\n\n");
            fields(json_object_get(row, "output"), &out);
            faults(row, &out);
        }
    }
    return buf_take(&out);
}
