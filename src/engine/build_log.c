/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/build_log.h"

#include "base/bounds.h"
#include "base/log.h"
#include "domain/log_line.h"

struct line {
    struct id deployment;
    const char *phase;
    char stream[8];
    char *text;
};

static int keep(struct db *db, void *arg, struct err *e)
{
    const struct line *line = arg;

    return build_log_add(db, line->deployment.text, line->stream, line->phase, line->text, e);
}

static void kept(void *arg, int r, const struct err *e)
{
    struct line *line = arg;

    if (r < 0)
        log_event(LOG_WARN, "build.log_lost", F_TEXT("deployment", line->deployment.text),
                  F_TEXT("error", e->msg));
    mem_free(line->text);
    mem_free(line);
}

void build_say(struct build_logger *l, const char *stream, const char *text)
{
    static const char over[] = "The log of this build is longer than is kept; the rest is dropped.";

    if (l->said > LIMIT_BUILD_LOG)
        return;
    l->said += strlen(text) + 32; /* a row has a cost of its own */
    bool last = l->said > LIMIT_BUILD_LOG;

    struct line *line = mem_new(sizeof *line);
    line->deployment = l->deployment;
    line->phase = l->phase;
    strncpy(line->stream, last ? "system" : stream, sizeof line->stream - 1);
    line->text = mem_text(last ? over : text);
    store_submit(l->store, keep, kept, line);
}
