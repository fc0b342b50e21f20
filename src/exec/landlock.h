/* SPDX-License-Identifier: Apache-2.0
 *
 * Landlock: what a process may still do with files, ports and signals, told by itself and kept by
 * the kernel. What is open already stays usable.
 */
#ifndef EXEC_LANDLOCK_H
#define EXEC_LANDLOCK_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum landlock_access {
    LANDLOCK_READ, /* a file, or all that is in a folder */
    LANDLOCK_USE,  /* as devices are: read and written, not made or removed */
    LANDLOCK_KEEP, /* files and folders in it are made, changed, renamed and removed */
};

struct landlock_rule {
    const char *path; /* that is not there: nothing is allowed by it */
    enum landlock_access access;
};

struct landlock_rules {
    const struct landlock_rule *files;
    size_t n_files;
    bool ports; /* TCP is bound at this port alone, 0 being one of the kernel's choice */
    uint16_t port;
    /* Signals and abstract sockets of others are out of reach; always. */
};

enum {
    LANDLOCK_NONE = 0,
    LANDLOCK_FILES = 2, /* Linux 5.19, the first that renames from one folder to another */
    LANDLOCK_PORTS = 4,
    LANDLOCK_SCOPES = 6,
};

/* The version that the running kernel speaks; LANDLOCK_NONE, with errno, where it speaks none. */
int landlock_version(void);

/* For the calling thread and what it starts, for good. What this kernel does not know of is left
 * out; where it knows nothing that is asked for, that is a failure. */
must_use int landlock_restrict(const struct landlock_rules *rules, struct err *e);

#endif
