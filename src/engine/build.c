/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/build.h"

#include "base/bounds.h"
#include "base/log.h"
#include "base/tree.h"
#include "engine/box.h"
#include "engine/build_log.h"
#include "engine/feed.h"
#include "engine/found.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum step { PREPARE, INSTALL, DISCOVER };

static const char *const step_names[] = { "prepare", "install", "discover" };

struct building {
    struct builder *builder;
    struct engine *engine;
    struct build build;
    struct build_logger log;
    msec_t started, step_started;

    enum step step;
    struct box *box;
    struct feed *input, *facts; /* stdin, and descriptor 5 of discovery */
    size_t output;              /* bytes of stdout and stderr of this step */
    bool loud;                  /* it wrote too many of them */
    json_t *verdict;            /* the last frame of this step: its result, or why it failed */

    struct blob *blob; /* the bundle's tar, until it is kept */
    json_t *prepared;
    struct bundle bundle;
    char *layer;
    char *staging;
    struct trial_user trial; /* done is NULL: a deployment */
};

static void start_step(struct building *b, enum step step);
static void fail_err(struct building *b, struct err *e, const char *doing);

static void say(struct building *b, const char *stream, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct building *b, const char *stream, const char *format, ...)
{
    scoped(buf_done) struct buf text = { 0 };
    va_list args;

    va_start(args, format);
    buf_vformat(&text, format, args);
    va_end(args);
    if (b->trial.done)
        b->trial.said(b->trial.arg, stream, buf_str(&text));
    else
        build_say(&b->log, stream, "%s", buf_str(&text));
}

static bool is_trial(const struct building *b)
{
    return b->trial.done != NULL;
}

/* ---- verdicts ---- */

struct verdict {
    struct building *b;
    const char *why; /* it failed */
    bool again;      /* it is to be tried again */
    bool known;      /* the bundle was there before */
    bool ours;       /* a fault of the server */
};

static int keep_verdict(struct db *db, void *arg, struct err *e)
{
    static const struct stmt RELEASE = { "build.release",
                                         "UPDATE deployment SET build_epoch = NULL WHERE id = $1" };
    const struct verdict *v = arg;
    const struct build *build = &v->b->build;

    if (v->again) {
        db_changed(db, "builds");
        return db_run(db, e, &RELEASE, P_TEXT(build->deployment.text)) < 0 ? -1 : 0;
    }
    if (v->why)
        return build_failed(db, build, v->why, e);
    if (!v->known && bundle_add(db, build->tenant.text, json_text(v->b->prepared, "content_key"),
                                &v->b->bundle, e) < 0)
        return -1;
    return build_ready(db, build, &v->b->bundle, e);
}

/* The last act: whatever happens to the row, this building is over. */
static void settle(struct building *b, struct verdict *v)
{
    scoped(err_clear) struct err e = { 0 };
    msec_t took = clock_steady(store_env(b->engine->store)->clock) - b->started;

    if (is_trial(b)) {
        b->trial.done(b->trial.arg, v->why ? NULL : &b->bundle, v->why, v->ours);
        builder_ended(b->builder, b);
        return;
    }
    b->log.phase = "result";
    if (v->again)
        say(b, "system", "The build will be tried again: %s", v->why);
    else if (v->why)
        say(b, "system", "The build failed after %lld ms: %s", (long long)took, v->why);
    else
        say(b, "system", "Ready after %lld ms", (long long)took);
    if (store_write(b->engine->store, keep_verdict, v, &e) < 0) {
        log_event(LOG_ERROR, "build.not_settled", F_TEXT("deployment", b->build.deployment.text),
                  F_TEXT("error", e.msg));
        if (!v->why) { /* `ready` could not be kept: then its failure may be */
            fail_err(b, &e, "keep the result of the build");
            return;
        }
    }
    log_event(LOG_INFO, "build.ended", F_TEXT("deployment", b->build.deployment.text),
              F_TEXT("status", v->again ? "again"
                               : v->why ? "failed"
                                        : "ready"),
              F_INT("took_ms", took), F_TEXT("error", v->why));
    builder_ended(b->builder, b);
}

static void fail(struct building *b, const char *why)
{
    settle(b, &(struct verdict){ .b = b, .why = why });
}

/* Not the author's doing: tried again, and only said to fail when that does not help. */
static void fail_ours(struct building *b, const char *why)
{
    log_event(LOG_ERROR, "build.server_fault", F_TEXT("deployment", b->build.deployment.text),
              F_TEXT("step", step_names[b->step]), F_TEXT("error", why));
    if (is_trial(b)) {
        settle(b, &(struct verdict){ .b = b, .why = why, .ours = true });
        return;
    }
    if (b->build.tries < BUILD_TRIES) {
        settle(b, &(struct verdict){ .b = b, .why = why, .again = true });
        return;
    }
    scoped(mem_free) char *text =
        mem_format("%s\nThis is a fault of the server, not of the uploaded code. It was tried %d "
                   "times; its operator finds the reason with `impresario doctor` and in its log.",
                   why, b->build.tries);
    fail(b, text);
}

static void fail_err(struct building *b, struct err *e, const char *doing)
{
    err_wrap(e, "%s", doing);
    if (e->code == ERR_INPUT)
        fail(b, e->msg);
    else
        fail_ours(b, e->msg);
}

static void ready(struct building *b, bool known)
{
    settle(b, &(struct verdict){ .b = b, .known = known });
}

/* ---- what comes after a step that went well ---- */

static int find_known(struct db *db, void *arg, struct err *e)
{
    struct building *b = arg;

    return bundle_find(db, b->build.tenant.text, json_text(b->prepared, "content_key"), &b->bundle,
                       e);
}

static void digest_add(EVP_MD_CTX *ctx, const char *text)
{
    /* with its NUL, so that two texts never run into each other */
    if (EVP_DigestUpdate(ctx, text, strlen(text) + 1) != 1)
        abort();
}

/* Names a set of dependencies together with what they are installed by and for. */
static char *layer_digest(const struct building *b)
{
    unsigned char digest[32];
    char text[65];
    const char *lockfile = json_text(b->prepared, "lockfile");
    scoped(mem_free) char *set =
        json_print_as(json_object_get(b->prepared, "dependencies"), JSON_COMPACT | JSON_SORT_KEYS);
    scoped(mem_free) char *runner_path = mem_format("%s/package.json", b->engine->settings->runner);
    scoped(json_decref) json_t *runner = json_load_file(runner_path, 0, NULL);
    scoped(mem_free) char *tools = json_print(json_object_get(runner, "dependencies"));
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
        abort();
    digest_add(ctx, "linux-x64");
    digest_add(ctx, tools);
    digest_add(ctx, set);
    digest_add(ctx, lockfile ? lockfile : "");
    if (EVP_DigestFinal_ex(ctx, digest, NULL) != 1)
        abort();
    EVP_MD_CTX_free(ctx);
    hex_text(digest, sizeof digest, text);
    return mem_text(text);
}

static int find_layer(struct db *db, void *arg, struct err *e)
{
    const struct building *b = arg;

    return layer_find(db, b->layer, e);
}

/* Goes on to discovery when the layer is there, installs it, or waits for the one who does. */
static void need_layer(struct building *b)
{
    scoped(err_clear) struct err e = { 0 };
    int found = store_read(b->engine->store, find_layer, b, &e);

    if (found < 0) {
        fail_err(b, &e, "look for the installed dependencies");
    } else if (found) {
        say(b, "system", "These dependencies are installed already");
        start_step(b, DISCOVER);
    } else if (builder_claim(b->builder, b, CLAIM_LAYER, b->layer)) {
        start_step(b, INSTALL);
    } else {
        say(b, "system", "Another build is installing the same dependencies: waiting");
    }
}

/* The bundle is new: keeps it, and goes on with what it needs. */
static void make_bundle(struct building *b)
{
    scoped(err_clear) struct err e = { 0 };
    struct stat st;

    if (fstat(blob_fd(b->blob), &st) < 0)
        st.st_size = 0;
    b->bundle = (struct bundle){ .id = id_new(store_env(b->engine->store)),
                                 .kind = mem_text(json_text(b->prepared, "kind")),
                                 .entry = mem_text(json_text(b->prepared, "entry")),
                                 .size = st.st_size };
    b->bundle.blob_key = mem_format("bundles/%s/bundle.tar", b->bundle.id.text);
    if (blob_keep(take(b->blob), b->bundle.blob_key, &e) < 0) {
        fail_err(b, &e, "keep the bundle");
        return;
    }
    if (json_object_size(json_object_get(b->prepared, "dependencies")) == 0) {
        start_step(b, DISCOVER);
        return;
    }
    b->layer = layer_digest(b);
    b->bundle.layer = mem_text(b->layer);
    need_layer(b);
}

/* Uses the result for the same content, makes it, or waits for the one who does. */
static void need_bundle(struct building *b)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(mem_free) char *claim =
        mem_format("%s/%s", b->build.tenant.text, json_text(b->prepared, "content_key"));
    int known = store_read(b->engine->store, find_known, b, &e);

    if (known < 0) {
        fail_err(b, &e, "look for the same content");
    } else if (known) {
        say(b, "system", "The same content was built before: its result is used");
        ready(b, true);
    } else if (builder_claim(b->builder, b, CLAIM_CONTENT, claim)) {
        make_bundle(b);
    } else {
        say(b, "system", "Another build is making the same content: waiting");
    }
}

void building_turn(struct building *b, enum build_claim kind)
{
    if (kind == CLAIM_LAYER)
        need_layer(b);
    else
        need_bundle(b);
}

static void after_prepare(struct building *b)
{
    b->prepared = json_incref(b->verdict);
    const char *key = json_text(b->prepared, "content_key");
    const char *entry = json_text(b->prepared, "entry");
    const char *kind = json_text(b->prepared, "kind");
    if (!key || strlen(key) != 64 || !entry || !kind) {
        fail_ours(b, "the prepared bundle was described without a key, an entry or a kind");
        return;
    }
    if (is_trial(b))
        make_bundle(b); /* nothing but its own run will use it */
    else
        need_bundle(b);
}

static int keep_layer(struct db *db, void *arg, struct err *e)
{
    struct building *b = arg;

    return layer_add(db, b->layer, json_int(b->verdict, "packages", 0),
                     json_int(b->verdict, "bytes", 0), json_text(b->verdict, "lockfile"), e);
}

/* staging -> layers, durable before its row is. */
static int name_layer(struct building *b, struct err *e)
{
    scoped(mem_free) char *layers = mem_format("%s/layers", b->engine->settings->data);
    scoped(mem_free) char *path = mem_format("%s/%s", layers, b->layer);
    scoped(fd_close) int dir = open(layers, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)tree_remove(path); /* of a server that ended before the row was kept */
    if (dir < 0 || rename(b->staging, path) < 0 || syncfs(dir) < 0)
        return err_set_errno(e, ERR_IO, errno, "keep the installed dependencies");
    return 0;
}

static void after_install(struct building *b)
{
    scoped(err_clear) struct err e = { 0 };

    if (name_layer(b, &e) < 0 || store_write(b->engine->store, keep_layer, b, &e) < 0) {
        fail_err(b, &e, "install the dependencies");
        return;
    }
    builder_release(b->builder, b, CLAIM_LAYER);
    start_step(b, DISCOVER);
}

static void after_discover(struct building *b)
{
    scoped(err_clear) struct err e = { 0 };

    if (found_workflows(b->verdict, &b->bundle.workflows, &e) < 0) {
        fail(b, e.msg);
        return;
    }
    size_t i;
    const json_t *workflow;
    json_array_foreach(b->bundle.workflows, i, workflow)
        say(b, "system", "Found workflow \"%s\"", json_text(workflow, "name"));
    ready(b, false);
}

/* ---- a step's box ---- */

static void on_frame(void *arg, const char *type, const json_t *frame)
{
    struct building *b = arg;
    static const char *const results[] = { "prepared", "installed", "discovered" };

    if (strcmp(type, "log") == 0) {
        const char *stream = json_text(frame, "stream");
        const char *message = json_text(frame, "message");
        bool theirs = stream && (strcmp(stream, "stdout") == 0 || strcmp(stream, "stderr") == 0);
        if (message)
            say(b, theirs ? stream : "system", "%.*s", LIMIT_LOG_LINE, message);
    } else if (strcmp(type, "fail") == 0 || strcmp(type, results[b->step]) == 0) {
        json_decref(b->verdict);
        b->verdict = json_incref(json_shared(frame));
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
        say(b, stream, "%s", text);
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
        fail_ours(b, why);
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
    fail(b, why);
}

static void on_end(void *arg, const struct box_end *end)
{
    struct building *b = arg;
    scoped(box_free) struct box *box = take(b->box); /* `end` lives as long as it does */
    msec_t took = clock_steady(store_env(b->engine->store)->clock) - b->step_started;

    feed_free(take(b->input));
    feed_free(take(b->facts));
    say(b, "system", "done in %lld ms", (long long)took);
    if (!b->verdict || b->loud || end->bad_frame) {
        fail_silent(b, end);
        return;
    }
    if (strcmp(json_text(b->verdict, "t"), "fail") == 0) {
        const char *why = json_text(b->verdict, "error");
        if (json_bool(b->verdict, "server_fault", false))
            fail_ours(b, why ? why : "no reason given");
        else
            fail(b, why ? why : "no reason given");
        return;
    }
    switch (b->step) {
    case PREPARE: after_prepare(b); break;
    case INSTALL: after_install(b); break;
    case DISCOVER: after_discover(b); break;
    }
}

static struct plan *step_plan(struct building *b, enum step step)
{
    const struct settings *s = b->engine->settings;
    const struct plan_limits limits = {
        .net = step == INSTALL ? PLAN_NET_HOST : PLAN_NET_NONE,
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
    return blob_new(b->engine->with.blobs, &b->blob, e) < 0 ||
                   feed_blob(b, plan, b->build.source_key, e) < 0
               ? -1
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
    msec_t left =
        s->build_seconds * 1000 - (clock_steady(store_env(b->engine->store)->clock) - b->started);
    msec_t own = step == DISCOVER ? s->discover_seconds * 1000 : left;

    return own < left ? own : left < 1 ? 1 : left;
}

static void start_step(struct building *b, enum step step)
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
    b->step_started = clock_steady(store_env(b->engine->store)->clock);
    b->output = 0;
    json_decref(take(b->verdict));
    say(b, "system", "%s", says[step]);
    if (planners[step](b, plan, &e) < 0) {
        fail_err(b, &e, "start a box");
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
        fail_err(b, &e, "start a box");
}

/* ---- life ---- */

static void first_step(void *arg)
{
    start_step(arg, PREPARE);
}

struct building *building_start(struct builder *builder, struct engine *e, struct build *claimed,
                                const struct trial_user *trial)
{
    struct building *b = mem_new(sizeof *b);

    b->builder = builder;
    b->engine = e;
    b->build = *claimed;
    *claimed = (struct build){ 0 };
    if (trial)
        b->trial = *trial;
    b->log = (struct build_logger){ e->store, b->build.deployment, "prepare", 0 };
    b->started = clock_steady(store_env(e->store)->clock);
    log_event(LOG_INFO, "build.started", F_TEXT("deployment", b->build.deployment.text),
              F_INT("try", b->build.tries));
    loop_post(e->loop, first_step, b); /* a first step that fails at once must find its place */
    return b;
}

void building_free(struct building *b)
{
    if (!b)
        return;
    box_free(b->box);
    feed_free(b->input);
    feed_free(b->facts);
    blob_free(b->blob);
    build_done(&b->build);
    bundle_done(&b->bundle);
    json_decref(b->verdict);
    json_decref(b->prepared);
    mem_free(b->layer);
    if (b->staging)
        (void)tree_remove(b->staging);
    mem_free(b->staging);
    mem_free(b);
}
