/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/build_private.h"

#include "base/bounds.h"
#include "base/log.h"
#include "engine/box.h"
#include "engine/feed.h"
#include "engine/found.h"

#include <stdio.h>
#include <sys/stat.h>

void building_say(struct building *b, const char *stream, const char *format, ...)
{
    scoped(buf_done) struct buf text = { 0 };
    va_list args;

    va_start(args, format);
    buf_vformat(&text, format, args);
    va_end(args);
    scoped(mem_free) char *line = mem_text_most(buf_str(&text), LIMIT_LOG_LINE);
    if (building_is_trial(b))
        b->trial.said(b->trial.arg, stream, line);
    else
        build_say(&b->log, stream, line);
}

struct lookup {
    struct building *b;
    const char *key;
};

static int find_known(struct db *db, void *arg, struct err *e)
{
    const struct lookup *l = arg;

    return bundle_find(db, l->b->build.tenant.text, l->key, &l->b->bundle, e);
}

static void use_known(struct building *b)
{
    building_say(b, "system", "The same content was built before: its result is used");
    building_ready(b, true);
}

/* Goes on to discovery when the layer is there, installs it, or waits for the one who does. */
static void need_layer(struct building *b)
{
    scoped(err_clear) struct err e = { 0 };
    int found = layer_is_kept(b, &e);

    if (found < 0) {
        building_fail_err(b, &e, "look for the installed dependencies");
    } else if (found) {
        building_say(b, "system", "These dependencies are installed already");
        building_step(b, DISCOVER);
    } else if (builder_claim(b->builder, b, CLAIM_LAYER, b->layer)) {
        building_step(b, INSTALL);
    } else {
        building_say(b, "system", "Another build is installing the same dependencies: waiting");
        b->waits_since = building_now(b);
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
        building_fail_err(b, &e, "keep the bundle");
        return;
    }
    b->made = true;
    if (json_object_size(json_object_get(b->prepared, "dependencies")) == 0) {
        building_step(b, DISCOVER);
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

    bundle_done(&b->bundle); /* of a look before */
    scoped(mem_free) char *claim =
        mem_format("%s/%s", b->build.tenant.text, json_text(b->prepared, "content_key"));
    struct lookup lookup = { b, json_text(b->prepared, "content_key") };
    int known = store_read(b->engine->store, find_known, &lookup, &e);

    if (known < 0) {
        building_fail_err(b, &e, "look for the same content");
    } else if (known) {
        use_known(b);
    } else if (builder_claim(b->builder, b, CLAIM_CONTENT, claim)) {
        make_bundle(b);
    } else {
        building_say(b, "system", "Another build is making the same content: waiting");
        b->waits_since = building_now(b);
    }
}

/* Not inside the callback of a box that ends with it. */
static void end_early(void *arg)
{
    struct building *b = arg;

    b->timer = NULL;
    building_step_leave(b);
    use_known(b);
}

void building_key(struct building *b, const char *key)
{
    scoped(err_clear) struct err e = { 0 };
    struct lookup lookup = { b, key };

    /* What cannot be read now is read when the bundle is there. */
    if (!building_is_trial(b) && !b->timer &&
        store_read(b->engine->store, find_known, &lookup, &e) > 0)
        b->timer = loop_timer(b->engine->loop, 0, end_early, b);
}

void building_turn(struct building *b, enum build_claim kind)
{
    b->waited += building_now(b) - b->waits_since;
    if (kind == CLAIM_LAYER)
        need_layer(b);
    else
        need_bundle(b);
}

static void after_prepare(struct building *b)
{
    b->prepared = json_incref(b->report);
    const char *key = json_text(b->prepared, "content_key");
    const char *entry = json_text(b->prepared, "entry");
    const char *kind = json_text(b->prepared, "kind");
    if (!key || strlen(key) != 64 || !entry || !kind) {
        building_fail_ours(b,
                           "the prepared bundle was described without a key, an entry or a kind");
        return;
    }
    if (building_is_trial(b))
        make_bundle(b); /* nothing but its own run will use it */
    else
        need_bundle(b);
}

void building_layer_kept(struct building *b, struct err *e)
{
    if (e) {
        building_fail_err(b, e, "install the dependencies");
        return;
    }
    builder_release(b->builder, b, CLAIM_LAYER);
    building_step(b, DISCOVER);
}

static void after_discover(struct building *b)
{
    scoped(err_clear) struct err e = { 0 };

    if (found_workflows(b->report, &b->bundle.workflows, &e) < 0) {
        building_fail(b, e.msg);
        return;
    }
    size_t i;
    const json_t *workflow;
    json_array_foreach(b->bundle.workflows, i, workflow)
        building_say(b, "system", "Found workflow \"%s\"", json_text(workflow, "name"));
    building_ready(b, false);
}

void building_step_done(struct building *b)
{
    switch (b->step) {
    case PREPARE: after_prepare(b); break;
    case INSTALL: layer_keep(b); break;
    case DISCOVER: after_discover(b); break;
    }
}

/* ---- life ---- */

static void first_step(void *arg)
{
    struct building *b = arg;

    b->timer = NULL;
    building_step(b, PREPARE);
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
    /* Not now: a first step that fails at once must find its place. */
    b->timer = loop_timer(e->loop, 0, first_step, b);
    return b;
}

void building_free(struct building *b)
{
    if (!b)
        return;
    timer_free(b->timer);
    box_free(b->box);
    feed_free(b->input);
    feed_free(b->facts);
    blob_free(b->blob);
    if (b->made)
        blob_delete(b->engine->with.blobs, b->bundle.blob_key);
    build_done(&b->build);
    bundle_done(&b->bundle);
    buf_done(&b->phases);
    json_decref(b->report);
    json_decref(b->prepared);
    mem_free(b->verdict.why);
    mem_free(b->layer);
    layer_abandon(b);
    mem_free(b->staging);
    mem_free(b);
}
