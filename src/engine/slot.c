/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/slot.h"

#include "base/bounds.h"
#include "base/log.h"
#include "engine/box.h"
#include "engine/feed.h"
#include "engine/job_log.h"

enum {
    WARM_MS = 60000, /* Node and Chromium start within 2 s; a machine under load gets patience */
    MERCY_MS = 500,  /* between SIGTERM and SIGKILL */
    TOKEN_BYTES = 32,
};

struct slot {
    struct engine *engine;
    struct slot_user user;
    enum slot_state state;
    char *layer;
    struct box *box;
    struct feed *bundle; /* descriptor 4 */
    bool has_job;
    struct job_run run;
    struct job_logger log;
    struct timer *mercy;
    msec_t started;
    bool cancelled, outcome_told;
    enum timing phase; /* of a job that runs, by its box's word: each comes once, in order */
    msec_t phase_started;
    char *trouble; /* why it could not get ready, in its own words */
};

static void say(struct slot *s, const char *level, const char *text)
{
    if (s->user.said)
        s->user.said(s->user.arg, level, text);
    else
        job_say(&s->log, level, text);
}

static msec_t now(const struct slot *s)
{
    return clock_steady(store_env(s->engine->store)->clock);
}

/* The phase before this one is over. A trial is no job. */
static void next_phase(struct slot *s, enum timing next)
{
    if (next != s->phase + 1)
        return;
    if (!s->user.said)
        timing_note(&s->engine->timings, s->phase, now(s) - s->phase_started);
    s->phase = next;
    s->phase_started = now(s);
}

static bool is_behind(void *arg)
{
    struct slot *s = arg;

    return job_log_is_behind(&s->log);
}

/* ---- outcomes ---- */

static void tell_outcome(struct slot *s, const struct slot_outcome *o)
{
    if (s->outcome_told)
        return;
    s->outcome_told = true;
    next_phase(s, JOB_SETTLE);
    s->user.outcome(s->user.arg, s, o);
}

static void tell_failed(struct slot *s, const char *error)
{
    tell_outcome(s, &(struct slot_outcome){ .outcome = { .status = JOB_FAILED, .error = error } });
}

static void tell_cancelled(struct slot *s)
{
    tell_outcome(s, &(struct slot_outcome){
                        .outcome = { .status = JOB_CANCELLED, .error = "Cancelled on request" } });
}

/* No verdict came out of the box: what the kernel says is the truth. */
static void tell_end(struct slot *s, const struct box_end *end)
{
    scoped(mem_free) char *why = NULL;

    if (s->cancelled) {
        tell_cancelled(s);
        return;
    }
    if (end->timed_out)
        why = mem_format("Timed out after %lld s", (long long)s->run.timeout_ms / 1000);
    else if (end->exit->step)
        why = mem_format("sandbox unavailable: %s: %s. See `impresario doctor`", end->exit->step,
                         end->exit->detail ? end->exit->detail : "no reason known");
    else if (s->state != SLOT_RUNNING)
        why =
            mem_format("The browser did not start: %s",
                       s->trouble ? s->trouble
                                  : "its process ended; `impresario doctor` says what is missing");
    else if (end->bad_frame)
        why = mem_format("The job's process was ended, for it reported what cannot be kept: %s",
                         end->bad_frame);
    else if (end->exit->out_of_memory)
        why = mem_format(
            "The job needed more than its %lld MiB of memory (job_memory_mib), and was ended",
            (long long)s->engine->settings->job_memory_mib);
    else if (end->exit->exited)
        why = mem_format(
            "The job's process exited before it finished, with status %d; its log has what it printed",
            end->exit->status);
    else
        why = mem_format("The job's process was ended by signal %d before it finished",
                         end->exit->signal);
    tell_outcome(s, &(struct slot_outcome){ .outcome = { .status = JOB_FAILED, .error = why },
                                            .ours = s->state != SLOT_RUNNING });
}

static void on_result(struct slot *s, const json_t *frame)
{
    const json_t *value = json_object_get(frame, "result");
    scoped(mem_free) char *result = json_print(value);

    if (!value)
        tell_failed(s, "The job's process reported a result that is no JSON");
    else if (strlen(result) > LIMIT_RESULT)
        tell_failed(s, "The handler returned more than 5 MiB of JSON");
    else
        tell_outcome(
            s, &(struct slot_outcome){ .outcome = { .status = JOB_COMPLETED, .result = result } });
}

static void on_error(struct slot *s, const json_t *frame)
{
    const char *said = json_text(frame, "error");
    scoped(mem_free) char *error = mem_text_most(
        said && *said ? said : "The handler threw nothing that can be shown", LIMIT_JOB_ERROR);
    const char *frames = json_text(frame, "stack");
    const char *kind = json_text(frame, "kind");
    /* What is thrown need not be an Error: then there is no stack but what it says. */
    bool thrown = kind && strcmp(kind, "handler") == 0;
    scoped(mem_free) char *stack = mem_text_most(frames   ? frames
                                                 : thrown ? error
                                                          : NULL,
                                                 LIMIT_JOB_ERROR);

    if (s->cancelled) {
        tell_cancelled(s);
        return;
    }
    tell_outcome(s, &(struct slot_outcome){
                        .outcome = { .status = JOB_FAILED, .error = error, .mapped_stack = stack },
                        .screenshot = json_text(frame, "screenshot"),
                        .html = json_text(frame, "html") });
}

/* ---- the box ---- */

static void on_log(struct slot *s, const json_t *frame)
{
    const char *level = json_text(frame, "level");
    const char *message = json_text(frame, "message");
    bool known = level && (strcmp(level, "warn") == 0 || strcmp(level, "error") == 0);
    scoped(mem_free) char *text = mem_text_most(message, LIMIT_LOG_LINE);

    if (text)
        say(s, known ? level : "info", text);
}

static void on_phase(struct slot *s, const json_t *frame)
{
    static const char *const said[][2] = {
        { "page_opened", "Page opened" },
        { "handler_started", "Handler started" },
        { "handler_returned", "Handler returned" },
    };
    const char *name = json_text(frame, "name");

    for (size_t i = 0; name && i < n_items(said); i++) {
        if (strcmp(name, said[i][0]) == 0)
            say(s, "info", said[i][1]);
    }
    if (name && strcmp(name, "handler_started") == 0)
        next_phase(s, JOB_WORK);
    else if (name && strcmp(name, "handler_returned") == 0)
        next_phase(s, JOB_RESULT);
}

static void on_frame(void *arg, const char *type, const json_t *frame)
{
    struct slot *s = arg;

    if (s->state == SLOT_WARMING && strcmp(type, "ready") == 0) {
        s->state = SLOT_READY;
        if (!s->has_job)
            box_limit(s->box, INT64_MAX / 2);
        timing_note(&s->engine->timings, SLOT_START, now(s) - s->started);
        log_event(LOG_DEBUG, "slot.ready", F_INT("after_ms", now(s) - s->started));
        s->user.ready(s->user.arg, s);
        return;
    }
    if (s->state == SLOT_WARMING && strcmp(type, "error") == 0 && !s->trouble)
        s->trouble = mem_text(json_text(frame, "error"));
    if (s->state != SLOT_RUNNING)
        return;
    if (strcmp(type, "log") == 0) {
        on_log(s, frame);
    } else if (strcmp(type, "phase") == 0) {
        on_phase(s, frame);
    } else if (strcmp(type, "result") == 0) {
        on_result(s, frame);
        box_kill(s->box);
    } else if (strcmp(type, "error") == 0) {
        on_error(s, frame);
        box_kill(s->box);
    }
}

static void on_line(void *arg, const char *stream, const char *text)
{
    struct slot *s = arg;

    if (s->state == SLOT_RUNNING)
        say(s, strcmp(stream, "stderr") == 0 ? "error" : "info", text);
    else
        log_event(LOG_DEBUG, "slot.said", F_TEXT("stream", stream), F_TEXT("text", text));
}

static void on_end(void *arg, const struct box_end *end)
{
    struct slot *s = arg;
    scoped(mem_free) char *why = NULL;

    if (s->has_job && !s->outcome_told)
        tell_end(s, end);
    else if (s->state != SLOT_RUNNING)
        why = mem_format("%s: %s",
                         end->exit->step  ? end->exit->step
                         : end->timed_out ? "it took too long to start"
                                          : "it ended before it was used",
                         s->trouble          ? s->trouble
                         : end->exit->detail ? end->exit->detail
                                             : "no reason known");
    s->state = SLOT_ENDED;
    s->user.ended(s->user.arg, s, why);
}

struct plan *slot_plan(struct engine *e, const char *name)
{
    const struct plan_limits limits = {
        .net = e->with.egress ? PLAN_NET_CAGE : PLAN_NET_HOST,
        .memory_mib = (int)e->settings->job_memory_mib,
        .pids = 1024,
        .work_mib = (int)e->settings->job_disk_mib,
    };
    struct plan_limits of_browser = limits;
    of_browser.browser = true;
    scoped(mem_free) char *browser_name = mem_format("%s-browser", name);
    struct plan *plan = plan_new(name, &limits), *browser = plan_new(browser_name, &of_browser);

    plan_env_runtime(plan);
    plan_env_runtime(browser);
    plan_arg(browser, PLAN_PROGRAM);
    plan_arg(browser, "cdp");
    plan_browser(plan, browser);
    return plan;
}

int slot_start(struct engine *e, const char *layer, const struct slot_user *user, struct slot **out,
               struct err *err)
{
    static const struct box_user callbacks = { on_frame, on_line, on_end, NULL, is_behind };
    scoped(plan_free) struct plan *plan = slot_plan(e, "job");
    scoped(slot_free) struct slot *s = mem_new(sizeof *s);
    struct box_user box_user = callbacks;
    int read_end;

    s->engine = e;
    s->user = *user;
    s->layer = mem_text(layer);
    s->started = now(s);
    plan_arg(plan, PLAN_NODE);
    plan_arg(plan, PLAN_RUNNER "/slot.mjs");
    if (layer) {
        scoped(mem_free) char *path = mem_format("%s/layers/%s", e->settings->data, layer);
        plan_bind_ro(plan, path, PLAN_MODULES);
    }
    if (feed_new(e->loop, &s->bundle, &read_end, err) < 0)
        return -1;
    plan_fd(plan, read_end, 4);
    box_user.arg = s;
    const struct box_spec spec = { .spawner = e->with.spawner,
                                   .loop = e->loop,
                                   .plan = take(plan),
                                   .time_limit = WARM_MS,
                                   .out_file = -1 };
    if (box_start(&spec, &box_user, &s->box, err) < 0)
        return -1;
    *out = take(s);
    return 0;
}

void slot_free(struct slot *s)
{
    if (!s)
        return;
    timer_free(s->mercy);
    box_free(s->box);
    feed_free(s->bundle);
    job_run_done(&s->run);
    job_log_done(&s->log);
    mem_free(s->trouble);
    mem_free(s->layer);
    mem_free(s);
}

/* ---- a job in it ---- */

enum slot_state slot_state(const struct slot *s)
{
    return s->state;
}

const char *slot_layer(const struct slot *s)
{
    return s->layer;
}

struct job_run *slot_job(struct slot *s)
{
    return s->has_job ? &s->run : NULL;
}

void slot_reserve(struct slot *s, struct job_run *run)
{
    s->run = *run;
    *run = (struct job_run){ 0 };
    s->has_job = true;
    s->log = (struct job_logger){ .store = s->engine->store, .job = s->run.id };
    box_limit(s->box, s->run.timeout_ms);
}

/* What helpers inside the job call this server with. No route takes it yet; one that does will know
 * its digest. */
static json_t *job_auth(struct slot *s)
{
    unsigned char secret[TOKEN_BYTES];
    char token[2 * TOKEN_BYTES + 1];

    if (!json_bool(s->run.launch, "inject_job_auth", false))
        return json_null();
    rng_fill(store_env(s->engine->store)->rng, secret, sizeof secret);
    hex_text(secret, sizeof secret, token);
    return json_pack("{s:s,s:s,s:s}", "apiUrl", s->engine->with.public_url, "token", token, "jobId",
                     s->run.id.text);
}

static void copy_member(json_t *to, const json_t *from, const char *name)
{
    json_t *value = json_object_get(from, name);

    if (value)
        json_object_set(to, name, value);
    else
        json_object_set_new(to, name, json_null());
}

void slot_run(struct slot *s, const json_t *credentials, const json_t *missing)
{
    scoped(json_decref) json_t *frame = json_object();
    scoped(err_clear) struct err e = { 0 };
    int fd = blob_open(s->engine->with.blobs, s->run.blob_key, &e);

    s->state = SLOT_RUNNING;
    s->phase = JOB_LOAD;
    s->phase_started = now(s);
    if (!s->user.said)
        timing_note(&s->engine->timings, JOB_WAIT, store_now(s->engine->store) - s->run.created_at);
    if (fd < 0) {
        tell_outcome(s, &(struct slot_outcome){
                            .outcome = { .status = JOB_FAILED,
                                         .error = "The deployment's code could not be read; see "
                                                  "the server's log" },
                            .ours = true });
        log_event(LOG_ERROR, "job.no_bundle", F_TEXT("job", s->run.id.text),
                  F_TEXT("error", e.msg));
        box_kill(s->box);
        return;
    }
    feed_file(s->bundle, fd);
    json_object_set_new(frame, "t", json_string("run"));
    json_object_set_new(frame, "job_id", json_string(s->run.id.text));
    json_object_set_new(frame, "workflow", json_string(s->run.workflow));
    json_object_set_new(frame, "entry", json_string(s->run.entry));
    json_object_set_new(frame, "kind", json_string(s->run.kind));
    json_object_set(frame, "params", s->run.params);
    json_object_set(frame, "credentials", json_shared(credentials));
    json_object_set(frame, "declared_missing", json_shared(missing));
    json_object_set_new(frame, "job_auth", job_auth(s));
    copy_member(frame, s->run.launch, "start_url");
    copy_member(frame, s->run.launch, "viewport");
    copy_member(frame, s->run.launch, "source_files");
    json_object_set_new(frame, "headless",
                        json_boolean(json_bool(s->run.launch, "headless", false)));
    json_object_set_new(frame, "timeout_ms", json_integer(s->run.timeout_ms));
    json_object_set_new(frame, "redact_result",
                        json_boolean(json_bool(s->run.launch, "redact_result", false)));
    box_send(s->box, frame);
}

static void no_mercy(void *arg)
{
    struct slot *s = arg;

    s->mercy = NULL;
    box_kill(s->box);
}

void slot_cancel(struct slot *s)
{
    if (s->cancelled || s->outcome_told)
        return;
    s->cancelled = true;
    box_terminate(s->box);
    s->mercy = loop_timer(s->engine->loop, MERCY_MS, no_mercy, s);
}

void slot_kill(struct slot *s)
{
    box_kill(s->box);
}

char *slot_refusal(const struct egress_refusal *what)
{
    return mem_format("A connection to %s was refused: %s. The operator of the server can allow it "
                      "with egress_allow",
                      what->target, what->reason);
}

bool slot_refused(struct slot *s, const struct egress_refusal *what)
{
    if (s->state != SLOT_RUNNING || box_child(s->box) != what->child)
        return false;
    scoped(mem_free) char *text = slot_refusal(what);
    say(s, "warn", text);
    return true;
}
