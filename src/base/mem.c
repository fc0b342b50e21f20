/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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
    return kept(calloc(1, size ? size : 1));
}

void *mem_new_array(size_t n, size_t size)
{
    return kept(calloc(n ? n : 1, size ? size : 1));
}

void *mem_resize(void *p, size_t size)
{
    return kept(realloc(p, size ? size : 1));
}

char *mem_text(const char *text)
{
    return text ? kept(strdup(text)) : NULL;
}

char *mem_text_n(const char *text, size_t n)
{
    char *copy = mem_new(n + 1);

    memcpy(copy, text, n);
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
    char *text = NULL;
    va_list args;

    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    return kept(n < 0 ? NULL : text);
}

void mem_free(void *p)
{
    free(p);
}

void fd_close(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}
