/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of an archive as they come from a descriptor, through gzip or as they are. gzip is
 * zlib's, which checks what libarchive's does not: that the data is whole and its checksum right.
 */
#ifndef ARTIFACT_INFLOW_H
#define ARTIFACT_INFLOW_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct inflow;

/* At most `max_out` bytes come out of it; more is ERR_LIMIT, with `too_much` as the message. */
struct inflow *inflow_new(int fd, bool gzip, uint64_t max_out, const char *too_much);
void inflow_free(struct inflow *in);
DEFINE_SCOPED(struct inflow, inflow_free)

/* Gives the next bytes, valid until the next call. 0 is the end, which for gzip is only reached
 * when all was right; -1 is a fault: ERR_INPUT ("the archive is damaged at byte 17: ..."),
 * ERR_LIMIT or ERR_IO. */
must_use ssize_t inflow_next(struct inflow *in, const void **data, struct err *e);

uint64_t inflow_out(const struct inflow *in); /* bytes given so far */

#endif
