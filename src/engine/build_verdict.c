/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/build_private.h"

#include "base/log.h"

enum {
    AGAIN_MS = 5000,
    /* Before a build is tried once more, times the tries so far, squared: 1 s and then 4. What was wrong
     * with the server, a process that died or a registry that was away, is over then as a rule. */
    PAUSE_MS = 1000,
};

static int keep(struct db *db, void *arg, struct err *e)
{
    static const struct stmt RELEASE = { "build.release",
                                         "UPDATE deployment SET build_epoch = NULL WHERE id = $1" };
    const struct building *b = arg;
    const struct verdict *v = &b->verdict;

    if (v->again) {
        db_changed(db, "builds");
        return db_run(db, e, &RELEASE, P_TEXT(b->build.deployment.text)) < 0 ? -1 : 0;
    }
    if (v->why)
        return build_failed(db, &b->build, v->why, e);
    if (!v->known && bundle_add(db, b->build.tenant.text, json_text(b->prepared, "content_key"),
                                &b->bundle, e) < 0)
        return -1;
    return build_ready(db, &b->build, &b->bundle, e);
}

static void say(struct building *b)
{
    const struct verdict *v = &b->verdict;
    msec_t took = building_now(b) - b->started;

    b->log.phase = "result";
    if (!v->again)
        timing_note(&b->engine->timings, BUILD_ALL, took);
    if (v->again)
        building_say(b, "system", "The build will be tried again: %s", v->why);
    else if (v->why)
        building_say(b, "system", "The build failed after %lld ms: %s", (long long)took, v->why);
    else
        building_say(b, "system", "Ready after %lld ms", (long long)took);
}

static void end(struct building *b)
{
    if (!b->verdict.why)
        b->made = false; /* a row names the bundle, or the trial's user has it */
    builder_ended(b->builder, b);
}

/* While the store is out of room the build is not over: without a verdict its row would say
 * `building` until the next start. */
static void settle(void *arg)
{
    struct building *b = arg;
    const struct verdict *v = &b->verdict;
    scoped(err_clear) struct err e = { 0 };

    b->timer = NULL;
    if (store_write(b->engine->store, keep, b, &e) < 0) {
        log_event(LOG_ERROR, "build.not_settled", F_TEXT("deployment", b->build.deployment.text),
                  F_TEXT("error", e.msg));
        if (e.code == ERR_UNAVAILABLE || e.code == ERR_IO) {
            b->made = b->made && e.code != ERR_IO; /* then a row may name the bundle after all */
            b->timer = loop_timer(b->engine->loop, AGAIN_MS, settle, b);
            return;
        }
        if (!v->why) { /* `ready` could not be kept: then its failure may be */
            building_fail_err(b, &e, "keep the result of the build");
            return;
        }
    }
    log_event(LOG_INFO, "build.ended", F_TEXT("deployment", b->build.deployment.text),
              F_TEXT("status", v->again ? "again"
                               : v->why ? "failed"
                                        : "ready"),
              F_INT("took_ms", building_now(b) - b->started), F_TEXT("error", v->why));
    end(b);
}

/* Takes the verdict. */
static void decide(struct building *b, const struct verdict *v)
{
    mem_free(b->verdict.why);
    b->verdict = *v;
    if (building_is_trial(b)) {
        b->trial.done(b->trial.arg, v->why ? NULL : &b->bundle, v->why, v->ours);
        end(b);
        return;
    }
    say(b);
    if (v->again)
        b->timer = loop_timer(b->engine->loop, (msec_t)PAUSE_MS * b->build.tries * b->build.tries,
                              settle, b);
    else
        settle(b);
}

void building_ready(struct building *b, bool known)
{
    decide(b, &(struct verdict){ .known = known });
}

void building_fail(struct building *b, const char *why)
{
    decide(b, &(struct verdict){ .why = mem_text(why) });
}

void building_fail_ours(struct building *b, const char *why)
{
    log_event(LOG_ERROR, "build.server_fault", F_TEXT("deployment", b->build.deployment.text),
              F_TEXT("step", step_names[b->step]), F_TEXT("error", why));
    if (building_is_trial(b)) {
        decide(b, &(struct verdict){ .why = mem_text(why), .ours = true });
        return;
    }
    if (b->build.tries < BUILD_TRIES) {
        decide(b, &(struct verdict){ .why = mem_text(why), .again = true });
        return;
    }
    scoped(mem_free) char *text =
        mem_format("%s\nThis is a fault of the server, not of the uploaded code. It was tried %d "
                   "times; its operator finds the reason with `impresario doctor` and in its log.",
                   why, b->build.tries);
    building_fail(b, text);
}

void building_fail_err(struct building *b, struct err *e, const char *doing)
{
    err_wrap(e, "%s", doing);
    if (e->code == ERR_INPUT)
        building_fail(b, e->msg);
    else
        building_fail_ours(b, e->msg);
}
