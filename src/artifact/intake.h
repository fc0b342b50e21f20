/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the bytes of an uploaded archive go: counted, digested, and held in memory while they are few,
 * else written to a file that the caller opens for them and will sync and name. What does not begin
 * like gzip is refused at its first bytes, before anything is written.
 */
#ifndef ARTIFACT_INTAKE_H
#define ARTIFACT_INTAKE_H

#include "base/buf.h"
#include "base/disk.h"
#include "base/err.h"

#include <stdint.h>

struct intake;

struct intake_result {
    uint64_t size;
    uint8_t sha256[32];
    char sha256_text[65]; /* lower-case hex */
};

/* A descriptor to write to, which stays the caller's, or -1. Asked for once, when there are more bytes
 * than are held. */
typedef int (*intake_file_fn)(void *arg, struct err *e);

struct intake_options {
    struct disk *disk;
    intake_file_fn file;
    void *arg;
    size_t hold;  /* bytes; what is written is written in parts of this size too */
    uint64_t max; /* more are ERR_TOO_LARGE; 0: no bound */
};
struct intake *intake_new(const struct intake_options *options);
void intake_free(struct intake *in);
DEFINE_SCOPED(struct intake, intake_free)

/* An envelope_sink_fn: `arg` is the intake. ERR_INPUT when it is not gzip, ERR_UNAVAILABLE when the
 * disk is full, ERR_IO when it fails otherwise. */
must_use int intake_write(void *arg, const void *data, size_t n, struct err *e);

/* Writes what is still held back, if there is a file. ERR_INPUT when there was nothing, or too little to be gzip. */
must_use int intake_finish(struct intake *in, struct intake_result *out, struct err *e);
/* All of it, when it was few enough for no file to be asked for; else NULL. Lives as long as `in`. */
const struct buf *intake_held(const struct intake *in);

#endif
