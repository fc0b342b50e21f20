/* SPDX-License-Identifier: Apache-2.0
 *
 * logs: of one job from its beginning, or of all jobs from the newest lines on.
 *
 * A job's log only grows at its end, so following it is reading on. The log of all jobs is listed
 * from its newest line, and lines have no ids: what is new is what the list before did not hold,
 * counted, since the same line may truly come twice.
 */
#include "cli/follow.h"
#include "cli/text.h"
#include "cli/verb.h"

#include <time.h>

enum {
    PAGE = 1000,
    FOLLOW_PAGE = 200,
    FOLLOW_PAGES_MAX = 20, /* in one look; whoever prints more in a second is not read live */
    LOOK_EVERY_MS = 1000,
};

static void print_line(void *arg, const json_t *line)
{
    struct call *c = arg;
    const struct stream *to = &c->screen.out;
    const char *level = json_text(line, "level");
    const char *message = json_text(line, "message");
    const char *time = json_text(line, "timestamp");
    const char *workflow = json_text(line, "workflow");
    enum style style = style_of_status(level ? level : "");
    msec_t t = 0;

    if (wants_json(c)) {
        scoped(mem_free) char *text = json_print(line);
        (void)fprintf(to->file, "%s\n", text);
        return;
    }
    scoped(mem_free) char *moment =
        time && text_parse_time(time, &t) ? text_moment(c->now, t) : mem_text("-");
    scoped(mem_free) char *safe = text_safe(message ? message : "");
    scoped(mem_free) char *name = text_one_line(workflow ? workflow : "");
    bool of_one = c->options.job || c->options.workflow;
    (void)fprintf(to->file, "%s%s%s %s%-5s%s %s%s%s\n", style_on(to, STYLE_DIM), moment,
                  style_off(to, STYLE_DIM), style_on(to, style), level ? level : "",
                  style_off(to, style), of_one ? "" : name, of_one || !*name ? "" : "  ", safe);
}

static void pause_a_moment(void)
{
    const struct timespec t = { .tv_sec = LOOK_EVERY_MS / 1000 };

    (void)nanosleep(&t, NULL);
}

static int show_job(struct call *c, struct err *e)
{
    const char *id = c->options.job;
    scoped(job_tail_done) struct job_tail tail = { 0 };

    for (;;) {
        scoped(json_decref) json_t *job = NULL;
        /* The state first: what a job printed before its end is there once it has ended. */
        json_t *ask = json_pack("{s:s, s:i}", "id", id, "wait_seconds", c->options.follow ? 1 : 0);
        if (api_poll(c->api, "/v1/jobs/get", ask, &job, e) < 0 ||
            job_tail_read(c->api, id, c->options.level, &tail, print_line, c, e) < 0)
            return EXIT_SERVER;
        (void)fflush(c->screen.out.file);
        if (!c->options.follow || job_is_final(job))
            return EXIT_FINE;
    }
}

/* A page of the newest lines, or what follows it (that is, came before). */
static int read_page(struct call *c, int64_t limit, char **token, json_t **out, struct err *e)
{
    scoped(json_decref) json_t *answer = NULL;
    json_t *ask = json_pack("{s:I}", "limit", (json_int_t)limit);

    add_text(ask, "workflow", c->options.workflow);
    add_text(ask, "level", c->options.level);
    add_text(ask, "pageToken", *token);
    if (api_poll(c->api, "/v1/logs/list", ask, &answer, e) < 0)
        return -1;
    mem_free(*token);
    *token = mem_text(json_text(answer, "nextPageToken"));
    *out = json_incref(json_object_get(answer, "logs"));
    return 0;
}

/* How often each line stands in a list: a JSON object from the line's text to a number. */
static void count(json_t *counts, const json_t *line, int by)
{
    scoped(mem_free) char *key = json_print(line);

    (void)json_object_set_new(counts, key, json_integer(json_int(counts, key, 0) + by));
}

static bool counted(json_t *counts, const json_t *line)
{
    scoped(mem_free) char *key = json_print(line);

    if (json_int(counts, key, 0) <= 0)
        return false;
    count(counts, line, -1);
    return true;
}

/* Adds to `fresh`, newest first, the lines that `known` does not count, and then knows them. Pages
 * are read until one holds a known line. That page's older lines are known as well, for `known`
 * always holds a page or more (or all there was). */
static int read_fresh(struct call *c, int pages_max, json_t **known, json_t *fresh, struct err *e)
{
    scoped(json_decref) json_t *seen = json_object();
    scoped(mem_free) char *token = NULL;
    bool met_known = false;

    for (int pages = 0; !met_known && pages < pages_max; pages++) {
        scoped(json_decref) json_t *page = NULL;
        const json_t *line;
        size_t i;
        if (read_page(c, FOLLOW_PAGE, &token, &page, e) < 0)
            return -1;
        json_array_foreach(page, i, line) {
            count(seen, line, 1);
            if (counted(*known, line))
                met_known = true;
            else
                (void)json_array_append(fresh, json_array_get(page, i));
        }
        if (!token)
            break;
    }
    json_decref(*known);
    *known = json_incref(seen);
    return 0;
}

static void print_backwards(struct call *c, const json_t *lines)
{
    for (size_t i = json_array_size(lines); i > 0; i--)
        print_line(c, json_array_get(lines, i - 1));
    (void)fflush(c->screen.out.file);
}

static int read_newest(struct call *c, json_t *lines, struct err *e)
{
    int64_t limit = c->options.limit ? c->options.limit : 100;
    scoped(mem_free) char *token = NULL;

    while ((int64_t)json_array_size(lines) < limit) {
        scoped(json_decref) json_t *page = NULL;
        int64_t missing = limit - (int64_t)json_array_size(lines);
        if (read_page(c, missing < PAGE ? missing : PAGE, &token, &page, e) < 0)
            return -1;
        (void)json_array_extend(lines, page);
        if (!token)
            break;
    }
    return 0;
}

static int show_newest(struct call *c, struct err *e)
{
    scoped(json_decref) json_t *lines = json_array();

    if (read_newest(c, lines, e) < 0)
        return EXIT_SERVER;
    print_backwards(c, lines);
    return EXIT_FINE;
}

static int follow_all(struct call *c, struct err *e)
{
    size_t limit = c->options.limit ? (size_t)c->options.limit : 20;
    scoped(json_decref) json_t *known = json_object();
    scoped(json_decref) json_t *before = json_array();

    if (read_fresh(c, 1, &known, before, e) < 0)
        return EXIT_SERVER;
    while (json_array_size(before) > limit)
        (void)json_array_remove(before, json_array_size(before) - 1);
    print_backwards(c, before);
    for (;;) {
        scoped(json_decref) json_t *fresh = json_array();
        pause_a_moment();
        if (read_fresh(c, FOLLOW_PAGES_MAX, &known, fresh, e) < 0)
            return EXIT_SERVER;
        print_backwards(c, fresh);
    }
}

static int logs(struct call *c, struct err *e)
{
    if (c->options.job && c->options.workflow) {
        err_set(e, ERR_INPUT, "--job and --workflow exclude each other: a job has one workflow");
        return EXIT_USAGE;
    }
    if (c->options.job)
        return show_job(c, e);
    return c->options.follow ? follow_all(c, e) : show_newest(c, e);
}

static const struct flag logs_flags[] = {
    SWITCH("follow", 'f', struct options, follow, "Go on as lines come; a job's end is the end"),
    TEXT("job", 'j', struct options, job, "ID", "Of this run alone, from its beginning"),
    TEXT("workflow", 0, struct options, workflow, "NAME", "Of this workflow's runs alone"),
    CHOICE("level", 'l', struct options, level, "info|warn|error", "Of this level alone"),
    NUMBER("limit", 'n', struct options, limit, "N", 1, 100000, "The newest so many lines [100]"),
    { 0 },
};

const struct verb logs_verbs[] = {
    { NULL,
      { .operands = "",
        .flags = logs_flags,
        .what = "Show what runs print",
        .more = "With -o json each line is an object on a line of its own." },
      logs },
};
