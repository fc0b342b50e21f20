/* SPDX-License-Identifier: Apache-2.0
 *
 * The sweeper: at the start and once an hour it removes what is no longer needed (sweep.h). Rows go in
 * small parts, so that no other write waits long; files go on a thread of their own.
 */
#include "base/log.h"
#include "base/pool.h"
#include "engine/engine_private.h"
#include "engine/sweep.h"

enum {
    FIRST_MS = 1000, /* others come first */
    EVERY_MS = 60 * 60 * 1000,
};

struct sweeper {
    struct engine *engine;
    struct sweep sweep;
    struct timer *timer;
    struct pool *pool;
};

static void sweep_disk(void *arg)
{
    const struct sweeper *s = arg;
    scoped(err_clear) struct err e = { 0 };
    int n = 0;

    if (sweep_files(&s->sweep, &n, &e) < 0)
        log_event(LOG_WARN, "sweep.failed", F_TEXT("error", e.msg));
    else
        log_event(LOG_INFO, "sweep.done", F_INT("blobs", n));
}

static void on_layer_gone(void *arg, const char *digest)
{
    struct sweeper *s = arg;

    dispatcher_forget(s->engine->dispatcher, digest);
    builder_forget(s->engine->builder, digest);
    log_event(LOG_INFO, "sweep.layer", F_TEXT("layer", digest));
}

static void sweep(void *arg)
{
    struct sweeper *s = arg;
    scoped(err_clear) struct err e = { 0 };
    int more = sweep_rows(&s->sweep, &e);

    if (more < 0 || (!more && sweep_layers(&s->sweep, on_layer_gone, s, &e) < 0))
        log_event(LOG_WARN, "sweep.failed", F_TEXT("error", e.msg));
    else if (!more)
        pool_run(s->pool, sweep_disk, s);
    s->timer = loop_timer(s->engine->loop, more > 0 ? 1 : EVERY_MS, sweep, s);
}

struct sweeper *sweeper_new(struct engine *e)
{
    struct sweeper *s = mem_new(sizeof *s);

    s->engine = e;
    s->sweep = (struct sweep){ .store = e->store,
                               .blobs = e->with.blobs,
                               .data = e->settings->data,
                               .keep = { .log_days = e->settings->retention_log_days,
                                         .artifact_days = e->settings->retention_artifact_days,
                                         .code_days = e->settings->retention_code_days } };
    s->pool = pool_new(1);
    s->timer = loop_timer(e->loop, FIRST_MS, sweep, s);
    return s;
}

void sweeper_free(struct sweeper *s)
{
    if (!s)
        return;
    timer_free(s->timer);
    pool_free(s->pool);
    mem_free(s);
}
