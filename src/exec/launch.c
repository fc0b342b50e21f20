/* SPDX-License-Identifier: Apache-2.0
 *
 * Order matters here. Control groups and mounts need the rights that the next step gives up;
 * die-with-parent is forgotten by the kernel when the user changes, so it comes after that; and the
 * descriptors come last, because every earlier step may have to report that it failed.
 *
 * Whoever is born here leads a session: what it leaves to the spawner, should it be killed, is known by
 * that until the first process of its box has said who it is (spawn_main.c). A browser's leads its own
 * from when it has said so.
 */
#include "exec/launch.h"

#include "exec/plan_private.h"
#include "exec/rights.h"
#include "exec/syscalls.h"
#include "exec/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    FILES_OPEN = 4096,   /* Chromium asks for thousands, Node for what it can get */
    OWN_PROCESSES = 1,   /* the box's first one, of the same user */
    HIGH_FD = 64,        /* above every number that bubblewrap is told */
    ENTRIES_A_MIB = 512, /* the kernel needs about a KiB for each: half of the memory */
    MAX_PASSED = BOX_CONTROL_FD + 1 + PLAN_FDS + BWRAP_FILES + 1,
    BROWSER_LISTENS = 3, /* the number of its only descriptor */
    BACKLOG = 16,
};

/* The program box_main.c, built on its own and carried along, so that there is one file to install
 * and the two always fit. */
static const unsigned char box_program[] = {
#include "box_bytes.h"
};

_Static_assert((int)PLAN_FDS <= (int)BOX_MAX_FDS, "a launch has room for the plan's descriptors");

int launcher_init(struct launcher *l, const struct view_options *view, struct err *e)
{
    struct stat st;

    *l = (struct launcher){ .view = *view, .gates = { { .fd = -1 }, { .fd = -1 } } };
    if (syscalls_filter(&(struct syscalls_of){ 0 }, &l->filter, e) < 0 ||
        syscalls_filter(&(struct syscalls_of){ .browser = true }, &l->browser_filter, e) < 0)
        return -1;
    buf_add(&l->box, box_program, sizeof box_program);
    if (stat("/proc/self/ns/user", &st) == 0)
        l->host_userns = st.st_ino;
    return 0;
}

void launcher_done(struct launcher *l)
{
    buf_done(&l->filter);
    buf_done(&l->browser_filter);
    buf_done(&l->box);
    for (int kind = 0; kind < CAGE_KINDS; kind++)
        fd_close(l->gates[kind].fd);
}

/* Bytes to be read from a descriptor. */
static int fd_of(const struct buf *bytes)
{
    int fd = memfd_create("impresario", MFD_CLOEXEC);

    if (fd < 0)
        return -1;
    if (write(fd, bytes->data, bytes->n) != (ssize_t)bytes->n || lseek(fd, 0, SEEK_SET) < 0) {
        fd_close(fd);
        return -1;
    }
    return fd;
}

static uint32_t list_fds(const struct plan *p, int32_t *inside)
{
    uint32_t n = 0;

    for (int i = 0; i < PLAN_FDS; i++) {
        if (p->fds[i] >= 0)
            inside[n++] = i;
    }
    return n;
}

/* The first message to the box: it lies in the socket before the box exists. */
static int send_launch(const struct launcher *l, const struct plan *p, uid_t basic_uid, int control)
{
    const struct plan_limits *limits = &p->limits;
    scoped(buf_done) struct buf message = { 0 };
    struct box_launch head = {
        .host_userns = basic_uid ? 0 : l->host_userns,
        .basic_uid = basic_uid,
        .processes = (uint64_t)limits->pids + OWN_PROCESSES,
        .data_bytes = l->limits_memory ? BOX_NO_LIMIT : (uint64_t)limits->memory_mib << 20,
        .file_bytes = (uint64_t)limits->file_mib << 20,
        .files = FILES_OPEN,
        .entries = l->limits_memory ? BOX_NO_LIMIT : (uint64_t)limits->memory_mib * ENTRIES_A_MIB,
        .n_args = (uint32_t)p->args.n,
        .n_env = (uint32_t)p->env.n,
    };

    head.n_fds = list_fds(p, head.fds);
    buf_add(&message, &head, sizeof head);
    for (size_t i = 0; i < p->args.n; i++)
        buf_add(&message, p->args.items[i].a, strlen(p->args.items[i].a) + 1);
    for (size_t i = 0; i < p->env.n; i++) {
        buf_format(&message, "%s=%s", p->env.items[i].a, p->env.items[i].b);
        buf_char(&message, '\0');
    }
    if (message.n > BOX_MAX_LAUNCH) {
        errno = E2BIG;
        return -1;
    }
    return wire_send(control, message.data, message.n, NULL, 0, false);
}

/* ---- in the child ---- */

/* What a process that becomes bubblewrap is told. */
struct half {
    struct plan *plan;
    int control, stderr_;
};

struct birth {
    const struct launcher *l;
    int64_t id;
    struct half own, browser;
    const struct cgroup *group;
    uid_t uid;
    bool basic; /* it is root until the box's first process becomes that user */
    pid_t parent;
};

static _Noreturn void fail(const struct birth *b, enum box_step step)
{
    struct box_report r = { BOX_FAILED, (int32_t)step, errno };

    (void)wire_send(b->own.control, &r, sizeof r, NULL, 0, false);
    _exit(1);
}

static _Noreturn void fail_about(const struct birth *b, enum box_step step, const char *about)
{
    int err_no = errno;

    (void)dprintf(b->own.stderr_, "%s", about);
    errno = err_no;
    fail(b, step);
}

/* The host's network needs no step, and none at all is bubblewrap's. */
static void enter_network(const struct birth *b)
{
    const struct plan_limits *l = &b->own.plan->limits;
    const struct cage_box box = { b->id, b->own.plan->name,
                                  l->net == PLAN_NET_REGISTRY ? CAGE_REGISTRY : CAGE_WORLD };

    if (plan_is_caged(l) && cage_enter(b->l->gates, &box, b->own.stderr_) < 0)
        fail(b, BOX_STEP_NETWORK);
}

/* When memory is short everywhere, a box goes before the server does. Chromium ranks its own
 * processes above this. */
static void step_back(void)
{
    static const char score[] = "200";
    scoped(fd_close) int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    (void)!write(fd, score, strlen(score));
}

static void die_with_parent(const struct birth *b)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != b->parent)
        fail(b, BOX_STEP_USER);
}

static void become_user(const struct birth *b)
{
    bool changes = b->l->view.as_root && !b->basic;

    if (changes && (setgroups(0, NULL) < 0 || setresgid(b->uid, b->uid, b->uid) < 0 ||
                    setresuid(b->uid, b->uid, b->uid) < 0))
        fail(b, BOX_STEP_USER);
    die_with_parent(b);
}

/* ---- what two boxes share ---- */

/* Before becoming the user of the box: who is root may mount now, and who is not needs the rights of a
 * user namespace, with mounts of its own. */
static void make_shared(const struct birth *b)
{
    uid_t uid = b->l->view.as_root ? b->uid : geteuid();
    gid_t gid = b->l->view.as_root ? b->uid : getegid();

    if (!b->own.plan->browser)
        return;
    if (!b->l->view.as_root && rights_enter(CLONE_NEWNS) < 0)
        fail_about(b, BOX_STEP_VIEW, "mount namespace");
    if (view_share(uid, gid, b->own.plan->limits.work_mib) < 0)
        fail_about(b, BOX_STEP_VIEW, VIEW_SHARED);
    if (!b->l->view.as_root && rights_keep(0) < 0)
        fail(b, BOX_STEP_VIEW);
}

/* The socket is there before either of the boxes: whoever connects is heard in the end. */
static void listen_for_job(const struct birth *b)
{
    const struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = VIEW_SHARED_SOCKET };
    int fd = b->browser.plan->fds[BROWSER_LISTENS];

    if (bind(fd, (const struct sockaddr *)&at, sizeof at) < 0 || listen(fd, BACKLOG) < 0 ||
        (b->basic && lchown(VIEW_SHARED_SOCKET, b->uid, b->uid) < 0))
        fail_about(b, BOX_STEP_VIEW, VIEW_SHARED_SOCKET);
}

/* ---- bubblewrap ---- */

static void reset_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL); /* refused for a few, which cannot be changed anyway */
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Gives `fds` the numbers 0 to n - 1 and closes everything else. */
static void number_fds(const struct birth *b, int *fds, int n)
{
    for (int i = 0; i < n; i++) {
        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, HIGH_FD);
        if (fds[i] < 0)
            fail(b, BOX_STEP_FDS);
    }
    for (int i = 0; i < n; i++)
        (void)dup2(fds[i], i);
    (void)close_range((unsigned)n, ~0U, 0);
}

static _Noreturn void become_bubblewrap(struct birth *b)
{
    const struct launcher *l = b->l;
    struct plan *plan = b->own.plan;
    struct bwrap_call call = { 0 };
    struct view view;
    int fds[MAX_PASSED], n = 0;

    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    fds[n++] = null;
    fds[n++] = null;
    fds[n++] = b->own.stderr_;
    fds[n++] = b->own.control;
    for (int i = 0; i < PLAN_FDS; i++) {
        if (plan->fds[i] >= 0)
            fds[n++] = plan->fds[i];
    }
    view_init(&view, &l->view, plan);
    view.from.basic_uid = b->basic ? b->uid : 0;
    bool nesting = plan->limits.browser && !b->basic;
    bwrap_call(plan, &view.from, nesting ? &l->browser_filter : &l->filter, &l->box, n, &call);
    for (size_t i = 0; i < call.n_files; i++)
        fds[n++] = fd_of(&call.files[i]);
    fds[n++] = fd_of(&call.args);
    number_fds(b, fds, n);
    b->own.control = BOX_CONTROL_FD;

    char name[] = "bwrap", args[] = "--args", end[] = "--", program[] = BOX_PROGRAM;
    char args_fd[16];
    (void)snprintf(args_fd, sizeof args_fd, "%d", n - 1);
    char *const argv[] = { name, args, args_fd, end, program, NULL };
    char *const envp[] = { NULL };
    execve(BWRAP_PROGRAM, argv, envp);
    fail(b, BOX_STEP_BWRAP);
}

/* A sibling: who starts us is its parent too, and reaps it. It has our namespaces and control group,
 * which is what the two boxes have in common. */
static void bear_browser(struct birth *b)
{
    const struct box_report born = { .kind = BOX_BORN };

    listen_for_job(b);
    long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid < 0)
        fail(b, BOX_STEP_BWRAP);
    if (pid > 0)
        return;
    b->own = b->browser;
    die_with_parent(b);
    if (wire_send(b->own.control, &born, sizeof born, NULL, 0, false) < 0)
        _exit(1);
    (void)setsid();
    become_bubblewrap(b);
}

static _Noreturn void be_born(struct birth *b)
{
    const char *about;

    reset_signals();
    (void)setsid(); /* by which the spawner knows what it leaves behind */
    if (cgroup_join(b->group) < 0)
        fail(b, BOX_STEP_CGROUP);
    if (view_enter(&b->l->view, b->own.plan, b->uid, &about) < 0)
        fail_about(b, BOX_STEP_VIEW, about);
    step_back();
    make_shared(b);
    become_user(b);
    enter_network(b);
    if (b->own.plan->browser)
        bear_browser(b);
    become_bubblewrap(b);
}

/* ---- in the spawner ---- */

static void close_plan_fds(struct plan *p)
{
    for (int i = 0; i < PLAN_FDS; i++) {
        fd_close(p->fds[i]);
        p->fds[i] = -1;
    }
}

/* The two ends of what is said about one half. */
struct lines {
    int control, words; /* ours */
    struct half half;
};

static void lines_done(struct lines *s)
{
    fd_close(s->control);
    fd_close(s->words);
    fd_close(s->half.control);
    fd_close(s->half.stderr_);
}

static inline void lines_done_at(struct lines *s)
{
    lines_done(s);
}

static int lines_init(struct lines *s, const struct launcher *l, struct plan *p, uid_t basic_uid)
{
    int ends[2], on = 1;

    s->half.plan = p;
    if (basic_uid)
        plan_env(p, PLAN_BASIC, "1");
    if (wire_pair(ends) < 0)
        return -1;
    s->control = ends[0];
    s->half.control = ends[1];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -1;
    s->words = ends[0];
    s->half.stderr_ = ends[1];
    return setsockopt(s->control, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0
               ? -1
               : send_launch(l, p, basic_uid, s->control);
}

static const struct lines no_lines = { -1, -1, { NULL, -1, -1 } };

/* Its address is given to it in the place that the two share. */
static int give_socket(struct plan *browser)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    plan_fd(browser, fd, BROWSER_LISTENS);
    return 0;
}

int launch(const struct launcher *l, int64_t id, struct plan *p, uid_t uid,
           const struct cgroup *group, struct launch *out, struct launch *browser)
{
    uid_t basic_uid = l->no_userns && p->basic ? uid : 0;
    scoped(lines_done) struct lines own = no_lines;
    scoped(lines_done) struct lines beside = no_lines;

    if (lines_init(&own, l, p, basic_uid) < 0)
        return -1;
    if (p->browser &&
        (give_socket(p->browser) < 0 || lines_init(&beside, l, p->browser, basic_uid) < 0))
        return -1;
    struct birth birth = { l, id, own.half, beside.half, group, uid, basic_uid != 0, getpid() };
    /* With its descriptor, or not at all. And not by fork(), after which a sanitizer's library may start
     * a thread: who has threads cannot enter a user namespace. */
    int pidfd = -1;
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, NULL);
    if (pid < 0)
        return -1;
    if (pid == 0)
        be_born(&birth);
    close_plan_fds(p);
    *out = (struct launch){ pid, pidfd, take_fd(&own.control), take_fd(&own.words) };
    if (p->browser) {
        close_plan_fds(p->browser);
        *browser = (struct launch){ 0, -1, take_fd(&beside.control), take_fd(&beside.words) };
    }
    return 0;
}
