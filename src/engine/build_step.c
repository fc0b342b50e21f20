/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/build_private.h"

#include "base/bounds.h"
#include "engine/box.h"
#include "engine/feed.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const step_names[] = {
    [PREPARE] = "prepare", [INSTALL] = "install", [DISCOVER] = "discover"
};

static const enum timing timings[] = {
    [PREPARE] = BUILD_PREPARE, [INSTALL] = BUILD_INSTALL, [DISCOVER] = BUILD_DISCOVER
};

/* ---- what its box says ---- */

/* A phase that is over goes to what is said of the step; in discovery anybody may claim any. */
static void next_phase(struct building *b, const char *name)
{
    static const char *const known[] = { "inspect", "bundle", "pack", "install", "copy", "import" };
    msec_t now = building_now(b);

    if (b->phase)
        buf_format(&b->phases, "%s%s %lld ms", b->phases.n ? ", " : ": ", b->phase,
                   (long long)(now - b->phase_started));
    b->phase = NULL;
    for (size_t i = 0; name && i < n_items(known) && b->phases.n < 200; i++) {
        if (strcmp(name, known[i]) == 0)
            b->phase = known[i];
    }
    b->phase_started = now;
}

static void on_frame(void *arg, const char *type, const json_t *frame)
{
    struct building *b = arg;
    static const char *const results[] = {
        [PREPARE] = "prepared", [INSTALL] = "installed", [DISCOVER] = "discovered"
    };

    if (strcmp(type, "log") == 0) {
        const char *stream = json_text(frame, "stream");
        const char *message = json_text(frame, "message");
        bool theirs = stream && (strcmp(stream, "stdout") == 0 || strcmp(stream, "stderr") == 0);
        if (message)
            building_say(b, theirs ? stream : "system", "%s", message);
    } else if (strcmp(type, "phase") == 0) {
        next_phase(b, json_text(frame, "name"));
    } else if (b->step == PREPARE && strcmp(type, "key") == 0) {
        if (json_text(frame, "content_key"))
            building_key(b, json_text(frame, "content_key"));
    } else if (strcmp(type, "fail") == 0 || strcmp(type, results[b->step]) == 0) {
        json_decref(b->report);
        b->report = json_incref(json_shared(frame));
        next_phase(b, NULL);
        b->phase = "end";
    }
}

static void on_line(void *arg, const char *stream, const char *text)
{
    struct building *b = arg;

    b->output += strlen(text) + 1;
    if (b->output > LIMIT_BUILD_LOG && !b->loud) {
        b->loud = true;
        box_kill(b->box);
    }
    if (!b->loud)
        building_say(b, stream, "%s", text);
}

/* Why a box ended without a word of its own. */
static void fail_silent(struct building *b, const struct box_end *end)
{
    const struct settings *s = b->engine->settings;
    scoped(mem_free) char *why = NULL;
    const char *doing = b->step == DISCOVER  ? "importing the entry point"
                        : b->step == INSTALL ? "installing the dependencies"
                                             : "preparing the bundle";

    if (end->exit->step) {
        why = mem_format("sandbox unavailable: %s: %s. See `impresario doctor`", end->exit->step,
                         end->exit->detail ? end->exit->detail : "no reason known");
        building_fail_ours(b, why);
        return;
    }
    if (b->loud)
        why = mem_format("Stopped while %s: it wrote more than %d MiB of output. Print less at the "
                         "top level of your modules",
                         doing, LIMIT_BUILD_LOG >> 20);
    else if (end->timed_out && b->step == DISCOVER)
        why = mem_format("Stopped while %s: it took longer than %lld s. Code at the top level of "
                         "a module must end quickly; move waiting and loops into the handler",
                         doing, (long long)s->discover_seconds);
    else if (end->timed_out)
        why = mem_format("Stopped while %s: the build took longer than %lld s", doing,
                         (long long)s->build_seconds);
    else if (end->exit->out_of_memory)
        why = mem_format("Stopped while %s: it needed more than %lld MiB of memory", doing,
                         (long long)step_memory(s, b->step));
    else if (end->bad_frame)
        why = mem_format("Stopped while %s: it reported what cannot be kept: %s", doing,
                         end->bad_frame);
    else if (end->exit->exited)
        why = mem_format("The process ended with status %d while %s, before it was done. Does the "
                         "code call process.exit() at its top level? The build log has its output",
                         end->exit->status, doing);
    else
        why = mem_format("The process was ended by signal %d while %s. It may have needed more "
                         "memory than the %lld MiB that it may use",
                         end->exit->signal, doing, (long long)step_memory(s, b->step));
    building_fail(b, why);
}

static void note_end(struct building *b)
{
    msec_t took = building_now(b) - b->step_started;

    timer_free(take(b->timer)); /* of building_key(), when the box was quicker */
    feed_free(take(b->input));
    feed_free(take(b->facts));
    next_phase(b, NULL);
    timing_note(&b->engine->timings, timings[b->step], took);
    building_say(b, "system", "done in %lld ms%s", (long long)took, buf_str(&b->phases));
}

void building_step_leave(struct building *b)
{
    box_free(take(b->box));
    note_end(b);
}

static void on_end(void *arg, const struct box_end *end)
{
    struct building *b = arg;
    scoped(box_free) struct box *box = take(b->box); /* `end` lives as long as it does */

    note_end(b);
    if (!b->report || b->loud || end->bad_frame) {
        fail_silent(b, end);
        return;
    }
    if (strcmp(json_text(b->report, "t"), "fail") == 0) {
        const char *why = json_text(b->report, "error");
        if (json_bool(b->report, "server_fault", false))
            building_fail_ours(b, why ? why : "no reason given");
        else
            building_fail(b, why ? why : "no reason given");
        return;
    }
    building_step_done(b);
}

/* ---- its box ---- */

struct archive {
    const struct build *of;
    struct buf data;
    int found; /* 1: `data` is all of it; 0: it is read from `fd` */
    int fd;
};

static int look_for_archive(struct db *db, void *arg, struct err *e)
{
    struct archive *a = arg;

    a->found = build_source(db, a->of, &a->data, e);
    return a->found < 0 ? -1 : 0;
}

/* The archive is at hand before a box is used for it. */
static int find_archive(struct building *b, struct archive *out, struct err *e)
{
    if (store_read(b->engine->store, look_for_archive, out, e) < 0)
        return -1;
    if (!out->found)
        out->fd = blob_open(b->engine->with.blobs, b->build.source_key, e);
    return out->found || out->fd >= 0 ? 0 : -1;
}

static void archive_done(struct archive *a)
{
    fd_close(a->fd);
    buf_done(&a->data);
}

static void feed_archive(struct feed *feed, struct archive *a)
{
    size_t n = a->data.n;

    if (a->found)
        feed_text(feed, buf_take(&a->data), n);
    else
        feed_file(feed, take_fd(&a->fd));
}

static void feed_json(struct feed *feed, const json_t *value)
{
    char *text = json_print(value);

    feed_text(feed, text, strlen(text));
}

static const struct box_user callbacks = { on_frame, on_line, on_end, NULL };

static int start_install(struct building *b, struct err *e)
{
    enum plan_net net = b->engine->with.registry ? PLAN_NET_REGISTRY : PLAN_NET_HOST;
    const char *registry =
        net == PLAN_NET_REGISTRY ? CAGE_REGISTRY_URL : b->engine->settings->registry;
    scoped(plan_free) struct plan *plan = step_plan(b->engine->settings, INSTALL, net);
    scoped(json_decref) json_t *request = layer_request(b);
    struct box_user user = callbacks;

    b->staging = mem_format("%s/staging/%s", b->engine->settings->data, b->build.deployment.text);
    layer_clear(b, b->staging); /* of a server that ended meanwhile */
    if (mkdir(b->staging, 0755) < 0)
        return err_set_errno(e, ERR_IO, errno, "make the folder %s", b->staging);
    plan_arg(plan, PLAN_RUNNER "/install.mjs");
    plan_bind_rw(plan, b->staging, "/out");
    if (registry)
        plan_env(plan, "IMPRESARIO_REGISTRY", registry);
    if (b->engine->settings->release_age_days > 0) {
        scoped(mem_free) char *days =
            mem_format("%lld", (long long)b->engine->settings->release_age_days);
        plan_env(plan, "IMPRESARIO_RELEASE_AGE_DAYS", days);
    }
    int read_end;
    if (feed_new(b->engine->loop, &b->input, &read_end, e) < 0)
        return -1;
    plan_fd(plan, read_end, 0);
    feed_json(b->input, request);
    user.arg = b;
    const struct box_spec spec = { .spawner = b->engine->with.spawner,
                                   .loop = b->engine->loop,
                                   .plan = take(plan),
                                   .out_file = -1 };
    return box_start(&spec, &user, &b->box, e);
}

/* A box that waited, or one that is started now. */
static int start_ahead(struct building *b, enum step step, struct err *e)
{
    struct ahead *a = builder_ahead(b->builder, step, b->layer);
    struct box_user user = callbacks;

    if (!a && ahead_start(b->engine, step, b->layer, &a, e) < 0)
        return -1;
    struct ahead_parts parts = ahead_take(a);
    b->box = parts.box;
    b->input = parts.input;
    b->facts = parts.facts;
    user.arg = b;
    box_hand_over(b->box, &user, step == PREPARE ? blob_fd(b->blob) : -1,
                  (size_t)b->engine->settings->unpacked_mib * 2 << 20);
    return 0;
}

/* `scripts`: the list of packages whose install scripts run; NULL: the box does not need it. */
static void go(struct building *b, const char *scripts)
{
    scoped(json_decref) json_t *frame =
        json_pack("{s:s,s:{s:s,s:s*}}", "t", "go", "env", "IMPRESARIO_ENTRY", b->build.entry_point,
                  "IMPRESARIO_INSTALL_SCRIPTS", scripts);

    box_send(b->box, frame);
}

static int start_prepare(struct building *b, struct err *e)
{
    struct archive archive = { .of = &b->build, .fd = -1 };
    scoped(json_decref) json_t *names = layer_scripts(b->engine->settings);
    scoped(mem_free) char *scripts = json_print(names);
    int r = find_archive(b, &archive, e) < 0 || blob_new(b->engine->with.blobs, &b->blob, e) < 0 ||
                    start_ahead(b, PREPARE, e) < 0
                ? -1
                : 0;

    if (r == 0) {
        feed_archive(b->input, &archive);
        go(b, scripts);
    }
    archive_done(&archive);
    return r;
}

static int start_discover(struct building *b, struct err *e)
{
    scoped(fd_close) int bundle = blob_open(b->engine->with.blobs, b->bundle.blob_key, e);

    if (bundle < 0 || start_ahead(b, DISCOVER, e) < 0)
        return -1;
    feed_file(b->input, take_fd(&bundle));
    feed_json(b->facts, b->prepared);
    go(b, NULL);
    return 0;
}

/* What is left of the build's time, and no more than the step's own. */
static msec_t step_time(const struct building *b, enum step step)
{
    const struct settings *s = b->engine->settings;
    msec_t left = s->build_seconds * 1000 - (building_now(b) - b->started - b->waited);
    msec_t own = step == DISCOVER ? s->discover_seconds * 1000 : left;

    return own < left ? own : left < 1 ? 1 : left;
}

void building_step(struct building *b, enum step step)
{
    static int (*const starters[])(struct building *, struct err *) = {
        [PREPARE] = start_prepare, [INSTALL] = start_install, [DISCOVER] = start_discover
    };
    static const char *const says[] = { [PREPARE] = "Unpacking and checking what was uploaded",
                                        [INSTALL] = "Installing dependencies",
                                        [DISCOVER] = "Importing the entry to find its workflows" };
    scoped(err_clear) struct err e = { 0 };

    b->step = step;
    b->log.phase = step_names[step];
    b->step_started = building_now(b);
    b->output = 0;
    b->phase = step == INSTALL ? NULL : "unpack";
    b->phase_started = b->step_started;
    buf_reset(&b->phases);
    json_decref(take(b->report));
    building_say(b, "system", "%s", says[step]);
    if (starters[step](b, &e) < 0) {
        building_fail_err(b, &e, "start a box");
        return;
    }
    box_limit(b->box, step_time(b, step));
}
