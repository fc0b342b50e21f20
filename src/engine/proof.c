/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/proof.h"

#include "artifact/tarball.h"
#include "domain/credential.h"
#include "engine/build.h"
#include "engine/slot.h"

enum {
    RUN_MS = 180 * 1000,  /* a workflow that takes longer is one that waits for what never comes */
    LOG_BYTES = 8 * 1024, /* of what a run or a build prints, for whoever repairs it */
};

struct proof {
    struct engine *engine;
    struct proof_user user;
    char *tenant;
    json_t *files; /* as they were */
    char *source_key;
    struct building *trial;
    struct bundle bundle;
    struct guest guest;
    struct slot *slot;
    struct job_run run; /* until a slot has it */
    struct timer *later;
    struct buf log;
    char *fault, *result, *error, *stack;
};

static void say(struct proof *p, const char *text)
{
    if (p->log.n + strlen(text) < LOG_BYTES)
        buf_format(&p->log, "%s\n", text);
}

/* ---- building ---- */

static void on_said(void *arg, const char *stream, const char *text)
{
    if (strcmp(stream, "system") != 0)
        say(arg, text);
}

static void on_built(void *arg, struct bundle *bundle, const char *why, bool ours)
{
    struct proof *p = arg;

    p->trial = NULL;
    if (bundle) {
        p->bundle = *bundle;
        *bundle = (struct bundle){ 0 };
        p->user.built(p->user.arg, p->bundle.workflows, NULL, false);
        return;
    }
    scoped(mem_free) char *text =
        p->log.n && !ours ? mem_format("%s\n%s", why, buf_str(&p->log)) : NULL;
    p->user.built(p->user.arg, NULL, text ? text : why, ours);
}

static int keep_source(struct proof *p, const json_t *files, struct err *e)
{
    struct blobs *blobs = p->engine->with.blobs;
    scoped(blob_free) struct blob *blob = NULL;

    return blob_new(blobs, &blob, e) < 0 || tarball_write(blob_fd(blob), files, e) < 0 ||
                   blob_keep(take(blob), p->source_key, e) < 0
               ? -1
               : 0;
}

int proof_new(struct engine *e, const char *tenant, const char *entry_point, const json_t *files,
              const struct proof_user *user, struct proof **out, struct err *err)
{
    struct proof *p = mem_new(sizeof *p);
    struct id id = id_new(store_env(e->store));

    p->engine = e;
    p->user = *user;
    p->tenant = mem_text(tenant);
    p->files = json_deep_copy(files);
    p->source_key = mem_format("proofs/%s/source.tar.gz", id.text);
    if (keep_source(p, files, err) < 0) {
        proof_free(p);
        return -1;
    }
    struct build build = { .deployment = id,
                           .entry_point = mem_text(entry_point),
                           .source_key = mem_text(p->source_key),
                           .tries = 1 };
    memcpy(build.tenant.text, tenant, sizeof build.tenant.text);
    p->trial = builder_try(e->builder, &build, &(struct trial_user){ on_said, on_built, p });
    *out = p;
    return 0;
}

/* ---- running ---- */

struct collect {
    struct proof *proof;
    json_t *values, *missing;
};

static int collect(struct db *db, void *arg, struct err *e)
{
    struct collect *c = arg;

    return credential_collect(db, c->proof->engine->with.sealer, c->proof->tenant,
                              json_object_get(slot_job(c->proof->slot)->launch, "credential_names"),
                              c->values, c->missing, e);
}

static void on_ready(void *arg, struct slot *s)
{
    struct proof *p = arg;
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *values = json_object();
    scoped(json_decref) json_t *missing = json_array();
    struct collect c = { p, values, missing };

    if (store_read(p->engine->store, collect, &c, &e) == 0) {
        slot_run(s, values, missing);
        return;
    }
    p->fault = mem_format("Stored credentials could not be read: %s", e.msg);
    slot_kill(s);
}

static void on_outcome(void *arg, struct slot *s, const struct slot_outcome *o)
{
    struct proof *p = arg;

    (void)s;
    if (p->fault)
        return;
    if (o->ours) {
        p->fault = mem_text(o->outcome.error);
        return;
    }
    p->result = mem_text(o->outcome.result);
    p->error = mem_text(o->outcome.error);
    p->stack = mem_text(o->outcome.mapped_stack);
}

/* The callback comes last: it may free the proof, or run it again. */
static void tell(struct proof *p)
{
    scoped(mem_free) char *fault = take(p->fault);
    scoped(mem_free) char *result = take(p->result);
    scoped(mem_free) char *error = take(p->error);
    scoped(mem_free) char *stack = take(p->stack);
    scoped(mem_free) char *log = buf_take(&p->log);
    const struct proof_run run = {
        .fault = fault,
        .result = result,
        .error = result  ? NULL
                 : error ? error
                         : "The run ended without a result",
        .stack = stack,
        .log = log,
    };

    dispatcher_leave(p->engine->dispatcher, &p->guest);
    p->user.ran(p->user.arg, &run);
}

static void on_ended(void *arg, struct slot *s, const char *why)
{
    struct proof *p = arg;

    if (!p->fault && why)
        p->fault = mem_text(why);
    p->slot = NULL;
    slot_free(s);
    tell(p);
}

static void on_log(void *arg, const char *level, const char *text)
{
    (void)level;
    say(arg, text);
}

static void tell_later(void *arg)
{
    struct proof *p = arg;

    p->later = NULL;
    tell(p);
}

/* There is room among the jobs. */
static void come(void *arg)
{
    struct proof *p = arg;
    scoped(err_clear) struct err e = { 0 };
    const struct slot_user user = { on_ready, on_outcome, on_ended, p, on_log };

    if (slot_start(p->engine, p->bundle.layer, &user, &p->slot, &e) < 0) {
        p->fault = mem_format("The browser did not start: %s", e.msg);
        p->later = loop_timer(p->engine->loop, 0, tell_later, p); /* not inside of come() */
        return;
    }
    slot_reserve(p->slot, &p->run);
}

const json_t *proof_found(const struct proof *p, const json_t *files)
{
    return p && json_equal(p->files, files) ? p->bundle.workflows : NULL;
}

void proof_run(struct proof *p, const json_t *workflow, const json_t *params)
{
    json_t *launch = json_copy(json_shared(workflow));

    (void)json_object_del(launch, "input_schema");
    (void)json_object_del(launch, "output_schema");
    json_object_set_new(launch, "headless", json_true());
    json_object_set_new(launch, "redact_result", json_true()); /* it may be told to a model */
    job_run_done(&p->run); /* of a run for which no browser started */
    p->run = (struct job_run){ .id = id_new(store_env(p->engine->store)),
                               .workflow = mem_text(json_text(workflow, "name")),
                               .layer = mem_text(p->bundle.layer),
                               .blob_key = mem_text(p->bundle.blob_key),
                               .entry = mem_text(p->bundle.entry),
                               .kind = mem_text(p->bundle.kind),
                               .params = json_incref(json_shared(params)),
                               .launch = launch,
                               .timeout_ms = RUN_MS };
    memcpy(p->run.tenant.text, p->tenant, sizeof p->run.tenant.text);
    buf_reset(&p->log);
    p->guest.come = come;
    p->guest.arg = p;
    dispatcher_visit(p->engine->dispatcher, &p->guest);
}

bool proof_refused(struct proof *p, const struct egress_refusal *what)
{
    return p->slot && slot_refused(p->slot, what);
}

void proof_free(struct proof *p)
{
    if (!p)
        return;
    timer_free(p->later);
    if (p->trial)
        builder_drop(p->engine->builder, p->trial);
    slot_free(p->slot);
    dispatcher_leave(p->engine->dispatcher, &p->guest);
    if (p->bundle.blob_key)
        blob_delete(p->engine->with.blobs, p->bundle.blob_key);
    blob_delete(p->engine->with.blobs, p->source_key);
    bundle_done(&p->bundle);
    job_run_done(&p->run);
    buf_done(&p->log);
    mem_free(p->fault);
    mem_free(p->result);
    mem_free(p->error);
    mem_free(p->stack);
    json_decref(p->files);
    mem_free(p->tenant);
    mem_free(p->source_key);
    mem_free(p);
}
