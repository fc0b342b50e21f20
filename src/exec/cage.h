/* SPDX-License-Identifier: Apache-2.0
 *
 * The network of a box with PLAN_NET_CAGE or PLAN_NET_REGISTRY: a network namespace whose only way
 * out are a few sockets that listen inside of it and are answered by another process, outside.
 *
 * A cage for the world is answered by egress (egress/egress.h), whatever address is connected to. One
 * for packages has a single listener at CAGE_REGISTRY_URL, which the package proxy answers
 * (registry/registry.h): there is no route to anywhere else, and nobody who looks up names.
 *
 * What is sent to that process for each cage is one message: JSON with "id" and "name" of the box,
 * and the descriptors of enum cage_fd or enum cage_registry_fd. CAGE_TCP6 is missing on a machine
 * without IPv6.
 */
#ifndef EXEC_CAGE_H
#define EXEC_CAGE_H

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

enum cage_fd {
    CAGE_LIFE, /* a process descriptor: the cage ends with that process */
    CAGE_DNS,  /* UDP, CAGE_RESOLVER port 53 */
    CAGE_TCP4, /* the target of what is accepted is its SO_ORIGINAL_DST */
    CAGE_TCP6,
    CAGE_FDS
};

enum cage_registry_fd {
    CAGE_REGISTRY_LIFE, /* as CAGE_LIFE */
    CAGE_REGISTRY_TCP,  /* listens */
    CAGE_REGISTRY_FDS
};

#define CAGE_RESOLVER "127.0.0.53"

/* The box's own loopback: it is the same in each, and another one's in none. */
enum { CAGE_REGISTRY_PORT = 4873 };
#define CAGE_REGISTRY_URL "http://127.0.0.1:4873/"

/* With loopback redirected, these ports of it still belong to the box, and it gets its own from
 * here: what it serves to itself keeps working, and all below is the host's. */
enum { CAGE_OWN_PORTS = 61000 };

enum cage_kind { CAGE_WORLD, CAGE_REGISTRY, CAGE_KINDS };

struct cage_gate {
    int fd;        /* to the process that answers; -1: there is none */
    bool loopback; /* redirect loopback as well, since some of the host's may be reached */
};

/* The box that a cage is for. */
struct cage_box {
    int64_t id;
    const char *name;
    enum cage_kind kind;
};

/* Moves the calling process into a cage and leaves it without rights over it. It is about to become
 * bubblewrap, as root or as any user, and dies when this fails: 0, or -1 with errno, and where errno does not
 * say it all, words for people on descriptor `words`. */
must_use int cage_enter(const struct cage_gate gates[CAGE_KINDS], const struct cage_box *box,
                        int words);

#endif
