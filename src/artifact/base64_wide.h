/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64 by 32 characters at a time, where the processor can: an upload's base64 costs more than its
 * digest otherwise. No library of Debian's decodes it so, in pieces, and with both alphabets.
 */
#ifndef ARTIFACT_BASE64_WIDE_H
#define ARTIFACT_BASE64_WIDE_H

#include <stddef.h>
#include <stdint.h>

/* Decodes from the start as many of the n characters as come in whole vectors of nothing but the
 * alphabets, and gives how many that were, 0 where the processor cannot. `out` has room for n / 4 * 3
 * bytes, all of which may be written to. */
size_t base64_wide(const char *text, size_t n, uint8_t *out);

#endif
