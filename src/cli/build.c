/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "cli/verb.h"

#include "base/bounds.h"

#include <errno.h>
#include <stdio.h>

enum { WAIT_SECONDS = 20 };

/* A recording goes to the server as the text that it is: JSON lines, or an array. */
static int add_file(json_t *request, const char *name, const char *path, struct err *e)
{
    scoped(buf_done) struct buf text = { 0 };

    if (!path)
        return 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return err_set_errno(e, ERR_INPUT, errno, "read %s", path);
    buf_grew(&text, fread(buf_reserve(&text, LIMIT_BUILD_BODY + 1), 1, LIMIT_BUILD_BODY + 1, file));
    int failed = ferror(file) ? errno : 0;
    (void)fclose(file);
    if (failed)
        return err_set_errno(e, ERR_INPUT, failed, "read %s", path);
    if (text.n > LIMIT_BUILD_BODY)
        return err_set(e, ERR_INPUT, "%s: more than %d MiB", path, LIMIT_BUILD_BODY >> 20);
    json_t *value = json_stringn(buf_str(&text), text.n);
    if (!value)
        return err_set(e, ERR_INPUT, "%s: not UTF-8", path);
    (void)json_object_set_new(request, name, value);
    return 0;
}

static int make_request(const struct call *c, json_t **out, struct err *e)
{
    const struct options *o = &c->options;
    scoped(json_decref) json_t *request = json_object();
    json_t *descriptions = json_array(), *params = NULL;

    for (int i = 0; i < c->n_words; i++)
        (void)json_array_append_new(descriptions, json_string(c->words[i]));
    (void)json_object_set_new(request, "descriptions", descriptions);
    if (!o->start_url)
        return err_set(e, ERR_INPUT, "--url is needed: the address of the first page");
    add_text(request, "initial_url", o->start_url);
    add_text(request, "entry_point", o->entry);
    if (o->params) {
        if (read_params(o->params, &params, e) < 0)
            return -1;
        (void)json_object_set_new(request, "params", params);
    }
    if (add_file(request, "action_log", o->action_log, e) < 0 ||
        add_file(request, "network_log", o->network_log, e) < 0)
        return -1;
    *out = take(request);
    return 0;
}

static void show_steps(struct progress *p, const json_t *build, size_t *shown)
{
    const json_t *steps = json_object_get(build, "attempted_steps");

    for (; *shown < json_array_size(steps); ++*shown) {
        const json_t *step = json_array_get(steps, *shown);
        const json_t *ok = json_object_get(step, "ok");
        const char *why = json_text(step, "reason");
        const char *came = json_text(step, "observation");
        scoped(mem_free) char *what = text_one_line(json_text(step, "action"));
        scoped(mem_free) char *line = mem_format("%3zu  %s%s%s%s", *shown + 1, what ? what : "",
                                                 why ? " (" : "", why ? why : "", why ? ")" : "");
        progress_log(p, json_is_false(ok) ? STYLE_YELLOW : STYLE_PLAIN, line);
        if (json_is_false(ok) && came) {
            scoped(mem_free) char *outcome = text_one_line(came);
            scoped(mem_free) char *under = mem_format("     %.300s", outcome);
            progress_log(p, STYLE_DIM, under);
        }
    }
}

static void show_status(struct progress *p, char **state, const char *status)
{
    if (*state && strcmp(*state, status) == 0)
        return;
    progress_begin(p, strcmp(status, "agent_running") == 0 ? "writing" : status);
    mem_free(*state);
    *state = mem_text(status);
}

static int follow(struct call *c, const char *id, json_t **out, struct err *e)
{
    scoped(progress_free) struct progress *p = progress_new(&c->screen.err, &clock_real);
    scoped(mem_free) char *state = NULL;
    size_t shown = 0;

    for (;;) {
        scoped(json_decref) json_t *build = NULL;
        json_t *ask =
            json_pack("{s:s, s:i}", "build_id", id, "wait_seconds", state ? WAIT_SECONDS : 0);
        if (api_poll(c->api, "/v1/workflows/buildStatus", ask, &build, e) < 0)
            return -1;
        const char *status = json_text(build, "status");
        bool good = status && strcmp(status, "ready") == 0;
        bool final = good || !status || strcmp(status, "failed") == 0;
        if (!final)
            show_status(p, &state, status);
        show_steps(p, build, &shown);
        progress_tick(p);
        if (final) {
            (good ? progress_end : progress_fail)(p, NULL);
            *out = take(build);
            return 0;
        }
    }
}

static int report(struct call *c, const json_t *build, struct err *e)
{
    const char *name = json_text(build, "workflow_name");
    const char *error = json_text(build, "error");
    scoped(mem_free) char *summary = text_safe(json_text(build, "summary"));
    const char *status = json_text(build, "status");

    if (wants_json(c))
        print_json(c, build);
    if (status && strcmp(status, "ready") == 0) {
        scoped(mem_free) char *safe = text_one_line(name ? name : "");
        if (!wants_json(c))
            (void)fprintf(c->screen.out.file,
                          "Workflow %s\n%s\nRun it: impresario jobs run %s --wait\n", safe, summary,
                          safe);
        return EXIT_FINE;
    }
    scoped(mem_free) char *safe = text_safe(error ? error : "the server gave no reason");
    err_set(e, ERR_INPUT, "no workflow was built: %s", safe);
    return EXIT_OUTCOME;
}

static int build(struct call *c, struct err *e)
{
    scoped(json_decref) json_t *answer = NULL;
    scoped(json_decref) json_t *end = NULL;
    json_t *request = NULL;

    if (make_request(c, &request, e) < 0)
        return EXIT_USAGE;
    if (api_call(c->api, "/v1/workflows/build", request, &answer, e) < 0)
        return EXIT_SERVER;
    const char *id = json_text(answer, "build_id");
    if (!id) {
        err_set(e, ERR_INTERNAL, "the server's answer names no build");
        return EXIT_SERVER;
    }
    if (c->options.wait) {
        interrupt_says(
            "The build %s goes on; `impresario workflows list` shows its workflow when it "
            "is ready",
            id);
        return follow(c, id, &end, e) < 0 ? EXIT_SERVER : report(c, end, e);
    }
    if (wants_json(c))
        print_json(c, answer);
    else
        (void)fprintf(c->screen.out.file, "Build %s\n", id);
    return EXIT_FINE;
}

static const struct flag flags[] = {
    TEXT("url", 0, struct options, start_url, "URL",
         "The first page; the server itself is named by IMPRESARIO_URL here"),
    TEXT("params", 'p', struct options, params, "JSON|@FILE|-",
         "An example of its input, from which the schema is made"),
    TEXT("action-log", 0, struct options, action_log, "FILE", "Recorded actions, as JSON lines"),
    TEXT("network-log", 0, struct options, network_log, "FILE", "Recorded requests, likewise"),
    TEXT("entry", 0, struct options, entry, "PATH", "The file to write [index.ts]"),
    SWITCH("wait", 'w', struct options, wait, "Show each step, until it is ready or failed"),
    { 0 },
};

const struct verb build_verbs[] = {
    { NULL,
      { .operands = "DESCRIPTION...",
        .least = 1,
        .most = 50,
        .flags = flags,
        .what = "Let the server write a workflow from a description",
        .more =
            "The server explores the site, writes the workflow, proves it by clean runs and deploys\n"
            "it. Without a model it needs recorded actions.\n\n"
            "  impresario build \"List all orders of a month\" --url https://shop.example/ \\\n"
            "      --params '{\"month\": \"2026-01\"}' --wait" },
      build },
    { 0 },
};
