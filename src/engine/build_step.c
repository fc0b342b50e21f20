/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/build_private.h"

#include "base/bounds.h"
#include "base/tree.h"
#include "engine/box.h"
#include "engine/feed.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const step_names[] = { "prepare", "install", "discover" };

/* ---- what its box says ---- */

static void on_frame(void *arg, const char *type, const json_t *frame)
{
    struct building *b = arg;
    static const char *const results[] = { "prepared", "installed", "discovered" };

    if (strcmp(type, "log") == 0) {
        const char *stream = json_text(frame, "stream");
        const char *message = json_text(frame, "message");
        bool theirs = stream && (strcmp(stream, "stdout") == 0 || strcmp(stream, "stderr") == 0);
        if (message)
            building_say(b, theirs ? stream : "system", "%s", message);
    } else if (strcmp(type, "fail") == 0 || strcmp(type, results[b->step]) == 0) {
        json_decref(b->report);
        b->report = json_incref(json_shared(frame));
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

static int64_t step_memory(const struct settings *s, enum step step)
{
    switch (step) {
    case PREPARE: return s->build_memory_mib;
    case INSTALL: return s->install_memory_mib;
    case DISCOVER: break;
    }
    return s->discover_memory_mib;
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
        why = mem_format(
            "Stopped while %s: it needed more than %lld MiB of memory", doing,
            (long long)(b->step == INSTALL ? s->install_memory_mib : s->build_memory_mib));
    else if (end->bad_frame)
        why = mem_format("Stopped while %s: what it reported is too large or malformed", doing);
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

static void on_end(void *arg, const struct box_end *end)
{
    struct building *b = arg;
    scoped(box_free) struct box *box = take(b->box); /* `end` lives as long as it does */
    msec_t took = building_now(b) - b->step_started;

    feed_free(take(b->input));
    feed_free(take(b->facts));
    building_say(b, "system", "done in %lld ms", (long long)took);
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

static struct plan *step_plan(struct building *b, enum step step)
{
    const struct settings *s = b->engine->settings;
    const struct plan_limits limits = {
        .net = step != INSTALL          ? PLAN_NET_NONE
               : b->engine->with.egress ? PLAN_NET_REGISTRY
                                        : PLAN_NET_HOST,
        .memory_mib = (int)step_memory(s, step),
        .pids = 256,
        .work_mib = (int)s->unpacked_mib * 2,
        .cpu_percent = 0,
    };
    scoped(mem_free) char *name = mem_format("build-%s", step_names[step]);
    struct plan *plan = plan_new(name, &limits);

    plan_env_runtime(plan);
    return plan;
}

static void plan_unpack(struct building *b, struct plan *plan, bool plain)
{
    const struct settings *s = b->engine->settings;
    scoped(mem_free) char *bytes = mem_format("%lld", (long long)s->unpacked_mib << 20);
    scoped(mem_free) char *entries = mem_format("%lld", (long long)s->entries);

    plan_arg(plan, PLAN_PROGRAM);
    plan_arg(plan, "unpack");
    if (plain)
        plan_arg(plan, "--tar");
    plan_arg(plan, "--into");
    plan_arg(plan, PLAN_APP);
    plan_arg(plan, "--report");
    plan_arg(plan, "3");
    if (!plain) {
        plan_arg(plan, "--max-bytes");
        plan_arg(plan, bytes);
        plan_arg(plan, "--max-entries");
        plan_arg(plan, entries);
    }
    plan_arg(plan, "--");
}

static void plan_script(struct plan *plan, const char *script)
{
    plan_arg(plan, PLAN_NODE);
    plan_arg(plan, script);
}

static int feed_blob(struct building *b, struct plan *plan, const char *key, struct err *e)
{
    int read_end;
    int fd = blob_open(b->engine->with.blobs, key, e);

    if (fd < 0)
        return -1;
    if (feed_new(b->engine->loop, &b->input, &read_end, e) < 0) {
        fd_close(fd);
        return -1;
    }
    plan_fd(plan, read_end, 0);
    feed_file(b->input, fd);
    return 0;
}

struct archive {
    const struct build *of;
    struct buf data;
    int found;
};

static int look_for_archive(struct db *db, void *arg, struct err *e)
{
    struct archive *a = arg;

    a->found = build_source(db, a->of, &a->data, e);
    return a->found < 0 ? -1 : 0;
}

static int feed_archive(struct building *b, struct plan *plan, struct err *e)
{
    struct archive a = { .of = &b->build };
    int read_end;

    if (store_read(b->engine->store, look_for_archive, &a, e) < 0)
        return -1;
    if (!a.found)
        return feed_blob(b, plan, b->build.source_key, e);
    size_t n = a.data.n;
    scoped(mem_free) char *data = buf_take(&a.data);
    if (feed_new(b->engine->loop, &b->input, &read_end, e) < 0)
        return -1;
    plan_fd(plan, read_end, 0);
    feed_text(b->input, take(data), n);
    return 0;
}

static int feed_json(struct building *b, struct feed **feed, struct plan *plan, int inside,
                     const json_t *value, struct err *e)
{
    int read_end;

    if (feed_new(b->engine->loop, feed, &read_end, e) < 0)
        return -1;
    plan_fd(plan, read_end, inside);
    char *text = json_print(value);
    feed_text(*feed, text, strlen(text));
    return 0;
}

static int plan_prepare(struct building *b, struct plan *plan, struct err *e)
{
    plan_unpack(b, plan, false);
    plan_script(plan, PLAN_RUNNER "/prepare.mjs");
    plan_env(plan, "IMPRESARIO_ENTRY", b->build.entry_point);
    return blob_new(b->engine->with.blobs, &b->blob, e) < 0 || feed_archive(b, plan, e) < 0 ? -1
                                                                                            : 0;
}

static int plan_install(struct building *b, struct plan *plan, struct err *e)
{
    scoped(json_decref) json_t *request = json_object();

    b->staging = mem_format("%s/staging/%s", b->engine->settings->data, b->build.deployment.text);
    (void)tree_remove(b->staging);
    if (mkdir(b->staging, 0755) < 0)
        return err_set_errno(e, ERR_IO, errno, "make the folder %s", b->staging);
    plan_script(plan, PLAN_RUNNER "/install.mjs");
    plan_bind_rw(plan, b->staging, "/out");
    if (b->engine->settings->registry)
        plan_env(plan, "IMPRESARIO_REGISTRY", b->engine->settings->registry);
    json_object_set(request, "dependencies", json_object_get(b->prepared, "dependencies"));
    json_object_set(request, "package_json", json_object_get(b->prepared, "package_json"));
    json_object_set(request, "lockfile", json_object_get(b->prepared, "lockfile"));
    return feed_json(b, &b->input, plan, 0, request, e);
}

static int plan_discover(struct building *b, struct plan *plan, struct err *e)
{
    plan_unpack(b, plan, true);
    plan_script(plan, PLAN_RUNNER "/discover.mjs");
    if (b->layer) {
        scoped(mem_free) char *layer =
            mem_format("%s/layers/%s", b->engine->settings->data, b->layer);
        plan_bind_ro(plan, layer, PLAN_MODULES);
    }
    return feed_blob(b, plan, b->bundle.blob_key, e) < 0 ||
                   feed_json(b, &b->facts, plan, 5, b->prepared, e) < 0
               ? -1
               : 0;
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
    static int (*const planners[])(struct building *, struct plan *,
                                   struct err *) = { plan_prepare, plan_install, plan_discover };
    static const struct box_user callbacks = { on_frame, on_line, on_end, NULL };
    static const char *const says[] = { "Unpacking and checking what was uploaded",
                                        "Installing dependencies",
                                        "Importing the entry to find its workflows" };
    scoped(err_clear) struct err e = { 0 };
    scoped(plan_free) struct plan *plan = step_plan(b, step);
    struct box_user user = callbacks;

    b->step = step;
    b->log.phase = step_names[step];
    b->step_started = building_now(b);
    b->output = 0;
    json_decref(take(b->report));
    building_say(b, "system", "%s", says[step]);
    if (planners[step](b, plan, &e) < 0) {
        building_fail_err(b, &e, "start a box");
        return;
    }
    user.arg = b;
    const struct box_spec spec = {
        .spawner = b->engine->with.spawner,
        .loop = b->engine->loop,
        .plan = take(plan),
        .time_limit = step_time(b, step),
        .out_file = step == PREPARE ? blob_fd(b->blob) : -1,
        .out_max = (size_t)b->engine->settings->unpacked_mib * 2 << 20,
    };
    if (box_start(&spec, &user, &b->box, &e) < 0)
        building_fail_err(b, &e, "start a box");
}
