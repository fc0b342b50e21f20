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
    struct waiting *next;
};

struct outcomes {
    struct store *store;
    struct loop *loop;
    struct waiting *waiting; /* few: no job begins while nothing can be written */
    struct timer *again;
};

struct finish {
    const char *job;
    const struct job_outcome *outcome;
    int changed;
};

static int finish(struct db *db, void *arg, struct err *e)
{
    struct finish *f = arg;

    f->changed = job_finish(db, f->job, f->outcome, e);
    return f->changed < 0 ? -1 : 0;
}

static int keep(struct outcomes *o, const char *job, const char *workflow,
                const struct job_outcome *outcome, struct err *e)
{
    static const char *const names[] = { "completed", "failed", "cancelled" };
    struct finish f = { job, outcome, 0 };

    if (store_write(o->store, finish, &f, e) < 0)
        return -1;
    if (f.changed)
        log_event(LOG_INFO, "job.ended", F_TEXT("job", job), F_TEXT("workflow", workflow),
                  F_TEXT("status", names[outcome->status]));
    return 0;
}

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
                                       .html_key = own(w, o->html_key) };
    return w;
}

static void waiting_free(struct waiting *w)
{
    for (size_t i = 0; i < w->n_texts; i++)
        mem_free(w->texts[i]);
    mem_free(w);
}

static void keep_waiting(struct outcomes *o)
{
    for (struct waiting **at = &o->waiting, *w; (w = *at);) {
        scoped(err_clear) struct err e = { 0 };
        if (keep(o, w->job, w->workflow, &w->outcome, &e) < 0) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        waiting_free(w);
    }
}

static void on_again(void *arg)
{
    struct outcomes *o = arg;

    keep_waiting(o);
    o->again = o->waiting ? loop_timer(o->loop, AGAIN_MS, on_again, o) : NULL;
}

void outcomes_keep(struct outcomes *o, const struct job_run *run, const struct job_outcome *outcome)
{
    scoped(err_clear) struct err e = { 0 };

    keep_waiting(o); /* one of them may be this job's first */
    if (keep(o, run->id.text, run->workflow, outcome, &e) == 0)
        return;
    log_event(LOG_ERROR, "job.not_settled", F_TEXT("job", run->id.text), F_TEXT("error", e.msg));
    struct waiting **end = &o->waiting;
    while (*end)
        end = &(*end)->next;
    *end = waiting_new(run, outcome);
    if (!o->again)
        o->again = loop_timer(o->loop, AGAIN_MS, on_again, o);
}

struct outcomes *outcomes_new(struct store *store, struct loop *loop)
{
    struct outcomes *o = mem_new(sizeof *o);

    *o = (struct outcomes){ .store = store, .loop = loop };
    return o;
}

void outcomes_free(struct outcomes *o)
{
    if (!o)
        return;
    timer_free(o->again);
    keep_waiting(o);
    while (o->waiting) {
        struct waiting *w = o->waiting;
        o->waiting = w->next;
        waiting_free(w);
    }
    mem_free(o);
}
