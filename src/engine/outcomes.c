/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/outcomes.h"

#include "base/log.h"

enum { AGAIN_MS = 5000 };

enum { TEXTS = 7 };

struct waiting {
    const char *job, *workflow;
    struct job_outcome outcome;
    char *texts[TEXTS]; /* what the above point to */
    size_t n_texts;
    bool tried;  /* in vain, and the log says so */
    int changed; /* as job_finish() says */
    msec_t since;
    struct waiting *next;
};

struct outcomes {
    struct store *store;
    struct loop *loop;
    struct waiting *waiting; /* few: no job begins while nothing can be written */
    struct timer *next;
    struct timings *timings;
};

static const char *own(struct waiting *w, const char *text)
{
    return w->texts[w->n_texts++] = mem_text(text);
}

static struct waiting *waiting_new(const struct job_run *run, const struct job_outcome *o)
{
    struct waiting *w = mem_new(sizeof *w);

    w->job = own(w, run->id.text);
    w->workflow = own(w, run->workflow);
    w->outcome = (struct job_outcome){ .status = o->status,
                                       .result = own(w, o->result),
                                       .error = own(w, o->error),
                                       .mapped_stack = own(w, o->mapped_stack),
                                       .screenshot_key = own(w, o->screenshot_key),
                                       .html_key = own(w, o->html_key),
                                       .ours = o->ours };
    return w;
}

static void waiting_free(struct waiting *w)
{
    for (size_t i = 0; i < w->n_texts; i++)
        mem_free(w->texts[i]);
    mem_free(w);
}

/* ---- keeping ---- */

static msec_t now(const struct outcomes *o)
{
    return clock_steady(store_env(o->store)->clock);
}

static int finish(struct db *db, void *arg, struct err *e)
{
    struct waiting *w = arg;

    w->changed = job_finish(db, w->job, &w->outcome, e);
    return w->changed < 0 ? -1 : 0;
}

static void say(const struct outcomes *o, struct waiting *w, int r, const struct err *e)
{
    static const char *const names[] = { "completed", "failed", "cancelled" };

    if (r < 0 && !w->tried)
        log_event(LOG_ERROR, "job.not_settled", F_TEXT("job", w->job), F_TEXT("error", e->msg));
    if (r == 0 && w->changed == JOB_AGAIN)
        log_event(LOG_WARN, "job.again", F_TEXT("job", w->job), F_TEXT("workflow", w->workflow),
                  F_TEXT("why", w->outcome.error));
    else if (r == 0)
        timing_note(o->timings, JOB_SETTLE, now(o) - w->since);
    if (r == 0 && w->changed == JOB_SETTLED)
        log_event(LOG_INFO, "job.ended", F_TEXT("job", w->job), F_TEXT("workflow", w->workflow),
                  F_TEXT("status", names[w->outcome.status]));
    w->tried = true;
}

/* All that wait, in one commit, each by itself: one that cannot be kept does not keep others back. */
static void keep_all(struct outcomes *o)
{
    size_t n = 0;

    for (const struct waiting *w = o->waiting; w; w = w->next)
        n++;
    if (n == 0)
        return;
    scoped(mem_free) struct store_part *parts = mem_new_array(n, sizeof *parts);
    scoped(mem_free) struct err *errs = mem_new_array(n, sizeof *errs);
    size_t i = 0;
    for (struct waiting *w = o->waiting; w; w = w->next, i++)
        parts[i] = (struct store_part){ finish, w, &errs[i], 0 };
    store_write_all(o->store, parts, n);
    i = 0;
    for (struct waiting **at = &o->waiting, *w; (w = *at); i++) {
        say(o, w, parts[i].r, &errs[i]);
        err_clear(&errs[i]);
        if (parts[i].r < 0) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        waiting_free(w);
    }
}

static void on_next(void *arg)
{
    struct outcomes *o = arg;

    o->next = NULL;
    keep_all(o);
    if (o->waiting)
        o->next = loop_timer(o->loop, AGAIN_MS, on_next, o);
}

void outcomes_keep(struct outcomes *o, const struct job_run *run, const struct job_outcome *outcome)
{
    struct waiting **end = &o->waiting;

    while (*end)
        end = &(*end)->next;
    *end = waiting_new(run, outcome);
    (*end)->since = now(o);
    timer_free(o->next);
    o->next = loop_timer(o->loop, 0, on_next, o);
}

struct outcomes *outcomes_new(struct store *store, struct loop *loop, struct timings *timings)
{
    struct outcomes *o = mem_new(sizeof *o);

    *o = (struct outcomes){ .store = store, .loop = loop, .timings = timings };
    return o;
}

void outcomes_free(struct outcomes *o)
{
    if (!o)
        return;
    timer_free(o->next);
    keep_all(o);
    while (o->waiting) {
        struct waiting *w = o->waiting;
        o->waiting = w->next;
        waiting_free(w);
    }
    mem_free(o);
}
