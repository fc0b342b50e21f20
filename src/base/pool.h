/* SPDX-License-Identifier: Apache-2.0
 *
 * A few threads for work that waits for the disk, so that no event loop has to.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/mem.h"

struct pool;

struct pool *pool_new(int threads);
/* Runs fn(arg) on one of the threads, in the order of asking. Any thread. */
void pool_run(struct pool *p, void (*fn)(void *arg), void *arg);
/* Finishes what was asked for. */
void pool_free(struct pool *p);
DEFINE_SCOPED(struct pool, pool_free)

#endif
