/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/errand.h"

#include "base/pool.h"

#include <stdatomic.h>
#include <stdbool.h>

struct errands {
    struct loop *loop;
    struct pool *pool;
    struct errand *first; /* of those that have not come back */
    atomic_bool ending;
};

struct errands *errands_new(struct loop *loop, int threads)
{
    struct errands *owner = mem_new(sizeof *owner);

    owner->loop = loop;
    owner->pool = pool_new(threads);
    return owner;
}

static void come_back(void *arg)
{
    struct errand *errand = arg;
    struct errand **at = &errand->owner->first;

    while (*at != errand)
        at = &(*at)->next;
    *at = errand->next;
    errand->back(errand);
    errand->free(errand);
}

/* On a thread of the pool. */
static void run(void *arg)
{
    struct errand *errand = arg;

    if (!atomic_load(&errand->owner->ending))
        errand->run(errand);
    loop_post(errand->owner->loop, come_back, errand);
}

void errands_run(struct errands *owner, struct errand *errand)
{
    errand->owner = owner;
    errand->next = owner->first;
    owner->first = errand;
    pool_run(owner->pool, run, errand);
}

void errands_free(struct errands *owner)
{
    if (!owner)
        return;
    atomic_store(&owner->ending, true);
    pool_free(owner->pool);
    while (owner->first) {
        struct errand *errand = owner->first;
        owner->first = errand->next;
        errand->free(errand);
    }
    mem_free(owner);
}
