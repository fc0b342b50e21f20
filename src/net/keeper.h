/* SPDX-License-Identifier: Apache-2.0
 *
 * What the HTTP library does not do for connections, on a thread of its own that sleeps until there
 * is something to do:
 *
 * - Deadlines. A connection is closed when it is not done by its deadline, however many single
 *   bytes it sends meanwhile. Where a request was expected it is told why.
 * - Lingering. A socket that is closed while its peer still sends makes the kernel answer with a
 *   reset, which may overtake the answer that the peer should read. So what the peer still sends is
 *   read and dropped for a while.
 */
#ifndef NET_KEEPER_H
#define NET_KEEPER_H

#include "base/clock.h"
#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct keeper;

/* Part of whatever stands for a connection. */
struct kept {
    int fd;
    _Atomic msec_t due; /* on the steady clock */
    _Atomic bool tell;  /* nothing is being sent: whoever is late gets a 408 before the end */
    struct kept *prev, *next;
};

#define KEPT_FOREVER INT64_MAX

/* No deadline is set nearer than `least` milliseconds ahead; it is noticed at most that much late. */
must_use int keeper_start(const struct clock *clock, msec_t least, struct keeper **out,
                          struct err *e);
void keeper_stop(struct keeper *k);

/* Between the two the descriptor is open; both may be called from any thread. */
void keeper_add(struct keeper *k, struct kept *c);
void keeper_remove(struct keeper *k, struct kept *c);

static inline void kept_due(struct kept *c, msec_t due, bool tell)
{
    atomic_store_explicit(&c->tell, tell, memory_order_relaxed);
    atomic_store_explicit(&c->due, due, memory_order_relaxed);
}

/* Closes what is late by now, as the keeper's thread does when it wakes. Gives when the next may be. */
msec_t keeper_close_late(struct keeper *k);

/* Takes a descriptor (-1 is fine) and closes it when the peer has, or after a few seconds. */
void keeper_linger(struct keeper *k, int fd);

uint64_t keeper_cut(struct keeper *k); /* how many deadlines passed */

#endif
