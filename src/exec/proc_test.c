/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/proc.h"

#include "base/mem.h"

#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum kind { PLAIN, SESSION, LEADER }; /* one with a session, or a process namespace, of its own */

/* A child that is up, and waits. */
static pid_t child_new(enum kind kind)
{
    int user = geteuid() == 0 ? 0 : CLONE_NEWUSER, up[2];
    int flags = kind == LEADER ? CLONE_NEWPID | user : 0;
    char byte = 0;

    assert_int_equal(pipe(up), 0);
    pid_t pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
    assert_true(pid >= 0);
    if (pid == 0) {
        if (kind == SESSION)
            (void)setsid();
        (void)!write(up[1], &byte, 1);
        for (;;)
            (void)pause();
    }
    (void)close(up[1]);
    assert_int_equal(read(up[0], &byte, 1), 1);
    (void)close(up[0]);
    return pid;
}

static void child_end(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_process_has_a_parent_and_a_session(void **state)
{
    pid_t plain = child_new(PLAIN), own = child_new(SESSION);

    (void)state;
    assert_int_equal(proc_parent(plain), getpid());
    assert_int_equal(proc_session(plain), getsid(0));
    assert_int_equal(proc_session(own), own);
    child_end(plain);
    child_end(own);
    assert_int_equal(proc_parent(own), 0);
    assert_int_equal(proc_session(own), 0);
}

static void who_leads_a_namespace_is_known(void **state)
{
    pid_t plain = child_new(PLAIN), leader = child_new(LEADER);

    (void)state;
    assert_true(proc_is_first(leader));
    assert_false(proc_is_first(plain));
    child_end(plain);
    child_end(leader);
    assert_false(proc_is_first(leader));
}

struct seen {
    pid_t pids[8];
    size_t n;
};

static void see(void *arg, pid_t pid)
{
    struct seen *s = arg;

    assert_true(s->n < n_items(s->pids));
    s->pids[s->n++] = pid;
}

static void all_children_are_seen_and_ended_ones_too(void **state)
{
    pid_t one = child_new(PLAIN), other = child_new(SESSION);
    struct seen seen = { .n = 0 };
    siginfo_t info;

    (void)state;
    assert_int_equal(kill(one, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)one, &info, WEXITED | WNOWAIT), 0);
    proc_each_child(see, &seen);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.pids[0], one);
    assert_int_equal(seen.pids[1], other);
    child_end(one);
    child_end(other);
    seen.n = 0;
    proc_each_child(see, &seen);
    assert_int_equal(seen.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_has_a_parent_and_a_session),
        cmocka_unit_test(who_leads_a_namespace_is_known),
        cmocka_unit_test(all_children_are_seen_and_ended_ones_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
