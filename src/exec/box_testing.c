/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/box_testing.h"

#include "base/tree.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

bool box_world_basic;

bool box_world_can_be(void)
{
    if (!box_world_basic || geteuid() == 0)
        return true;
    puts("1..0 # SKIP not root: level basic is for root alone");
    return false;
}

uid_t box_world_uid(void)
{
    return box_world_basic ? BOX_WORLD_BASIC_UID : 0;
}

static void stop_when_done(struct run *r)
{
    bool seen = r->until && r->text.n > 0 && strstr(r->text.data, r->until);

    if (seen || (r->ended && !r->watch))
        loop_stop(r->loop);
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
    struct pollfd out = { r->out, 0, 0 };

    assert_false(r->ended);
    r->ended = true;
    r->alone = r->out < 0 || (poll(&out, 1, 0) == 1 && out.revents & POLLHUP);
    r->how = *how;
    (void)snprintf(r->step, sizeof r->step, "%s", how->step ? how->step : "");
    (void)snprintf(r->detail, sizeof r->detail, "%s", how->detail ? how->detail : "");
    stop_when_done(r);
}

void run_start(struct run *r, struct loop *loop, struct spawner *s, struct plan *p)
{
    int ends[2];

    *r = (struct run){ .loop = loop };
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    plan_fd(p, ends[1], 1);
    plan_fd(p, fcntl(ends[1], F_DUPFD_CLOEXEC, 3), 2);
    r->out = ends[0];
    r->watch = loop_watch(loop, r->out, EPOLLIN, on_output, r);
    r->child = child_start(s, p, on_exit_told, r);
}

void run_wait(struct run *r, const char *until)
{
    r->until = until;
    loop_run(r->loop);
}

void run_done(struct run *r)
{
    watch_free(r->watch);
    fd_close(r->out);
    child_free(r->child);
    buf_done(&r->text);
}

void run_says(const struct run *r, const char *words)
{
    if (!strstr(buf_str(&r->text), words))
        fail_msg("\"%s\" is not in \"%s\" (step %s: %s)", words, buf_str(&r->text), r->step,
                 r->detail);
}

static void on_stuck(void *arg)
{
    (void)arg;
    fail_msg("a test does not end");
}

void box_world_move(struct box_world *w, int stuck_ms)
{
    if (w->loop) {
        spawner_attach(w->spawner, NULL);
        timer_free(w->stuck);
        loop_free(w->loop);
    }
    w->loop = loop_new(&clock_real);
    w->stuck = loop_timer(w->loop, stuck_ms, on_stuck, w);
    spawner_attach(w->spawner, w->loop);
}

struct box_world *box_world_open(bool host_network, int stuck_ms)
{
    struct box_world *w = mem_new(sizeof *w);
    scoped(err_clear) struct err e = { 0 };

    (void)snprintf(w->data_dir, sizeof w->data_dir, "/tmp/box-test-XXXXXX");
    assert_non_null(mkdtemp(w->data_dir));
    const struct spawner_options options = { .program = "/usr/bin/true",
                                             .data_dir = w->data_dir,
                                             .host_network = host_network,
                                             .sandbox_uid = box_world_uid() };
    if (spawner_start(&options, &w->spawner, &e) < 0)
        fail_msg("%s", e.msg);
    if (box_world_basic)
        spawner_accept_basic(w->spawner);
    box_world_move(w, stuck_ms);
    return w;
}

int box_world_close(void **state)
{
    struct box_world *w = *state;

    spawner_free(w->spawner);
    timer_free(w->stuck);
    loop_free(w->loop);
    assert_int_equal(tree_remove(w->data_dir), 0);
    mem_free(w);
    return 0;
}
