/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include "base/buf.h"
#include "base/reserve.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

void *mem_try(size_t size)
{
    void *p = malloc(size ? size : 1);

    if (!p)
        p = reserve_take(size);
    return p;
}

size_t mem_size(void *p)
{
    return reserve_has(p) ? reserve_size(p) : malloc_usable_size(p);
}

void *mem_try_resize(void *p, size_t size)
{
    void *q = p && reserve_has(p) ? NULL : realloc(p, size ? size : 1);

    if (q)
        return q;
    /* In the reserve, or into it. */
    q = mem_try(size);
    if (q && p) {
        size_t n = mem_size(p);
        memcpy(q, p, n < size ? n : size);
        mem_free(p);
    }
    return q;
}

static void *kept(void *p)
{
    if (!p) {
        (void)!write(STDERR_FILENO, "impresario: out of memory\n", 26);
        abort();
    }
    return p;
}

void *mem_new(size_t size)
{
    void *p = calloc(1, size ? size : 1);

    if (!p)
        p = memset(kept(reserve_take(size)), 0, size);
    return p;
}

void *mem_new_array(size_t n, size_t size)
{
    size_t all;

    return mem_new(__builtin_mul_overflow(n, size, &all) ? SIZE_MAX : all);
}

void *mem_resize(void *p, size_t size)
{
    return kept(mem_try_resize(p, size));
}

char *mem_text(const char *text)
{
    return text ? mem_text_n(text, strlen(text)) : NULL;
}

char *mem_text_n(const char *text, size_t n)
{
    char *copy = kept(mem_try(n + 1));

    memcpy(copy, text, n);
    copy[n] = '\0';
    return copy;
}

char *mem_text_most(const char *text, size_t most)
{
    size_t n = text ? strnlen(text, most + 1) : 0;

    if (n <= most)
        return mem_text(text);
    while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--;
    return mem_text_n(text, most);
}

char *mem_format(const char *format, ...)
{
    struct buf text = { 0 };
    va_list args;

    va_start(args, format);
    buf_vformat(&text, format, args);
    va_end(args);
    return buf_take(&text);
}

void mem_free(void *p)
{
    if (p && reserve_has(p))
        reserve_give(p);
    else
        free(p);
}

void fd_close(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}
