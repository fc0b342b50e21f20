/* SPDX-License-Identifier: Apache-2.0
 *
 * The sweeper: once an hour it deletes what has outlived its retention, in small parts, so that no
 * other write waits long.
 */
#include "base/log.h"
#include "domain/log_line.h"
#include "domain/repeat.h"
#include "engine/engine_private.h"

enum {
    FIRST_MS = 60 * 1000,
    EVERY_MS = 60 * 60 * 1000,
    PART = 5000,                  /* rows in one transaction */
    DAY_MS = 24 * 60 * 60 * 1000, /* an Idempotency-Key is remembered for a day */
};

struct sweeper {
    struct engine *engine;
    struct timer *timer;
};

struct part {
    msec_t now;
    int64_t log_days;
    int deleted;
};

static int sweep_part(struct db *db, void *arg, struct err *e)
{
    struct part *p = arg;

    p->deleted = job_log_expire(db, p->now - p->log_days * DAY_MS, PART, e);
    return p->deleted < 0 || repeat_expire(db, p->now - DAY_MS, e) < 0 ? -1 : 0;
}

static void sweep(void *arg)
{
    struct sweeper *s = arg;
    struct engine *engine = s->engine;
    scoped(err_clear) struct err e = { 0 };
    struct part p = { store_now(engine->store), engine->settings->retention_log_days, 0 };

    if (store_write(engine->store, sweep_part, &p, &e) < 0)
        log_event(LOG_WARN, "sweep.failed", F_TEXT("error", e.msg));
    s->timer = loop_timer(engine->loop, p.deleted == PART ? 1 : EVERY_MS, sweep, s);
}

struct sweeper *sweeper_new(struct engine *e)
{
    struct sweeper *s = mem_new(sizeof *s);

    s->engine = e;
    s->timer = loop_timer(e->loop, FIRST_MS, sweep, s);
    return s;
}

void sweeper_free(struct sweeper *s)
{
    if (!s)
        return;
    timer_free(s->timer);
    mem_free(s);
}
