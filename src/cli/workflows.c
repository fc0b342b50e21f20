/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"
#include "cli/verb.h"

static void add_row(const struct call *c, struct table *t, const json_t *workflow)
{
    const char *status = json_text(workflow, "deployment_status");
    scoped(mem_free) char *updated = ago(c, workflow, "updated_at");

    table_cell(t, STYLE_BOLD, json_text(workflow, "name"));
    table_cell(t, style_of_status(status ? status : ""), status);
    table_cell(t, STYLE_PLAIN, updated);
    table_cell(t, STYLE_PLAIN, json_text(workflow, "deployment_id"));
}

static int workflows_list(struct call *c, struct err *e)
{
    static const char *const headings[] = { "WORKFLOW", "STATUS", "UPDATED", "DEPLOYMENT", NULL };
    scoped(json_decref) json_t *answer = NULL;
    scoped(table_free) struct table *t = table_new(headings);
    const json_t *workflow;
    size_t i;

    if (api_call(c->api, "/v1/workflows/list", NULL, &answer, e) < 0)
        return EXIT_SERVER;
    if (wants_json(c)) {
        print_json(c, json_object_get(answer, "deployed_workflows"));
        return EXIT_FINE;
    }
    json_array_foreach(json_object_get(answer, "deployed_workflows"), i, workflow)
        add_row(c, t, workflow);
    table_print(t, &c->screen.out);
    return EXIT_FINE;
}

/* "string", "integer or null", "\"a\" or \"b\"", "array": a word for a JSON Schema. */
static char *schema_type(const json_t *schema)
{
    const char *type = json_text(schema, "type");
    const json_t *choices = json_object_get(schema, "enum");
    const json_t *any = json_object_get(schema, "anyOf");
    scoped(buf_done) struct buf words = { 0 };
    const json_t *one;
    size_t i;

    if (type && !choices)
        return mem_text(type);
    json_array_foreach(choices, i, one) {
        scoped(mem_free) char *text = json_print(one);
        buf_format(&words, "%s%s", i ? " or " : "", text);
    }
    json_array_foreach(any, i, one)
        buf_format(&words, "%s%s", i ? " or " : "",
                   json_text(one, "type") ? json_text(one, "type") : "any");
    return words.n ? buf_take(&words) : mem_text("any");
}

static bool is_required(const json_t *schema, const char *name)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(schema, "required"), i, one) {
        if (json_is_string(one) && strcmp(json_string_value(one), name) == 0)
            return true;
    }
    return false;
}

/* A field with a default stands among the required ones of the schema, and may be left out. */
static char *schema_need(const json_t *schema, const char *name, const json_t *field)
{
    const json_t *otherwise = json_object_get(field, "default");

    if (otherwise) {
        scoped(mem_free) char *text = json_print(otherwise);
        return mem_format("default %s", text);
    }
    return mem_text(is_required(schema, name) ? "needed" : "optional");
}

static void print_schema(const struct call *c, const char *title, json_t *schema)
{
    const struct stream *to = &c->screen.out;
    scoped(table_free) struct table *t =
        table_new((const char *const[]){ "  FIELD", "TYPE", "", "", NULL });
    json_t *fields = json_object_get(schema, "properties");
    const char *name;
    json_t *field;

    if (json_is_null(schema))
        return;
    if (json_object_size(fields) == 0) {
        scoped(mem_free) char *type = schema_type(schema);
        (void)fprintf(to->file, "\n%s: %s\n", title, type);
        return;
    }
    (void)fprintf(to->file, "\n%s\n", title);
    json_object_foreach(fields, name, field) {
        scoped(mem_free) char *indented = mem_format("  %s", name);
        scoped(mem_free) char *type = schema_type(field);
        scoped(mem_free) char *need = schema_need(schema, name, field);
        const char *description = json_text(field, "description");
        table_cell(t, STYLE_BOLD, indented);
        table_cell(t, STYLE_PLAIN, type);
        table_cell(t, STYLE_PLAIN, need);
        table_cell(t, STYLE_DIM, description ? description : "");
    }
    table_print(t, to);
}

static int workflows_get(struct call *c, struct err *e)
{
    scoped(json_decref) json_t *answer = NULL;
    scoped(table_free) struct table *t = table_new(NULL);

    if (api_call(c->api, "/v1/workflows/get", json_pack("{s:s}", "workflow", c->words[0]), &answer,
                 e) < 0)
        return EXIT_SERVER;
    if (wants_json(c)) {
        print_json(c, answer);
        return EXIT_FINE;
    }
    const char *status = json_text(answer, "deployment_status");
    scoped(mem_free) char *updated = ago(c, answer, "updated_at");
    table_pair(t, "Workflow", STYLE_BOLD, json_text(answer, "workflow"));
    table_pair(t, "Status", style_of_status(status ? status : ""), status);
    table_pair(t, "Updated", STYLE_PLAIN, updated);
    table_pair(t, "Deployment", STYLE_PLAIN, json_text(answer, "deployment_id"));
    table_print(t, &c->screen.out);
    print_schema(c, "Input", json_object_get(answer, "input_schema"));
    print_schema(c, "Output", json_object_get(answer, "output_schema"));
    return EXIT_FINE;
}

static int workflows_delete(struct call *c, struct err *e)
{
    return call_and_tell(c, "/v1/workflows/delete", json_pack("{s:s}", "workflow", c->words[0]), e);
}

const struct verb workflows_verbs[] = {
    { "list", { .operands = "", .what = "Show what can be run" }, workflows_list },
    { "get",
      { .operands = "NAME", .least = 1, .most = 1, .what = "Show one, with its input and output" },
      workflows_get },
    { "delete",
      { .operands = "NAME",
        .least = 1,
        .most = 1,
        .what = "Take a name away; its jobs stay listed, those that wait are cancelled" },
      workflows_delete },
    { 0 },
};
