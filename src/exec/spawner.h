/* SPDX-License-Identifier: Apache-2.0
 *
 * Children in boxes. A second process, `impresario-spawn`, builds the boxes, supervises and reaps
 * them; it holds no store and no key, and has one thread, because a child that is to die with its
 * parent dies with the thread that made it. This module starts that process and speaks with it.
 *
 * Everything but spawner_start() belongs to the thread of the loop that is attached.
 *
 * When the server ends, however it ends, the spawner sees its socket close, kills every box and
 * ends. When the spawner ends, the kernel kills the boxes, every child's exit is told with the step
 * SPAWNER_DIED, and a new spawner is started.
 */
#ifndef EXEC_SPAWNER_H
#define EXEC_SPAWNER_H

#include "base/clock.h"
#include "base/err.h"
#include "base/loop.h"
#include "exec/cage.h"
#include "exec/confine.h"
#include "exec/plan.h"

#include <stdbool.h>
#include <sys/types.h>

/* Where the server runs as root, boxes run as one user each, from this one on. The range is one
 * that neither Debian nor systemd gives to anyone. */
enum { SPAWNER_SANDBOX_UID = 60706, SPAWNER_SANDBOX_UIDS = 256 };

struct spawner_options {
    const char *program;        /* bound into every box; NULL: our own executable */
    const char *runner_dir;     /* the runner, with its node_modules; NULL: none is bound */
    const char *data_dir;       /* what plans may bind lies below it */
    const char *const *folders; /* in it, ended by NULL: all of it that plans may bind and the
                                   process sees; they are made when missing. NULL: all of it */
    bool host_network;          /* plans with PLAN_NET_HOST may come */
    uid_t sandbox_uid;          /* 0: SPAWNER_SANDBOX_UID */
};

#define SPAWNER_DIED "spawner"

struct spawner;
struct child;

struct child_exit {
    bool exited; /* by itself, with `status`; else by `signal` */
    int status;
    int signal;
    bool out_of_memory; /* the kernel killed something in the box for want of memory */
    msec_t ran_ms;
    /* The wall that could not be built, SPAWNER_DIED, or NULL: the program did run. */
    const char *step;
    const char *detail; /* why, for people, when there is a step */
};

typedef void (*child_exit_fn)(void *arg, const struct child_exit *how);

/* Starts the process; call it before there are threads. */
must_use int spawner_start(const struct spawner_options *options, struct spawner **out,
                           struct err *e);

/* Replies and exits arrive on this loop from now on; NULL: on none, until the next call. */
void spawner_attach(struct spawner *s, struct loop *loop);

/* Kills every child and waits until all are gone; no callback comes any more. What is left of the
 * children is still their owners' to free. */
void spawner_free(struct spawner *s);
DEFINE_SCOPED(struct spawner, spawner_free)

pid_t spawner_pid(const struct spawner *s);

/* Who answers the cages of one kind: `gate.fd`, which is taken, leads to it. Without this boxes with
 * such a cage cannot be built. Boxes that exist stay with what they have. */
void spawner_set_gate(struct spawner *s, enum cage_kind kind, struct cage_gate gate);

/* From now on no box is built, and each child ends at once, with the step "walls" and `why`. */
void spawner_refuse(struct spawner *s, const char *why);

/* From now on every plan is taken to accept the level "basic" (exec/plan.h): for a server that has
 * found that its walls are no better, and may use these. */
void spawner_accept_basic(struct spawner *s);

/* Why boxes can have no user namespaces here, when they would be built without: this is root. Else
 * NULL. Waits for the spawner's first words. */
const char *spawner_no_userns(struct spawner *s);

/* What this machine lets us limit by cgroup. Waits for the spawner's first words. */
struct spawner_limits {
    bool memory, pids, cpu;
    char why[256]; /* what is in the way of the first that is missing; "" when none is */
};
const struct spawner_limits *spawner_limits(struct spawner *s);

/* What stands around the process itself. Waits for its first words, too. */
const struct confined *spawner_walls(struct spawner *s);

/* Takes the plan. Never fails at once: a box that cannot be built is an exit with a step. The exit
 * is told once, when the box and all that ran in it are gone. */
struct child *child_start(struct spawner *s, struct plan *plan, child_exit_fn fn, void *arg);

/* A number that no other child of this server has; 0 when it has ended. */
int64_t child_id(const struct child *c);

/* SIGKILL for all that runs in the box, at once. Again is fine. */
void child_kill(struct child *c);

/* SIGTERM for the program alone; what it does with it is its affair. */
void child_terminate(struct child *c);

/* Kills it when it is alive; no callback comes afterwards. Safe inside any callback. */
void child_free(struct child *c);
DEFINE_SCOPED(struct child, child_free)

#endif
