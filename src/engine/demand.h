/* SPDX-License-Identifier: Apache-2.0
 *
 * How many jobs came at once, of late: so many slots are worth keeping warm. Until the slot that
 * replaces a taken one is ready, a job finds only those that waited already; so what comes within the
 * time of one start came at once.
 */
#ifndef ENGINE_DEMAND_H
#define ENGINE_DEMAND_H

#include "base/clock.h"

enum {
    DEMAND_AT_ONCE_MS = 2000, /* a start takes about one second, more when many start together */
    DEMAND_KEPT_MS = 300000,  /* so long what came once is expected again */
    DEMAND_MOST = 64,         /* more are not counted: a browser each */
};

/* All zero at first. */
struct demand {
    msec_t came[DEMAND_MOST]; /* the last jobs, a ring */
    unsigned next, n;
    int peak;     /* the most that came at once */
    msec_t until; /* when that is forgotten */
};

/* A job came at `now`, on the steady clock. */
void demand_note(struct demand *d, msec_t now);

/* How many are expected to come at once, 0 to DEMAND_MOST. */
int demand_now(const struct demand *d, msec_t now);

#endif
