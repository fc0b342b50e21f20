/* SPDX-License-Identifier: Apache-2.0
 *
 * One run of blocks, each behind a header that says how long it is. Who looks for room walks over them from
 * the start and joins free neighbours on the way. That is slow with many blocks, and seldom done.
 *
 * It lies in zeroed data of the program, so the kernel has promised it at the start where it promises
 * anything (strict overcommit, an address space with a limit), and gives pages as they are touched.
 */
#include "base/reserve.h"

#include "base/bounds.h"

#include <assert.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

struct block {
    alignas(16) size_t size; /* with this header */
    bool used;
};

enum { LITTLE = MEM_RESERVE / 256, LOW = MEM_RESERVE / 4, STEP = sizeof(struct block) };

static alignas(64) char arena[MEM_RESERVE];
static atomic_size_t n_used; /* bytes; changed, as all of it, under: */
static atomic_size_t n_takes;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct block *block_at(size_t at)
{
    return (struct block *)(void *)(arena + at);
}

static struct block *block_of(void *p)
{
    assert(reserve_has(p));
    return (struct block *)p - 1;
}

/* A free block of at least `size`, and where it is; NULL: none. */
static struct block *find(size_t size, size_t *at)
{
    for (*at = 0; *at < MEM_RESERVE; *at += block_at(*at)->size) {
        struct block *b = block_at(*at);
        if (b->used)
            continue;
        for (size_t next = *at + b->size; next < MEM_RESERVE && !block_at(next)->used;
             next = *at + b->size)
            b->size += block_at(next)->size;
        if (b->size >= size)
            return b;
    }
    return NULL;
}

void *reserve_take(size_t size)
{
    size_t at;

    if (size > MEM_RESERVE - STEP)
        return NULL;
    size = (size + 2 * STEP - 1) / STEP * STEP;
    pthread_mutex_lock(&lock);
    if (block_at(0)->size == 0)
        block_at(0)->size = MEM_RESERVE;
    struct block *b = find(size, &at);
    if (b) {
        if (b->size > size)
            *block_at(at + size) = (struct block){ b->size - size, false };
        *b = (struct block){ size, true };
        n_used += size;
        n_takes++;
    }
    pthread_mutex_unlock(&lock);
    return b ? b + 1 : NULL;
}

void reserve_give(void *p)
{
    pthread_mutex_lock(&lock);
    struct block *b = block_of(p);
    assert(b->used);
    b->used = false;
    n_used -= b->size;
    pthread_mutex_unlock(&lock);
}

bool reserve_has(const void *p)
{
    return (uintptr_t)p - (uintptr_t)arena < MEM_RESERVE;
}

size_t reserve_size(const void *p)
{
    assert(reserve_has(p));
    return ((const struct block *)p - 1)->size - STEP;
}

size_t reserve_used(void)
{
    return atomic_load_explicit(&n_used, memory_order_relaxed);
}

size_t reserve_takes(void)
{
    return atomic_load_explicit(&n_takes, memory_order_relaxed);
}

bool reserve_is_touched(void)
{
    return reserve_used() > LITTLE;
}

bool reserve_is_low(void)
{
    return reserve_used() > LOW;
}
