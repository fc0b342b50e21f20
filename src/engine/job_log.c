/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/job_log.h"

#include "base/bounds.h"
#include "base/log.h"
#include "domain/log_line.h"

struct line {
    struct id job;
    char level[8];
    char *text;
};

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
    line = mem_new(sizeof *line);
    line->job = l->job;
    strncpy(line->level, last ? "warn" : level, sizeof line->level - 1);
    line->text = mem_text(last ? over : text);
    store_submit(l->store, keep, kept, line);
}
