/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 by libcrypto, FIPS 180-4. A digest that cannot be made is a broken or exhausted machine, as
 * for memory (mem.h): the program ends.
 */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <openssl/evp.h>
#include <stddef.h>

enum { SHA256_SIZE = 32, SHA256_TEXT_SIZE = 2 * SHA256_SIZE + 1 };

void sha256(const void *data, size_t n, unsigned char out[static SHA256_SIZE]);

/* In pieces. sha256_end() frees it, as EVP_MD_CTX_free() does without a digest. */
EVP_MD_CTX *sha256_begin(void);
void sha256_add(EVP_MD_CTX *ctx, const void *data, size_t n);
void sha256_end(EVP_MD_CTX *ctx, unsigned char out[static SHA256_SIZE]);

#endif
