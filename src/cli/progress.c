/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include "cli/text.h"

#include <sys/ioctl.h>

enum {
    PHASE_COLUMNS = 10,
    BAR_COLUMNS = 24,
    REDRAW_MS = 100, /* no eye sees more, and a slow line should not carry it */
};

struct progress {
    struct stream to;
    const struct clock *clock;
    char *phase; /* NULL: none is under way */
    char *detail;
    msec_t began, drawn;
    unsigned turn;
    bool line_up; /* the live line is on the screen */
};

struct progress *progress_new(const struct stream *to, const struct clock *clock)
{
    struct progress *p = mem_new(sizeof *p);

    p->to = *to;
    p->clock = clock;
    return p;
}

static void wipe(struct progress *p)
{
    if (p->line_up)
        (void)fputs("\r\033[K", p->to.file);
    p->line_up = false;
}

void progress_free(struct progress *p)
{
    if (!p)
        return;
    wipe(p);
    (void)fflush(p->to.file);
    mem_free(p->phase);
    mem_free(p->detail);
    mem_free(p);
}

static size_t columns_of(const struct stream *to)
{
    struct winsize size = { 0 };

    return ioctl(fileno(to->file), TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

static const char *spinner(const struct progress *p)
{
    static const char *const dots[] = { "⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏" };
    static const char *const plain[] = { "-", "\\", "|", "/" };

    return p->to.unicode ? dots[p->turn % n_items(dots)] : plain[p->turn % n_items(plain)];
}

static void draw(struct progress *p)
{
    msec_t now = clock_steady(p->clock);
    scoped(mem_free) char *spent = text_duration(now - p->began);
    scoped(mem_free) char *line =
        mem_format("%-*s %s%s%s", PHASE_COLUMNS, p->phase, p->detail ? p->detail : "",
                   p->detail ? "  " : "", now - p->began >= 1000 ? spent : "");

    (void)fprintf(p->to.file, "\r\033[K%s%s%s %.*s", style_on(&p->to, STYLE_YELLOW), spinner(p),
                  style_off(&p->to, STYLE_YELLOW), (int)text_fit(line, columns_of(&p->to) - 3),
                  line);
    (void)fflush(p->to.file);
    p->line_up = true;
    p->drawn = now;
    p->turn++;
}

void progress_begin(struct progress *p, const char *phase)
{
    if (p->phase)
        progress_end(p, NULL);
    p->phase = text_one_line(phase);
    p->began = clock_steady(p->clock);
    if (p->to.terminal)
        draw(p);
}

void progress_tick(struct progress *p)
{
    if (p->to.terminal && p->phase && clock_steady(p->clock) - p->drawn >= REDRAW_MS)
        draw(p);
}

void progress_detail(struct progress *p, const char *detail)
{
    mem_free(p->detail);
    p->detail = text_one_line(detail);
    progress_tick(p);
}

void progress_share(struct progress *p, uint64_t done, uint64_t all)
{
    scoped(mem_free) char *part = text_bytes(done);
    scoped(mem_free) char *whole = text_bytes(all);
    scoped(buf_done) struct buf bar = { 0 };
    uint64_t full = all ? done * BAR_COLUMNS / all : BAR_COLUMNS;

    for (unsigned i = 0; i < BAR_COLUMNS; i++) {
        if (p->to.unicode)
            buf_text(&bar, i < full ? "━" : "╌");
        else
            buf_text(&bar, i < full ? "#" : ".");
    }
    buf_format(&bar, " %s of %s", part, whole);
    progress_detail(p, buf_str(&bar));
}

static void end(struct progress *p, bool good, const char *facts)
{
    enum style style = good ? STYLE_GREEN : STYLE_RED;
    scoped(mem_free) char *text = text_one_line(facts ? facts : "");
    scoped(mem_free) char *spent = text_duration(clock_steady(p->clock) - p->began);

    if (!p->phase)
        return;
    wipe(p);
    if (!p->to.terminal && *text)
        (void)fprintf(p->to.file, "%s%s%s%s\n", p->phase, good ? "" : " failed", *text ? ": " : "",
                      text);
    if (p->to.terminal)
        (void)fprintf(p->to.file, "%s%s%s %-*s %s%s%s%s%s\n", style_on(&p->to, style),
                      good            ? p->to.unicode ? "✓" : "+"
                      : p->to.unicode ? "✗"
                                      : "x",
                      style_off(&p->to, style), PHASE_COLUMNS, p->phase, text, *text ? "  " : "",
                      style_on(&p->to, STYLE_DIM), spent, style_off(&p->to, STYLE_DIM));
    (void)fflush(p->to.file);
    mem_free(take(p->phase));
    mem_free(take(p->detail));
}

void progress_end(struct progress *p, const char *facts)
{
    end(p, true, facts);
}

void progress_fail(struct progress *p, const char *facts)
{
    end(p, false, facts);
}

void progress_log(struct progress *p, enum style style, const char *line)
{
    scoped(mem_free) char *text = text_safe(line);

    wipe(p);
    (void)fprintf(p->to.file, "%s%s%s%s\n", p->to.terminal ? "  " : "", style_on(&p->to, style),
                  text, style_off(&p->to, style));
    (void)fflush(p->to.file);
    if (p->to.terminal && p->phase)
        draw(p);
}
