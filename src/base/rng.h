/* SPDX-License-Identifier: Apache-2.0
 *
 * Randomness is handed in: the kernel's in production, a seeded stream in tests and simulations.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    void (*fill)(struct rng *r, void *out, size_t n);
};

extern struct rng rng_real;

static inline void rng_fill(struct rng *r, void *out, size_t n)
{
    r->fill(r, out, n);
}

/* xorshift64*: repeatable, and never for secrets. */
struct rng_seeded {
    struct rng rng;
    uint64_t state;
};
void rng_seeded_init(struct rng_seeded *r, uint64_t seed);

#endif
