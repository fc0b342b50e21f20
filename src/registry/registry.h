/* SPDX-License-Identifier: Apache-2.0
 *
 * The package proxy. A process of its own, `impresario-registry`, answers the cages of boxes that
 * install packages (exec/cage.h): it speaks HTTP with npm, fetches from the registry what it asks for,
 * checks it, and keeps it in a folder of its own. It has no store and no key, and where the server is
 * root it is another user, who owns that folder and nothing else. docs/decisions/0008 says why it is a
 * process.
 *
 * This module starts the process and tells the spawner of it.
 */
#ifndef REGISTRY_REGISTRY_H
#define REGISTRY_REGISTRY_H

#include "exec/outpost.h"

struct registry_options {
    const char *url;          /* the setting registry; NULL: npm's own */
    const char *const *allow; /* the setting registry_allow */
    size_t n_allow;
    int64_t cache_mib;
    const char *data_dir; /* in which the folder is made */
    struct spawner *spawner;
    uid_t uid; /* to become, when the server is root; 0: the one after egress's */
};

struct registry;

/* Call it before there are threads. */
must_use int registry_start(const struct registry_options *o, struct registry **out, struct err *e);

/* What it tells of is logged from this loop on. With none, by nobody. */
void registry_attach(struct registry *r, struct loop *loop);
void registry_free(struct registry *r);
DEFINE_SCOPED(struct registry, registry_free)

pid_t registry_pid(const struct registry *r);

/* What stands around the process itself. Waits for its first words. */
const struct confined *registry_walls(struct registry *r);

/* True when this process was started to be it; then its life. For main(), before anything else. */
bool registry_wanted(const char *argv0);
int registry_main(int argc, char **argv);

#endif
