/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/tar_testing.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct place place;

static void end(void)
{
    place_done(&place);
}

/* A mutation must not die at the checksum of the header that it changed. */
static void mend(struct buf *tar)
{
    for (size_t at = 0; at + 512 <= tar->n; at += 512) {
        char *h = tar->data + at;
        unsigned sum = 8 * ' ';
        if (memcmp(h + 257, "ustar", 5) != 0)
            continue;
        for (size_t i = 0; i < 512; i++)
            sum += i < 148 || i >= 156 ? (unsigned char)h[i] : 0;
        for (size_t i = 0; i < 6; i++, sum /= 8)
            h[153 - i] = (char)('0' + sum % 8);
        h[154] = '\0';
        h[155] = ' ';
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct unpack_options options = { .plain = n > 0 && (data[0] & 1),
                                            .max_bytes = 200000,
                                            .max_entries = 50 };
    scoped(buf_done) struct buf archive = { 0 };
    scoped(err_clear) struct err e = { 0 };

    if (!place.tree) {
        place_make(&place);
        if (atexit(end) != 0)
            abort();
    }
    if (n == 0)
        return 0;
    buf_add(&archive, data + 1, n - 1);
    if (data[0] & 2)
        mend(&archive);
    (void)place_unpack(&place, &archive, &options, &e); /* looks beside the tree by itself */
    mem_free(place_list(&place));                       /* and this at what is in it */
    return 0;
}
