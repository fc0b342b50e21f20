/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/intake.h"

#include "base/id.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
    MAGIC = 3,    /* 1f 8b, and 08 for deflate, the only method there is */
    SMALLEST = 18 /* head and trailer of gzip without anything between */
};

struct intake {
    struct disk *disk;
    int fd;
    uint64_t max, size;
    uint8_t first[MAGIC];
    size_t n_first;
    EVP_MD_CTX *sha256;
};

/* A digest that cannot be made is a broken or exhausted machine, as for memory (mem.h). */
static void must(int ok)
{
    if (ok != 1)
        abort();
}

struct intake *intake_new(struct disk *disk, int fd, uint64_t max)
{
    struct intake *in = mem_new(sizeof *in);

    *in = (struct intake){ .disk = disk, .fd = fd, .max = max, .sha256 = EVP_MD_CTX_new() };
    must(EVP_DigestInit_ex(in->sha256, EVP_sha256(), NULL));
    return in;
}

void intake_free(struct intake *in)
{
    if (!in)
        return;
    EVP_MD_CTX_free(in->sha256);
    mem_free(in);
}

static int refuse(const uint8_t *first, struct err *e)
{
    static const struct {
        uint8_t magic[MAGIC];
        const char *name;
    } known[] = {
        { { 'P', 'K', 3 }, "a zip file" },
        { { 'B', 'Z', 'h' }, "packed with bzip2" },
        { { 0xfd, '7', 'z' }, "packed with xz" },
        { { 0x28, 0xb5, 0x2f }, "packed with zstd" },
        { { 0x1f, 0x9d, 0x90 }, "packed with compress" },
    };

    for (size_t i = 0; i < n_items(known); i++) {
        if (memcmp(first, known[i].magic, MAGIC) == 0)
            return err_set(e, ERR_INPUT,
                           "source is not a gzip tarball but %s; make it with tar czf",
                           known[i].name);
    }
    return err_set(
        e, ERR_INPUT,
        "source is not the base64 of a gzip tarball: decoded, it begins with %02x %02x %02x",
        first[0], first[1], first[2]);
}

static int store(struct intake *in, const void *data, size_t n, struct err *e)
{
    must(EVP_DigestUpdate(in->sha256, data, n));
    if (disk_write_all(in->disk, in->fd, data, n) == 0)
        return 0;
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
        return err_set(e, ERR_UNAVAILABLE, "the server has no room for this upload");
    return err_set_errno(e, ERR_IO, errno, "write an upload");
}

int intake_write(void *arg, const void *data, size_t n, struct err *e)
{
    static const uint8_t gzip[MAGIC] = { 0x1f, 0x8b, 0x08 };
    struct intake *in = arg;
    const uint8_t *at = data;

    if (in->max && n > in->max - in->size)
        return err_set(e, ERR_TOO_LARGE, "source is larger than %llu bytes",
                       (unsigned long long)in->max);
    in->size += n;
    if (in->n_first < MAGIC) {
        while (n > 0 && in->n_first < MAGIC) {
            in->first[in->n_first++] = *at++;
            n--;
        }
        if (in->n_first < MAGIC)
            return 0;
        if (memcmp(in->first, gzip, MAGIC) != 0)
            return refuse(in->first, e);
        if (store(in, in->first, MAGIC, e) < 0)
            return -1;
    }
    return n > 0 ? store(in, at, n, e) : 0;
}

int intake_finish(struct intake *in, struct intake_result *out, struct err *e)
{
    struct intake_result r = { .size = in->size };
    unsigned n = 0;

    if (in->size == 0)
        return err_set(e, ERR_INPUT, "source is empty");
    if (in->size < SMALLEST)
        return err_set(e, ERR_INPUT, "source is not a gzip tarball: it has only %llu bytes",
                       (unsigned long long)in->size);
    must(EVP_DigestFinal_ex(in->sha256, r.sha256, &n));
    hex_text(r.sha256, sizeof r.sha256, r.sha256_text);
    *out = r;
    return 0;
}
