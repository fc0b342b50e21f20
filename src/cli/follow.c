/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/follow.h"

enum {
    /* Each question waits so long for news; in between the live line moves. */
    WAIT_SECONDS = 1,
    PAGE = 1000,
};

void build_tail_done(struct build_tail *tail)
{
    mem_free(take(tail->cursor));
}

int build_tail_read(struct api *api, const char *deployment, int wait_seconds,
                    struct build_tail *tail, line_fn take_line, void *arg, struct err *e)
{
    scoped(json_decref) json_t *answer = NULL;
    json_t *ask = json_pack("{s:s, s:i}", "id", deployment, "wait_seconds", wait_seconds);
    const json_t *line;
    size_t i;

    add_text(ask, "cursor", tail->cursor);
    if (api_poll(api, "/v1/deployments/logs", ask, &answer, e) < 0)
        return -1;
    json_array_foreach(json_object_get(answer, "lines"), i, line)
        take_line(arg, line);
    tail->came = i;
    tail->done = json_bool(answer, "done", false);
    if (json_text(answer, "next_cursor")) {
        mem_free(tail->cursor);
        tail->cursor = mem_text(json_text(answer, "next_cursor"));
    }
    return 0;
}

enum style build_line_style(const json_t *line)
{
    const char *stream = json_text(line, "stream");

    return stream && strcmp(stream, "system") == 0 ? STYLE_DIM : STYLE_PLAIN;
}

/* The progress of a build, and the phase that its last line belongs to. */
struct build_view {
    struct progress *progress;
    char *phase;
    bool name_phase; /* on each line, where no live line names it */
};

/* The server's last word on a build; whoever follows tells it at the end, as the outcome. */
static bool is_verdict(const json_t *line)
{
    const char *stream = json_text(line, "stream"), *message = json_text(line, "message");

    return stream && message && strcmp(stream, "system") == 0 &&
           strncmp(message, "The build failed after ", 23) == 0;
}

static void show_build_line(void *arg, const json_t *line)
{
    struct build_view *view = arg;
    const char *phase = json_text(line, "phase");
    const char *message = is_verdict(line) ? NULL : json_text(line, "message");

    if (phase && *phase && (!view->phase || strcmp(view->phase, phase) != 0)) {
        progress_begin(view->progress, phase);
        mem_free(view->phase);
        view->phase = mem_text(phase);
    }
    if (!message)
        return;
    scoped(mem_free) char *text = view->name_phase && view->phase
                                      ? mem_format("%s: %s", view->phase, message)
                                      : mem_text(message);
    progress_log(view->progress, build_line_style(line), text);
}

static int show_build_log(struct call *c, const char *id, struct progress *p, struct err *e)
{
    scoped(build_tail_done) struct build_tail tail = { 0 };
    struct build_view view = { .progress = p, .name_phase = !c->screen.err.terminal };
    int r = 0;

    while (r == 0 && !tail.done) {
        r = build_tail_read(c->api, id, WAIT_SECONDS, &tail, show_build_line, &view, e);
        progress_tick(p);
    }
    mem_free(view.phase);
    return r;
}

int follow_build(struct call *c, const char *deployment, struct progress *p, json_t **out,
                 struct err *e)
{
    progress_begin(p, "queue");
    if (show_build_log(c, deployment, p, e) < 0)
        return -1;
    for (;;) {
        scoped(json_decref) json_t *answer = NULL;
        json_t *ask = json_pack("{s:s, s:i}", "id", deployment, "wait_seconds", WAIT_SECONDS);
        if (api_poll(c->api, "/v1/deployments/sync", ask, &answer, e) < 0)
            return -1;
        const char *status = json_text(answer, "status");
        if (!status || strcmp(status, "building") != 0) {
            bool ready = status && strcmp(status, "ready") == 0;
            (ready ? progress_end : progress_fail)(p, NULL);
            *out = take(answer);
            return 0;
        }
        progress_tick(p);
    }
}

void job_tail_done(struct job_tail *tail)
{
    mem_free(take(tail->page));
}

int job_tail_read(struct api *api, const char *job, const char *level, struct job_tail *tail,
                  line_fn take_line, void *arg, struct err *e)
{
    for (;;) {
        scoped(json_decref) json_t *answer = NULL;
        json_t *ask = json_pack("{s:s, s:i}", "jobId", job, "limit", PAGE);
        add_text(ask, "level", level);
        add_text(ask, "pageToken", tail->page);
        if (api_poll(api, "/v1/logs/list", ask, &answer, e) < 0)
            return -1;

        const json_t *lines = json_object_get(answer, "logs");
        const char *next = json_text(answer, "nextPageToken");
        for (size_t i = tail->seen; i < json_array_size(lines); i++)
            take_line(arg, json_array_get(lines, i));
        tail->seen = json_array_size(lines);
        if (!next)
            return 0;
        /* A full page; what comes stands on the next one. */
        mem_free(tail->page);
        tail->page = mem_text(next);
        tail->seen = 0;
    }
}

struct job_view {
    struct progress *progress;
    json_t *held; /* a line that may be the server's last word, which is told as the outcome */
};

static void job_view_done_at(struct job_view *view)
{
    json_decref(view->held);
}

static void print_job_line(struct progress *p, const json_t *line)
{
    const char *level = json_text(line, "level");
    const char *message = json_text(line, "message");
    enum style style = level ? style_of_status(level) : STYLE_PLAIN;

    progress_log(p, style == STYLE_DIM ? STYLE_PLAIN : style, message ? message : "");
}

static void show_job_line(void *arg, const json_t *line)
{
    struct job_view *view = arg;
    const char *message = json_text(line, "message");

    if (view->held)
        print_job_line(view->progress, view->held);
    json_decref(take(view->held));
    if (message &&
        (strncmp(message, "Job failed: ", 12) == 0 || strncmp(message, "Job cancelled: ", 15) == 0))
        view->held = json_incref(json_shared(line));
    else
        print_job_line(view->progress, line);
}

/* The end of `job`: a line that was held and is not its outcome was the author's own. */
static void show_held(struct job_view *view, const json_t *job)
{
    const char *error = json_text(job, "error");
    scoped(mem_free) char *verdict =
        mem_format("Job %s: %s", json_text(job, "status"), error ? error : "");

    if (view->held && strcmp(json_text(view->held, "message"), verdict) != 0)
        print_job_line(view->progress, view->held);
    json_decref(take(view->held));
}

bool job_is_final(const json_t *job)
{
    const char *status = json_text(job, "status");

    return status && (strcmp(status, "completed") == 0 || strcmp(status, "failed") == 0 ||
                      strcmp(status, "cancelled") == 0);
}

/* `state` is the last one shown. */
static void show_job_state(struct progress *p, char **state, const json_t *job)
{
    const char *status = json_text(job, "status");
    int64_t position = json_int(job, "queue_position", -1);

    if (!status || job_is_final(job))
        return;
    if (!*state || strcmp(*state, status) != 0) {
        progress_begin(p, strcmp(status, "starting_browser") == 0 ? "browser" : status);
        mem_free(*state);
        *state = mem_text(status);
    }
    if (position >= 0) {
        scoped(mem_free) char *detail =
            position ? mem_format("%lld before it", (long long)position) : mem_text("next in line");
        progress_detail(p, detail);
    }
    progress_tick(p);
}

int follow_job(struct call *c, const char *job, const json_t *known, struct progress *p,
               json_t **out, struct err *e)
{
    scoped(job_tail_done) struct job_tail tail = { 0 };
    scoped(mem_free) char *state = NULL;
    scoped(job_view_done) struct job_view view = { p, NULL };

    show_job_state(p, &state, known);
    for (;;) {
        scoped(json_decref) json_t *answer = NULL;
        json_t *ask = json_pack("{s:s, s:i}", "id", job, "wait_seconds", WAIT_SECONDS);
        if (api_poll(c->api, "/v1/jobs/get", ask, &answer, e) < 0)
            return -1;
        show_job_state(p, &state, answer);
        if (job_tail_read(c->api, job, NULL, &tail, show_job_line, &view, e) < 0)
            return -1;
        if (job_is_final(answer)) {
            show_held(&view, answer);
            bool good = strcmp(json_text(answer, "status"), "completed") == 0;
            (good ? progress_end : progress_fail)(p, NULL);
            *out = take(answer);
            return 0;
        }
    }
}
