/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/buf.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { LINES = 1000, ROOM = 2 * PIPE_BUF, LONG = 3 * PIPE_BUF };

struct reader {
    int real; /* stderr, as it was */
    int end;
};

/* Stderr leads to a pipe that holds two pages, and that nobody reads. */
static int setup(void **state)
{
    static struct reader r;
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, ROOM), ROOM);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    r = (struct reader){ .real = dup(STDERR_FILENO), .end = ends[0] };
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    close(ends[1]);
    log_patience(0);
    *state = &r;
    return 0;
}

static int teardown(void **state)
{
    struct reader *r = *state;

    assert_int_equal(dup2(r->real, STDERR_FILENO), STDERR_FILENO);
    close(r->real);
    close(r->end);
    return 0;
}

static void read_all(struct reader *r, struct buf *out)
{
    char part[PIPE_BUF];
    ssize_t n;

    buf_reset(out);
    while ((n = read(r->end, part, sizeof part)) > 0)
        buf_add(out, part, (size_t)n);
}

static int count_lines(struct buf *text)
{
    int n = 0;

    for (const char *at = buf_str(text); (at = strchr(at, '\n')); at++)
        n++;
    return n;
}

static void a_reader_that_stops_stops_nobody_and_hears_what_it_lost(void **state)
{
    struct reader *r = *state;
    scoped(buf_done) struct buf text = { 0 };

    for (int i = 0; i < LINES; i++)
        log_event(LOG_INFO, "test.line", F_INT("i", i));
    read_all(r, &text);
    int kept = count_lines(&text);
    assert_in_range(kept, 1, LINES - 1);
    assert_int_equal(text.data[text.n - 1], '\n');

    log_event(LOG_INFO, "test.after");
    read_all(r, &text);
    scoped(mem_free) char *lost =
        mem_format("\"event\":\"log.lost\",\"lines\":%d}\n", LINES - kept);
    assert_non_null(strstr(buf_str(&text), lost));
    assert_non_null(strstr(strstr(buf_str(&text), lost), "\"event\":\"test.after\""));
    assert_int_equal(count_lines(&text), 2);
}

static void a_line_that_was_cut_off_ends_before_the_next(void **state)
{
    struct reader *r = *state;
    scoped(buf_done) struct buf text = { 0 };
    char words[LONG + 1];

    memset(words, 'x', LONG);
    words[LONG] = '\0';
    log_event(LOG_INFO, "test.long", F_TEXT("words", words));
    read_all(r, &text);
    assert_int_equal(count_lines(&text), 0);

    log_event(LOG_INFO, "test.after");
    read_all(r, &text);
    assert_int_equal(text.data[0], '\n');
    assert_int_equal(count_lines(&text), 3);
    assert_non_null(strstr(buf_str(&text), "\"lines\":1}"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_reader_that_stops_stops_nobody_and_hears_what_it_lost),
        TEST(a_line_that_was_cut_off_ends_before_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
