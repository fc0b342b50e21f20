/* SPDX-License-Identifier: Apache-2.0 */
#include "api/rates.h"

#include "base/mem.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

enum { USEC = 1000 }; /* in a millisecond */

struct rate {
    struct id key;
    int64_t due; /* microseconds: when what it took is paid back */
};

struct rates {
    int64_t each; /* microseconds that a request costs; 0: nothing */
    void *keys;   /* as many as operators made */
};

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct rate *)a)->key.text, ((const struct rate *)b)->key.text);
}

static struct rate *rate_of(struct rates *r, const struct id *key)
{
    struct rate *fresh = mem_new(sizeof *fresh);

    fresh->key = *key;
    struct rate **at = tsearch(fresh, &r->keys, by_key);
    if (!at)
        abort(); /* no memory, as in mem_new() */
    if (*at != fresh)
        mem_free(fresh);
    return *at;
}

struct rates *rates_new(int64_t per_second)
{
    struct rates *r = mem_new(sizeof *r);

    r->each = per_second ? 1000 * USEC / per_second : 0;
    return r;
}

static void forget(void *rate)
{
    mem_free(rate);
}

void rates_free(struct rates *r)
{
    if (!r)
        return;
    tdestroy(r->keys, forget);
    mem_free(r);
}

msec_t rates_take(struct rates *r, const struct id *key, msec_t now)
{
    const int64_t at = now * USEC, window = 1000 * USEC;

    if (!r->each)
        return 0;
    struct rate *rate = rate_of(r, key);
    int64_t due = (rate->due > at ? rate->due : at) + r->each;
    if (due - at > window)
        return (due - at - window + USEC - 1) / USEC;
    rate->due = due;
    return 0;
}
