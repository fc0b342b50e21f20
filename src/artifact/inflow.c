/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/inflow.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

enum { BLOCK = 64 * 1024, GZIP_ONLY = 16 };

struct inflow {
    int fd;
    bool gzip;
    uint64_t max_out, n_in, n_out;
    const char *too_much;
    z_stream z;
    bool between; /* members of the gzip: one has ended, none has begun since */
    uint8_t in[BLOCK], out[BLOCK];
};

struct inflow *inflow_new(int fd, bool gzip, uint64_t max_out, const char *too_much)
{
    struct inflow *in = mem_new(sizeof *in);

    in->fd = fd;
    in->gzip = gzip;
    in->max_out = max_out;
    in->too_much = too_much;
    if (gzip && inflateInit2(&in->z, GZIP_ONLY + MAX_WBITS) != Z_OK)
        abort(); /* out of memory, as mem.h has it */
    return in;
}

void inflow_free(struct inflow *in)
{
    if (!in)
        return;
    if (in->gzip)
        (void)inflateEnd(&in->z);
    mem_free(in);
}

uint64_t inflow_out(const struct inflow *in)
{
    return in->n_out;
}

static ssize_t read_block(struct inflow *in, struct err *e)
{
    ssize_t n;

    do {
        n = read(in->fd, in->in, BLOCK);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_set_errno(e, ERR_IO, errno, "read the archive");
    return n;
}

static int damaged(const struct inflow *in, const char *what, struct err *e)
{
    return err_set(e, ERR_INPUT,
                   "the archive is damaged at byte %llu: %s; pack and upload it again",
                   (unsigned long long)in->n_in, what);
}

/* After a member another one may follow (`cat a.gz b.gz`), or zeros that fill a block. */
static int next_member(struct inflow *in, struct err *e)
{
    while (in->z.avail_in > 0 && *in->z.next_in == 0) {
        in->z.next_in++;
        in->z.avail_in--;
        in->n_in++;
    }
    if (in->z.avail_in == 0)
        return 0;
    if (*in->z.next_in != 0x1f)
        return damaged(in, "something follows its end", e);
    in->between = false;
    return inflateReset(&in->z) == Z_OK ? 0 : damaged(in, "it cannot be read further", e);
}

/* Fills `out` as far as one call goes. 1: go on; 0: the end. */
static int inflate_some(struct inflow *in, struct err *e)
{
    if (in->z.avail_in == 0) {
        ssize_t n = read_block(in, e);
        if (n < 0)
            return -1;
        if (n == 0 && in->n_in == 0)
            return err_set(e, ERR_INPUT, "the archive is empty");
        if (n == 0)
            return in->between ? 0 : damaged(in, "it ends too early", e);
        in->z.next_in = in->in;
        in->z.avail_in = (uInt)n;
    }
    if (in->between)
        return next_member(in, e) < 0 ? -1 : 1;

    uInt before = in->z.avail_in;
    int r = inflate(&in->z, Z_NO_FLUSH);
    in->n_in += before - in->z.avail_in;
    if (r == Z_STREAM_END)
        in->between = true;
    else if (r == Z_MEM_ERROR)
        abort();
    else if (r != Z_OK && r != Z_BUF_ERROR)
        return damaged(in, in->z.msg ? in->z.msg : "it is not gzip", e);
    return 1;
}

static ssize_t next_inflated(struct inflow *in, struct err *e)
{
    int r = 1;

    in->z.next_out = in->out;
    in->z.avail_out = BLOCK;
    while (r > 0 && in->z.avail_out == BLOCK)
        r = inflate_some(in, e);
    return r < 0 ? -1 : (ssize_t)(BLOCK - in->z.avail_out);
}

ssize_t inflow_next(struct inflow *in, const void **data, struct err *e)
{
    ssize_t n = in->gzip ? next_inflated(in, e) : read_block(in, e);

    if (n < 0)
        return -1;
    if (!in->gzip)
        in->n_in += (uint64_t)n;
    in->n_out += (uint64_t)n;
    if (in->n_out > in->max_out)
        return err_set(e, ERR_LIMIT, "%s", in->too_much);
    *data = in->gzip ? in->out : in->in;
    return n;
}
