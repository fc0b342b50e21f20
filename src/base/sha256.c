/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sha256.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

static EVP_MD *method;

static void find_method(void)
{
    method = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static void need(bool ok)
{
    if (!ok)
        abort(); /* no memory, or a libcrypto without SHA-256 */
}

/* Every request needs some: EVP_sha256() would be looked up again each time, which takes longer than
 * the digest of a key. */
static const EVP_MD *found(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, find_method);
    need(method);
    return method;
}

void sha256(const void *data, size_t n, unsigned char out[static SHA256_SIZE])
{
    need(EVP_Digest(data, n, out, NULL, found(), NULL) == 1);
}

EVP_MD_CTX *sha256_begin(void)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    need(ctx && EVP_DigestInit_ex(ctx, found(), NULL) == 1);
    return ctx;
}

void sha256_add(EVP_MD_CTX *ctx, const void *data, size_t n)
{
    need(EVP_DigestUpdate(ctx, data, n) == 1);
}

void sha256_end(EVP_MD_CTX *ctx, unsigned char out[static SHA256_SIZE])
{
    need(EVP_DigestFinal_ex(ctx, out, NULL) == 1);
    EVP_MD_CTX_free(ctx);
}
