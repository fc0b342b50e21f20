/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The strongest first. */
static const struct kind {
    const char *name;
    size_t bytes;
} kinds[] = { { "sha512", 64 }, { "sha384", 48 }, { "sha256", 32 }, { "sha1", 20 } };

struct digest {
    EVP_MD_CTX *ctx;
    const struct kind *kind;
    char like[DIGEST_TEXT];
};

/* ---- as it is written ---- */

static void write_text(const struct kind *k, const unsigned char *bytes, char out[DIGEST_TEXT])
{
    int n = snprintf(out, DIGEST_TEXT, "%s-", k->name);

    for (size_t i = 0; i < k->bytes; i++)
        n += snprintf(out + n, DIGEST_TEXT - (size_t)n, "%02x", bytes[i]);
}

/* One word of `integrity`, as in "sha512-BASE64=?options". */
static bool read_word(const struct kind *k, const char *word, size_t n, char out[DIGEST_TEXT])
{
    size_t n_name = strlen(k->name), n_text = (k->bytes + 2) / 3 * 4;
    unsigned char bytes[96];

    if (n <= n_name || strncmp(word, k->name, n_name) != 0 || word[n_name] != '-')
        return false;
    word += n_name + 1;
    n -= n_name + 1;
    const char *options = memchr(word, '?', n);
    if (options)
        n = (size_t)(options - word);
    /* With the padding it decodes to so many bytes and no others; what is no base64 is refused. */
    if (n != n_text || EVP_DecodeBlock(bytes, (const unsigned char *)word, (int)n) < 0)
        return false;
    write_text(k, bytes, out);
    return true;
}

static bool read_integrity(const struct kind *k, const char *integrity, char out[DIGEST_TEXT])
{
    static const char spaces[] = " \t\r\n";

    for (const char *at = integrity + strspn(integrity, spaces); *at; at += strspn(at, spaces)) {
        size_t n = strcspn(at, spaces);
        if (read_word(k, at, n, out))
            return true;
        at += n;
    }
    return false;
}

bool digest_read(const char *integrity, const char *shasum, char out[DIGEST_TEXT])
{
    for (size_t i = 0; integrity && i < n_items(kinds); i++) {
        if (read_integrity(&kinds[i], integrity, out))
            return true;
    }
    if (!shasum || strlen(shasum) != 40 || strspn(shasum, "0123456789abcdef") != 40)
        return false;
    (void)snprintf(out, DIGEST_TEXT, "sha1-%s", shasum);
    return true;
}

/* ---- as it is computed ---- */

struct digest *digest_new(const char *like)
{
    struct digest *d = mem_new(sizeof *d);

    for (size_t i = 0; i < n_items(kinds) && !d->kind; i++) {
        size_t n = strlen(kinds[i].name);
        if (strncmp(like, kinds[i].name, n) == 0 && like[n] == '-')
            d->kind = &kinds[i];
    }
    (void)snprintf(d->like, sizeof d->like, "%s", like);
    d->ctx = EVP_MD_CTX_new();
    if (!d->kind || !d->ctx ||
        EVP_DigestInit_ex(d->ctx, EVP_get_digestbyname(d->kind->name), NULL) != 1)
        abort(); /* out of memory, as mem.h has it, or our own mistake */
    return d;
}

void digest_add(struct digest *d, const void *data, size_t n)
{
    if (EVP_DigestUpdate(d->ctx, data, n) != 1)
        abort();
}

void digest_text(struct digest *d, char out[DIGEST_TEXT])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];

    if (EVP_DigestFinal_ex(d->ctx, bytes, NULL) != 1)
        abort();
    write_text(d->kind, bytes, out);
}

bool digest_is(struct digest *d)
{
    char text[DIGEST_TEXT];

    digest_text(d, text);
    return strcmp(text, d->like) == 0;
}

void digest_free(struct digest *d)
{
    if (!d)
        return;
    EVP_MD_CTX_free(d->ctx);
    mem_free(d);
}

bool digest_is_of_file(const char *like, int fd)
{
    scoped(digest_free) struct digest *d = digest_new(like);
    char data[64 * 1024];
    off_t at = 0;
    ssize_t n;

    while ((n = pread(fd, data, sizeof data, at)) > 0) {
        digest_add(d, data, (size_t)n);
        at += n;
    }
    return n == 0 && digest_is(d);
}
