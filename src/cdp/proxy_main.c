/* SPDX-License-Identifier: Apache-2.0
 *
 * The program of a browser's box. Each client has a process, and each browser its client: what one of
 * them does to its own is no matter of the others.
 */
#include "cdp/cdp.h"

#include "base/bounds.h"
#include "exec/plan.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int count_ended(void)
{
    int n = 0;

    while (waitpid(-1, NULL, WNOHANG) > 0)
        n++;
    return n;
}

int cdp_main(int argc, char **argv)
{
    const struct cdp_options options = {
        .chromium = PLAN_CHROMIUM,
        .shared = PLAN_SHARED,
        .profiles = PLAN_HOME,
        .basic = getenv(PLAN_BASIC) != NULL,
        .probe = argc > 1 && strcmp(argv[1], "probe") == 0,
    };
    int running = 0;

    /* Browsers run as the same user: without this one could read and write our memory. */
    (void)prctl(PR_SET_DUMPABLE, 0);
    for (;;) {
        scoped(fd_close) int client = accept4(CDP_LISTEN_FD, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0 && errno != EINTR && errno != ECONNABORTED)
            return EXIT_FAILURE;
        running -= count_ended();
        if (client < 0 || running >= LIMIT_BROWSERS)
            continue; /* closed: the client says that it got none */
        pid_t pid = fork();
        if (pid == 0) {
            (void)close(CDP_LISTEN_FD);
            _exit(cdp_serve(&options, client));
        }
        running += pid > 0;
    }
}
