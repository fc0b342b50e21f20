/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/watchdog.h"

#include "base/mem.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { MIB = 1024 * 1024, CHILDREN = 3, EACH = 32 };

struct world {
    pid_t first;
    int up, end; /* a byte from each that is ready; all end when this is closed */
};

static void *touch(void)
{
    char *memory =
        mmap(NULL, (size_t)EACH * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        _exit(1);
    memset(memory, 1, (size_t)EACH * MIB);
    return memory;
}

static _Noreturn void say_and_wait(int up, int end)
{
    char byte = 0;

    (void)!write(up, &byte, 1);
    (void)!read(end, &byte, 1);
    _exit(0);
}

/* Each has its own, or all have what the first had before it made them. */
static _Noreturn void be_first(bool shares, int up, int end)
{
    if (shares)
        (void)touch();
    for (int i = 0; i < CHILDREN; i++) {
        if (fork() != 0)
            continue;
        (void)setsid(); /* which takes nobody out of a family */
        if (!shares)
            (void)touch();
        say_and_wait(up, end);
    }
    say_and_wait(up, end);
}

static void world_open(struct world *w, bool shares)
{
    int up[2], end[2];
    char byte;

    assert_int_equal(pipe(up), 0);
    assert_int_equal(pipe(end), 0);
    w->first = fork();
    assert_true(w->first >= 0);
    if (w->first == 0) {
        (void)close(end[1]);
        be_first(shares, up[1], end[0]);
    }
    (void)close(up[1]);
    (void)close(end[0]);
    for (int i = 0; i < CHILDREN + 1; i++)
        assert_int_equal(read(up[0], &byte, 1), 1);
    w->up = up[0];
    w->end = end[1];
}

static void world_close(const struct world *w)
{
    char byte;

    (void)close(w->end);
    while (read(w->up, &byte, 1) > 0)
        continue;
    (void)close(w->up);
    assert_int_equal(waitpid(w->first, NULL, 0), w->first);
}

static bool is_over(const struct world *w, int mib)
{
    struct watched boxes[] = { { .first = { w->first }, .most = (int64_t)mib * MIB } };

    watchdog_look(boxes, 1);
    return boxes[0].over;
}

static void what_each_has_is_added_up(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, false);
    assert_true(is_over(&w, CHILDREN * EACH - 1));
    assert_false(is_over(&w, (CHILDREN + 2) * EACH));
    world_close(&w);
}

static void what_they_share_counts_once(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, true);
    assert_true(is_over(&w, EACH - 1));
    assert_false(is_over(&w, 2 * EACH));
    world_close(&w);
}

static void others_do_not_count(void **state)
{
    struct world w, other;

    (void)state;
    world_open(&w, true);
    world_open(&other, false);
    struct watched boxes[] = { { .first = { w.first }, .most = (int64_t)2 * EACH * MIB },
                               { .first = { other.first }, .most = (int64_t)2 * EACH * MIB } };
    watchdog_look(boxes, n_items(boxes));
    assert_false(boxes[0].over);
    assert_true(boxes[1].over);
    world_close(&other);
    world_close(&w);
    assert_false(is_over(&other, 0)); /* nobody is there any more */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_each_has_is_added_up),
        cmocka_unit_test(what_they_share_counts_once),
        cmocka_unit_test(others_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
