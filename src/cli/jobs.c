/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/follow.h"
#include "cli/interrupt.h"
#include "cli/text.h"
#include "cli/verb.h"

#include "base/bounds.h"

#include <errno.h>
#include <stdlib.h>

/* The text of `--params`: as typed, from @FILE, or from stdin for a dash. */
static int params_text(const char *given, struct buf *out, struct err *e)
{
    bool from_stdin = strcmp(given, "-") == 0 || strcmp(given, "@-") == 0;

    if (*given != '@' && !from_stdin) {
        buf_text(out, given);
        return 0;
    }
    FILE *file = from_stdin ? stdin : fopen(given + 1, "re");
    if (!file)
        return err_set_errno(e, ERR_INPUT, errno, "--params: read %s", given + 1);
    buf_grew(out, fread(buf_reserve(out, LIMIT_PARAMS + 1), 1, LIMIT_PARAMS + 1, file));
    int failed = ferror(file) ? errno : 0;
    if (!from_stdin)
        (void)fclose(file);
    if (failed)
        return err_set_errno(e, ERR_INPUT, failed, "--params: read %s", given + 1);
    if (out->n > LIMIT_PARAMS)
        return err_set(e, ERR_INPUT, "--params: more than %d KiB", LIMIT_PARAMS / 1024);
    return 0;
}

int read_params(const char *given, json_t **out, struct err *e)
{
    scoped(buf_done) struct buf text = { 0 };
    scoped(json_decref) json_t *value = NULL;

    if (params_text(given, &text, e) < 0)
        return -1;
    if (json_parse(buf_str(&text), text.n, LIMIT_JSON_DEPTH, &value, e) < 0)
        return err_wrap(e, "--params");
    if (!json_is_object(value))
        return err_set(e, ERR_INPUT, "--params: a JSON object is needed, such as '{\"name\": 1}'");
    *out = take(value);
    return 0;
}

/* "1280x800" */
static int read_viewport(const char *given, json_t **out, struct err *e)
{
    char *end;
    long width = strtol(given, &end, 10);
    long height = *end == 'x' ? strtol(end + 1, &end, 10) : 0;

    if (*end || width < 1 || height < 1)
        return err_set(e, ERR_INPUT, "--viewport: \"%s\" is not WIDTHxHEIGHT, such as 1280x800",
                       given);
    *out = json_pack("{s:i, s:i}", "width", (int)width, "height", (int)height);
    return 0;
}

static int build_request(const struct call *c, json_t **out, struct err *e)
{
    const struct options *o = &c->options;
    scoped(json_decref) json_t *request = json_pack("{s:s}", "workflow", c->words[0]);
    json_t *part = NULL;

    if (o->headless && o->headed)
        return err_set(e, ERR_INPUT, "--headless and --headed exclude each other");
    if (o->params) {
        if (read_params(o->params, &part, e) < 0)
            return -1;
        (void)json_object_set_new(request, "params", part);
    }
    if (o->viewport) {
        if (read_viewport(o->viewport, &part, e) < 0)
            return -1;
        (void)json_object_set_new(request, "viewport", part);
    }
    if (o->timeout)
        (void)json_object_set_new(request, "timeout_seconds", json_integer(o->timeout));
    if (o->headless || o->headed)
        (void)json_object_set_new(request, "headless", json_boolean(o->headless));
    add_text(request, "start_url", o->start_url);
    add_text(request, "nonce", o->nonce);
    *out = take(request);
    return 0;
}

static char *took(const json_t *job)
{
    const char *from = json_text(job, "started_at");
    const char *to = json_text(job, "completed_at");
    msec_t start, end;

    return from && to && text_parse_time(from, &start) && text_parse_time(to, &end)
               ? text_duration(end - start)
               : NULL;
}

static void print_block(const struct stream *to, const char *title, const char *text)
{
    if (!text || !*text)
        return;
    scoped(mem_free) char *safe = text_safe(text);
    (void)fprintf(to->file, "\n%s%s%s\n%s\n", style_on(to, STYLE_DIM), title,
                  style_off(to, STYLE_DIM), safe);
}

/* Over several lines, for a reader; NULL: none. */
static char *pretty_result(const json_t *job)
{
    const json_t *result = json_object_get(job, "result");

    return result ? json_print_as(result, JSON_INDENT(2)) : NULL;
}

static void print_job(const struct call *c, const json_t *job)
{
    const struct stream *to = &c->screen.out;
    const char *status = json_text(job, "status");
    scoped(table_free) struct table *t = table_new(NULL);
    scoped(mem_free) char *created = ago(c, job, "created_at");
    scoped(mem_free) char *duration = took(job);
    scoped(mem_free) char *params = json_print(json_object_get(job, "params"));
    scoped(mem_free) char *result = pretty_result(job);
    int64_t position = json_int(job, "queue_position", -1);
    scoped(mem_free) char *queue =
        position >= 0 ? mem_format("%lld before it", (long long)position) : NULL;

    table_pair(t, "Job", STYLE_BOLD, json_text(job, "job_id"));
    table_pair(t, "Workflow", STYLE_PLAIN, json_text(job, "workflow"));
    table_pair(t, "Status", style_of_status(status ? status : ""), status);
    table_pair(t, "In the queue", STYLE_PLAIN, queue);
    table_pair(t, "Created", STYLE_PLAIN, created);
    table_pair(t, "Took", STYLE_PLAIN, duration);
    table_pair(t, "Deployment", STYLE_PLAIN, json_text(job, "deployment_id"));
    table_pair(t, "Live view", STYLE_PLAIN, json_text(job, "live_view_url"));
    table_pair(t, "Params", STYLE_PLAIN, params);
    table_print(t, to);
    print_block(to, "Result", result);
    print_block(to, "Error", json_text(job, "error"));
    print_block(to, "Where", json_text(job, "mapped_stack"));
}

/* A job that was waited for: its result is the output, its failure the fault. */
static int report_outcome(struct call *c, const json_t *job, struct err *e)
{
    const char *status = json_text(job, "status");
    const char *error = json_text(job, "error");
    const char *stack = json_text(job, "mapped_stack");
    bool completed = status && strcmp(status, "completed") == 0;

    if (wants_json(c)) {
        print_json(c, job);
    } else if (completed) {
        scoped(mem_free) char *result = pretty_result(job);
        (void)fprintf(c->screen.out.file, "%s\n", result ? result : "null");
    }
    if (completed)
        return EXIT_FINE;
    scoped(mem_free) char *safe = text_safe(stack && *stack ? stack
                                            : error         ? error
                                                            : "the server gave no reason");
    bool cancelled = status && strcmp(status, "cancelled") == 0;
    err_set(e, ERR_INPUT, "the job %s: %s\nIts log: impresario logs --job %s",
            cancelled ? "was cancelled" : "failed", safe, json_text(job, "job_id"));
    return EXIT_OUTCOME;
}

static int wait_for(struct call *c, const char *id, const json_t *known, struct err *e)
{
    scoped(json_decref) json_t *job = NULL;
    scoped(progress_free) struct progress *p = progress_new(&c->screen.err, &clock_real);

    interrupt_says("The job goes on. To wait for it again: impresario jobs get %s --wait\n"
                   "To end it: impresario jobs cancel %s",
                   id, id);
    if (follow_job(c, id, known, p, &job, e) < 0)
        return EXIT_SERVER;
    progress_free(take(p)); /* the live line goes before the result comes */
    return report_outcome(c, job, e);
}

static int jobs_run(struct call *c, struct err *e)
{
    scoped(json_decref) json_t *answer = NULL;
    json_t *request = NULL;

    if (build_request(c, &request, e) < 0)
        return EXIT_USAGE;
    if (api_call(c->api, "/v1/jobs/create", request, &answer, e) < 0)
        return EXIT_SERVER;
    const char *id = json_text(answer, "job_id");
    const char *message = json_text(answer, "message");
    if (!id) {
        err_set(e, ERR_INTERNAL, "the server's answer names no job");
        return EXIT_SERVER;
    }
    if (c->options.wait)
        return wait_for(c, id, answer, e);
    if (wants_json(c)) {
        print_json(c, answer);
        return EXIT_FINE;
    }
    scoped(mem_free) char *line = text_one_line(message ? message : json_text(answer, "status"));
    (void)fprintf(c->screen.out.file, "Job %s\n%s\nWait for it: impresario jobs get %s --wait\n",
                  id, line, id);
    return EXIT_FINE;
}

static int jobs_get(struct call *c, struct err *e)
{
    scoped(json_decref) json_t *job = NULL;
    json_t *request = json_pack("{s:s}", "id", c->words[0]);

    if (api_call(c->api, "/v1/jobs/get", request, &job, e) < 0)
        return EXIT_SERVER;
    if (c->options.wait)
        return wait_for(c, c->words[0], job, e);
    if (wants_json(c))
        print_json(c, job);
    else
        print_job(c, job);
    return EXIT_FINE;
}

static void add_job_row(const struct call *c, struct table *t, const json_t *job)
{
    const char *status = json_text(job, "status");
    scoped(mem_free) char *created = ago(c, job, "created_at");
    scoped(mem_free) char *ended = ago(c, job, "completed_at");

    table_cell(t, STYLE_PLAIN, json_text(job, "job_id"));
    table_cell(t, STYLE_PLAIN, json_text(job, "workflow"));
    table_cell(t, style_of_status(status ? status : ""), status);
    table_cell(t, STYLE_PLAIN, created);
    table_cell(t, STYLE_PLAIN, ended);
}

/* One page holds a hundred at most; more are asked for page by page. */
static int fetch_jobs(struct call *c, int64_t limit, json_t *jobs, struct err *e)
{
    scoped(mem_free) char *cursor = NULL;

    while ((int64_t)json_array_size(jobs) < limit) {
        scoped(json_decref) json_t *answer = NULL;
        int64_t missing = limit - (int64_t)json_array_size(jobs);
        json_t *ask = json_pack("{s:I}", "limit", (json_int_t)(missing < 100 ? missing : 100));
        add_text(ask, "status", c->options.status);
        add_text(ask, "workflow", c->options.workflow);
        add_text(ask, "cursor", cursor);
        if (api_call(c->api, "/v1/jobs/list", ask, &answer, e) < 0)
            return -1;
        (void)json_array_extend(jobs, json_object_get(answer, "jobs"));
        mem_free(cursor);
        cursor = mem_text(json_text(answer, "next_cursor"));
        if (!cursor)
            break;
    }
    return 0;
}

static int jobs_list(struct call *c, struct err *e)
{
    static const char *const headings[] = { "JOB", "WORKFLOW", "STATUS", "CREATED", "ENDED", NULL };
    scoped(json_decref) json_t *jobs = json_array();
    scoped(table_free) struct table *t = table_new(headings);
    const json_t *job;
    size_t i;

    if (fetch_jobs(c, c->options.limit ? c->options.limit : 20, jobs, e) < 0)
        return EXIT_SERVER;
    if (wants_json(c)) {
        print_json(c, jobs);
        return EXIT_FINE;
    }
    json_array_foreach(jobs, i, job)
        add_job_row(c, t, job);
    table_print(t, &c->screen.out);
    return EXIT_FINE;
}

static int jobs_cancel(struct call *c, struct err *e)
{
    return call_and_tell(c, "/v1/jobs/cancel", json_pack("{s:s}", "id", c->words[0]), e);
}

#define STATUSES "queued|starting_browser|running|completed|failed|cancelled"

static const struct flag run_flags[] = {
    TEXT("params", 'p', struct options, params, "JSON|@FILE|-", "Input of the workflow, an object"),
    SWITCH("wait", 'w', struct options, wait, "Show what it prints, then its result"),
    NUMBER("timeout", 't', struct options, timeout, "SECONDS", 1, 3600,
           "End it after so long [1800]"),
    TEXT("start-url", 0, struct options, start_url, "URL", "Open this page first"),
    TEXT("viewport", 0, struct options, viewport, "WxH", "Size of the page, such as 1280x800"),
    SWITCH("headless", 0, struct options, headless, "Without a visible browser"),
    SWITCH("headed", 0, struct options, headed, "With one"),
    TEXT("nonce", 0, struct options, nonce, "TEXT",
         "The same text gives the same job, not another"),
    { 0 },
};

static const struct flag list_flags[] = {
    CHOICE("status", 's', struct options, status, STATUSES, "Only those"),
    TEXT("workflow", 0, struct options, workflow, "NAME", "Only runs of this one"),
    NUMBER("limit", 'n', struct options, limit, "N", 1, 100000, "The newest so many [20]"),
    { 0 },
};

static const struct flag get_flags[] = {
    SWITCH("wait", 'w', struct options, wait, "Wait for its end, print its result"),
    { 0 },
};

const struct verb jobs_verbs[] = {
    { "run",
      { .operands = "NAME",
        .least = 1,
        .most = 1,
        .flags = run_flags,
        .what = "Run a workflow",
        .more =
            "With --wait the result goes to stdout as JSON, everything else to stderr, and a job\n"
            "that failed or was cancelled ends with status 1. Ctrl-C ends the waiting, not the "
            "job.\n\n"
            "  impresario jobs run orders --params '{\"from\": \"2026-01-01\"}' --wait\n"
            "  impresario jobs run orders --params @input.json --wait -o json | jq .result" },
      jobs_run },
    { "list",
      { .operands = "", .flags = list_flags, .what = "Show runs, the newest first" },
      jobs_list },
    { "get",
      { .operands = "ID", .least = 1, .most = 1, .flags = get_flags, .what = "Show one run" },
      jobs_get },
    { "cancel",
      { .operands = "ID", .least = 1, .most = 1, .what = "End a run that waits or runs" },
      jobs_cancel },
    { 0 },
};
