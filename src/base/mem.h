/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory: allocations never fail, so callers need no check. When the system gives nothing they are served
 * from the reserve (reserve.h); when that is used up too the process aborts, and recovers from the store at
 * its next start. A size that a stranger chooses is compared with bounds.h first.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>
#include <string.h>

#define must_use __attribute__((warn_unused_result))

/* `scoped(f) T *p = ...` calls f(p) when p leaves its scope; `take(p)` gives the value away. */
#define scoped(free_fn) __attribute__((cleanup(free_fn##_at), unused))
#define take(p)                     \
    __extension__({                 \
        __typeof__(p) taken_ = (p); \
        (p) = NULL;                 \
        taken_;                     \
    })
#define DEFINE_SCOPED(type, free_fn)          \
    static inline void free_fn##_at(type **p) \
    {                                         \
        free_fn(*p);                          \
    }

#define n_items(array)                  (sizeof(array) / sizeof((array)[0]))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Zeroed. */
void *mem_new(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_new_array(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *mem_resize(void *p, size_t size) __attribute__((returns_nonnull));
char *mem_text(const char *text);
char *mem_text_n(const char *text, size_t n);
/* At most so many bytes of a UTF-8 text, which end where a character does. NULL for NULL. */
char *mem_text_most(const char *text, size_t most);
char *mem_format(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));
void mem_free(void *p);

/* For libraries that check what they get (libraries.h): not zeroed, and NULL where the others abort. */
void *mem_try(size_t size);
void *mem_try_resize(void *p, size_t size);
size_t mem_size(void *p); /* of what mem_... gave: at least what was asked for */

static inline void mem_free_at(void *pp)
{
    void *p;
    memcpy(&p, pp, sizeof p);
    mem_free(p);
}

/* A descriptor that closes itself; -1 is none. */
static inline int take_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}
void fd_close(int fd);
static inline void fd_close_at(const int *fd)
{
    fd_close(*fd);
}

#endif
