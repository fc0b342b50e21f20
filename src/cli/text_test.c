/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"
#include "cli/table.h"
#include "cli/text.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_gives(char *text, const char *wanted)
{
    assert_string_equal(text, wanted);
    mem_free(text);
}

static void foreign_text_cannot_steer_a_terminal(void **state)
{
    /* U+202E, which would turn the reading direction of this source as well */
    const char turned[] = { 'a', (char)0xe2, (char)0x80, (char)0xae, 'b', '\0' };

    (void)state;
    assert_gives(text_safe("plain\n\ttext"), "plain\n\ttext");
    assert_gives(text_safe("\033[31mred\033[0m"), "red");
    assert_gives(text_safe("\033]0;title\a"), "\\x1b]0;title\\x07");
    assert_gives(text_safe("\033[2J"), "\\x1b[2J");
    assert_gives(text_safe("over\rwritten\r\n"), "over\\x0dwritten\n");
    assert_gives(text_safe("\302\233[31m"), "\\x9b[31m");
    assert_gives(text_safe(turned), "a\\u202eb");
    assert_gives(text_safe("bad \xff end \xc3"), "bad \\xff end \\xc3");
    assert_gives(text_safe("Größe ✓ 日本"), "Größe ✓ 日本");
    assert_gives(text_one_line("two\nlines\tand"), "two lines and");
}

static void widths_are_columns(void **state)
{
    (void)state;
    assert_int_equal(text_width("abc"), 3);
    assert_int_equal(text_width("Größe"), 5);
    assert_int_equal(text_width("日本"), 4);
    assert_int_equal(text_fit("abc", 2), 2);
    assert_int_equal(text_fit("日本", 3), 3);
    assert_int_equal(text_fit("abc", 10), 3);
}

static void words_have_distances(void **state)
{
    (void)state;
    assert_int_equal(text_distance("jobs", "jobs"), 0);
    assert_int_equal(text_distance("jobs", "job"), 1);
    assert_int_equal(text_distance("deploy", "dpeloy"), 2);
    assert_int_equal(text_distance("", "abc"), 3);
    assert_int_equal(text_distance("abc", ""), 3);
}

static void sizes_and_times_are_read_at_a_glance(void **state)
{
    const msec_t now = 1769850300000; /* 2026-01-31T09:05:00Z */
    msec_t t = 0;

    (void)state;
    assert_gives(text_bytes(0), "0 B");
    assert_gives(text_bytes(999), "999 B");
    assert_gives(text_bytes(1400), "1.4 kB");
    assert_gives(text_bytes(413000), "413 kB");
    assert_gives(text_bytes(999700), "1.0 MB");
    assert_gives(text_bytes(5000000000), "5.0 GB");
    assert_gives(text_duration(42), "0.0 s");
    assert_gives(text_duration(9949), "9.9 s");
    assert_gives(text_duration(59999), "59 s");
    assert_gives(text_duration(185000), "3 min 5 s");
    assert_gives(text_duration(7800000), "2 h 10 min");
    assert_gives(text_ago(now, now + 5000), "just now");
    assert_gives(text_ago(now, now - 59000), "59 s ago");
    assert_gives(text_ago(now, now - 61000), "1 min ago");
    assert_gives(text_ago(now, now - 7200000), "2 h ago");
    assert_gives(text_ago(now, now - 86400000), "1 day ago");
    assert_gives(text_ago(now, now - 29 * 86400000LL), "29 days ago");
    assert_gives(text_ago(now, now - 31 * 86400000LL), "2025-12-31");
    assert_gives(text_moment(now, now), "09:05:00");
    assert_gives(text_moment(now, now - 86400000), "2026-01-30 09:05:00");
    assert_true(text_parse_time("2026-01-31T09:05:00.250Z", &t));
    assert_int_equal(t, now + 250);
    assert_false(text_parse_time("2026-01-31T09:05:00Z", &t));
    assert_false(text_parse_time("2026-01-31", &t));
    assert_false(text_parse_time("2026-01-31T09:05:00.250+01", &t));
}

/* A stream that is kept in memory. */
struct kept {
    struct stream stream;
    char *text;
    size_t n;
};

static void keep(struct kept *k, bool terminal, bool colour, bool unicode)
{
    *k = (struct kept){ 0 };
    k->stream = (struct stream){ open_memstream(&k->text, &k->n), terminal, colour, unicode };
}

static void assert_kept(struct kept *k, const char *wanted)
{
    assert_int_equal(fclose(k->stream.file), 0);
    assert_string_equal(k->text, wanted);
    free(k->text);
}

static void columns_are_aligned(void **state)
{
    static const char *const headings[] = { "NAME", "STATUS", "NOTE", NULL };
    scoped(table_free) struct table *t = table_new(headings);
    struct kept plain, coloured;

    (void)state;
    table_cell(t, STYLE_PLAIN, "Größe");
    table_cell(t, STYLE_GREEN, "ready");
    table_cell(t, STYLE_PLAIN, "two\nlines");
    table_cell(t, STYLE_PLAIN, "日本語");
    table_cell(t, STYLE_RED, NULL);
    table_cell(t, STYLE_PLAIN, "");
    keep(&plain, false, false, true);
    table_print(t, &plain.stream);
    assert_kept(&plain, "NAME    STATUS  NOTE\n"
                        "Größe   ready   two lines\n"
                        "日本語  -       \n");
    keep(&coloured, true, true, true);
    table_print(t, &coloured.stream);
    assert_kept(&coloured, "\033[2mNAME\033[0m    \033[2mSTATUS\033[0m  \033[2mNOTE\033[0m\n"
                           "Größe   \033[32mready\033[0m   two lines\n"
                           "日本語  \033[31m-\033[0m       \n");
}

static void pairs_without_a_value_are_left_out(void **state)
{
    scoped(table_free) struct table *t = table_new(NULL);
    struct kept k;

    (void)state;
    table_pair(t, "Job", STYLE_PLAIN, "1");
    table_pair(t, "Queue", STYLE_PLAIN, NULL);
    table_pair(t, "Workflow", STYLE_PLAIN, "orders");
    keep(&k, false, false, false);
    table_print(t, &k.stream);
    assert_kept(&k, "Job       1\n"
                    "Workflow  orders\n");
}

static void in_a_pipe_progress_is_lines(void **state)
{
    struct clock_fake clock;
    struct kept k;

    (void)state;
    clock_fake_init(&clock, 0);
    keep(&k, false, false, true);
    struct progress *p = progress_new(&k.stream, &clock.clock);
    progress_begin(p, "pack");
    progress_detail(p, "halfway");
    progress_end(p, "2 files");
    progress_begin(p, "upload");
    progress_share(p, 1, 2);
    progress_begin(p, "install");
    progress_log(p, STYLE_DIM, "added 3 packages");
    progress_fail(p, "");
    progress_begin(p, "find");
    progress_fail(p, "none");
    progress_free(p);
    assert_kept(&k, "pack: 2 files\n"
                    "added 3 packages\n"
                    "find failed: none\n");
}

static void on_a_terminal_progress_moves_on_one_line(void **state)
{
    struct clock_fake clock;
    struct kept k;

    (void)state;
    clock_fake_init(&clock, 0);
    keep(&k, true, false, true);
    struct progress *p = progress_new(&k.stream, &clock.clock);
    progress_begin(p, "upload");
    progress_share(p, 1, 2); /* too soon to draw again */
    clock_fake_advance(&clock, 2000);
    progress_share(p, 500, 1000);
    progress_log(p, STYLE_PLAIN, "a line");
    progress_end(p, "1.0 kB");
    progress_free(p);
    assert_kept(&k, "\r\033[K⠋ upload     "
                    "\r\033[K⠙ upload     ━━━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌ 500 B of 1.0 kB  2.0 s"
                    "\r\033[K  a line\n"
                    "\r\033[K⠹ upload     ━━━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌ 500 B of 1.0 kB  2.0 s"
                    "\r\033[K✓ upload     1.0 kB  2.0 s\n");
}

static void without_unicode_progress_is_ascii(void **state)
{
    struct clock_fake clock;
    struct kept k;

    (void)state;
    clock_fake_init(&clock, 0);
    keep(&k, true, true, false);
    struct progress *p = progress_new(&k.stream, &clock.clock);
    progress_begin(p, "build");
    progress_fail(p, "no");
    progress_free(p);
    assert_kept(&k, "\r\033[K\033[33m-\033[0m build      "
                    "\r\033[K\033[31mx\033[0m build      no  \033[2m0.0 s\033[0m\n");
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(foreign_text_cannot_steer_a_terminal),
        cmocka_unit_test(widths_are_columns),
        cmocka_unit_test(words_have_distances),
        cmocka_unit_test(sizes_and_times_are_read_at_a_glance),
        cmocka_unit_test(columns_are_aligned),
        cmocka_unit_test(pairs_without_a_value_are_left_out),
        cmocka_unit_test(in_a_pipe_progress_is_lines),
        cmocka_unit_test(on_a_terminal_progress_moves_on_one_line),
        cmocka_unit_test(without_unicode_progress_is_ascii),
    };

    setenv("TZ", "UTC", 1);
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests_name("text", promises, NULL, NULL);
}
