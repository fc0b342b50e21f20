/* SPDX-License-Identifier: Apache-2.0
 *
 * A box and its browser's: what they have in common, what not, and how they end. Shells stand in for
 * the programs of both. With --as-user as someone who is not root.
 */
#include "exec/box_testing.h"
#include "exec/exec.h"
#include "exec/plan_private.h"
#include "exec/proc.h"
#include "exec/wire.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    TEST_USER = 60999,
    STUCK_MS = 60000,
    WORK_MIB = 32,
    KILLS = 200,
    TURNS = 15000, /* of an empty loop, by which each kill is later: the last when a box is up */
};

#define FIFO     PLAN_SHARED "/fifo"
#define MAKES    "mkfifo " FIFO "; "
#define AWAITS   "until [ -p " FIFO " ]; do :; done; "
#define FOR_EVER "while :; do sleep 1000; done"
#define MEMORY   "dd if=/dev/zero of=/dev/null bs=150M count=1000000 2>/dev/null & "

static int setup(void **state)
{
    *state = box_world_open(true, STUCK_MS);
    return 0;
}

static struct plan *shell(const char *name, bool browser, const char *script)
{
    const struct plan_limits limits = { .net = PLAN_NET_NONE,
                                        .memory_mib = 256,
                                        .pids = 64,
                                        .work_mib = WORK_MIB,
                                        .browser = browser };
    struct plan *p = plan_new(name, &limits);

    plan_env_runtime(p);
    plan_arg(p, "/usr/bin/bash");
    plan_arg(p, "-c");
    plan_arg(p, script);
    return p;
}

static void start(struct run *r, void **state, const char *script, const char *browser)
{
    const struct box_world *w = *state;
    struct plan *p = shell("pair", false, script);

    plan_browser(p, shell("pair-browser", true, browser));
    run_start(r, w->loop, w->spawner, p);
}

static void run(struct run *r, void **state, const char *script, const char *browser)
{
    start(r, state, script, browser);
    run_wait(r, NULL);
    if (r->step[0])
        fail_msg("%s: %s", r->step, r->detail);
}

static void assert_exited(const struct run *r, int status)
{
    assert_true(r->how.exited);
    assert_int_equal(r->how.status, status);
}

/* ---- what is common ---- */

static void they_share_a_folder_and_no_namespace_but_the_network(void **state)
{
#define NAMES "readlink /proc/self/ns/user /proc/self/ns/pid /proc/self/ns/mnt /proc/self/ns/ipc"
    struct run r;

    run(&r, state, MAKES NAMES " | sort >/work/own; sort - /work/own <" FIFO " | uniq -d; exit 4",
        AWAITS NAMES " >" FIFO "; " FOR_EVER);
    assert_int_equal(r.text.n, 0);
    assert_exited(&r, 4);
    run_done(&r);
}

static void neither_sees_the_others_processes_and_files(void **state)
{
    struct run r;

    run(&r, state,
        MAKES "echo mine >/work/tmp/x; echo mine >/dev/shm/x; exec -a canary-job bash -c '"
              "cat " FIFO
              "; grep -l [c]anary-browser /proc/[0-9]*/cmdline; ls /work/home /dev/shm'",
        AWAITS
        "echo its >/work/home/y; echo its >/dev/shm/y; exec -a canary-browser bash -c '"
        "(ls /work/tmp /dev/shm; grep -l [c]anary-job /proc/[0-9]*/cmdline; echo told) >" FIFO
        "; " FOR_EVER "'");
    assert_string_equal(buf_str(&r.text),
                        "/dev/shm:\ny\n\n/work/tmp:\ntold\n/dev/shm:\nx\n\n/work/home:\n");
    run_done(&r);
}

static void in_the_folder_nothing_runs_and_its_size_is_capped(void **state)
{
    struct run r;

    run(&r, state,
        "cp /usr/bin/true " PLAN_SHARED "/true && ! " PLAN_SHARED "/true 2>/dev/null && echo kept;"
        " dd if=/dev/zero of=" PLAN_SHARED "/fill bs=1M 2>/dev/null; stat -c %s " PLAN_SHARED
        "/fill; grep -c ' " PLAN_SHARED " .*nosuid,nodev,noexec' /proc/mounts; umount " PLAN_SHARED
        " 2>/dev/null || echo stays",
        FOR_EVER);
    run_says(&r, "kept\n");
    run_says(&r, "\n1\nstays\n");
    assert_true(strtol(strchr(buf_str(&r.text), '\n') + 1, NULL, 10) <= WORK_MIB << 20);
    run_done(&r);
}

static void only_the_browsers_box_nests_namespaces(void **state)
{
    struct run r;

    run(&r, state, MAKES "unshare -U true 2>/dev/null || echo walled; cat " FIFO,
        AWAITS "(unshare -Upf true && echo nested) >" FIFO);
    assert_string_equal(buf_str(&r.text), "walled\nnested\n");
    run_done(&r);
}

static void the_browsers_box_has_the_socket_that_the_job_finds(void **state)
{
    struct run r;

    run(&r, state, MAKES "[ -S " PLAN_BROWSER_SOCKET " ] && cat " FIFO,
        AWAITS "readlink /proc/self/fd/3 >" FIFO);
    assert_int_equal(strncmp(buf_str(&r.text), "socket:[", 8), 0);
    run_done(&r);
}

static void the_job_has_our_program_in_chromiums_place(void **state)
{
    struct run r;

    if (access(PLAN_CHROMIUM, F_OK) < 0)
        skip();
    run(&r, state,
        "cd /usr/lib/chromium && ls; cmp chromium " PLAN_PROGRAM
        " && echo same; touch x 2>/dev/null",
        FOR_EVER);
    assert_string_equal(buf_str(&r.text), "chromium\nsame\n");
    run_done(&r);
}

/* ---- how they end ---- */

static void the_browsers_box_ends_with_the_jobs(void **state)
{
    struct run r;

    /* The end is told when both are gone. */
    run(&r, state, MAKES "cat " FIFO "; exit 3",
        "trap '' TERM HUP; for i in 1 2 3; do (setsid sleep 1000 &); done; " AWAITS "echo up >" FIFO
        "; " FOR_EVER);
    assert_string_equal(buf_str(&r.text), "up\n");
    assert_exited(&r, 3);
    run_done(&r);
}

static void the_job_goes_on_when_its_browsers_box_has_ended(void **state)
{
    struct run r;

    run(&r, state, MAKES "cat " FIFO "; echo on; exit 6", AWAITS "exec 5>" FIFO "; kill -9 $$");
    assert_string_equal(buf_str(&r.text), "on\n");
    assert_exited(&r, 6);
    run_done(&r);
}

static void a_job_that_ends_at_once_ends_both(void **state)
{
    struct run r;

    for (int i = 0; i < 10; i++) {
        run(&r, state, "exit 2", FOR_EVER);
        assert_exited(&r, 2);
        run_done(&r);
    }
}

static void pause_for(int turns)
{
    for (volatile int left = turns * TURNS; left > 0; left--)
        continue;
}

static void a_kill_at_any_moment_ends_both(void **state)
{
    struct run r;

    for (int i = 0; i < KILLS; i++) {
        start(&r, state, MAKES "cat " FIFO "; " FOR_EVER, AWAITS "echo up >" FIFO "; " FOR_EVER);
        if (i % 16 == 15)
            run_wait(&r, "up");
        pause_for(i);
        child_kill(r.child);
        run_wait(&r, NULL);
        assert_false(r.how.exited);
        assert_int_equal(r.how.signal, SIGKILL);
        assert_string_equal(r.step, "");
        assert_true(r.alone);
        run_done(&r);
    }
}

static void of_many_that_are_killed_together_none_is_told_early(void **state)
{
    enum { TOGETHER = 6, ROUNDS = 20 };
    struct run r[TOGETHER];

    for (int i = 0; i < ROUNDS; i++) {
        for (size_t k = 0; k < TOGETHER; k++)
            start(&r[k], state, FOR_EVER, FOR_EVER);
        pause_for(i * (KILLS / ROUNDS));
        for (size_t k = 0; k < TOGETHER; k++)
            child_kill(r[k].child);
        for (size_t k = 0; k < TOGETHER; k++) {
            while (!r[k].ended || r[k].watch)
                run_wait(&r[k], NULL);
            assert_true(r[k].alone);
            run_done(&r[k]);
        }
    }
}

/* Of the spawner, which is another process. */
static bool has_children(const struct box_world *w)
{
    char file[64], text[64];
    pid_t pid = spawner_pid(w->spawner);

    (void)snprintf(file, sizeof file, "task/%d/children", pid);
    return proc_read(pid, file, text, sizeof text) > 0;
}

static void a_kill_while_its_network_is_made_leaves_nobody(void **state)
{
    enum { ROUNDS = 40, LONGER = 20 };
    const struct box_world *w = *state;
    struct wire_message *m = mem_new(sizeof *m);
    int ends[2];
    struct run r;

    assert_int_equal(wire_pair(ends), 0);
    spawner_set_gate(w->spawner, CAGE_WORLD, (struct cage_gate){ .fd = ends[0] });
    for (int i = 0; i < ROUNDS; i++) {
        struct plan *p = shell("caged", false, FOR_EVER);
        p->limits.net = PLAN_NET_CAGE;
        run_start(&r, w->loop, w->spawner, p);
        pause_for(i * LONGER);
        child_kill(r.child);
        run_wait(&r, NULL);
        assert_false(has_children(w));
        run_done(&r);
        while (wire_recv(ends[1], m, false) > 0) {
            for (size_t k = 0; k < m->n_fds; k++)
                fd_close(m->fds[k]);
        }
    }
    fd_close(ends[1]);
    mem_free(m);
}

static void a_spawner_killed_at_any_moment_leaves_nothing(void **state)
{
    const struct box_world *w = *state;
    struct run r;

    for (int i = 0; i < KILLS; i += 4) {
        (void)spawner_limits(w->spawner); /* it is ready */
        start(&r, state, FOR_EVER, FOR_EVER);
        pause_for(i);
        assert_int_equal(kill(spawner_pid(w->spawner), SIGKILL), 0);
        run_wait(&r, NULL);
        assert_string_equal(r.step, SPAWNER_DIED);
        assert_true(r.alone);
        run_done(&r);
    }
}

static void a_browsers_box_that_cannot_be_built_is_told(void **state)
{
    const struct box_world *w = *state;
    struct plan_limits limits = {
        .net = PLAN_NET_NONE, .memory_mib = 256, .pids = 64, .work_mib = WORK_MIB, .browser = true
    };
    struct plan *p = shell("pair", false, FOR_EVER), *browser = plan_new("none", &limits);
    struct run r;

    plan_arg(browser, "/usr/bin/no-such-program");
    plan_browser(p, browser);
    run_start(&r, w->loop, w->spawner, p);
    run_wait(&r, NULL);
    assert_false(r.how.exited);
    assert_string_equal(r.step, "program");
    assert_string_equal(r.detail, "No such file or directory");
    run_done(&r);
}

static void what_both_need_together_is_limited(void **state)
{
    struct run r;

    /* Each has less than the limit, and both have more. Where a group limits it, the kernel ends one
     * of the two programs, and the box is ours to end. */
    start(&r, state, MAKES MEMORY "cat " FIFO " & wait -n; echo short; " FOR_EVER,
          AWAITS "exec 5>" FIFO "; " MEMORY "wait -n; exit 1");
    run_wait(&r, "short");
    child_kill(r.child);
    if (!r.ended)
        run_wait(&r, NULL);
    assert_true(r.how.out_of_memory);
    run_done(&r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, box_world_close)

int main(int argc, char **argv)
{
    if (exec_wanted(argv[0]))
        return exec_main(argc, argv);
    if (argc > 1 && strcmp(argv[1], "--as-user") == 0 && geteuid() == 0 &&
        (setgid(TEST_USER) < 0 || setuid(TEST_USER) < 0))
        return EXIT_FAILURE;
    const struct CMUnitTest tests[] = {
        TEST(they_share_a_folder_and_no_namespace_but_the_network),
        TEST(neither_sees_the_others_processes_and_files),
        TEST(in_the_folder_nothing_runs_and_its_size_is_capped),
        TEST(only_the_browsers_box_nests_namespaces),
        TEST(the_browsers_box_has_the_socket_that_the_job_finds),
        TEST(the_job_has_our_program_in_chromiums_place),
        TEST(the_browsers_box_ends_with_the_jobs),
        TEST(the_job_goes_on_when_its_browsers_box_has_ended),
        TEST(a_job_that_ends_at_once_ends_both),
        TEST(a_kill_at_any_moment_ends_both),
        TEST(of_many_that_are_killed_together_none_is_told_early),
        TEST(a_kill_while_its_network_is_made_leaves_nobody),
        TEST(a_spawner_killed_at_any_moment_leaves_nothing),
        TEST(a_browsers_box_that_cannot_be_built_is_told),
        TEST(what_both_need_together_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
