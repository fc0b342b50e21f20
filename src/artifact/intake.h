/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the bytes of an uploaded archive go: counted, digested, and written to a file that the
 * caller opened and will sync and name. What does not begin like gzip is refused at its first
 * bytes, before anything is written.
 */
#ifndef ARTIFACT_INTAKE_H
#define ARTIFACT_INTAKE_H

#include "base/disk.h"
#include "base/err.h"

#include <stdint.h>

struct intake;

struct intake_result {
    uint64_t size;
    uint8_t sha256[32];
    char sha256_text[65]; /* lower-case hex */
};

/* The descriptor stays the caller's. More than `max` bytes are ERR_TOO_LARGE; 0: no bound. */
struct intake *intake_new(struct disk *disk, int fd, uint64_t max);
void intake_free(struct intake *in);
DEFINE_SCOPED(struct intake, intake_free)

/* An envelope_sink_fn: `arg` is the intake. ERR_INPUT when it is not gzip, ERR_UNAVAILABLE when the
 * disk is full, ERR_IO when it fails otherwise. */
must_use int intake_write(void *arg, const void *data, size_t n, struct err *e);

/* Writes what is still held back. ERR_INPUT when there was nothing, or too little to be gzip. */
must_use int intake_finish(struct intake *in, struct intake_result *out, struct err *e);

#endif
