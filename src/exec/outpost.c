/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/outpost.h"

#include "base/json.h"
#include "base/log.h"
#include "exec/wire.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/wait.h>

enum {
    RESTART_FIRST_MS = 50, /* doubles with each one that dies before it was ready */
    RESTART_LAST_MS = 5000,
};

struct outpost {
    struct outpost_options with;
    struct helper *process;
    int fd; /* to it; -1: it is down */
    bool ready;
    struct confined walls;
    struct loop *loop;
    struct watch *watch;
    struct timer *restart;
    msec_t restart_ms;
    struct wire_message in;
};

static int start_process(struct outpost *p, struct err *e)
{
    int server[2], cages[2];

    if (wire_pair(server) < 0)
        return err_set_errno(e, ERR_IO, errno, "make a socket for %s", p->with.name);
    scoped(fd_close) int ours = server[0];
    scoped(fd_close) int theirs = server[1];
    if (wire_pair(cages) < 0)
        return err_set_errno(e, ERR_IO, errno, "make a socket for %s", p->with.name);
    scoped(fd_close) int gate = cages[0];
    scoped(fd_close) int cages_end = cages[1];

    const int fds[] = { theirs, cages_end, p->with.folder };
    if (helper_start(p->process, fds, n_items(fds) - (p->with.folder < 0), e) < 0)
        return -1;
    p->fd = take_fd(&ours);
    p->ready = false;
    spawner_set_gate(p->with.spawner, p->with.kind,
                     (struct cage_gate){ take_fd(&gate), p->with.loopback });
    return 0;
}

int outpost_start(const struct outpost_options *o, struct outpost **out, struct err *e)
{
    scoped(outpost_free) struct outpost *p = mem_new(sizeof *p);

    *p = (struct outpost){ .with = *o, .fd = -1, .restart_ms = RESTART_FIRST_MS };
    if (helper_new(o->argv, o->envp, &p->process, e) < 0 || start_process(p, e) < 0)
        return -1;
    *out = take(p);
    return 0;
}

pid_t outpost_pid(const struct outpost *p)
{
    return helper_pid(p->process);
}

/* ---- what it says ---- */

static void read_message(struct outpost *p)
{
    scoped(json_decref) json_t *message = json_loadb(p->in.data, p->in.n, 0, NULL);
    const char *what = json_text(message, "t");

    if (what && strcmp(what, "ready") == 0) {
        confined_from_json(json_object_get(message, "walls"), &p->walls);
        p->ready = true;
        p->restart_ms = RESTART_FIRST_MS;
    } else if (what) {
        p->with.said(p->with.arg, what, message);
    }
}

const struct confined *outpost_walls(struct outpost *p)
{
    if (!p->ready && p->fd >= 0 && wire_recv(p->fd, &p->in, true) > 0)
        read_message(p);
    if (!p->ready)
        confined_from_json(NULL, &p->walls);
    return &p->walls;
}

/* ---- when it dies ---- */

static void note(const struct outpost *p, enum log_level level, const char *event,
                 struct log_field field)
{
    scoped(mem_free) char *name = mem_format("%s.%s", p->with.name, event);
    const struct log_field fields[] = { field, { 0 } };

    log_write(level, name, fields);
}

static void on_message(void *arg, uint32_t events);

static void on_restart(void *arg)
{
    struct outpost *p = arg;
    scoped(err_clear) struct err e = { 0 };

    p->restart = NULL;
    if (start_process(p, &e) < 0) {
        if (helper_may_start_later(p->process, p->with.name, &e))
            p->restart = loop_timer(p->loop, RESTART_LAST_MS, on_restart, p);
        return;
    }
    p->watch = loop_watch(p->loop, p->fd, EPOLLIN, on_message, p);
    note(p, LOG_INFO, "restarted", (struct log_field)F_INT("pid", helper_pid(p->process)));
}

static void bury(struct outpost *p)
{
    scoped(mem_free) char *event = mem_format("%s.died", p->with.name);
    pid_t pid = helper_pid(p->process);

    watch_free(take(p->watch));
    fd_close(take_fd(&p->fd));
    int status = helper_wait(p->process);
    log_event(LOG_ERROR, event, F_INT("pid", pid),
              F_INT("status", WIFEXITED(status) ? WEXITSTATUS(status) : 0),
              F_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0));
    if (p->with.died)
        p->with.died(p->with.arg);
    if (p->ready) {
        on_restart(p);
    } else {
        p->restart = loop_timer(p->loop, p->restart_ms, on_restart, p);
        p->restart_ms = p->restart_ms * 2 < RESTART_LAST_MS ? p->restart_ms * 2 : RESTART_LAST_MS;
    }
}

static void on_message(void *arg, uint32_t events)
{
    struct outpost *p = arg;
    int got = 1;

    (void)events;
    while (p->fd >= 0 && (got = wire_recv(p->fd, &p->in, false)) > 0)
        read_message(p);
    if (p->fd >= 0 && (got == 0 || errno != EAGAIN))
        bury(p);
}

void outpost_attach(struct outpost *p, struct loop *loop)
{
    watch_free(take(p->watch));
    timer_free(take(p->restart));
    p->loop = loop;
    if (loop && p->fd >= 0)
        p->watch = loop_watch(loop, p->fd, EPOLLIN, on_message, p);
    else if (loop)
        p->restart = loop_timer(loop, p->restart_ms, on_restart, p);
}

void outpost_free(struct outpost *p)
{
    if (!p)
        return;
    watch_free(p->watch);
    timer_free(p->restart);
    fd_close(p->fd);
    helper_free(p->process);
    confined_done(&p->walls);
    mem_free(p);
}

/* ---- in the process ---- */

bool outpost_tell(json_t *message)
{
    scoped(mem_free) char *text = json_print(message);

    json_decref(message);
    return wire_send(OUTPOST_SERVER_FD, text, strlen(text), NULL, 0, false) == 0;
}

bool outpost_tell_ready(const struct confined *walls)
{
    return outpost_tell(json_pack("{s:s,s:o}", "t", "ready", "walls", confined_to_json(walls)));
}
