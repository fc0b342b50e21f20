/* SPDX-License-Identifier: Apache-2.0
 *
 * How many requests a key may make: the generic cell rate algorithm, which keeps one time for each
 * key. A key that was quiet for a second may make a second's worth at once.
 */
#ifndef API_RATES_H
#define API_RATES_H

#include "base/clock.h"
#include "base/id.h"

struct rates;

struct rates *rates_new(int64_t per_second); /* 0: without a limit */
void rates_free(struct rates *r);

/* A request of `key` at the steady time `now`: 0 when it may come in, else after how many
 * milliseconds, 1 or more, the next one may. One that may not come in costs the key nothing. One
 * thread at a time. */
msec_t rates_take(struct rates *r, const struct id *key, msec_t now);

#endif
