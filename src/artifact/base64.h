/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64 as it arrives in pieces. Both alphabets (even mixed), with or without padding, ASCII white
 * space anywhere; anything else is refused with its place.
 */
#ifndef ARTIFACT_BASE64_H
#define ARTIFACT_BASE64_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

/* { 0 } is a fresh one. */
struct base64 {
    uint32_t bits;   /* of a group of four that is not complete */
    uint8_t n;       /* characters in it */
    uint8_t padding; /* `=` seen */
    uint64_t at;     /* characters seen in all */
};

/* Room that the bytes of n characters may take. */
static inline size_t base64_room(size_t n)
{
    return n / 4 * 3 + 3;
}

/* Decodes up to n characters into `out`, which has base64_room(n), and adds to `*n_out` how many
 * bytes that were. Stops early at the first character that is not of an alphabet, and returns how
 * many it took. This is the fast part; the other characters are for base64_put(). */
size_t base64_run(struct base64 *b, const char *text, size_t n, uint8_t *out, size_t *n_out);

/* Takes one character of any kind: `out` has room for 3 bytes. -1 with ERR_INPUT, such as
 * "not base64: unexpected '!' at character 17" (counted from 0). */
must_use int base64_put(struct base64 *b, char c, uint8_t *out, size_t *n_out, struct err *e);

/* The text has ended: adds the last 0 to 2 bytes, or says that it ended in the middle. */
must_use int base64_finish(struct base64 *b, uint8_t *out, size_t *n_out, struct err *e);

/* Appends the standard alphabet with padding, in one line. Pieces whose lengths are multiples of
 * three may be encoded one after the other. */
void base64_encode(const void *data, size_t n, struct buf *out);

#endif
