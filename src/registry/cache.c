/* SPDX-License-Identifier: Apache-2.0
 *
 * A file's modification time is when it was used last. How much there is, is counted when the folder is
 * looked through, and added to in between: what replaces a file is counted twice until then, which
 * only makes the next look come sooner.
 */
#include "registry/cache.h"

#include "base/bounds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define HALF_WRITTEN "writing."

static const msec_t day_ms = 24 * 3600 * 1000;

struct cache {
    int folder;
    int64_t max_bytes;
    const struct clock *clock;
    pthread_mutex_t sweeping;
    atomic_llong bytes, n_begun;
};

/* ---- the whole of it ---- */

struct entry {
    char name[NAME_MAX + 1];
    msec_t used;
    int64_t bytes;
};

struct listing {
    struct entry *entries;
    size_t n, room;
    int64_t bytes;
};

static void add_entry(struct listing *l, const char *name, const struct stat *st)
{
    if (l->n == l->room) {
        l->room = l->room ? l->room * 2 : 256;
        l->entries = mem_resize(l->entries, l->room * sizeof *l->entries);
    }
    struct entry *at = &l->entries[l->n++];
    (void)snprintf(at->name, sizeof at->name, "%s", name);
    at->used = (msec_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
    at->bytes = (int64_t)st->st_blocks * 512;
    l->bytes += at->bytes;
}

static bool is_half_written(const char *name)
{
    return strncmp(name, HALF_WRITTEN, strlen(HALF_WRITTEN)) == 0;
}

static int list(const struct cache *c, struct listing *out)
{
    int fd = openat(c->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *at;
    struct stat st;

    if (!d) {
        fd_close(fd);
        return -1;
    }
    while ((at = readdir(d))) {
        if (at->d_name[0] != '.' && !is_half_written(at->d_name) &&
            fstatat(c->folder, at->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            add_entry(out, at->d_name, &st);
    }
    (void)closedir(d);
    return 0;
}

static int by_use(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return x->used < y->used ? -1 : x->used > y->used;
}

/* As much as uploads leave (bounds.h), so that what is fetched stops nobody's work. */
static bool disk_has_room(const struct cache *c)
{
    struct statvfs fs;

    if (fstatvfs(c->folder, &fs) < 0)
        return false;
    uint64_t left = (uint64_t)fs.f_bavail * fs.f_frsize, all = (uint64_t)fs.f_blocks * fs.f_frsize;
    return left >= DISK_RESERVE_LEAST &&
           (left >= all / DISK_RESERVE_SHARE || left >= DISK_RESERVE_MOST);
}

/* With more than there may be a tenth goes besides, so that it does not happen at each new file. */
int cache_sweep(struct cache *c)
{
    struct listing all = { 0 };
    int n = 0;

    pthread_mutex_lock(&c->sweeping);
    if (list(c, &all) == 0) {
        msec_t old = clock_wall(c->clock) - LIMIT_UNUSED_PACKAGE_DAYS * day_ms;
        int64_t most = all.bytes > c->max_bytes ? c->max_bytes - c->max_bytes / 10 : c->max_bytes;
        if (all.n > 0)
            qsort(all.entries, all.n, sizeof *all.entries, by_use);
        for (size_t i = 0; i < all.n; i++) {
            const struct entry *at = &all.entries[i];
            if (at->used >= old && all.bytes <= most && disk_has_room(c))
                break;
            if (unlinkat(c->folder, at->name, 0) == 0) {
                all.bytes -= at->bytes;
                n++;
            }
        }
        atomic_store(&c->bytes, all.bytes);
    }
    pthread_mutex_unlock(&c->sweeping);
    mem_free(all.entries);
    return n;
}

static void remove_half_written(const struct cache *c)
{
    int fd = openat(c->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *at;

    if (!d) {
        fd_close(fd);
        return;
    }
    while ((at = readdir(d))) {
        if (is_half_written(at->d_name))
            (void)unlinkat(c->folder, at->d_name, 0);
    }
    (void)closedir(d);
}

int cache_open(int folder, int64_t max_bytes, const struct clock *clock, struct cache **out,
               struct err *e)
{
    struct stat st;

    if (fstat(folder, &st) < 0 || !S_ISDIR(st.st_mode))
        return err_set(e, ERR_IO, "there is no folder for what is fetched");
    struct cache *c = mem_new(sizeof *c);
    *c = (struct cache){ .folder = folder, .max_bytes = max_bytes, .clock = clock };
    pthread_mutex_init(&c->sweeping, NULL);
    remove_half_written(c);
    (void)cache_sweep(c);
    *out = c;
    return 0;
}

void cache_close(struct cache *c)
{
    if (!c)
        return;
    pthread_mutex_destroy(&c->sweeping);
    mem_free(c);
}

/* ---- one file ---- */

int cache_find(struct cache *c, const char *name)
{
    int fd = openat(c->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    msec_t now = clock_wall(c->clock);
    const struct timespec times[] = { { .tv_nsec = UTIME_OMIT },
                                      { now / 1000, (now % 1000) * 1000000 } };

    if (fd >= 0)
        (void)futimens(fd, times); /* one that is not ours is read all the same */
    return fd;
}

void cache_remove(struct cache *c, const char *name)
{
    (void)unlinkat(c->folder, name, 0);
}

int cache_begin(struct cache *c, struct cache_file *out, struct err *e)
{
    struct cache_file f = { .cache = c };

    (void)snprintf(f.name, sizeof f.name, HALF_WRITTEN "%lld",
                   (long long)atomic_fetch_add(&c->n_begun, 1));
    f.fd = openat(c->folder, f.name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (f.fd < 0)
        return err_set_errno(e, ERR_IO, errno, "keep what is fetched");
    *out = f;
    return 0;
}

void cache_keep(struct cache_file *f, const char *name)
{
    struct cache *c = f->cache;
    msec_t now = clock_wall(c->clock);
    const struct timespec times[] = { { .tv_nsec = UTIME_OMIT },
                                      { now / 1000, (now % 1000) * 1000000 } };
    struct stat st;

    if (fstat(f->fd, &st) < 0)
        return;
    int64_t bytes = (int64_t)st.st_blocks * 512;
    if (bytes > c->max_bytes)
        return;
    if (atomic_load(&c->bytes) + bytes > c->max_bytes || !disk_has_room(c))
        (void)cache_sweep(c);
    if (!disk_has_room(c))
        return;
    (void)futimens(f->fd, times);
    if (renameat(c->folder, f->name, c->folder, name) < 0)
        return;
    f->name[0] = '\0';
    atomic_fetch_add(&c->bytes, bytes);
}

void cache_file_done(struct cache_file *f)
{
    if (f->name[0])
        (void)unlinkat(f->cache->folder, f->name, 0);
    f->name[0] = '\0';
    if (f->cache)
        fd_close(take_fd(&f->fd));
}
