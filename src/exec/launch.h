/* SPDX-License-Identifier: Apache-2.0
 *
 * From a plan to a process: what happens between the spawner's fork and bubblewrap's exec.
 */
#ifndef EXEC_LAUNCH_H
#define EXEC_LAUNCH_H

#include "base/err.h"
#include "exec/box.h"
#include "exec/cage.h"
#include "exec/cgroup.h"
#include "exec/view.h"

#include <sys/types.h>

/* What stays the same from box to box. */
struct launcher {
    struct view_options view;
    struct buf filter, browser_filter; /* programs for the kernel */
    struct buf box;                    /* bytes of the first process's program */
    struct cage_gate gates[CAGE_KINDS];
    uint64_t host_userns;
    bool no_userns;     /* we are root, and plans that accept it are built without */
    bool limits_memory; /* by control group, so that processes need no limit each */
};

must_use int launcher_init(struct launcher *l, const struct view_options *view, struct err *e);
void launcher_done(struct launcher *l);

struct launch {
    pid_t pid;   /* bubblewrap, which ends when the box has ended */
    int pidfd;   /* of that; -1 where the pid is 0 */
    int control; /* speaks box.h; credentials arrive with each message */
    int stderr_; /* bubblewrap's own complaints */
};

/* The plan's descriptors go into the box and are closed here; `id` is what its cage is known by. Where
 * the plan has a browser, `browser` is its box, otherwise untouched; its pid is 0: it is our child as
 * well, and says so itself on its control socket (BOX_BORN), which closes when it never comes to be.
 * 0, or -1 with errno. */
must_use int launch(const struct launcher *l, int64_t id, struct plan *p, uid_t uid,
                    const struct cgroup *group, struct launch *out, struct launch *browser);

#endif
