/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of a box is told when its processes are gone and all that they wrote has been read: the
 * exit comes first, then the pipes are emptied (nobody can write to them any more), then end().
 */
#include "engine/box.h"

#include "base/bounds.h"
#include "base/disk.h"
#include "engine/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct box {
    struct loop *loop;
    struct box_user user;
    struct child *child;
    struct timer *timer;
    struct lines *frames, *out, *err;
    struct buf to_send;
    struct watch *send_watch;
    int send_fd; /* a duplicate of what `frames` reads: one descriptor has one watch */
    int spill;   /* descriptor 4, read end; -1: none or ended */
    struct watch *spill_watch;
    int out_file;
    size_t out_left;
    bool timed_out;
    char *bad_frame; /* what was wrong with it; NULL: nothing */
    bool *freed;
};

static void refuse(struct box *b, char *why)
{
    mem_free(b->bad_frame);
    b->bad_frame = why;
    box_kill(b);
}

static void on_frame(void *arg, char *text, size_t n, bool cut)
{
    struct box *b = arg;
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *frame = NULL;

    if (b->bad_frame)
        return;
    if (cut) {
        refuse(b, mem_format("a line of more than %d MiB", LIMIT_FRAME >> 20));
        return;
    }
    if (json_parse(text, n, LIMIT_JSON_DEPTH + 2, &frame, &e) < 0) {
        refuse(b, mem_text(e.msg));
        return;
    }
    if (!json_text(frame, "t")) {
        refuse(b, mem_text("a line that says not what it is"));
        return;
    }
    b->user.frame(b->user.arg, json_text(frame, "t"), frame);
}

static void give_line(struct box *b, const char *stream, char *text, size_t n)
{
    text_make_valid(text, n);
    b->user.line(b->user.arg, stream, text);
}

static void on_stdout(void *arg, char *text, size_t n, bool cut)
{
    (void)cut;
    give_line(arg, "stdout", text, n);
}

static void on_stderr(void *arg, char *text, size_t n, bool cut)
{
    (void)cut;
    give_line(arg, "stderr", text, n);
}

static void on_closed(void *arg)
{
    (void)arg; /* the exit of the child decides */
}

static bool on_behind(void *arg)
{
    const struct box *b = arg;

    return b->user.behind && b->user.behind(b->user.arg);
}

/* ---- descriptor 4, out ---- */

/* False when there is nothing more for now, or ever. */
static bool spill_some(struct box *b)
{
    static char part[256 * 1024]; /* the engine has one thread */
    ssize_t n = read(b->spill, part, sizeof part);

    if (n < 0 && errno == EINTR)
        return true;
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n > 0 && (size_t)n <= b->out_left &&
        disk_write_all(&disk_real, b->out_file, part, (size_t)n) == 0) {
        b->out_left -= (size_t)n;
        return true;
    }
    if (n != 0)
        refuse(b, mem_text("more files than it may have"));
    watch_free(take(b->spill_watch));
    fd_close(take_fd(&b->spill));
    return false;
}

static void on_spill(void *arg, uint32_t events)
{
    (void)events;
    (void)spill_some(arg);
}

/* ---- descriptor 3, in ---- */

static void send_some(void *arg, uint32_t events)
{
    struct box *b = arg;

    (void)events;
    while (b->to_send.n > 0) {
        ssize_t n = send(b->send_fd, b->to_send.data, b->to_send.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            if (!b->send_watch)
                b->send_watch = loop_watch(b->loop, b->send_fd, EPOLLOUT, send_some, b);
            return;
        }
        if (n < 0)
            buf_reset(&b->to_send); /* nobody reads any more: its exit will be told */
        else
            buf_drop(&b->to_send, (size_t)n);
    }
    watch_free(take(b->send_watch));
}

void box_send(struct box *b, const json_t *frame)
{
    json_print_into(frame, &b->to_send);
    buf_char(&b->to_send, '\n');
    send_some(b, 0);
}

/* ---- life ---- */

static void on_time(void *arg)
{
    struct box *b = arg;

    b->timer = NULL;
    b->timed_out = true;
    box_kill(b);
}

void box_limit(struct box *b, msec_t time_limit)
{
    timer_free(take(b->timer));
    b->timer = loop_timer(b->loop, time_limit, on_time, b);
}

static void on_child_exit(void *arg, const struct child_exit *how)
{
    struct box *b = arg;
    bool freed = false;

    b->freed = &freed;
    timer_free(take(b->timer));
    if (!freed)
        lines_finish(b->frames);
    if (!freed)
        lines_finish(b->out);
    if (!freed)
        lines_finish(b->err);
    while (!freed && b->spill >= 0 && spill_some(b))
        continue;
    if (freed)
        return;
    b->freed = NULL;
    const struct box_end end = { how, b->timed_out, b->bad_frame };
    b->user.end(b->user.arg, &end);
}

static int make_pipe(struct plan *plan, int inside, int *ours, struct err *e)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set_errno(e, ERR_IO, errno, "make a pipe");
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    plan_fd(plan, ends[1], inside);
    *ours = ends[0];
    return 0;
}

int box_start(const struct box_spec *spec, const struct box_user *user, struct box **out,
              struct err *e)
{
    scoped(plan_free) struct plan *plan = spec->plan;
    scoped(fd_close) int out_fd = -1;
    scoped(fd_close) int err_fd = -1;
    scoped(fd_close) int spill = -1;
    scoped(fd_close) int control = -1;
    scoped(fd_close) int send_fd = -1;
    int ends[2];

    if (make_pipe(plan, 1, &out_fd, e) < 0 || make_pipe(plan, 2, &err_fd, e) < 0 ||
        ((spec->out_file >= 0 || spec->out_later) && make_pipe(plan, 4, &spill, e) < 0))
        return -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return err_set_errno(e, ERR_IO, errno, "make a socket");
    control = ends[0];
    plan_fd(plan, ends[1], 3);
    send_fd = fcntl(control, F_DUPFD_CLOEXEC, 3);
    if (send_fd < 0)
        return err_set_errno(e, ERR_IO, errno, "make a socket");
    (void)fcntl(control, F_SETFL, O_NONBLOCK);

    struct box *b = mem_new(sizeof *b);
    b->loop = spec->loop;
    b->user = *user;
    b->send_fd = take_fd(&send_fd);
    b->spill = take_fd(&spill);
    b->out_file = spec->out_file;
    b->out_left = spec->out_max;
    b->frames = lines_new(b->loop, take_fd(&control), LIMIT_FRAME,
                          &(struct lines_user){ on_frame, on_closed, b, on_behind });
    b->out = lines_new(b->loop, take_fd(&out_fd), LIMIT_LOG_LINE,
                       &(struct lines_user){ on_stdout, on_closed, b, on_behind });
    b->err = lines_new(b->loop, take_fd(&err_fd), LIMIT_LOG_LINE,
                       &(struct lines_user){ on_stderr, on_closed, b, on_behind });
    if (b->spill >= 0)
        b->spill_watch = loop_watch(b->loop, b->spill, EPOLLIN, on_spill, b);
    if (spec->time_limit > 0)
        box_limit(b, spec->time_limit);
    b->child = child_start(spec->spawner, take(plan), on_child_exit, b);
    *out = b;
    return 0;
}

void box_hand_over(struct box *b, const struct box_user *user, int out_file, size_t out_max)
{
    b->user = *user;
    b->out_file = out_file;
    b->out_left = out_max;
}

int64_t box_child(const struct box *b)
{
    return child_id(b->child);
}

void box_terminate(struct box *b)
{
    child_terminate(b->child);
}

void box_kill(struct box *b)
{
    child_kill(b->child);
}

void box_free(struct box *b)
{
    if (!b)
        return;
    if (b->freed)
        *b->freed = true;
    child_free(b->child);
    timer_free(b->timer);
    watch_free(b->send_watch);
    watch_free(b->spill_watch);
    lines_free(b->frames);
    lines_free(b->out);
    lines_free(b->err);
    fd_close(b->send_fd);
    fd_close(b->spill);
    buf_done(&b->to_send);
    mem_free(b->bad_frame);
    mem_free(b);
}
