/* SPDX-License-Identifier: Apache-2.0
 *
 * The seams: what reaches outside of the program is handed to every module that needs it, so that
 * a test can hold time still, repeat chance, and make the n-th disk call fail.
 */
#ifndef BASE_ENV_H
#define BASE_ENV_H

#include "base/clock.h"
#include "base/disk.h"
#include "base/rng.h"

struct env {
    const struct clock *clock;
    struct rng *rng;
    struct disk *disk;
};

extern const struct env env_real;

#endif
