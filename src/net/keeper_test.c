/* SPDX-License-Identifier: Apache-2.0 */
#include "net/keeper.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { LEAST = 20000 };

/* A keeper whose time stands still, and one connection. */
struct world {
    struct clock_fake clock;
    struct keeper *keeper;
    struct kept kept;
    int peer;
};

static int open_world(void **state)
{
    struct world *w = mem_new(sizeof *w);
    scoped(err_clear) struct err e = { 0 };
    int ends[2];

    clock_fake_init(&w->clock, 1800000000000);
    assert_int_equal(keeper_start(&w->clock.clock, LEAST, &w->keeper, &e), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    w->kept.fd = ends[0];
    w->peer = ends[1];
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    keeper_remove(w->keeper, &w->kept);
    keeper_stop(w->keeper);
    close(w->kept.fd);
    close(w->peer);
    mem_free(w);
    return 0;
}

static msec_t now(struct world *w)
{
    return clock_steady(&w->clock.clock);
}

static void due_in(struct world *w, msec_t after, bool tell)
{
    kept_due(&w->kept, now(w) + after, tell);
    keeper_add(w->keeper, &w->kept);
}

/* What the peer has been sent: "open" while the connection stands and is silent. */
static const char *heard(struct world *w, char text[static 256])
{
    ssize_t n = recv(w->peer, text, 255, MSG_DONTWAIT);

    snprintf(text + (n > 0 ? n : 0), 8, "%s", n < 0 ? "open" : "");
    return text;
}

static void a_connection_stands_until_it_is_due(void **state)
{
    struct world *w = *state;
    char text[256];

    due_in(w, LEAST, true);
    clock_fake_advance(&w->clock, LEAST - 1);
    assert_int_equal(keeper_close_late(w->keeper), now(w) + 1);
    assert_string_equal(heard(w, text), "open");
    assert_int_equal(keeper_cut(w->keeper), 0);
}

static void who_is_late_with_a_request_is_told(void **state)
{
    struct world *w = *state;
    char text[256];

    due_in(w, LEAST, true);
    clock_fake_advance(&w->clock, LEAST);
    (void)keeper_close_late(w->keeper);
    (void)heard(w, text);
    const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "content-length: ");
    assert_int_equal(strncmp(text, "HTTP/1.1 408 ", 13), 0);
    assert_true(end && length);
    assert_int_equal(strtoul(length + 16, NULL, 10), strlen(end + 4));
    assert_string_equal(heard(w, text), "");
    assert_int_equal(keeper_cut(w->keeper), 1);
}

static void who_is_silent_between_requests_is_told_nothing(void **state)
{
    struct world *w = *state;
    char text[256];

    due_in(w, LEAST, false);
    clock_fake_advance(&w->clock, LEAST);
    (void)keeper_close_late(w->keeper);
    assert_string_equal(heard(w, text), "");
}

static void bytes_alone_win_no_time(void **state)
{
    struct world *w = *state;
    char text[256];

    due_in(w, LEAST, true);
    for (int i = 0; i < LEAST / 1000; i++) {
        assert_string_equal(heard(w, text), "open");
        assert_int_equal(send(w->peer, "x", 1, MSG_NOSIGNAL), 1);
        clock_fake_advance(&w->clock, 1000);
        (void)keeper_close_late(w->keeper);
    }
    assert_non_null(strstr(heard(w, text), " 408 "));
}

static void a_later_deadline_counts(void **state)
{
    struct world *w = *state;
    char text[256];

    due_in(w, LEAST, true);
    clock_fake_advance(&w->clock, LEAST - 1);
    kept_due(&w->kept, now(w) + LEAST, true);
    clock_fake_advance(&w->clock, LEAST - 1);
    (void)keeper_close_late(w->keeper);
    assert_string_equal(heard(w, text), "open");
    kept_due(&w->kept, KEPT_FOREVER, false);
    clock_fake_advance(&w->clock, 1000000);
    (void)keeper_close_late(w->keeper);
    assert_string_equal(heard(w, text), "open");
}

#define TOLD(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest promises[] = {
        TOLD(a_connection_stands_until_it_is_due),
        TOLD(who_is_late_with_a_request_is_told),
        TOLD(who_is_silent_between_requests_is_told_nothing),
        TOLD(bytes_alone_win_no_time),
        TOLD(a_later_deadline_counts),
    };
    return cmocka_run_group_tests_name("keeper", promises, NULL, NULL);
}
