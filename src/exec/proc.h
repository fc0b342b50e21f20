/* SPDX-License-Identifier: Apache-2.0
 *
 * What /proc says of processes. It is true of a moment: who is not our child may have ended since, and
 * its number may be another's.
 */
#ifndef EXEC_PROC_H
#define EXEC_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads /proc/<pid>/<file> up to size - 1 bytes and adds a NUL. What was read, or -1. */
ssize_t proc_read(pid_t pid, const char *file, char *text, size_t size);

/* The parent of a process, and the session that it is in; 0 when it has ended. */
pid_t proc_parent(pid_t pid);
pid_t proc_session(pid_t pid);

/* Whether it is the first one of a process namespace, as a box has one. */
bool proc_is_first(pid_t pid);

/* Calls fn with each child of the calling thread's, which has the process for itself: those it made, and
 * those left to it as a subreaper, ended ones too. fn may reap them. A kernel without the list has none. */
void proc_each_child(void (*fn)(void *arg, pid_t pid), void *arg);

#endif
