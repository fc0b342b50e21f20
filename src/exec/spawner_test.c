/* SPDX-License-Identifier: Apache-2.0
 *
 * Real boxes, built by a real spawner, which is this program started anew. With --as-user it first
 * becomes someone who is not root, so that both ways of building a box are tested on one machine.
 */
#include "exec/spawner.h"

#include "exec/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEST_USER = 60999, STUCK_MS = 20000 };

static const struct plan_limits plain = {
    .net = PLAN_NET_NONE, .memory_mib = 256, .pids = 64, .work_mib = 32, .file_mib = 16
};

struct world {
    char data_dir[64];
    struct loop *loop;
    struct spawner *spawner;
    struct timer *stuck;
};

/* One box and what came of it. */
struct run {
    struct world *world;
    struct child *child;
    int out; /* our end of its standard output and error */
    struct watch *watch;
    struct buf text;
    bool ended;
    struct child_exit how;
    char step[32], detail[256];
    const char *until; /* stop waiting when this is in the text */
};

static void on_stuck(void *arg)
{
    (void)arg;
    fail_msg("nothing happened for %d s", STUCK_MS / 1000);
}

static int setup(void **state)
{
    struct world *w = mem_new(sizeof *w);
    scoped(err_clear) struct err e = { 0 };

    (void)snprintf(w->data_dir, sizeof w->data_dir, "/tmp/spawner-test-XXXXXX");
    assert_non_null(mkdtemp(w->data_dir));
    w->loop = loop_new(&clock_real);
    const struct spawner_options options = { .program = "/usr/bin/true", .data_dir = w->data_dir };
    if (spawner_start(&options, &w->spawner, &e) < 0)
        fail_msg("%s", e.msg);
    spawner_attach(w->spawner, w->loop);
    w->stuck = loop_timer(w->loop, STUCK_MS, on_stuck, w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    spawner_free(w->spawner);
    timer_free(w->stuck);
    loop_free(w->loop);
    scoped(mem_free) char *remove = mem_format("rm -rf %s", w->data_dir);
    assert_int_equal(system(remove), 0);
    mem_free(w);
    return 0;
}

static void stop_when_done(struct run *r)
{
    bool seen = r->until && r->text.n > 0 && strstr(r->text.data, r->until);

    if (seen || (r->ended && !r->watch))
        loop_stop(r->world->loop);
}

static void on_output(void *arg, uint32_t events)
{
    struct run *r = arg;
    ssize_t n = read(r->out, buf_reserve(&r->text, 4096), 4096);

    (void)events;
    if (n > 0) {
        buf_grew(&r->text, (size_t)n);
    } else {
        watch_free(take(r->watch));
        fd_close(take_fd(&r->out));
    }
    stop_when_done(r);
}

static void on_exit_told(void *arg, const struct child_exit *how)
{
    struct run *r = arg;

    assert_false(r->ended);
    r->ended = true;
    r->how = *how;
    (void)snprintf(r->step, sizeof r->step, "%s", how->step ? how->step : "");
    (void)snprintf(r->detail, sizeof r->detail, "%s", how->detail ? how->detail : "");
    stop_when_done(r);
}

static void run_start(struct run *r, struct world *w, struct plan *p)
{
    int ends[2];

    *r = (struct run){ .world = w };
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    plan_fd(p, ends[1], 1);
    plan_fd(p, fcntl(ends[1], F_DUPFD_CLOEXEC, 3), 2);
    r->out = ends[0];
    r->watch = loop_watch(w->loop, r->out, EPOLLIN, on_output, r);
    r->child = child_start(w->spawner, p, on_exit_told, r);
}

static struct plan *shell(const struct plan_limits *limits, const char *script)
{
    struct plan *p = plan_new("test", limits);

    plan_env_runtime(p);
    plan_arg(p, "/usr/bin/sh");
    plan_arg(p, "-c");
    plan_arg(p, script);
    return p;
}

/* Until the box has ended and its output too, or until the output says `until`. */
static void run_wait(struct run *r, const char *until)
{
    struct loop *loop = r->world->loop;

    r->until = until;
    loop_run(loop);
    (void)loop;
}

static void run_done(struct run *r)
{
    watch_free(r->watch);
    fd_close(r->out);
    child_free(r->child);
    buf_done(&r->text);
}

static void a_program_runs(void **state)
{
    struct run r;
    run_start(
        &r, *state,
        shell(
            &plain,
            "id; ls -la / /work; cat /proc/1/environ; env; cat /proc/self/status | grep -i -E 'cap|seccomp|nonew'; ls -l /proc/self/fd; mount; exit 7"));
    run_wait(&r, NULL);
    printf("%s\nexited=%d status=%d signal=%d step=%s detail=%s ms=%ld\n", buf_str(&r.text),
           r.how.exited, r.how.status, r.how.signal, r.step, r.detail, (long)r.how.ran_ms);
    run_done(&r);
}

int main(int argc, char **argv)
{
    if (exec_wanted(argv[0]))
        return exec_main(argc, argv);
    if (argc > 1 && strcmp(argv[1], "--as-user") == 0 && geteuid() == 0 &&
        (setgid(TEST_USER) < 0 || setuid(TEST_USER) < 0))
        return EXIT_FAILURE;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_program_runs, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
