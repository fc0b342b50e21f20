/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/spawner.h"

#include "base/json.h"
#include "base/log.h"
#include "exec/cage.h"
#include "exec/exec.h"
#include "exec/plan_private.h"
#include "exec/spawner_private.h"
#include "exec/wire.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    RESTART_FIRST_MS = 50, /* doubles with each spawner that dies before it was ready */
    RESTART_LAST_MS = 5000,
};

const char *const box_step_names[BOX_STEPS] = {
    [BOX_STEP_CGROUP] = "cgroup",         [BOX_STEP_VIEW] = "binds",
    [BOX_STEP_NETWORK] = "network",       [BOX_STEP_USER] = "user",
    [BOX_STEP_BWRAP] = "bubblewrap",      [BOX_STEP_NAMESPACE] = "namespaces",
    [BOX_STEP_USERNS] = "user-namespace", [BOX_STEP_LIMITS] = "limits",
    [BOX_STEP_FDS] = "descriptors",       [BOX_STEP_FOLDER] = "folder",
    [BOX_STEP_PROGRAM] = "program",       [BOX_STEP_LANDLOCK] = "landlock",
};

struct child {
    struct spawner *spawner;
    int64_t id; /* 0: it has ended */
    bool lost;  /* there is no spawner that could tell of its end */
    child_exit_fn fn;
    void *arg;
    struct child *next;
};

struct spawner {
    struct helper *process;
    int fd; /* to it; -1: it is down */
    bool ready;
    struct spawner_limits limits;
    struct confined walls;
    struct cage_gate gates[CAGE_KINDS];

    char *refusal; /* of all children; NULL: none */
    bool basic;    /* plans accept it */
    char *no_userns;

    struct loop *loop;
    struct watch *watch;
    struct timer *restart;
    msec_t restart_ms;
    struct timer *lost;

    int64_t last_id;
    struct child *children; /* that have not ended */
    struct wire_message in;
};

/* ---- the process ---- */

static int ask(struct spawner *s, json_t *message, const int *fds, size_t n_fds)
{
    scoped(mem_free) char *text = json_print(message);

    json_decref(message);
    return wire_send(s->fd, text, strlen(text), fds, n_fds, true);
}

/* What it does not hear it would never do. It ends then, and its boxes with it: the next one is told. */
static void must_hear(struct spawner *s, json_t *message, const int *fds, size_t n_fds)
{
    if (ask(s, message, fds, n_fds) < 0)
        (void)shutdown(s->fd, SHUT_RDWR);
}

static void send_gate(struct spawner *s, enum cage_kind kind)
{
    const struct cage_gate *gate = &s->gates[kind];

    if (gate->fd >= 0 && s->fd >= 0)
        must_hear(s,
                  json_pack("{s:s,s:b,s:b}", "t", "gate", "registry", kind == CAGE_REGISTRY,
                            "loopback", (int)gate->loopback),
                  &gate->fd, 1);
}

static int start_process(struct spawner *s, struct err *e)
{
    int ends[2];

    if (wire_pair(ends) < 0)
        return err_set_errno(e, ERR_IO, errno, "make a socket for the spawner");
    scoped(fd_close) int ours = ends[0];
    scoped(fd_close) int theirs = ends[1];
    if (helper_start(s->process, &theirs, 1, e) < 0)
        return -1;
    s->fd = take_fd(&ours);
    s->ready = false;
    for (int kind = 0; kind < CAGE_KINDS; kind++)
        send_gate(s, kind);
    return 0;
}

static int check_path(const char *what, const char *path, struct err *e)
{
    scoped(json_decref) json_t *text = json_string(path);

    if (path[0] != '/')
        return err_set(e, ERR_INPUT, "the path of the %s is not absolute: %s", what, path);
    if (!text)
        return err_set(e, ERR_INPUT, "the path of the %s is not UTF-8", what);
    return 0;
}

static char *own_program(void)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path);

    return mem_text_n(path, n > 0 ? (size_t)n : 0);
}

static int prepare_process(struct spawner *s, const struct spawner_options *o, const char *program,
                           struct err *e)
{
    uid_t first = o->sandbox_uid ? o->sandbox_uid : SPAWNER_SANDBOX_UID;
    scoped(mem_free) char *uid = mem_format("%lu", (unsigned long)first);
    size_t n = 0;

    while (o->folders && o->folders[n])
        n++;
    scoped(mem_free) const char **argv = mem_new_array(SPAWN_ARGS + n + 1, sizeof *argv);
    argv[SPAWN_ARG_NAME] = EXEC_SPAWNER;
    argv[SPAWN_ARG_PROGRAM] = program;
    argv[SPAWN_ARG_RUNNER] = o->runner_dir ? o->runner_dir : "";
    argv[SPAWN_ARG_DATA] = o->data_dir;
    argv[SPAWN_ARG_UID] = uid;
    argv[SPAWN_ARG_NETWORK] = o->host_network ? "host" : "none";
    argv[SPAWN_ARG_FOLDERS] = o->folders ? "some" : "all";
    for (size_t i = 0; i < n; i++)
        argv[SPAWN_ARGS + i] = o->folders[i];
    char *const envp[] = { NULL };

    return helper_new(argv, envp, &s->process, e);
}

int spawner_start(const struct spawner_options *o, struct spawner **out, struct err *e)
{
    scoped(mem_free) char *program = o->program ? mem_text(o->program) : own_program();

    if (check_path("program", program, e) < 0 || check_path("data directory", o->data_dir, e) < 0 ||
        (o->runner_dir && check_path("runner", o->runner_dir, e) < 0))
        return -1;

    scoped(spawner_free) struct spawner *s = mem_new(sizeof *s);
    *s = (struct spawner){ .fd = -1,
                           .gates = { { .fd = -1 }, { .fd = -1 } },
                           .restart_ms = RESTART_FIRST_MS };
    if (prepare_process(s, o, program, e) < 0 || start_process(s, e) < 0)
        return -1;
    *out = take(s);
    return 0;
}

pid_t spawner_pid(const struct spawner *s)
{
    return helper_pid(s->process);
}

void spawner_set_gate(struct spawner *s, enum cage_kind kind, struct cage_gate gate)
{
    fd_close(s->gates[kind].fd);
    s->gates[kind] = gate;
    send_gate(s, kind);
}

void spawner_refuse(struct spawner *s, const char *why)
{
    mem_free(s->refusal);
    s->refusal = mem_text(why);
}

void spawner_accept_basic(struct spawner *s)
{
    s->basic = true;
}

/* ---- what it tells ---- */

static void drop(struct spawner *s, const struct child *c)
{
    struct child **at = &s->children;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
}

/* The callback may free the child. */
static void end_child(struct child *c, const struct child_exit *how)
{
    drop(c->spawner, c);
    c->id = 0;
    c->fn(c->arg, how);
}

static void read_ready(struct spawner *s, const json_t *message)
{
    json_t *missing = json_object_get(message, "missing");
    struct spawner_limits *l = &s->limits;
    const char *name;
    json_t *reason;

    *l = (struct spawner_limits){ .memory = !json_text(missing, "memory"),
                                  .pids = !json_text(missing, "pids"),
                                  .cpu = !json_text(missing, "cpu") };
    /* The first reason stands for all: they are of one kind on any one machine. */
    json_object_foreach(missing, name, reason) {
        if (json_is_string(reason) && !l->why[0])
            (void)snprintf(l->why, sizeof l->why, "%s", json_string_value(reason));
    }
    confined_from_json(json_object_get(message, "walls"), &s->walls);
    mem_free(s->no_userns);
    const char *why = json_text(message, "no_userns");
    s->no_userns = why ? mem_text(why) : NULL;
    s->ready = true;
    s->restart_ms = RESTART_FIRST_MS;
}

static void read_exit(struct spawner *s, const json_t *message)
{
    int64_t id = json_int(message, "id", 0);
    struct child *c = s->children;
    struct child_exit how = { .exited = json_bool(message, "exited", false),
                              .status = (int)json_int(message, "status", 0),
                              .signal = (int)json_int(message, "signal", 0),
                              .out_of_memory = json_bool(message, "out_of_memory", false),
                              .ran_ms = json_int(message, "ran_ms", 0),
                              .step = json_text(message, "step"),
                              .detail = json_text(message, "detail") };

    while (c && c->id != id)
        c = c->next;
    if (c) /* else its owner has freed it */
        end_child(c, &how);
}

static void read_message(struct spawner *s)
{
    scoped(json_decref) json_t *message = json_loadb(s->in.data, s->in.n, 0, NULL);
    const char *what = json_text(message, "t");

    if (what && strcmp(what, "ready") == 0)
        read_ready(s, message);
    else if (what && strcmp(what, "exit") == 0)
        read_exit(s, message);
}

static void hear_first_words(struct spawner *s)
{
    if (!s->ready && s->fd >= 0 && wire_recv(s->fd, &s->in, true) > 0)
        read_message(s);
}

const struct confined *spawner_walls(struct spawner *s)
{
    hear_first_words(s);
    if (!s->ready)
        confined_from_json(NULL, &s->walls);
    return &s->walls;
}

const char *spawner_no_userns(struct spawner *s)
{
    hear_first_words(s);
    return s->no_userns;
}

const struct spawner_limits *spawner_limits(struct spawner *s)
{
    hear_first_words(s);
    if (!s->ready)
        (void)snprintf(s->limits.why, sizeof s->limits.why, "the spawner does not start");
    return &s->limits;
}

/* ---- when it dies ---- */

static void on_message(void *arg, uint32_t events);

/* Tells the children that are lost now, not those that a callback starts meanwhile. */
static void tell_lost(struct spawner *s)
{
    const struct child_exit how = {
        .signal = SIGKILL,
        .step = s->refusal ? "walls" : SPAWNER_DIED,
        .detail = s->refusal ? s->refusal : "the process that builds boxes has ended",
    };
    int64_t until = s->last_id;

    for (struct child *c = s->children; c;) {
        if (c->lost && c->id <= until) {
            end_child(c, &how);
            c = s->children; /* the callback may have changed the list */
        } else {
            c = c->next;
        }
    }
}

static void on_lost(void *arg)
{
    struct spawner *s = arg;

    s->lost = NULL;
    tell_lost(s);
}

static void on_restart(void *arg)
{
    struct spawner *s = arg;
    scoped(err_clear) struct err e = { 0 };

    s->restart = NULL;
    if (start_process(s, &e) < 0) {
        if (helper_may_start_later(s->process, "spawner", &e))
            s->restart = loop_timer(s->loop, RESTART_LAST_MS, on_restart, s);
        return;
    }
    s->watch = loop_watch(s->loop, s->fd, EPOLLIN, on_message, s);
    log_event(LOG_INFO, "spawner.restarted", F_INT("pid", helper_pid(s->process)));
}

static void bury(struct spawner *s)
{
    pid_t pid = helper_pid(s->process);

    watch_free(take(s->watch));
    fd_close(take_fd(&s->fd));
    int status = helper_wait(s->process);
    log_event(LOG_ERROR, "spawner.died", F_INT("pid", pid),
              F_INT("status", WIFEXITED(status) ? WEXITSTATUS(status) : 0),
              F_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0));
    for (struct child *c = s->children; c; c = c->next)
        c->lost = true;
    if (s->ready) {
        on_restart(s);
    } else {
        s->restart = loop_timer(s->loop, s->restart_ms, on_restart, s);
        s->restart_ms = s->restart_ms * 2 < RESTART_LAST_MS ? s->restart_ms * 2 : RESTART_LAST_MS;
    }
    tell_lost(s);
}

static void on_message(void *arg, uint32_t events)
{
    struct spawner *s = arg;
    int got = 1;

    (void)events;
    while (s->fd >= 0 && (got = wire_recv(s->fd, &s->in, false)) > 0)
        read_message(s);
    if (s->fd >= 0 && (got == 0 || errno != EAGAIN))
        bury(s);
}

void spawner_attach(struct spawner *s, struct loop *loop)
{
    watch_free(take(s->watch));
    timer_free(take(s->restart));
    timer_free(take(s->lost));
    s->loop = loop;
    if (!loop)
        return;
    if (s->fd >= 0)
        s->watch = loop_watch(loop, s->fd, EPOLLIN, on_message, s);
    else
        s->restart = loop_timer(loop, s->restart_ms, on_restart, s);
    s->lost = loop_timer(loop, 0, on_lost, s); /* of those that were not told before */
}

void spawner_free(struct spawner *s)
{
    if (!s)
        return;
    while (s->children) {
        struct child *c = s->children;
        drop(s, c);
        c->id = 0;
    }
    watch_free(s->watch);
    timer_free(s->restart);
    timer_free(s->lost);
    fd_close(s->fd);
    for (int kind = 0; kind < CAGE_KINDS; kind++)
        fd_close(s->gates[kind].fd);
    helper_free(s->process);
    confined_done(&s->walls);
    mem_free(s->refusal);
    mem_free(s->no_userns);
    mem_free(s);
}

/* ---- children ---- */

static int ask_start(struct spawner *s, int64_t id, const struct plan *p)
{
    int fds[PLAN_FDS];
    size_t n_fds = 0;

    for (int i = 0; i < PLAN_FDS; i++) {
        if (p->fds[i] >= 0)
            fds[n_fds++] = p->fds[i];
    }
    return ask(
        s, json_pack("{s:s,s:I,s:o}", "t", "start", "id", (json_int_t)id, "plan", plan_to_json(p)),
        fds, n_fds);
}

struct child *child_start(struct spawner *s, struct plan *plan, child_exit_fn fn, void *arg)
{
    struct child *c = mem_new(sizeof *c);

    assert(s->loop);
    *c = (struct child){ s, ++s->last_id, false, fn, arg, s->children };
    s->children = c;
    if (s->basic)
        plan_accept_basic(plan);
    if (s->refusal || s->fd < 0 || ask_start(s, c->id, plan) < 0) {
        c->lost = true;
        if (!s->lost)
            s->lost = loop_timer(s->loop, RESTART_FIRST_MS, on_lost, s);
    }
    plan_free(plan);
    return c;
}

static void ask_about(struct child *c, const char *what)
{
    if (c->id && !c->lost)
        must_hear(c->spawner, json_pack("{s:s,s:I}", "t", what, "id", (json_int_t)c->id), NULL, 0);
}

int64_t child_id(const struct child *c)
{
    return c->id;
}

void child_kill(struct child *c)
{
    ask_about(c, "kill");
}

void child_terminate(struct child *c)
{
    ask_about(c, "terminate");
}

void child_free(struct child *c)
{
    if (!c)
        return;
    if (c->id) {
        child_kill(c);
        drop(c->spawner, c);
    }
    mem_free(c);
}
