/* SPDX-License-Identifier: Apache-2.0 */
#include "egress/egress.h"

#include "base/json.h"
#include "base/log.h"
#include "egress/egress_private.h"
#include "egress/policy.h"
#include "exec/wire.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/wait.h>

enum {
    RESTART_FIRST_MS = 50, /* doubles with each one that dies before it was ready */
    RESTART_LAST_MS = 5000,
};

struct egress {
    struct spawner *spawner;
    struct helper *process;
    bool loopback, registry_loopback;
    int fd; /* to it; -1: it is down */
    bool ready;
    struct confined walls;
    struct loop *loop;
    egress_refused_fn refused;
    void *arg;
    struct watch *watch;
    struct timer *restart;
    msec_t restart_ms;
    struct wire_message in;
};

static int start_process(struct egress *g, struct err *e)
{
    int server[2], cages[2], fds[2];

    if (wire_pair(server) < 0)
        return err_set_errno(e, ERR_IO, errno, "make a socket for " EGRESS_NAME);
    scoped(fd_close) int ours = server[0];
    scoped(fd_close) int theirs = server[1];
    if (wire_pair(cages) < 0)
        return err_set_errno(e, ERR_IO, errno, "make a socket for " EGRESS_NAME);
    scoped(fd_close) int gate = cages[0];
    scoped(fd_close) int cages_end = cages[1];

    fds[0] = theirs;
    fds[1] = cages_end;
    if (helper_start(g->process, fds, n_items(fds), e) < 0)
        return -1;
    g->fd = take_fd(&ours);
    g->ready = false;
    spawner_set_gate(g->spawner, take_fd(&gate), g->loopback, g->registry_loopback);
    return 0;
}

/* A list that the process would not understand is refused here. */
static int check_list(struct egress *g, const struct egress_options *o, struct err *e)
{
    scoped(policy_free) struct policy *p = NULL;
    scoped(policy_free) struct policy *registry = NULL;

    if (policy_new(o->allow, o->n_allow, &p, e) < 0 ||
        policy_new_registry(o->registry, &registry, e) < 0)
        return -1;
    g->loopback = policy_opens_loopback(p);
    g->registry_loopback = policy_opens_loopback(registry);
    return 0;
}

static int prepare_process(struct egress *g, const struct egress_options *o, struct err *e)
{
    /* The host's resolver must not wait long for servers that are not there. */
    char patience[] = "RES_OPTIONS=timeout:2 attempts:2";
    char *const envp[] = { patience, NULL };
    uid_t own = o->uid ? o->uid : SPAWNER_SANDBOX_UID + SPAWNER_SANDBOX_UIDS;
    scoped(mem_free) char *uid = mem_format("%lu", (unsigned long)own);
    scoped(mem_free) const char **argv =
        mem_new_array(EGRESS_ARGS + o->n_allow + 1, sizeof(char *));

    argv[EGRESS_ARG_NAME] = EGRESS_NAME;
    argv[EGRESS_ARG_UID] = uid;
    argv[EGRESS_ARG_REGISTRY] = o->registry;
    for (size_t i = 0; i < o->n_allow; i++)
        argv[EGRESS_ARGS + i] = o->allow[i];
    return helper_new(argv, envp, &g->process, e);
}

int egress_start(const struct egress_options *o, struct egress **out, struct err *e)
{
    scoped(egress_free) struct egress *g = mem_new(sizeof *g);

    *g = (struct egress){ .spawner = o->spawner, .fd = -1, .restart_ms = RESTART_FIRST_MS };
    if (check_list(g, o, e) < 0 || prepare_process(g, o, e) < 0 || start_process(g, e) < 0)
        return -1;
    *out = take(g);
    return 0;
}

pid_t egress_pid(const struct egress *g)
{
    return helper_pid(g->process);
}

/* ---- what it tells ---- */

static void read_refused(struct egress *g, const json_t *message)
{
    const struct egress_refusal what = { .child = json_int(message, "child", 0),
                                         .box = json_text(message, "box"),
                                         .target = json_text(message, "target"),
                                         .reason = json_text(message, "reason"),
                                         .untold = json_int(message, "untold", 0) };

    if (!what.box || !what.target || !what.reason)
        return;
    log_event(LOG_WARN, "egress.refused", F_INT("child", what.child), F_TEXT("box", what.box),
              F_TEXT("target", what.target), F_TEXT("reason", what.reason),
              F_INT("untold", what.untold));
    if (g->refused)
        g->refused(g->arg, &what);
}

static void read_message(struct egress *g)
{
    scoped(json_decref) json_t *message = json_loadb(g->in.data, g->in.n, 0, NULL);
    const char *what = json_text(message, "t");

    if (what && strcmp(what, "refused") == 0)
        read_refused(g, message);
    if (what && strcmp(what, "ready") == 0) {
        confined_from_json(json_object_get(message, "walls"), &g->walls);
        g->ready = true;
        g->restart_ms = RESTART_FIRST_MS;
    }
}

const struct confined *egress_walls(struct egress *g)
{
    if (!g->ready && g->fd >= 0 && wire_recv(g->fd, &g->in, true) > 0)
        read_message(g);
    if (!g->ready)
        confined_from_json(NULL, &g->walls);
    return &g->walls;
}

/* ---- when it dies ---- */

static void on_message(void *arg, uint32_t events);

static void on_restart(void *arg)
{
    struct egress *g = arg;
    scoped(err_clear) struct err e = { 0 };

    g->restart = NULL;
    if (start_process(g, &e) < 0) {
        log_event(LOG_ERROR, "egress.not_started", F_TEXT("error", e.msg));
        g->restart = loop_timer(g->loop, RESTART_LAST_MS, on_restart, g);
        return;
    }
    g->watch = loop_watch(g->loop, g->fd, EPOLLIN, on_message, g);
    log_event(LOG_INFO, "egress.restarted", F_INT("pid", helper_pid(g->process)));
}

static void bury(struct egress *g)
{
    pid_t pid = helper_pid(g->process);

    watch_free(take(g->watch));
    fd_close(take_fd(&g->fd));
    int status = helper_wait(g->process);
    log_event(LOG_ERROR, "egress.died", F_INT("pid", pid),
              F_INT("status", WIFEXITED(status) ? WEXITSTATUS(status) : 0),
              F_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0));
    if (g->ready) {
        on_restart(g);
    } else {
        g->restart = loop_timer(g->loop, g->restart_ms, on_restart, g);
        g->restart_ms = g->restart_ms * 2 < RESTART_LAST_MS ? g->restart_ms * 2 : RESTART_LAST_MS;
    }
}

static void on_message(void *arg, uint32_t events)
{
    struct egress *g = arg;
    int got = 1;

    (void)events;
    while (g->fd >= 0 && (got = wire_recv(g->fd, &g->in, false)) > 0)
        read_message(g);
    if (g->fd >= 0 && (got == 0 || errno != EAGAIN))
        bury(g);
}

void egress_attach(struct egress *g, struct loop *loop, egress_refused_fn fn, void *arg)
{
    watch_free(take(g->watch));
    timer_free(take(g->restart));
    g->loop = loop;
    g->refused = fn;
    g->arg = arg;
    if (loop && g->fd >= 0)
        g->watch = loop_watch(loop, g->fd, EPOLLIN, on_message, g);
    else if (loop)
        g->restart = loop_timer(loop, g->restart_ms, on_restart, g);
}

void egress_free(struct egress *g)
{
    if (!g)
        return;
    watch_free(g->watch);
    timer_free(g->restart);
    fd_close(g->fd);
    helper_free(g->process);
    confined_done(&g->walls);
    mem_free(g);
}
