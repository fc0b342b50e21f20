/* SPDX-License-Identifier: Apache-2.0
 *
 * To be preloaded: counts the allocations of a process, and makes the n-th fail, or all from there on. What
 * is to happen stands in a file, NO_MEMORY_FILE, that the process shares with who tortures it.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* The C library's own, under names that nothing else has. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *p);

struct orders {
    _Atomic uint64_t mode;   /* 0: count nothing, 1: the n-th fails, 2: it and all that follow */
    _Atomic uint64_t nth;    /* from 1 */
    _Atomic uint64_t seen;   /* since it was set to 0 */
    _Atomic uint64_t failed; /* of them */
    _Atomic int64_t live;    /* blocks that are allocated now; it may begin anywhere */
};

static struct orders nobody;
static struct orders *orders = &nobody;

__attribute__((constructor)) static void take_orders(void)
{
    const char *path = getenv("NO_MEMORY_FILE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *at =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (at != MAP_FAILED)
        orders = at;
    if (fd >= 0)
        (void)close(fd);
}

static int fails(void)
{
    struct orders *o = orders;
    uint64_t mode = atomic_load(&o->mode);

    if (mode == 0)
        return 0;
    uint64_t n = atomic_fetch_add(&o->seen, 1) + 1, nth = atomic_load(&o->nth);
    if (mode == 1 ? n != nth : n < nth)
        return 0;
    atomic_fetch_add(&o->failed, 1);
    errno = ENOMEM;
    return 1;
}

static void *counted(void *p)
{
    if (p)
        atomic_fetch_add(&orders->live, 1);
    return p;
}

void *malloc(size_t size)
{
    return fails() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
    return fails() ? NULL : counted(__libc_calloc(n, size));
}

void *realloc(void *p, size_t size)
{
    if (fails())
        return NULL;
    return p ? __libc_realloc(p, size) : counted(__libc_realloc(p, size));
}

void *memalign(size_t alignment, size_t size)
{
    return fails() ? NULL : counted(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *p = memalign(alignment, size);

    if (!p)
        return ENOMEM;
    *out = p;
    return 0;
}

void free(void *p)
{
    if (p)
        atomic_fetch_sub(&orders->live, 1);
    __libc_free(p);
}
