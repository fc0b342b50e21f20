/* SPDX-License-Identifier: Apache-2.0
 *
 * The process `impresario-spawn`. One thread, one loop, a list of boxes.
 *
 * The life of a box, as seen from here:
 *
 *   launch() -> bubblewrap runs -> the box's first process says BOX_UP, and by the credentials of
 *   that message we know it -> the program ends, or we kill the first process -> the kernel kills
 *   the rest -> bubblewrap, its parent, ends -> we reap it, tidy up, and tell the server.
 *
 * The order of these is what makes "ended" mean that nothing is left: the first process of a process
 * namespace is only gone when all others in it are. Should bubblewrap itself be killed by someone
 * else, the first process becomes our own child (we are a subreaper), and we wait for it instead.
 *
 * Everything here dies with the server: its end closes our socket.
 */
#include "exec/exec.h"

#include "base/json.h"
#include "base/loop.h"
#include "exec/confine.h"
#include "exec/launch.h"
#include "exec/plan_private.h"
#include "exec/proc.h"
#include "exec/rights.h"
#include "exec/spawner.h"
#include "exec/spawner_private.h"
#include "exec/watchdog.h"
#include "exec/wire.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_KEPT = 1024 };

struct process {
    pid_t pid;
    int fd; /* its pidfd; -1: not known */
    struct watch *watch;
};

/* One of the boxes of a plan; a browser is in a second. */
struct half {
    struct box *box;
    struct process bwrap, first;
    bool up;        /* its first process has spoken */
    bool killed;    /* because the other has ended */
    bool unwatched; /* its bubblewrap was ended at once: nobody would hear of its end */
    bool gone;

    int control;
    struct watch *control_watch;
    enum box_step failed;
    int failed_errno;
    bool ended;
    int status;

    int words_fd; /* what bubblewrap says on its standard error */
    struct watch *words_watch;
    struct buf words;
};

enum { MAIN, BROWSER, HALVES };

struct box {
    struct spawn *spawn;
    int64_t id;
    struct half halves[HALVES];
    size_t n_halves;
    struct half *unbuilt; /* the one that ended before it was a box */
    bool killed;          /* by the server's wish, or for its memory */
    int64_t memory;       /* bytes that all of it may use */
    bool over_memory;     /* it used more, and no control group noticed */
    int uid_slot;
    struct cgroup group;
    msec_t started;
    struct box *next;
};

struct message {
    char *text;
    struct message *next;
};

struct spawn {
    struct loop *loop;
    int server;
    struct watch *server_watch;
    struct message *first, **last; /* what the server has yet to be told */
    bool stopping;

    struct launcher launcher;
    struct cgroups *cgroups;
    char *no_userns; /* why boxes have to be built without; NULL: they do not */
    uid_t uid;       /* of the first slot; boxes run as us unless we are root */
    bool uid_used[SPAWNER_SANDBOX_UIDS];
    struct box *boxes;
    struct timer *watchdog; /* while there are boxes whose memory no control group limits */
    struct wire_message in;
};

/* ---- words to the server ---- */

static void send_waiting(struct spawn *s)
{
    while (s->first) {
        struct message *m = s->first;
        if (wire_send(s->server, m->text, strlen(m->text), NULL, 0, false) < 0) {
            if (errno == EAGAIN)
                break;
            /* What is lost nobody would hear of, and wait for. That we end is heard on both sides. */
            (void)shutdown(s->server, SHUT_RDWR);
        }
        s->first = m->next;
        mem_free(m->text);
        mem_free(m);
    }
    if (!s->first)
        s->last = &s->first;
    if (s->server_watch)
        watch_change(s->server_watch, s->first ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void tell(struct spawn *s, json_t *message)
{
    struct message *m = mem_new(sizeof *m);

    m->text = json_print(message);
    json_decref(message);
    *s->last = m;
    s->last = &m->next;
    send_waiting(s);
}

static void tell_ready(struct spawn *s, const struct confined *walls)
{
    json_t *missing = json_object();

    for (int kind = 0; kind < CGROUP_KINDS; kind++) {
        const char *why = cgroups_missing(s->cgroups, kind);
        json_object_set_new(missing, cgroup_names[kind], json_or_null(why));
    }
    tell(s, json_pack("{s:s,s:o,s:o,s:o}", "t", "ready", "missing", missing, "no_userns",
                      json_or_null(s->no_userns), "walls", confined_to_json(walls)));
}

static void tell_exit(struct spawn *s, int64_t id, const struct child_exit *how)
{
    tell(s, json_pack("{s:s,s:I,s:b,s:i,s:i,s:b,s:I,s:s?,s:s?}", "t", "exit", "id", (json_int_t)id,
                      "exited", (int)how->exited, "status", how->status, "signal", how->signal,
                      "out_of_memory", (int)how->out_of_memory, "ran_ms", (json_int_t)how->ran_ms,
                      "step", how->step, "detail", how->detail));
}

/* ---- the end of a box ---- */

static void close_watched(struct watch **watch, int *fd)
{
    watch_free(take(*watch));
    fd_close(take_fd(fd));
}

static void half_done(struct half *h)
{
    close_watched(&h->bwrap.watch, &h->bwrap.fd);
    close_watched(&h->first.watch, &h->first.fd);
    close_watched(&h->control_watch, &h->control);
    close_watched(&h->words_watch, &h->words_fd);
    buf_done(&h->words);
}

static void box_free(struct box *b)
{
    struct box **at = &b->spawn->boxes;

    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    for (size_t i = 0; i < b->n_halves; i++)
        half_done(&b->halves[i]);
    cgroup_remove(b->spawn->cgroups, &b->group);
    b->spawn->uid_used[b->uid_slot] = false;
    mem_free(b);
}

static void read_words(struct half *h)
{
    char text[512];
    ssize_t n;

    while ((n = read(h->words_fd, text, sizeof text)) > 0) {
        if (h->words.n < WORDS_KEPT)
            buf_add(&h->words, text, (size_t)n);
    }
    if (n == 0 || errno != EAGAIN)
        close_watched(&h->words_watch, &h->words_fd);
}

/* What bubblewrap said, as one line that JSON can carry. */
static void tidy_words(struct buf *words)
{
    static const char prefix[] = "bwrap: ";

    if (words->n > strlen(prefix) && strncmp(words->data, prefix, strlen(prefix)) == 0)
        buf_drop(words, strlen(prefix));
    while (words->n > 0 && words->data[words->n - 1] == '\n')
        words->data[--words->n] = '\0';
    for (size_t i = 0; i < words->n; i++) {
        if (words->data[i] < ' ' || words->data[i] > '~')
            words->data[i] = ' ';
    }
}

/* Words first, as they say what the error is about. They live as long as the box. */
static const char *detail_of(struct half *h)
{
    tidy_words(&h->words);
    if (h->failed && h->words.n > 0)
        buf_format(&h->words, ": %s", strerror(h->failed_errno));
    else if (h->failed)
        buf_text(&h->words, strerror(h->failed_errno));
    else if (h->words.n == 0)
        buf_text(&h->words, "bubblewrap ended without a word");
    return h->words.data;
}

/* How the first ended, unless one of them could not be built. A second is born by the first: where that
 * failed, the fault is the first one's. */
static void describe_exit(struct box *b, struct child_exit *how)
{
    struct half *first = &b->halves[MAIN], *unbuilt = first->failed ? first : b->unbuilt;

    *how = (struct child_exit){ .out_of_memory = b->over_memory || cgroup_oom_kills(&b->group) > 0,
                                .ran_ms = clock_steady(&clock_real) - b->started };
    if (first->ended && !first->failed) {
        how->exited = WIFEXITED(first->status);
        how->status = how->exited ? WEXITSTATUS(first->status) : 0;
        how->signal = how->exited ? 0 : WTERMSIG(first->status);
        return;
    }
    how->signal = SIGKILL;
    if (unbuilt) {
        how->step = box_step_names[unbuilt->failed ? unbuilt->failed : BOX_STEP_NAMESPACE];
        how->detail = detail_of(unbuilt);
    }
}

static void stop_when_empty(struct spawn *s)
{
    if (s->stopping && !s->boxes)
        loop_stop(s->loop);
}

/* ---- processes ---- */

static bool has_ended(const struct process *p)
{
    struct pollfd ended = { p->fd, POLLIN, 0 };

    return p->fd < 0 || poll(&ended, 1, 0) == 1;
}

static void reap(const struct process *p)
{
    siginfo_t info;

    if (p->fd >= 0) /* the first process may be bubblewrap's to reap */
        (void)waitid(P_PIDFD, (id_t)p->fd, &info, WEXITED | WNOHANG);
}

static void kill_process(const struct process *p)
{
    if (p->fd >= 0)
        (void)pidfd_send_signal(p->fd, SIGKILL, NULL, 0);
}

/* One that has no descriptor. */
static void end_child(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

static void half_kill(struct half *h)
{
    /* The first process takes all others with it. Before it is known nothing of a tenant's runs. */
    kill_process(h->first.fd >= 0 ? &h->first : &h->bwrap);
}

static void box_kill(struct box *b)
{
    b->killed = true;
    for (size_t i = 0; i < b->n_halves; i++)
        half_kill(&b->halves[i]);
}

/* All of one is gone. A browser's box does not outlive the job's, but the job hears of the end of its
 * browser by itself, and has to say so; unless neither has begun. */
static void finish(struct half *h)
{
    struct box *b = h->box;
    struct spawn *s = b->spawn;
    struct half *other = b->n_halves < HALVES ? NULL : &b->halves[h == b->halves ? BROWSER : MAIN];
    struct child_exit how;

    h->gone = true;
    if ((h->failed || (!h->up && !h->killed && !b->killed)) && !b->unbuilt)
        b->unbuilt = h;
    if (other && !other->gone) {
        if (h == &b->halves[MAIN] || b->unbuilt) {
            other->killed = true;
            half_kill(other);
        }
        return;
    }
    describe_exit(b, &how);
    tell_exit(s, b->id, &how);
    box_free(b);
    stop_when_empty(s);
}

/* It runs, and nobody could end it or would hear of its end. */
static void cannot_be_watched(struct half *h)
{
    h->failed = BOX_STEP_BWRAP;
    h->failed_errno = errno;
    kill_process(&h->bwrap);
}

/* From a process id to a descriptor that stays true. The id was true when it was sent; that the
 * process is bubblewrap's child, or was left to us by it, proves that it is still the same. */
static void know_first(struct half *h, pid_t pid)
{
    int fd = pidfd_open(pid, 0);

    if (fd < 0 && errno != ESRCH) {
        cannot_be_watched(h);
        h->first.pid = pid;
    }
    pid_t parent = fd < 0 ? 0 : proc_parent(pid);
    if (parent > 0 && (parent == h->bwrap.pid || parent == getpid()))
        h->first = (struct process){ pid, fd, NULL };
    else
        fd_close(fd);
    if (h->box->killed || h->killed)
        kill_process(&h->first);
}

static bool is_known(const struct spawn *s, pid_t pid)
{
    for (const struct box *b = s->boxes; b; b = b->next) {
        for (size_t i = 0; i < b->n_halves; i++) {
            const struct half *h = &b->halves[i];
            if ((h->bwrap.watch && h->bwrap.pid == pid) ||
                (h->first.fd >= 0 && h->first.pid == pid))
                return true;
        }
    }
    return false;
}

/* Whoever bubblewrap's session has left to us, and nobody knows yet. It may be the first process of the
 * box, when bubblewrap was killed before that could say who it is: then it may wait for a word of
 * bubblewrap's for ever, and hold what the box was given. Or it ran before there was bubblewrap: it made
 * the network, or was to be the browser's. */
static void take_orphan(void *arg, pid_t pid)
{
    struct half *h = arg;

    if (is_known(h->box->spawn, pid) || proc_session(pid) != h->bwrap.pid)
        return;
    if (!proc_is_first(pid))
        end_child(pid);
    else if (h->first.fd < 0)
        know_first(h, pid);
}

static void on_first_ended(void *arg, uint32_t events)
{
    struct half *h = arg;

    (void)events;
    reap(&h->first);
    finish(h);
}

static void on_bwrap_ended(void *arg, uint32_t events);

/* Needs no descriptor, of which there may be none. */
static bool is_child(pid_t pid)
{
    siginfo_t info;

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* A browser's: the first one's process made it a child of ours. */
static void know_bwrap(struct half *h, pid_t pid)
{
    if (!is_child(pid))
        return;
    int fd = pidfd_open(pid, 0);
    h->bwrap = (struct process){ pid, fd, NULL };
    if (fd < 0) {
        cannot_be_watched(h);
        end_child(pid);
        h->unwatched = true;
        return;
    }
    h->bwrap.watch = loop_watch(h->box->spawn->loop, fd, EPOLLIN, on_bwrap_ended, h);
    if (h->box->killed || h->killed)
        kill_process(&h->bwrap);
}

static void take_report(struct half *h, const struct box_report *r, pid_t sender)
{
    struct box *b = h->box;

    h->up = h->up || r->kind == BOX_UP;
    h->ended = h->ended || r->kind == BOX_ENDED;
    b->over_memory = b->over_memory || r->kind == BOX_FULL;
    if (r->kind == BOX_BORN && h->bwrap.pid == 0) {
        know_bwrap(h, sender);
    } else if (r->kind == BOX_UP && h->first.fd < 0) {
        know_first(h, sender);
    } else if (r->kind == BOX_FULL) {
        box_kill(b);
    } else if (r->kind == BOX_ENDED) {
        h->status = r->value;
    } else if (r->kind == BOX_FAILED && !h->failed && r->step > 0 && r->step < BOX_STEPS) {
        h->failed = (enum box_step)r->step;
        h->failed_errno = r->value;
    }
}

static void read_reports(struct half *h)
{
    struct wire_message *m = &h->box->spawn->in;
    struct box_report r;
    int got;

    while (h->control >= 0 && (got = wire_recv(h->control, m, false)) >= 0) {
        if (got == 0) {
            close_watched(&h->control_watch, &h->control);
        } else if (m->n == sizeof r) {
            memcpy(&r, m->data, sizeof r);
            take_report(h, &r, m->sender);
        }
    }
}

/* What it left behind ends, too. */
static void bwrap_is_gone(struct half *h)
{
    /* First, for it closes a descriptor, and it may be the only one. */
    if (h->words_fd >= 0)
        read_words(h);
    close_watched(&h->words_watch, &h->words_fd);
    /* In this order: it says who it is before it leaves the session. */
    proc_each_child(take_orphan, h);
    read_reports(h);
    if (h->first.fd < 0 && h->first.pid && is_child(h->first.pid))
        end_child(h->first.pid);
    if (!has_ended(&h->first)) {
        kill_process(&h->first);
        h->first.watch = loop_watch(h->box->spawn->loop, h->first.fd, EPOLLIN, on_first_ended, h);
        return;
    }
    reap(&h->first);
    finish(h);
}

static void on_bwrap_ended(void *arg, uint32_t events)
{
    struct half *h = arg;

    (void)events;
    reap(&h->bwrap);
    watch_free(take(h->bwrap.watch));
    bwrap_is_gone(h);
}

static void on_report(void *arg, uint32_t events)
{
    struct half *h = arg;

    (void)events;
    read_reports(h);
    if (h->unwatched) {
        h->unwatched = false;
        bwrap_is_gone(h);
    } else if (h->control < 0 && h->bwrap.pid == 0 && !h->gone) {
        finish(h); /* it was never born */
    }
}

static void on_words(void *arg, uint32_t events)
{
    (void)events;
    read_words(arg);
}

/* ---- memory ---- */

static void watch_memory(struct spawn *s);

/* Who has ended has a number that may be another's. */
static pid_t pid_of(const struct half *h)
{
    return h->gone ? 0 : h->first.pid;
}

static void on_watchdog(void *arg)
{
    struct spawn *s = arg;
    struct watched looked_at[SPAWNER_SANDBOX_UIDS];
    size_t n = 0;

    s->watchdog = NULL;
    for (const struct box *b = s->boxes; b && n < n_items(looked_at); b = b->next)
        looked_at[n++] = (struct watched){
            { pid_of(&b->halves[MAIN]), pid_of(&b->halves[BROWSER]) }, b->memory, false
        };
    watchdog_look(looked_at, n);
    n = 0;
    for (struct box *b = s->boxes; b && n < n_items(looked_at); b = b->next, n++) {
        if (looked_at[n].over && !b->killed) {
            b->over_memory = true;
            box_kill(b);
        }
    }
    watch_memory(s);
}

static void watch_memory(struct spawn *s)
{
    if (!s->watchdog && s->boxes && !s->launcher.limits_memory)
        s->watchdog = loop_timer(s->loop, WATCHDOG_MS, on_watchdog, s);
}

/* ---- what the server asks for ---- */

static int take_uid(struct spawn *s)
{
    for (int slot = 0; slot < SPAWNER_SANDBOX_UIDS; slot++) {
        if (!s->uid_used[slot]) {
            s->uid_used[slot] = true;
            return slot;
        }
    }
    return -1;
}

static void refuse_start(struct spawn *s, int64_t id, const char *step, const char *detail)
{
    struct child_exit how = { .signal = SIGKILL, .step = step, .detail = detail };

    tell_exit(s, id, &how);
}

static void half_init(struct half *h, struct box *b, const struct launch *made)
{
    struct loop *loop = b->spawn->loop;

    *h = (struct half){ .box = b,
                        .bwrap = { made->pid, made->pidfd, NULL },
                        .first = { .fd = -1 },
                        .control = made->control,
                        .words_fd = made->stderr_ };
    if (h->bwrap.fd >= 0)
        h->bwrap.watch = loop_watch(loop, h->bwrap.fd, EPOLLIN, on_bwrap_ended, h);
    h->control_watch = loop_watch(loop, h->control, EPOLLIN, on_report, h);
    h->words_watch = loop_watch(loop, h->words_fd, EPOLLIN, on_words, h);
}

static void start(struct spawn *s, int64_t id, struct plan *p)
{
    struct cgroup group;
    struct launch made[HALVES];
    /* Our predecessor, whose ids are the same, may still be ending. */
    scoped(mem_free) char *name = mem_format("%d-%lld-%s", getpid(), (long long)id, p->name);

    int slot = take_uid(s);
    if (slot < 0) {
        refuse_start(s, id, box_step_names[BOX_STEP_USER], "all users for boxes are taken");
        return;
    }
    if (cgroup_make(s->cgroups, name, &p->limits, &group) < 0) {
        refuse_start(s, id, box_step_names[BOX_STEP_CGROUP], strerror(errno));
        s->uid_used[slot] = false;
        return;
    }
    msec_t now = clock_steady(&clock_real);
    if (launch(&s->launcher, id, p, s->uid + (uid_t)slot, &group, &made[MAIN], &made[BROWSER]) <
        0) {
        refuse_start(s, id, box_step_names[BOX_STEP_BWRAP], strerror(errno));
        cgroup_remove(s->cgroups, &group);
        s->uid_used[slot] = false;
        return;
    }

    struct box *b = mem_new(sizeof *b);
    *b = (struct box){ .spawn = s,
                       .memory = (int64_t)p->limits.memory_mib << 20,
                       .id = id,
                       .n_halves = p->browser ? HALVES : 1,
                       .uid_slot = slot,
                       .group = group,
                       .started = now,
                       .next = s->boxes };
    s->boxes = b;
    for (size_t i = 0; i < b->n_halves; i++)
        half_init(&b->halves[i], b, &made[i]);
    watch_memory(s);
}

static void read_start(struct spawn *s, int64_t id, const json_t *ask, struct wire_message *m)
{
    scoped(plan_free) struct plan *p = NULL;
    scoped(err_clear) struct err e = { 0 };
    const json_t *plan = json_object_get(ask, "plan");
    const json_t *fds = json_object_get(plan, "fds");

    if (plan_from_json(plan, &p, &e) < 0 || json_array_size(fds) != m->n_fds) {
        refuse_start(s, id, "plan", e.msg ? e.msg : "descriptors are missing");
        return;
    }
    for (size_t i = 0; i < m->n_fds; i++)
        plan_fd(p, take_fd(&m->fds[i]), (int)json_integer_value(json_array_get(fds, i)));
    start(s, id, p);
}

/* Boxes that are born from now on use it. */
static void read_gate(struct spawn *s, const json_t *ask, struct wire_message *m)
{
    /* Without it no box would have a network. Whoever is started in our place is told of it again. */
    if (m->n_fds != 1) {
        (void)shutdown(s->server, SHUT_RDWR);
        return;
    }
    struct cage_gate *gate =
        &s->launcher.gates[json_bool(ask, "registry", false) ? CAGE_REGISTRY : CAGE_WORLD];
    fd_close(gate->fd);
    *gate = (struct cage_gate){ .fd = take_fd(&m->fds[0]),
                                .loopback = json_bool(ask, "loopback", false) };
}

static void read_ask(struct spawn *s, struct wire_message *m)
{
    scoped(json_decref) json_t *ask = json_loadb(m->data, m->n, 0, NULL);
    const char *what = json_text(ask, "t");
    int64_t id = json_int(ask, "id", 0);
    struct box *b = s->boxes;

    while (b && b->id != id)
        b = b->next;
    if (what && strcmp(what, "start") == 0)
        read_start(s, id, ask, m);
    else if (what && strcmp(what, "gate") == 0)
        read_gate(s, ask, m);
    else if (what && b && strcmp(what, "kill") == 0)
        box_kill(b);
    else if (what && b && strcmp(what, "terminate") == 0 && b->halves[MAIN].control >= 0)
        (void)wire_send(b->halves[MAIN].control, &(int32_t){ SIGTERM }, sizeof(int32_t), NULL, 0,
                        false);
    /* An ask for a box that has ended crossed its exit on the way. */
    for (size_t i = 0; i < m->n_fds; i++)
        fd_close(m->fds[i]);
}

static void stop(struct spawn *s)
{
    s->stopping = true;
    close_watched(&s->server_watch, &s->server);
    for (struct box *b = s->boxes; b; b = b->next)
        box_kill(b);
    stop_when_empty(s);
}

static void on_server(void *arg, uint32_t events)
{
    struct spawn *s = arg;
    int got;

    if (events & EPOLLOUT)
        send_waiting(s);
    while ((got = wire_recv(s->server, &s->in, false)) > 0)
        read_ask(s, &s->in);
    if (got == 0 || errno != EAGAIN)
        stop(s);
}

/* ---- the process ---- */

/* A name that no other data directory on this machine has. */
static char *owner_name(const char *data_dir)
{
    struct stat st;

    if (stat(data_dir, &st) < 0)
        return mem_format("%d", getpid());
    return mem_format("%llx-%llx", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
}

/* What bubblewrap does first, as the user of a box. Settings of the kernel, its security modules and
 * filters of whoever started us can each be in the way, at the one step or at the other. */
static int try_userns(uid_t uid)
{
    return setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0 ||
                   rights_enter(CLONE_NEWNS) < 0 ||
                   mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0
               ? errno
               : 0;
}

/* Root alone has another way to make boxes. */
static char *look_for_userns(uid_t uid)
{
    int status = 0;

    if (geteuid() != 0)
        return NULL;
    pid_t pid = _Fork();
    if (pid == 0)
        _exit(try_userns(uid));
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || !WEXITSTATUS(status))
        return NULL; /* what is wrong then shows in the first box */
    return mem_format("user namespaces cannot be made here: %s", strerror(WEXITSTATUS(status)));
}

static int run(struct spawn *s, const struct view_options *view, struct confine_options *own,
               uid_t uid, struct err *e)
{
    scoped(mem_free) char *owner = owner_name(view->data_dir); /* before it is covered */
    struct confined walls;

    if (launcher_init(&s->launcher, view, e) < 0)
        return -1;
    s->uid = uid;
    s->cgroups = cgroups_open(&cgroup_source_proc, owner);
    s->no_userns = look_for_userns(uid);
    s->launcher.no_userns = own->no_userns = s->no_userns;
    s->launcher.limits_memory = !cgroups_missing(s->cgroups, CGROUP_MEMORY);
    s->loop = loop_new(&clock_real);
    s->server_watch = loop_watch(s->loop, s->server, EPOLLIN, on_server, s);
    confine(own, &walls);
    tell_ready(s, &walls);
    confined_done(&walls);
    loop_run(s->loop);
    return 0;
}

bool exec_wanted(const char *argv0)
{
    return argv0 && (strcmp(argv0, EXEC_SPAWNER) == 0 || strcmp(argv0, HELPER_STARTER) == 0);
}

int exec_main(int argc, char **argv)
{
    static struct spawn s; /* holds a message of full length */
    scoped(err_clear) struct err e = { 0 };

    if (argc > 0 && strcmp(argv[0], HELPER_STARTER) == 0)
        return helper_starter(argv);
    if (argc < SPAWN_ARGS)
        return EXIT_FAILURE;
    helper_settle(1);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    s.server = SPAWN_SERVER_FD;
    s.last = &s.first;
    const struct view_options view = {
        .program = argv[SPAWN_ARG_PROGRAM],
        .runner_dir = *argv[SPAWN_ARG_RUNNER] ? argv[SPAWN_ARG_RUNNER] : NULL,
        .data_dir = argv[SPAWN_ARG_DATA],
        .as_root = geteuid() == 0,
    };
    struct confine_options own = {
        .who = CONFINE_SPAWNER,
        .data_dir = view.data_dir,
        .program = view.program,
        .runner_dir = view.runner_dir,
        .folders = strcmp(argv[SPAWN_ARG_FOLDERS], "some") == 0
                       ? (const char *const *)argv + SPAWN_ARGS
                       : NULL,
        .host_network = strcmp(argv[SPAWN_ARG_NETWORK], "host") == 0,
    };
    int result = run(&s, &view, &own, (uid_t)strtoul(argv[SPAWN_ARG_UID], NULL, 10), &e);
    if (result < 0)
        (void)fprintf(stderr, "impresario-spawn: %s\n", e.msg);
    timer_free(s.watchdog);
    cgroups_close(s.cgroups);
    mem_free(s.no_userns);
    launcher_done(&s.launcher);
    loop_free(s.loop);
    return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
