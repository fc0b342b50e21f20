/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/follow.h"
#include "cli/interrupt.h"
#include "cli/text.h"
#include "cli/verb.h"

static char *workflow_names(const json_t *deployment)
{
    scoped(buf_done) struct buf names = { 0 };
    const json_t *name;
    size_t i;

    json_array_foreach(json_object_get(deployment, "workflows"), i, name)
        buf_format(&names, "%s%s", i ? ", " : "", json_string_value(name));
    return names.n ? buf_take(&names) : NULL;
}

static void add_row(const struct call *c, struct table *t, const json_t *deployment)
{
    const char *status = json_text(deployment, "status");
    scoped(mem_free) char *created = ago(c, deployment, "created_at");
    scoped(mem_free) char *names = workflow_names(deployment);
    const char *description = json_text(deployment, "description");

    table_cell(t, STYLE_PLAIN, json_text(deployment, "id"));
    table_cell(t, style_of_status(status ? status : ""), status);
    table_cell(t, STYLE_PLAIN, created);
    table_cell(t, STYLE_PLAIN, names);
    table_cell(t, STYLE_PLAIN, description ? description : "");
}

/* The route lists everything when it is given no limit, and a thousand at most when it is. */
static int fetch(struct call *c, int64_t limit, json_t *all, struct err *e)
{
    scoped(mem_free) char *cursor = NULL;

    while ((int64_t)json_array_size(all) < limit) {
        scoped(json_decref) json_t *answer = NULL;
        int64_t missing = limit - (int64_t)json_array_size(all);
        json_t *ask = json_pack("{s:I}", "limit", (json_int_t)(missing < 1000 ? missing : 1000));
        add_text(ask, "cursor", cursor);
        if (api_call(c->api, "/v1/deployments/list", ask, &answer, e) < 0)
            return -1;
        (void)json_array_extend(all, answer);
        mem_free(cursor);
        cursor = mem_text(api_next_cursor(c->api));
        if (!cursor)
            break;
    }
    return 0;
}

static int deployments_list(struct call *c, struct err *e)
{
    static const char *const headings[] = { "DEPLOYMENT", "STATUS",      "CREATED",
                                            "WORKFLOWS",  "DESCRIPTION", NULL };
    scoped(json_decref) json_t *all = json_array();
    scoped(table_free) struct table *t = table_new(headings);
    const json_t *deployment;
    size_t i;

    if (fetch(c, c->options.limit ? c->options.limit : 20, all, e) < 0)
        return EXIT_SERVER;
    if (wants_json(c)) {
        print_json(c, all);
        return EXIT_FINE;
    }
    json_array_foreach(all, i, deployment)
        add_row(c, t, deployment);
    table_print(t, &c->screen.out);
    return EXIT_FINE;
}

static int deployments_get(struct call *c, struct err *e)
{
    scoped(json_decref) json_t *answer = NULL;
    scoped(table_free) struct table *t = table_new(NULL);

    if (api_call(c->api, "/v1/deployments/sync", json_pack("{s:s}", "id", c->words[0]), &answer,
                 e) < 0)
        return EXIT_SERVER;
    if (wants_json(c)) {
        print_json(c, answer);
        return EXIT_FINE;
    }
    const struct stream *to = &c->screen.out;
    const char *status = json_text(answer, "status");
    const char *error = json_text(answer, "build_error");
    scoped(mem_free) char *created = ago(c, answer, "created_at");
    scoped(mem_free) char *built = ago(c, answer, "built_at");
    scoped(mem_free) char *names = workflow_names(answer);
    table_pair(t, "Deployment", STYLE_BOLD, json_text(answer, "id"));
    table_pair(t, "Status", style_of_status(status ? status : ""), status);
    table_pair(t, "Workflows", STYLE_PLAIN, names);
    table_pair(t, "Description", STYLE_PLAIN, json_text(answer, "description"));
    table_pair(t, "Entry", STYLE_PLAIN, json_text(answer, "entry_point"));
    table_pair(t, "Created", STYLE_PLAIN, created);
    table_pair(t, "Built", STYLE_PLAIN, built);
    table_print(t, to);
    if (error) {
        scoped(mem_free) char *safe = text_safe(error);
        (void)fprintf(to->file, "\n%s\n", safe);
    }
    return EXIT_FINE;
}

static void print_build_line(void *arg, const json_t *line)
{
    const struct call *c = arg;
    const struct stream *to = &c->screen.out;
    const char *phase = json_text(line, "phase");
    const char *message = json_text(line, "message");
    enum style style = build_line_style(line);

    if (wants_json(c)) {
        scoped(mem_free) char *text = json_print(line);
        (void)fprintf(to->file, "%s\n", text);
        return;
    }
    scoped(mem_free) char *safe = text_safe(message ? message : "");
    (void)fprintf(to->file, "%s%-9s%s %s%s%s\n", style_on(to, STYLE_DIM), phase ? phase : "",
                  style_off(to, STYLE_DIM), style_on(to, style), safe, style_off(to, style));
}

static int deployments_logs(struct call *c, struct err *e)
{
    scoped(build_tail_done) struct build_tail tail = { 0 };
    bool follow = c->options.follow;

    if (follow)
        interrupt_says("The build goes on.");
    do {
        if (build_tail_read(c->api, c->words[0], follow ? 1 : 0, &tail, print_build_line, c, e) < 0)
            return EXIT_SERVER;
        (void)fflush(c->screen.out.file);
    } while (!tail.done && (follow || tail.came > 0));
    return EXIT_FINE;
}

static const struct flag list_flags[] = {
    NUMBER("limit", 'n', struct options, limit, "N", 1, 100000, "The newest so many [20]"),
    { 0 },
};

static const struct flag logs_flags[] = {
    SWITCH("follow", 'f', struct options, follow, "Go on until the build ends"),
    { 0 },
};

const struct verb deployments_verbs[] = {
    { "list",
      { .operands = "", .flags = list_flags, .what = "Show uploads, the newest first" },
      deployments_list },
    { "get",
      { .operands = "ID", .least = 1, .most = 1, .what = "Show one, and why its build failed" },
      deployments_get },
    { "logs",
      { .operands = "ID",
        .least = 1,
        .most = 1,
        .flags = logs_flags,
        .what = "Read a build's log" },
      deployments_logs },
    { 0 },
};
