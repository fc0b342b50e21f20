/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast the bytes of an upload are taken apart, by what the product uses and by what Debian has
 * besides. Prints a line for each: name, and MiB a second of what comes out, the best of some rounds.
 *
 *     bench_decoders FILE.gz
 */
#include "artifact/base64.h"
#include "base/clock.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zlib.h>
#ifdef HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif
#ifdef HAVE_ISAL
#include <isa-l/igzip_lib.h>
#endif

enum { ROUNDS = 5, PIECE = 64 * 1024, MOST = 64 << 20 };

struct bytes {
    uint8_t *data;
    size_t n;
};

static struct bytes packed, text, room;

static double seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void measure(const char *name, size_t (*run)(void))
{
    double best = 1e9;
    size_t made = 0;

    for (int round = 0; round < ROUNDS; round++) {
        double from = seconds();
        made = run();
        double took = seconds() - from;
        best = took < best ? took : best;
    }
    printf("%s %.0f\n", name, (double)made / best / (1 << 20));
}

/* ---- base64 ---- */

static size_t base64_of_ours(void)
{
    struct base64 b = { 0 };
    size_t at = 0, made = 0;

    while (at < text.n) {
        size_t left = text.n - at < PIECE ? text.n - at : PIECE;
        size_t took = base64_run(&b, (const char *)text.data + at, left, room.data + made, &made);
        if (took == 0)
            break; /* the padding */
        at += took;
    }
    assert(made >= packed.n - 2 && memcmp(room.data, packed.data, made) == 0);
    return made;
}

static size_t base64_of_openssl(void)
{
    EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
    size_t made = 0;
    int n = 0;

    EVP_DecodeInit(ctx);
    for (size_t at = 0; at < text.n; at += PIECE) {
        size_t left = text.n - at < PIECE ? text.n - at : PIECE;
        if (EVP_DecodeUpdate(ctx, room.data + made, &n, text.data + at, (int)left) < 0)
            abort();
        made += (size_t)n;
    }
    EVP_ENCODE_CTX_free(ctx);
    return made;
}

static size_t sha256(void)
{
    unsigned char digest[32];

    if (EVP_Digest(packed.data, packed.n, digest, NULL, EVP_sha256(), NULL) != 1)
        abort();
    return packed.n;
}

/* ---- gzip ---- */

static size_t gzip_by_zlib(void)
{
    z_stream z = { .next_in = packed.data, .avail_in = (uInt)packed.n };
    size_t made = 0;
    int r = inflateInit2(&z, 16 + MAX_WBITS);

    while (r == Z_OK) {
        z.next_out = room.data;
        z.avail_out = PIECE;
        r = inflate(&z, Z_NO_FLUSH);
        made += PIECE - z.avail_out;
    }
    assert(r == Z_STREAM_END);
    (void)inflateEnd(&z);
    return made;
}

#ifdef HAVE_LIBDEFLATE
static size_t gzip_by_libdeflate(void)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    size_t made = 0;

    if (libdeflate_gzip_decompress(d, packed.data, packed.n, room.data, room.n, &made) !=
        LIBDEFLATE_SUCCESS)
        abort();
    libdeflate_free_decompressor(d);
    return made;
}
#endif

#ifdef HAVE_ISAL
static size_t gzip_by_isal(void)
{
    static struct inflate_state s;
    size_t made = 0;

    isal_inflate_init(&s);
    s.crc_flag = ISAL_GZIP;
    s.next_in = packed.data;
    s.avail_in = (uint32_t)packed.n;
    while (s.block_state != ISAL_BLOCK_FINISH) {
        s.next_out = room.data;
        s.avail_out = PIECE;
        if (isal_inflate(&s) != ISAL_DECOMP_OK)
            abort();
        made += PIECE - s.avail_out;
    }
    return made;
}
#endif

/* ---- all of them ---- */

static struct bytes read_file(const char *path)
{
    FILE *file = fopen(path, "re");
    struct bytes b = { mem_new(MOST), 0 };

    if (!file)
        return b;
    b.n = fread(b.data, 1, MOST, file);
    (void)fclose(file);
    return b;
}

int main(int argc, char **argv)
{
    struct buf encoded = { 0 };

    packed = read_file(argc == 2 ? argv[1] : "");
    if (packed.n == 0) {
        fprintf(stderr, "usage: bench_decoders FILE.gz\n");
        return 2;
    }
    base64_encode(packed.data, packed.n, &encoded);
    text = (struct bytes){ (uint8_t *)encoded.data, encoded.n };
    room = (struct bytes){ mem_new((size_t)MOST * 8), (size_t)MOST * 8 };
    measure("base64/ours", base64_of_ours);
    measure("base64/OpenSSL", base64_of_openssl);
    measure("digest/SHA-256", sha256);
    measure("gzip/zlib", gzip_by_zlib);
#ifdef HAVE_LIBDEFLATE
    measure("gzip/libdeflate", gzip_by_libdeflate);
#endif
#ifdef HAVE_ISAL
    measure("gzip/ISA-L", gzip_by_isal);
#endif
    mem_free(packed.data);
    mem_free(room.data);
    buf_done(&encoded);
    return 0;
}
