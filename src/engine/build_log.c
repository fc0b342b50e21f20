/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/build_log.h"

#include "base/bounds.h"
#include "base/buf.h"
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

void build_say(struct build_logger *l, const char *stream, const char *format, ...)
{
    static const char over[] = "The log of this build is longer than is kept; the rest is dropped.";
    scoped(buf_done) struct buf text = { 0 };
    va_list args;

    if (l->said > LIMIT_BUILD_LOG)
        return;
    va_start(args, format);
    buf_vformat(&text, format, args);
    va_end(args);
    l->said += text.n + 32; /* a row has a cost of its own */

    struct line *line = mem_new(sizeof *line);
    line->deployment = l->deployment;
    line->phase = l->phase;
    strncpy(line->stream, l->said > LIMIT_BUILD_LOG ? "system" : stream, sizeof line->stream - 1);
    line->text = l->said > LIMIT_BUILD_LOG ? mem_text(over) : buf_take(&text);
    store_submit(l->store, keep, kept, line);
}
