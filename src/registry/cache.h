/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that can be fetched again, in one folder, by name. Nothing here is synced: whoever reads a file
 * knows a digest of what must be in it, and removes one that is something else. What was not used for
 * the longest time goes when there is too much, or too little room on the disk.
 *
 * Any thread may call any of this. Names are plain: letters, digits and dashes.
 */
#ifndef REGISTRY_CACHE_H
#define REGISTRY_CACHE_H

#include "base/clock.h"
#include "base/err.h"

#include <stdint.h>

struct cache;

/* `folder` stays the caller's. What an earlier process left half written is removed. */
must_use int cache_open(int folder, int64_t max_bytes, const struct clock *clock,
                        struct cache **out, struct err *e);
void cache_close(struct cache *c);
DEFINE_SCOPED(struct cache, cache_close)

/* A descriptor to read from, or -1. */
int cache_find(struct cache *c, const char *name);
void cache_remove(struct cache *c, const char *name);

/* A file that is being written. */
struct cache_file {
    struct cache *cache;
    int fd;        /* to write to, and to read what was written; close it or take it */
    char name[32]; /* for now; "": none */
};
must_use int cache_begin(struct cache *c, struct cache_file *out, struct err *e);
/* Gives it its name, in place of another. Where there is no room it is not kept, and only `fd` is
 * left of it. */
void cache_keep(struct cache_file *f, const char *name);
void cache_file_done(struct cache_file *f); /* also of one that was kept */
static inline void cache_file_done_at(struct cache_file *f)
{
    cache_file_done(f);
}

/* Removes what is too old or too much; gives how many files. */
int cache_sweep(struct cache *c);

#endif
