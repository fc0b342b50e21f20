/* SPDX-License-Identifier: Apache-2.0
 *
 * The way out of cages. A process of its own, `impresario-egress`, answers the sockets that listen
 * in each cage (exec/cage.h): it learns where a connection was meant to go, judges that by one rule
 * (policy.h), and connects and relays, or refuses and says so. It has no store and no key, and where
 * the server is root it is another user, who is no one else.
 *
 * This module starts the process and tells the spawner of it. When it dies, its connections and the
 * cages that it answered are cut off; it is started anew, and cages that are made later work.
 */
#ifndef EGRESS_EGRESS_H
#define EGRESS_EGRESS_H

#include "base/err.h"
#include "base/loop.h"
#include "exec/spawner.h"

struct egress_options {
    const char *const *allow; /* the setting egress_allow */
    size_t n_allow;
    struct spawner *spawner; /* outlives it */
    uid_t uid;               /* to become, when the server is root; 0: the one after the boxes' */
};

struct egress;

/* A connection was refused. `child` is the child_id() of the box, `target` an address with a port,
 * or a name with the address that it means. Only some are told when there are many. */
struct egress_refusal {
    int64_t child;
    const char *box, *target, *reason; /* as in "private address" */
    int64_t untold;                    /* of this box, since the last one that was told */
};

/* Who hears of it, on the loop that it is attached to. */
struct egress_user {
    void (*refused)(void *arg, const struct egress_refusal *what);
    /* Its process has ended. Cages that it answered have no way out any more, and will have none. */
    void (*died)(void *arg);
    void *arg;
};

/* Starts the process; call it before there are threads. */
must_use int egress_start(const struct egress_options *options, struct egress **out, struct err *e);

/* Refusals arrive on this loop from now on, and are logged; `user` (copied) may be NULL. With no loop,
 * on none: a loop that ends before this does is left so. */
void egress_attach(struct egress *g, struct loop *loop, const struct egress_user *user);

/* Ends the process, and with it every connection. */
void egress_free(struct egress *g);
DEFINE_SCOPED(struct egress, egress_free)

pid_t egress_pid(const struct egress *g);

/* What stands around the process itself. Waits for its first words. */
const struct confined *egress_walls(struct egress *g);

/* True when this process was started to be it; then its life. For main(), before anything else. */
bool egress_wanted(const char *argv0);
int egress_main(int argc, char **argv);

#endif
