/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/intake.h"

#include "base/id.h"
#include "base/sha256.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
    MAGIC = 3,    /* 1f 8b, and 08 for deflate, the only method there is */
    SMALLEST = 18 /* head and trailer of gzip without anything between */
};

struct intake {
    struct intake_options with;
    int fd; /* -1: none was needed yet */
    uint64_t size;
    struct buf held;
    bool known; /* it begins like gzip */
    EVP_MD_CTX *sha256;
};

struct intake *intake_new(const struct intake_options *options)
{
    struct intake *in = mem_new(sizeof *in);

    *in = (struct intake){ .with = *options, .fd = -1, .sha256 = sha256_begin() };
    return in;
}

void intake_free(struct intake *in)
{
    if (!in)
        return;
    EVP_MD_CTX_free(in->sha256);
    buf_done(&in->held);
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

/* What is held goes to the file. */
static int flush(struct intake *in, struct err *e)
{
    if (in->fd < 0)
        in->fd = in->with.file(in->with.arg, e);
    if (in->fd < 0)
        return -1;
    if (disk_write_all(in->with.disk, in->fd, in->held.data, in->held.n) < 0) {
        if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
            return err_set(e, ERR_UNAVAILABLE, "the server has no room for this upload");
        return err_set_errno(e, ERR_IO, errno, "write an upload");
    }
    buf_reset(&in->held);
    return 0;
}

int intake_write(void *arg, const void *data, size_t n, struct err *e)
{
    static const uint8_t gzip[MAGIC] = { 0x1f, 0x8b, 0x08 };
    struct intake *in = arg;
    const char *at = data;

    if (in->with.max && n > in->with.max - in->size)
        return err_set(e, ERR_TOO_LARGE, "source is larger than %llu bytes",
                       (unsigned long long)in->with.max);
    in->size += n;
    sha256_add(in->sha256, data, n);
    while (n > 0) {
        if (in->held.n == in->with.hold && flush(in, e) < 0)
            return -1;
        size_t room = in->with.hold - in->held.n, part = n < room ? n : room;
        buf_add(&in->held, at, part);
        at += part;
        n -= part;
        if (!in->known && in->held.n >= MAGIC) {
            const uint8_t *first = (const uint8_t *)in->held.data;
            if (memcmp(first, gzip, MAGIC) != 0)
                return refuse(first, e);
            in->known = true;
        }
    }
    return 0;
}

const struct buf *intake_held(const struct intake *in)
{
    return in->fd < 0 ? &in->held : NULL;
}

int intake_finish(struct intake *in, struct intake_result *out, struct err *e)
{
    struct intake_result r = { .size = in->size };

    if (in->size == 0)
        return err_set(e, ERR_INPUT, "source is empty");
    if (in->size < SMALLEST)
        return err_set(e, ERR_INPUT, "source is not a gzip tarball: it has only %llu bytes",
                       (unsigned long long)in->size);
    if (in->fd >= 0 && flush(in, e) < 0)
        return -1;
    sha256_end(take(in->sha256), r.sha256);
    hex_text(r.sha256, sizeof r.sha256, r.sha256_text);
    *out = r;
    return 0;
}
