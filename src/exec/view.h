/* SPDX-License-Identifier: Apache-2.0
 *
 * What a box binds, where the user of the box can reach it.
 */
#ifndef EXEC_VIEW_H
#define EXEC_VIEW_H

#include "exec/bwrap.h"

#include <sys/types.h>

struct view {
    struct bwrap_sources from;
    char **paths; /* what `from` points to */
    size_t n;
};

struct view_options {
    const char *program, *runner_dir, *data_dir;
    bool as_root; /* bind them where another user can go */
};

/* The paths that bubblewrap will be told. Nothing is bound yet. They end with the process. */
void view_init(struct view *v, const struct view_options *o, const struct plan *p);

/* In the process that becomes bubblewrap: checks the plan's binds and, as root, makes a mount
 * namespace of its own in which all are within reach of `uid`. 0, or -1 with errno and what it is
 * about. */
must_use int view_enter(const struct view_options *o, const struct plan *p, uid_t uid,
                        const char **about);

/* What a box and its browser's have in common: a folder of `mib` where nothing runs, mounted for the
 * calling process and what it starts. It has rights over mounts of its own. 0, or -1 with errno. */
#define VIEW_SHARED        "/sys"
#define VIEW_SHARED_SOCKET VIEW_SHARED "/.browser" /* PLAN_BROWSER_SOCKET, before it is bound */
must_use int view_share(uid_t uid, gid_t gid, int mib);

#endif
