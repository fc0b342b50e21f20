/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/job_log.h"

#include "base/bounds.h"
#include "base/log.h"
#include "domain/log_line.h"

#include <stdatomic.h>

/* The log's and its lines', which the store's writer may still have when the log is done. */
struct job_log_waiting {
    atomic_uint holders;
    atomic_uint lines;
};

struct line {
    struct id job;
    struct job_log_waiting *waiting;
    char level[8];
    char *text;
};

static void let_go(struct job_log_waiting *w)
{
    if (w && atomic_fetch_sub(&w->holders, 1) == 1)
        mem_free(w);
}

static int keep(struct db *db, void *arg, struct err *e)
{
    const struct line *line = arg;

    return job_log_add(db, line->job.text, line->level, line->text, e);
}

static void kept(void *arg, int r, const struct err *e)
{
    struct line *line = arg;

    if (r < 0)
        log_event(LOG_WARN, "job.log_lost", F_TEXT("job", line->job.text), F_TEXT("error", e->msg));
    atomic_fetch_sub(&line->waiting->lines, 1);
    let_go(line->waiting);
    mem_free(line->text);
    mem_free(line);
}

void job_say(struct job_logger *l, const char *level, const char *text)
{
    static const char over[] = "The log of this job is longer than is kept; the rest is dropped";
    size_t n = strlen(text);
    struct line *line;

    if (l->said > LIMIT_JOB_LOG)
        return;
    l->said += n + 64; /* a row has a cost of its own */
    bool last = l->said > LIMIT_JOB_LOG;
    if (!l->waiting) {
        l->waiting = mem_new(sizeof *l->waiting);
        atomic_init(&l->waiting->holders, 1);
    }
    line = mem_new(sizeof *line);
    line->job = l->job;
    line->waiting = l->waiting;
    atomic_fetch_add(&line->waiting->holders, 1);
    atomic_fetch_add(&line->waiting->lines, 1);
    strncpy(line->level, last ? "warn" : level, sizeof line->level - 1);
    line->text = mem_text(last ? over : text);
    store_submit(l->store, keep, kept, line);
}

bool job_log_is_behind(struct job_logger *l)
{
    if (l->said > LIMIT_JOB_LOG)
        return l->rested = !l->rested;
    return l->waiting && atomic_load(&l->waiting->lines) > LIMIT_LOG_WAITING;
}

void job_log_done(struct job_logger *l)
{
    let_go(l->waiting);
    l->waiting = NULL;
}
