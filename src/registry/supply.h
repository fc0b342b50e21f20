/* SPDX-License-Identifier: Apache-2.0
 *
 * What installs ask for: from the registry, or from disk when it was fetched before. It waits; any
 * number of threads may ask.
 *
 * What the registry says of a package is asked for each time, and sent only when it has changed. When
 * the registry cannot be reached, what it said last is used. A tarball is fetched once and known by its
 * digest: what has another one than the registry names is refused and not kept. What is on disk is
 * checked each time, and fetched again when it is damaged.
 */
#ifndef REGISTRY_SUPPLY_H
#define REGISTRY_SUPPLY_H

#include "registry/cache.h"
#include "registry/fetch.h"
#include "registry/wanted.h"

enum supply_event {
    SUPPLY_REFUSED,     /* where a package lies may not be reached */
    SUPPLY_MISMATCH,    /* a tarball has another digest */
    SUPPLY_DAMAGED,     /* a file of ours has another content than it had */
    SUPPLY_STALE,       /* the registry cannot be reached, and what it said last is used */
    SUPPLY_UNREACHABLE, /* neither */
    SUPPLY_EVENTS
};

struct supply_options {
    const char *registry; /* http(s)://HOST/, perhaps with a path, which ends with a slash */
    const char *own;      /* what installs know as the registry, likewise */
    struct cache *cache;
    struct fetcher *fetcher;
    /* For the operator, on any thread. */
    void (*told)(void *arg, enum supply_event event, const char *what, const char *reason);
    void *arg;
};

struct supply;
struct supply *supply_new(const struct supply_options *o); /* all of it outlives this */
void supply_free(struct supply *s);
DEFINE_SCOPED(struct supply, supply_free)

/* An answer, with a status of HTTP: 200 with a part of a file, else with what is wrong. */
struct supplied {
    int status;
    int fd; /* -1: none */
    uint64_t from, n;
    char *error;
};
void supplied_done(struct supplied *s);

void supply(struct supply *s, const struct wanted *wanted, struct supplied *out);

#endif
