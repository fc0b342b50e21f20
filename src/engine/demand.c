/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/demand.h"

void demand_note(struct demand *d, msec_t now)
{
    int at_once = 0;

    d->came[d->next] = now;
    d->next = (d->next + 1) % DEMAND_MOST;
    d->n += d->n < DEMAND_MOST;
    for (unsigned i = 0; i < d->n; i++)
        at_once += now - d->came[i] < DEMAND_AT_ONCE_MS;
    /* Less than the peak does not prolong it: after a burst the house is not kept warm by a trickle. */
    if (at_once >= demand_now(d, now)) {
        d->peak = at_once;
        d->until = now + DEMAND_KEPT_MS;
    }
}

int demand_now(const struct demand *d, msec_t now)
{
    return now < d->until ? d->peak : 0;
}
