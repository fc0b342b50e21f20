/* SPDX-License-Identifier: Apache-2.0
 *
 * What fills, opens and forks without an end, from inside of a box of each kind: each ends at a
 * bound that has a name, and the next box is not the worse for it. With --as-user as someone who is
 * not root, who has no control groups; with --basic where there are no user namespaces.
 */
#include "exec/box_testing.h"
#include "exec/exec.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEST_USER = 60999, STUCK_MS = 60000, PIDS = 64, MEMORY_MIB = 192 };

static const struct plan_limits kinds[] = {
    { .net = PLAN_NET_NONE,
      .memory_mib = MEMORY_MIB,
      .pids = PIDS,
      .work_mib = 32,
      .file_mib = 16 },
    { .net = PLAN_NET_NONE,
      .memory_mib = MEMORY_MIB,
      .pids = PIDS,
      .work_mib = 32,
      .file_mib = 16,
      .browser = true },
};

static int setup(void **state)
{
    *state = box_world_open(false, STUCK_MS);
    return 0;
}

static void run_in(struct run *r, const struct box_world *w, const struct plan_limits *l,
                   const char *script)
{
    struct plan *p = plan_new("bomb", l);

    plan_env_runtime(p);
    plan_arg(p, "/usr/bin/bash");
    plan_arg(p, "-c");
    plan_arg(p, script);
    run_start(r, w->loop, w->spawner, p);
    run_wait(r, NULL);
    if (r->step[0])
        fail_msg("%s: %s", r->step, r->detail);
}

/* The same in a box of each kind, after which a new one does its work. */
static void explode(void **state, const char *script, void (*check)(const struct run *r))
{
    const struct box_world *w = *state;
    struct run r;

    for (size_t i = 0; i < n_items(kinds); i++) {
        run_in(&r, w, &kinds[i], script);
        check(&r);
        run_done(&r);
        run_in(&r, w, &kinds[i], "exit 5");
        assert_true(r.how.exited);
        assert_int_equal(r.how.status, 5);
        run_done(&r);
    }
}

/* "word NUMBER", the last in what it printed. */
static long last_number(const struct run *r, const char *word)
{
    const char *at = buf_str(&r->text);

    run_says(r, word);
    for (const char *next = at; (next = strstr(next, word)); next++)
        at = next;
    return strtol(at + strlen(word), NULL, 10);
}

static void check_forks(const struct run *r)
{
    run_says(r, "Cannot fork");
    assert_in_range(last_number(r, "forked "), PIDS / 2, PIDS);
}

static void forks_end_at_the_number_of_processes(void **state)
{
    explode(state, "exec sh -c 'i=0; while :; do sleep 1000 & i=$((i+1)); echo forked $i; done'",
            check_forks);
}

static void check_memory(const struct run *r)
{
    if (!r->how.out_of_memory) /* each process has a limit of its own */
        run_says(r, "memory exhausted");
}

static void memory_of_one_process_ends_at_the_boxes(void **state)
{
    explode(state, "dd if=/dev/zero of=/dev/null bs=512M count=1", check_memory);
}

static void check_out_of_memory(const struct run *r)
{
    if (!r->how.out_of_memory)
        fail_msg("ended with %d, signal %d: %s", r->how.status, r->how.signal, buf_str(&r->text));
}

static void memory_of_many_ends_at_the_boxes(void **state)
{
    explode(state,
            "for i in 1 2 3 4 5 6 7 8; do"
            " dd if=/dev/zero of=/dev/null bs=48M count=1000000 2>/dev/null & done; wait -n",
            check_out_of_memory);
}

static void empty_files_end_at_the_memory_that_they_cost(void **state)
{
    /* Names of a length, since they cost as well. */
    explode(state,
            "cd /work/tmp; i=0; while :; do : >\"a-file-without-anything-in-it-$i\" || break;"
            " i=$((i+1)); done",
            check_out_of_memory);
}

static void check_disk(const struct run *r)
{
    run_says(r, "File too large");
    run_says(r, "No space left on device");
}

static void files_end_at_their_length_and_at_the_size_of_the_disk(void **state)
{
    explode(state,
            "cd /work/tmp; trap '' XFSZ; for i in 1 2 3 4 5 6; do"
            " dd if=/dev/zero of=$i bs=1M; done; true",
            check_disk);
}

static void check_descriptors(const struct run *r)
{
    run_says(r, "Too many open files");
    assert_in_range(last_number(r, "opened "), 1000, 4096);
}

static void descriptors_end_at_their_number(void **state)
{
    explode(state,
            "i=0; while exec {x}</dev/null; do i=$((i+1)); echo opened $i >/work/tmp/n; done;"
            " exec 3<&-; exec 4<&-; exec 10<&-; exec 11<&-; exec 12<&-; exec 13<&-;"
            " read -r line </work/tmp/n; echo $line",
            check_descriptors);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, box_world_close)

int main(int argc, char **argv)
{
    if (exec_wanted(argv[0]))
        return exec_main(argc, argv);
    if (argc > 1 && strcmp(argv[1], "--as-user") == 0 && geteuid() == 0 &&
        (setgid(TEST_USER) < 0 || setuid(TEST_USER) < 0))
        return EXIT_FAILURE;
    box_world_basic = argc > 1 && strcmp(argv[1], "--basic") == 0;
    if (!box_world_can_be())
        return EXIT_SUCCESS;
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        TEST(forks_end_at_the_number_of_processes),
        TEST(memory_of_one_process_ends_at_the_boxes),
        TEST(memory_of_many_ends_at_the_boxes),
        TEST(empty_files_end_at_the_memory_that_they_cost),
        TEST(files_end_at_their_length_and_at_the_size_of_the_disk),
        TEST(descriptors_end_at_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
