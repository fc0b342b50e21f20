/* SPDX-License-Identifier: Apache-2.0
 *
 * The first process of a box. It starts the program, with its limits, descriptors and environment,
 * and then is what a first process has to be: it reaps, and when the program ends it says how, and
 * ends, which ends everything else in the box.
 *
 * It also ends when its socket closes: no box outlives the spawner, whatever became of the processes
 * in between.
 */
#include "exec/box.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/landlock.h>

enum {
    PARKED = 64,   /* from here on descriptors wait until they get their numbers */
    WORDS = 4096,  /* arguments and variables together */
    CONTROL = 200, /* our own end, out of the way */
    LOOK_MS = 250, /* from one count of the entries to the next */
};

static bool report(int kind, int step, int value)
{
    struct box_report r = { .kind = kind, .step = step, .value = value };

    return send(CONTROL, &r, sizeof r, MSG_NOSIGNAL) == sizeof r;
}

static _Noreturn void fail(int step)
{
    (void)report(BOX_FAILED, step, errno);
    _exit(1);
}

/* Bubblewrap's --unshare-user leaves no doubt; this is the proof. */
static void check_userns(uint64_t host)
{
    struct stat st;

    if (stat("/proc/self/ns/user", &st) < 0)
        fail(BOX_STEP_USERNS);
    errno = EEXIST;
    if (st.st_ino == host)
        fail(BOX_STEP_USERNS);
}

/* At the level "basic": root, with the rights that this takes and no others, as bubblewrap has left
 * us. Nothing has been read but what the spawner says, and nothing else runs. */
static void become_user(uid_t uid)
{
    static const char *const own[] = { "/work", "/work/app", "/work/home", "/work/tmp",
                                       "/work/node_modules" };
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

    /* What the plan binds there is read-only, or belongs to the user. */
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (lchown(own[i], uid, uid) < 0 && errno != ENOENT && errno != EROFS)
            fail(BOX_STEP_USER);
    }
    for (unsigned long c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++) {
        if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
            fail(BOX_STEP_USER);
    }
    if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0 ||
        syscall(SYS_capset, &head, none) < 0)
        fail(BOX_STEP_USER);
    /* The kernel forgets these two when the user changes. */
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* Whatever right somebody in the box should come by: no mount is changed here any more, which the
 * kernel refuses to all who are under rules for files, no device is made, and no signal and no
 * abstract socket outside of the box is reached (since Linux 6.12). What these rules forbid besides
 * unless they are told, moving a file to another folder, is let through; rules of the spawner's, which
 * hold for boxes as well, would have to let it through too, and so it has none. */
static int restrict_files(void)
{
    const int scopes_since = 6;
    struct {
        uint64_t files, ports, scopes;
    } asked = { .files = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                         LANDLOCK_ACCESS_FS_REFER };
    struct landlock_path_beneath_attr all = { LANDLOCK_ACCESS_FS_REFER, open("/", O_PATH) };
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    asked.scopes = version >= scopes_since ? 3 : 0; /* abstract sockets, signals */
    int set = (int)syscall(SYS_landlock_create_ruleset, &asked, sizeof asked, 0);
    bool done = set >= 0 && all.parent_fd >= 0 &&
                syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &all, 0) == 0 &&
                syscall(SYS_landlock_restrict_self, set, 0) == 0;
    int err_no = errno;

    (void)close(set);
    (void)close(all.parent_fd);
    errno = err_no;
    return done ? 0 : -1;
}

/* Never above what the machine's owner allows us. */
static void limit(int resource, uint64_t most)
{
    struct rlimit r;

    if (most == BOX_NO_LIMIT)
        return;
    if (getrlimit((__rlimit_resource_t)resource, &r) < 0)
        fail(BOX_STEP_LIMITS);
    if (r.rlim_max > most)
        r.rlim_max = most;
    r.rlim_cur = r.rlim_max;
    if (setrlimit((__rlimit_resource_t)resource, &r) < 0)
        fail(BOX_STEP_LIMITS);
}

static void place_fds(const struct box_launch *l)
{
    /* First all out of the way, then each to its number: the numbers overlap. */
    for (uint32_t i = 0; i < l->n_fds; i++) {
        if (dup3(BOX_CONTROL_FD + 1 + (int)i, PARKED + (int)i, O_CLOEXEC) < 0)
            fail(BOX_STEP_FDS);
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; fd++) {
        if (dup2(null, fd) < 0)
            fail(BOX_STEP_FDS);
    }
    if (close_range(3, PARKED - 1, 0) < 0)
        fail(BOX_STEP_FDS);
    for (uint32_t i = 0; i < l->n_fds; i++) {
        if (dup2(PARKED + (int)i, l->fds[i]) < 0)
            fail(BOX_STEP_FDS);
    }
    if (close_range(PARKED, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        fail(BOX_STEP_FDS);
}

static _Noreturn void run_program(const struct box_launch *l, char **args, char **env)
{
    sigset_t none;

    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    place_fds(l);
    if (chdir("/work/app") < 0)
        fail(BOX_STEP_FOLDER);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, l->file_bytes);
    limit(RLIMIT_NOFILE, l->files);
    limit(RLIMIT_DATA, l->data_bytes);
    limit(RLIMIT_NPROC, l->processes);
    execve(args[0], args, env);
    fail(BOX_STEP_PROGRAM);
}

/* Cuts the texts behind the launch into two lists, each ended by NULL. */
static bool cut_words(const struct box_launch *l, char *at, const char *end, char **words)
{
    uint32_t n = l->n_args + l->n_env;

    if (!l->n_args || n > WORDS - 2 || l->n_fds > BOX_MAX_FDS)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (at >= end)
            return false;
        words[i < l->n_args ? i : i + 1] = at;
        at += strlen(at) + 1;
    }
    return at == end;
}

static pid_t start(uint64_t *entries)
{
    static _Alignas(struct box_launch) char message[BOX_MAX_LAUNCH + 1];
    static char *words[WORDS];
    const struct box_launch *l = (const void *)message;
    ssize_t n = recv(CONTROL, message, BOX_MAX_LAUNCH, 0);

    if (n <= 0)
        _exit(0); /* the spawner is gone, or no longer wants us */
    errno = EBADMSG;
    if (n < (ssize_t)sizeof *l || !cut_words(l, message + sizeof *l, message + n, words))
        fail(BOX_STEP_PROGRAM);
    if (l->basic_uid)
        become_user((uid_t)l->basic_uid);
    else
        check_userns(l->host_userns);
    /* A kernel that has no Landlock is named by those who try it from inside. */
    if (restrict_files() < 0 && l->basic_uid)
        fail(BOX_STEP_LANDLOCK);
    if (!report(BOX_UP, 0, 0))
        _exit(0); /* the launch lay in the socket, and who sent it is gone */
    /* Until now the spawner would have known us by bubblewrap's, had that been killed. */
    (void)setsid();
    *entries = l->entries;

    pid_t pid = fork();
    if (pid < 0)
        fail(BOX_STEP_PROGRAM);
    if (pid == 0)
        run_program(l, words, words + l->n_args + 1);
    return pid;
}

static void reap(pid_t program)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == program) {
            (void)report(BOX_ENDED, 0, status);
            _exit(0);
        }
    }
}

/* Each takes memory of the kernel, which no size of a tmpfs counts. */
static bool has_more(uint64_t entries)
{
    static const char *const places[] = { "/work", "/dev/shm", "/work/shared" };
    struct statvfs s;
    struct stat st, work = { 0 };
    uint64_t n = 0;

    (void)stat(places[0], &work);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        /* A folder of the first that is no place of its own was counted with it. */
        if (stat(places[i], &st) == 0 && (i == 0 || st.st_dev != work.st_dev) &&
            statvfs(places[i], &s) == 0)
            n += s.f_files - s.f_ffree;
    }
    return n > entries;
}

static void supervise(pid_t program, int deaths, uint64_t entries)
{
    struct pollfd watched[] = { { deaths, POLLIN, 0 }, { CONTROL, POLLIN, 0 } };
    struct signalfd_siginfo info;
    int32_t number;

    for (;;) {
        if (poll(watched, 2, entries == BOX_NO_LIMIT ? -1 : LOOK_MS) < 0 && errno != EINTR)
            _exit(1);
        if (watched[1].revents) {
            if (recv(CONTROL, &number, sizeof number, 0) != sizeof number)
                _exit(0);
            (void)kill(program, number);
        }
        if (watched[0].revents) {
            (void)!read(deaths, &info, sizeof info);
            reap(program);
        }
        if (entries != BOX_NO_LIMIT && has_more(entries)) {
            (void)report(BOX_FULL, 0, 0);
            _exit(0);
        }
    }
}

int main(void)
{
    sigset_t child;

    if (dup3(BOX_CONTROL_FD, CONTROL, O_CLOEXEC) < 0)
        _exit(1);
    /* The program runs as the same user: without this it could write into our memory. */
    (void)prctl(PR_SET_DUMPABLE, 0);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    (void)sigprocmask(SIG_SETMASK, &child, NULL);

    uint64_t entries = BOX_NO_LIMIT;
    pid_t program = start(&entries);
    int deaths = signalfd(-1, &child, SFD_CLOEXEC);
    if (deaths < 0 || dup3(deaths, CONTROL + 1, O_CLOEXEC) < 0)
        _exit(1);
    /* Pipes end when the program closes them, so we hold none. */
    (void)close_range(0, CONTROL - 1, 0);
    supervise(program, CONTROL + 1, entries);
}
