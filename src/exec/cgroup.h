/* SPDX-License-Identifier: Apache-2.0
 *
 * Control groups: one limit for all of a box together, on machines that let us have them. Both
 * versions are spoken, also side by side, as each controller may be mounted as either.
 *
 *   <where we may make groups>/impresario-<owner>/<box>
 *
 * `owner` names the data directory, which one server owns at a time: what a server that died left
 * behind under this name is ours to kill and to remove.
 */
#ifndef EXEC_CGROUP_H
#define EXEC_CGROUP_H

#include "base/mem.h"
#include "exec/plan.h"

#include <stdbool.h>

enum cgroup_kind { CGROUP_MEMORY, CGROUP_PIDS, CGROUP_CPU, CGROUP_KINDS };
extern const char *const cgroup_names[CGROUP_KINDS]; /* "memory", "pids", "cpu" */

/* Where the kernel tells what there is; a test brings its own. */
struct cgroup_source {
    const char *mountinfo; /* /proc/self/mountinfo */
    const char *self;      /* /proc/self/cgroup */
};
extern const struct cgroup_source cgroup_source_proc;

struct cgroups;

struct cgroups *cgroups_open(const struct cgroup_source *source, const char *owner);
void cgroups_close(struct cgroups *all);
DEFINE_SCOPED(struct cgroups, cgroups_close)

/* NULL when it is there, else what is in the way. */
const char *cgroups_missing(const struct cgroups *all, enum cgroup_kind kind);

/* One box's group, in as many hierarchies as it takes. */
struct cgroup {
    char *dirs[CGROUP_KINDS]; /* of each kind; NULL: none. Kinds may share one. */
};

/* 0, or -1 with errno, and then nothing is left behind. */
must_use int cgroup_make(struct cgroups *all, const char *box, const struct plan_limits *limits,
                         struct cgroup *out);

/* Puts the calling process there; its children follow. 0, or -1 with errno. */
must_use int cgroup_join(const struct cgroup *g);

/* How often the kernel killed something in it for want of memory. */
int cgroup_oom_kills(const struct cgroup *g);

/* For a box that has ended. */
void cgroup_remove(struct cgroups *all, struct cgroup *g);

#endif
