/* SPDX-License-Identifier: Apache-2.0
 *
 * A starter does one thing after the other: it waits to be asked, and answers. "start", with
 * descriptors, is answered with a process id, or with a negative errno; "wait" with the status of the
 * process that ended. When the server is gone it waits for the process, which ends then, and ends.
 * What a process leaves behind becomes its own, and is ended.
 *
 * Processes are made with posix_spawn(): fork() would copy the page tables of a large server, and
 * what starts anew shares no address with what it comes from.
 */
#include "exec/helper.h"

#include "base/clock.h"
#include "base/log.h"
#include "exec/confine.h"
#include "exec/proc.h"
#include "exec/wire.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STARTER_FD = HELPER_FD,
    ASK_START = 's',
    ASK_WAIT = 'w',
    REST_MS = 5000, /* the server waits: who does not end in it is left alone */
};

struct helper {
    pid_t starter;
    int fd;     /* to it */
    bool asked; /* for a process, and its answer is not heard yet */
    bool lost;  /* the starter has ended */
    pid_t pid;
};

/* ---- a process ---- */

static int spawn(char *const argv[], char *const envp[], const int *fds, size_t n_fds, pid_t *out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all;
    int failed = posix_spawn_file_actions_init(&actions);

    if (failed)
        return failed;
    (void)posix_spawnattr_init(&attributes);
    sigfillset(&all);
    (void)posix_spawnattr_setsigdefault(&attributes, &all);
    (void)posix_spawnattr_setsigmask(&attributes, &all);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                                    POSIX_SPAWN_SETSID);
    for (size_t i = 0; i < n_fds && !failed; i++)
        failed = posix_spawn_file_actions_adddup2(&actions, fds[i], HELPER_FD + (int)i);
    if (!failed)
        failed = posix_spawn(out, "/proc/self/exe", &actions, &attributes, argv, envp);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    return failed;
}

/* 0, or an errno. */
static int spawn_with(char *const argv[], char *const envp[], const int *fds, size_t n_fds,
                      pid_t *out)
{
    int high[HELPER_FDS] = { -1, -1, -1 }, failed = 0;
    size_t n = 0;

    /* A descriptor that already has the right number would stay close-on-exec. */
    for (; n < n_fds && !failed; n++) {
        high[n] = fcntl(fds[n], F_DUPFD_CLOEXEC, HELPER_FD + HELPER_FDS);
        failed = high[n] < 0 ? errno : 0;
    }
    if (!failed)
        failed = spawn(argv, envp, high, n_fds, out);
    while (n > 0)
        fd_close(high[--n]);
    return failed;
}

void helper_settle(size_t n_fds)
{
    struct rlimit files;
    sigset_t none;

    /* A terminal or a service manager signals the whole group: how the children end is the server's
     * decision, and it ends us by closing the socket. */
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)umask(022);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)!chdir("/");
    (void)close_range(HELPER_FD + (unsigned)n_fds, ~0U, 0);
    for (size_t i = 0; i < n_fds; i++)
        (void)fcntl(HELPER_FD + (int)i, F_SETFD, FD_CLOEXEC);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

int helper_become(uid_t uid)
{
    if (geteuid() != 0)
        return 0;
    return setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0
               ? -1
               : 0;
}

/* ---- the starter ---- */

struct rest {
    msec_t until;
    size_t n;
};

static void end_one(void *arg, pid_t pid)
{
    struct rest *r = arg;
    scoped(fd_close) int fd = pidfd_open(pid, 0);
    struct pollfd gone = { fd, POLLIN, 0 };
    msec_t left = r->until - clock_steady(&clock_real);

    r->n++;
    (void)kill(pid, SIGKILL);
    if (fd < 0 || poll(&gone, 1, left > 0 ? (int)left : 0) > 0)
        (void)waitpid(pid, NULL, fd < 0 ? 0 : WNOHANG);
}

/* What it has left to us, a spawner boxes that were being made: they end before its end is told. */
static void end_rest(void)
{
    struct rest r = { .until = clock_steady(&clock_real) + REST_MS };

    do {
        r.n = 0;
        proc_each_child(end_one, &r);
    } while (r.n > 0 && clock_steady(&clock_real) < r.until);
}

static int32_t end_of(pid_t *pid)
{
    int status = 0;

    if (*pid > 0) {
        (void)waitpid(*pid, &status, 0);
        end_rest();
    }
    *pid = 0;
    return status;
}

static int32_t obey(char **argv, struct wire_message *m, pid_t *pid)
{
    if (m->n != 1 || m->n_fds > HELPER_FDS)
        return -EINVAL;
    if (m->data[0] == ASK_WAIT)
        return end_of(pid);
    if (m->data[0] != ASK_START || *pid > 0)
        return -EINVAL;
    int failed = spawn_with(argv, environ, m->fds, m->n_fds, pid);
    return failed ? -failed : *pid;
}

int helper_starter(char **argv)
{
    static struct wire_message m;
    pid_t pid = 0;

    helper_settle(1);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    confine_starter();
    while (argv[1] && wire_recv(STARTER_FD, &m, true) > 0) {
        int32_t answer = obey(argv + 1, &m, &pid);
        for (size_t i = 0; i < m.n_fds; i++)
            fd_close(m.fds[i]);
        (void)wire_send(STARTER_FD, &answer, sizeof answer, NULL, 0, true);
    }
    (void)end_of(&pid);
    return EXIT_SUCCESS;
}

/* ---- in the server ---- */

int helper_new(const char *const argv[], char *const envp[], struct helper **out, struct err *e)
{
    char name[] = HELPER_STARTER;
    size_t n = 0;
    pid_t pid;
    int ends[2];

    if (wire_pair(ends) < 0)
        return err_set_errno(e, ERR_IO, errno, "make a socket for " HELPER_STARTER);
    scoped(fd_close) int ours = ends[0];
    scoped(fd_close) int theirs = ends[1];
    while (argv[n])
        n++;
    scoped(mem_free) char **kept = mem_new_array(n + 2, sizeof *kept);
    kept[0] = name;
    memcpy(kept + 1, argv, n * sizeof *kept);
    int failed = spawn_with(kept, envp, &theirs, 1, &pid);
    if (failed)
        return err_set_errno(e, ERR_IO, failed, "start " HELPER_STARTER);
    struct helper *h = mem_new(sizeof *h);
    *h = (struct helper){ .starter = pid, .fd = take_fd(&ours) };
    *out = h;
    return 0;
}

/* What the starter answers, or a negative errno. */
static int32_t hear(const struct helper *h)
{
    int32_t answer = -EPIPE;

    for (;;) {
        ssize_t n = read(h->fd, &answer, sizeof answer);
        if (n == sizeof answer)
            return answer;
        if (n >= 0 || errno != EINTR)
            return -EPIPE;
    }
}

int helper_start(struct helper *h, const int *fds, size_t n_fds, struct err *e)
{
    const char what = ASK_START;

    assert(helper_pid(h) == 0 && n_fds <= HELPER_FDS);
    if (wire_send(h->fd, &what, 1, fds, n_fds, true) < 0) {
        h->lost = errno == EPIPE || errno == ECONNRESET;
        return err_set_errno(e, ERR_IO, errno, "ask " HELPER_STARTER " for a process");
    }
    h->asked = true;
    return 0;
}

bool helper_may_start_later(const struct helper *h, const char *name, const struct err *e)
{
    scoped(mem_free) char *event = mem_format("%s.not_started", name);

    log_event(LOG_ERROR, event, F_TEXT("error", e->msg));
    if (h->lost)
        (void)kill(getpid(), SIGTERM);
    return !h->lost;
}

pid_t helper_pid(struct helper *h)
{
    if (h->asked) {
        int32_t answer = hear(h);
        h->pid = answer > 0 ? answer : 0;
        h->asked = false;
    }
    return h->pid;
}

int helper_wait(struct helper *h)
{
    const char what = ASK_WAIT;
    int32_t status = 0;

    if (helper_pid(h) > 0 && wire_send(h->fd, &what, 1, NULL, 0, true) == 0)
        status = hear(h);
    h->pid = 0;
    return status < 0 ? 0 : status;
}

void helper_free(struct helper *h)
{
    if (!h)
        return;
    fd_close(h->fd);
    (void)waitpid(h->starter, NULL, 0);
    mem_free(h);
}
