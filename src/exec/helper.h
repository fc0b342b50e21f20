/* SPDX-License-Identifier: Apache-2.0
 *
 * Another life of our executable, as a process of its own beside the server.
 */
#ifndef EXEC_HELPER_H
#define EXEC_HELPER_H

#include "base/err.h"

#include <sys/types.h>

enum { HELPER_FD = 3, HELPER_FDS = 2 };

/* `argv[0]` says which life. The descriptors, HELPER_FDS at most, become HELPER_FD and those after
 * it. The process has a session of its own: Ctrl-C is for the server, which decides how its children
 * end. Until it has settled what signals mean to it, none arrives. */
must_use int helper_start(char *const argv[], char *const envp[], const int *fds, size_t n_fds,
                          pid_t *out, struct err *e);

/* What each of them does first: signals for the group mean nothing to it, there are no descriptors
 * but its own, and as many as the system allows may come. */
void helper_settle(size_t n_fds);

#endif
