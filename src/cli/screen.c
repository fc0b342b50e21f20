/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/screen.h"

#include "base/mem.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

static struct stream stream_standard(FILE *file, int fd, bool unicode)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    bool terminal = isatty(fd) == 1;
    bool able = term && strcmp(term, "dumb") != 0;

    return (struct stream){
        .file = file,
        .terminal = terminal && able,
        .colour = terminal && able && !(no_colour && *no_colour),
        .unicode = unicode,
    };
}

struct screen screen_standard(void)
{
    (void)setlocale(LC_CTYPE, "");
    bool unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (!unicode)
        (void)setlocale(LC_CTYPE, "C.UTF-8"); /* what servers send is UTF-8 in any case */
    return (struct screen){ stream_standard(stdout, STDOUT_FILENO, unicode),
                            stream_standard(stderr, STDERR_FILENO, unicode) };
}

const char *style_on(const struct stream *s, enum style style)
{
    static const char *const codes[] = {
        [STYLE_PLAIN] = "",       [STYLE_BOLD] = "\033[1m",   [STYLE_DIM] = "\033[2m",
        [STYLE_RED] = "\033[31m", [STYLE_GREEN] = "\033[32m", [STYLE_YELLOW] = "\033[33m",
    };
    return s->colour ? codes[style] : "";
}

const char *style_off(const struct stream *s, enum style style)
{
    return s->colour && style != STYLE_PLAIN ? "\033[0m" : "";
}

enum style style_of_status(const char *status)
{
    static const struct {
        const char *status;
        enum style style;
    } styles[] = {
        { "ready", STYLE_GREEN },     { "completed", STYLE_GREEN },
        { "failed", STYLE_RED },      { "cancelled", STYLE_RED },
        { "building", STYLE_YELLOW }, { "queued", STYLE_YELLOW },
        { "running", STYLE_YELLOW },  { "starting_browser", STYLE_YELLOW },
        { "error", STYLE_RED },       { "warn", STYLE_YELLOW },
        { "info", STYLE_DIM },
    };

    for (size_t i = 0; i < n_items(styles); i++) {
        if (strcmp(styles[i].status, status) == 0)
            return styles[i].style;
    }
    return STYLE_PLAIN;
}
