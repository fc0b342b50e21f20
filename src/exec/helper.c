/* SPDX-License-Identifier: Apache-2.0
 *
 * fork() would copy the page tables of a large server, and is not safe between its threads;
 * posix_spawn() does neither.
 */
#include "exec/helper.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

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

int helper_start(char *const argv[], char *const envp[], const int *fds, size_t n_fds, pid_t *out,
                 struct err *e)
{
    int high[HELPER_FDS] = { -1, -1 }, failed = 0;
    size_t n = 0;

    assert(n_fds <= HELPER_FDS);
    /* A descriptor that already has the right number would stay close-on-exec. */
    for (; n < n_fds && !failed; n++) {
        high[n] = fcntl(fds[n], F_DUPFD_CLOEXEC, HELPER_FD + HELPER_FDS);
        failed = high[n] < 0 ? errno : 0;
    }
    if (!failed)
        failed = spawn(argv, envp, high, n_fds, out);
    while (n > 0)
        fd_close(high[--n]);
    return failed ? err_set_errno(e, ERR_IO, failed, "start %s", argv[0]) : 0;
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
