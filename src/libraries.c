/* SPDX-License-Identifier: Apache-2.0 */
#include "libraries.h"

#include "base/mem.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <stdlib.h>

/* ---- SQLite's manner: sizes are int, and rounded up before they are asked for ---- */

static void *sqlite_new(int size)
{
    return mem_try((size_t)size);
}

static void *sqlite_resize(void *p, int size)
{
    return mem_try_resize(p, (size_t)size);
}

static int sqlite_size(void *p)
{
    return p ? (int)mem_size(p) : 0;
}

static int sqlite_round_up(int size)
{
    return (size + 7) & ~7;
}

static int sqlite_begin(void *unused)
{
    (void)unused;
    return SQLITE_OK;
}

static void sqlite_end(void *unused)
{
    (void)unused;
}

/* ---- OpenSSL's manner: it says who asks ---- */

static void *crypto_new(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return mem_try(size);
}

static void *crypto_resize(void *p, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return mem_try_resize(p, size);
}

static void crypto_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    mem_free(p);
}

void libraries_share_memory(void)
{
    static const sqlite3_mem_methods sqlite = { sqlite_new,      mem_free,
                                                sqlite_resize,   sqlite_size,
                                                sqlite_round_up, sqlite_begin,
                                                sqlite_end,      NULL };

    json_set_alloc_funcs(mem_try, mem_free);
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &sqlite) != SQLITE_OK ||
        CRYPTO_set_mem_functions(crypto_new, crypto_resize, crypto_free) != 1)
        abort(); /* one of them is in use already */
}
