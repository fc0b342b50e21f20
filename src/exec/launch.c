/* SPDX-License-Identifier: Apache-2.0
 *
 * Order matters here. Control groups and mounts need the rights that the next step gives up;
 * die-with-parent is forgotten by the kernel when the user changes, so it comes after that; and the
 * descriptors come last, because every earlier step may have to report that it failed.
 */
#include "exec/launch.h"

#include "exec/plan_private.h"
#include "exec/syscalls.h"
#include "exec/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILES_OPEN = 4096,   /* Chromium asks for thousands, Node for what it can get */
    OWN_PROCESSES = 1,   /* the box's first one, of the same user */
    HIGH_FD = 64,        /* above every number that bubblewrap is told */
    ENTRIES_A_MIB = 512, /* the kernel needs about a KiB for each: half of the memory */
    MAX_PASSED = BOX_CONTROL_FD + 1 + PLAN_FDS + BWRAP_FILES + 1,
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

    *l = (struct launcher){ .view = *view, .gate = { .fd = -1 } };
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
    fd_close(l->gate.fd);
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

struct birth {
    const struct launcher *l;
    int64_t id;
    struct plan *plan;
    const struct cgroup *group;
    uid_t uid;
    bool basic; /* it is root until the box's first process becomes that user */
    pid_t parent;
    int control, stderr_;
};

static _Noreturn void fail(const struct birth *b, enum box_step step)
{
    struct box_report r = { BOX_FAILED, (int32_t)step, errno };

    (void)wire_send(b->control, &r, sizeof r, NULL, 0, false);
    _exit(1);
}

/* The host's network needs no step, and none at all is bubblewrap's. */
static void enter_network(const struct birth *b)
{
    const struct plan_limits *l = &b->plan->limits;
    const struct cage_box box = { b->id, b->plan->name, l->net == PLAN_NET_REGISTRY };

    if (plan_is_caged(l) && cage_enter(&b->l->gate, &box, b->stderr_) < 0)
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

static void become_user(const struct birth *b)
{
    bool changes = b->l->view.as_root && !b->basic;

    if (changes && (setgroups(0, NULL) < 0 || setresgid(b->uid, b->uid, b->uid) < 0 ||
                    setresuid(b->uid, b->uid, b->uid) < 0))
        fail(b, BOX_STEP_USER);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != b->parent)
        fail(b, BOX_STEP_USER);
}

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

static _Noreturn void be_born(struct birth *b)
{
    const struct launcher *l = b->l;
    struct bwrap_call call = { 0 };
    struct view view;
    const char *about;
    int fds[MAX_PASSED], n = 0;

    reset_signals();
    if (cgroup_join(b->group) < 0)
        fail(b, BOX_STEP_CGROUP);
    if (view_enter(&l->view, b->plan, b->uid, &about) < 0) {
        int err_no = errno;
        (void)dprintf(b->stderr_, "%s", about);
        errno = err_no;
        fail(b, BOX_STEP_VIEW);
    }
    step_back();
    become_user(b);
    enter_network(b);

    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    fds[n++] = null;
    fds[n++] = null;
    fds[n++] = b->stderr_;
    fds[n++] = b->control;
    for (int i = 0; i < PLAN_FDS; i++) {
        if (b->plan->fds[i] >= 0)
            fds[n++] = b->plan->fds[i];
    }
    view_init(&view, &l->view, b->plan);
    view.from.basic_uid = b->basic ? b->uid : 0;
    bool nesting = b->plan->limits.browser && !b->basic;
    bwrap_call(b->plan, &view.from, nesting ? &l->browser_filter : &l->filter, &l->box, n, &call);
    for (size_t i = 0; i < call.n_files; i++)
        fds[n++] = fd_of(&call.files[i]);
    fds[n++] = fd_of(&call.args);
    number_fds(b, fds, n);
    b->control = BOX_CONTROL_FD;

    char name[] = "bwrap", args[] = "--args", end[] = "--", program[] = BOX_PROGRAM;
    char args_fd[16];
    (void)snprintf(args_fd, sizeof args_fd, "%d", n - 1);
    char *const argv[] = { name, args, args_fd, end, program, NULL };
    char *const envp[] = { NULL };
    execve(BWRAP_PROGRAM, argv, envp);
    fail(b, BOX_STEP_BWRAP);
}

/* ---- in the spawner ---- */

static void close_plan_fds(struct plan *p)
{
    for (int i = 0; i < PLAN_FDS; i++) {
        fd_close(p->fds[i]);
        p->fds[i] = -1;
    }
}

int launch(const struct launcher *l, int64_t id, struct plan *p, uid_t uid,
           const struct cgroup *group, struct launch *out)
{
    bool basic = l->no_userns && p->basic;
    int ends[2], on = 1;

    if (basic)
        plan_env(p, PLAN_BASIC, "1");
    if (wire_pair(ends) < 0)
        return -1;
    scoped(fd_close) int control = ends[0];
    scoped(fd_close) int control_inside = ends[1];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -1;
    scoped(fd_close) int words = ends[0];
    scoped(fd_close) int words_inside = ends[1];

    if (setsockopt(control, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 ||
        send_launch(l, p, basic ? uid : 0, control) < 0)
        return -1;
    struct birth birth = { l, id, p, group, uid, basic, getpid(), control_inside, words_inside };
    /* Not fork(), after which a sanitizer's library may start a thread: who has threads cannot enter
     * a user namespace. */
    pid_t pid = _Fork();
    if (pid < 0)
        return -1;
    if (pid == 0)
        be_born(&birth);
    close_plan_fds(p);
    *out = (struct launch){ pid, take_fd(&control), take_fd(&words) };
    return 0;
}
