/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void from_kernel(void *out, size_t n)
{
    unsigned char *at = out;

    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0)
            continue; /* EINTR: the only failure that a valid call can meet */
        at += got;
        n -= (size_t)got;
    }
}

/* What is as short as an id comes out of a supply, so that not every request asks the kernel. A secret
 * is longer, and exists nowhere else. */
static void real_fill(struct rng *r, void *out, size_t n)
{
    enum { SHORT = 16, SUPPLY = 32 * SHORT };
    static _Thread_local unsigned char supply[SUPPLY];
    static _Thread_local size_t left;

    (void)r;
    if (n > SHORT) {
        from_kernel(out, n);
        return;
    }
    if (left < n) {
        from_kernel(supply, SUPPLY);
        left = SUPPLY;
    }
    left -= n;
    memcpy(out, supply + left, n);
    memset(supply + left, 0, n);
}

struct rng rng_real = { real_fill };

static void seeded_fill(struct rng *r, void *out, size_t n)
{
    struct rng_seeded *s = (struct rng_seeded *)(void *)r;
    unsigned char *at = out;

    while (n > 0) {
        s->state ^= s->state >> 12;
        s->state ^= s->state << 25;
        s->state ^= s->state >> 27;
        uint64_t word = s->state * 0x2545F4914F6CDD1DULL;
        size_t part = n < sizeof word ? n : sizeof word;
        memcpy(at, &word, part);
        at += part;
        n -= part;
    }
}

void rng_seeded_init(struct rng_seeded *r, uint64_t seed)
{
    *r = (struct rng_seeded){ { seeded_fill }, seed ? seed : 1 };
}
