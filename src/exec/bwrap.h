/* SPDX-License-Identifier: Apache-2.0
 *
 * A plan in bubblewrap's words: the mounts and namespaces of the box, as a list of arguments.
 */
#ifndef EXEC_BWRAP_H
#define EXEC_BWRAP_H

#include "exec/plan.h"

#include <sys/types.h>

#define BWRAP_PROGRAM "/usr/bin/bwrap"

/* Where what is bound is found by bubblewrap, and who it runs as. */
struct bwrap_sources {
    const char *program;
    const char *runner;       /* NULL: none */
    const char *const *binds; /* one for each of the plan's */
    const char *shared;       /* what it has in common with another box; NULL: nothing */
    bool hides_chromium;      /* our program lies in its place */
    uid_t basic_uid; /* 0: a user namespace is made; else bubblewrap is root, makes none, and the
                        box's first process becomes this user */
};

enum { BWRAP_FILES = 8 };

/* The arguments, each ended by a NUL, for --args. They name `files` by descriptor, beginning with
 * `first_fd`: files[i] is what is to be read from descriptor first_fd + i. */
struct bwrap_call {
    struct buf args;
    struct buf files[BWRAP_FILES];
    size_t n_files;
};

/* `filter` and `box` are the bytes of the system call filter and of the box's first process. */
void bwrap_call(const struct plan *p, const struct bwrap_sources *from, const struct buf *filter,
                const struct buf *box, int first_fd, struct bwrap_call *out);
void bwrap_call_done(struct bwrap_call *call);

static inline void bwrap_call_done_at(struct bwrap_call *call)
{
    bwrap_call_done(call);
}

#endif
