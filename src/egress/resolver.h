/* SPDX-License-Identifier: Apache-2.0
 *
 * Names through the host's own resolver, so that /etc/hosts, search domains and whatever else the
 * host knows count. It waits, so it runs on threads; answers arrive on the loop. They are kept for
 * some seconds: programs ask for v4 and v6 apart, and more than once.
 */
#ifndef EGRESS_RESOLVER_H
#define EGRESS_RESOLVER_H

#include "base/loop.h"
#include "egress/place.h"

enum { RESOLVER_PLACES = 32 }; /* addresses of one name */

struct resolver;

enum resolver_outcome { RESOLVER_FOUND, RESOLVER_NO_NAME, RESOLVER_FAILED };

struct resolved {
    enum resolver_outcome outcome;
    struct place at[RESOLVER_PLACES]; /* without ports; none where the host has no way to them */
    size_t n;
};

typedef void (*resolver_fn)(void *arg, const struct resolved *found);

/* How the names are looked up, on a thread. */
typedef void (*resolver_lookup_fn)(const char *name, struct resolved *out);
void resolver_lookup(const char *name, struct resolved *out); /* by getaddrinfo() */

struct resolver *resolver_new(struct loop *loop, resolver_lookup_fn lookup);
/* Waits for lookups under way; nothing is called any more. */
void resolver_free(struct resolver *r);
DEFINE_SCOPED(struct resolver, resolver_free)

/* Calls fn(arg) on the loop, perhaps before it returns. false: too many are waiting. */
bool resolver_find(struct resolver *r, const char *name, resolver_fn fn, void *arg);
/* How many more names could be looked up at once; others wait for a thread, the first one first. */
size_t resolver_idle(const struct resolver *r);
/* What was asked for with this `arg` is not called any more. */
void resolver_forget(struct resolver *r, const void *arg);

#endif
