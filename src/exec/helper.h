/* SPDX-License-Identifier: Apache-2.0
 *
 * Another life of our executable, as a process of its own beside the server.
 *
 * The server may start no program once it is up, and has threads by then; yet a helper that dies has
 * to come back. So each has a starter: a small process that was made at the start, knows one command
 * line, and runs that whenever it is asked to. What it is told are descriptors, and nothing else.
 */
#ifndef EXEC_HELPER_H
#define EXEC_HELPER_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

#define HELPER_STARTER "impresario-start"

enum { HELPER_FD = 3, HELPER_FDS = 3 };

struct helper;

/* Makes the starter; call it before there are threads. `argv[0]` says which life. */
must_use int helper_new(const char *const argv[], char *const envp[], struct helper **out,
                        struct err *e);

/* Asks for the process, when none runs, and does not wait for it: one that cannot be made lets go of
 * its descriptors, as one that dies does. These, HELPER_FDS at most, become HELPER_FD and those after
 * it. The process has a session of its own: Ctrl-C is for the server, which decides how its children
 * end. Until it has settled what signals mean to it, none arrives. */
must_use int helper_start(struct helper *h, const int *fds, size_t n_fds, struct err *e);

/* helper_start() has failed. True: it may work later. False: its starter has ended, there will be no such
 * process again, and ours has been told to end (SIGTERM, from itself): what it is without that process,
 * it is better started anew. `name` is of the event in the log, as in "spawner.not_started". */
must_use bool helper_may_start_later(const struct helper *h, const char *name, const struct err *e);

pid_t helper_pid(struct helper *h); /* 0: none runs */

/* Waits for its end, and gives the status of waitpid(); 0 when nobody knows. */
int helper_wait(struct helper *h);

/* Waits for the end of the process, which has to be asked for before, and of its starter. */
void helper_free(struct helper *h);
DEFINE_SCOPED(struct helper, helper_free)

/* What each of them does first: signals for the group mean nothing to it, there are no descriptors
 * but its own, and as many as the system allows may come. */
void helper_settle(size_t n_fds);

/* Becomes that user, where it is root, with no group but its own. 0, or -1 with errno. */
must_use int helper_become(uid_t uid);

/* The life of a starter; the command line to keep follows its own name. */
int helper_starter(char **argv);

#endif
