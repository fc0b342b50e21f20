/* SPDX-License-Identifier: Apache-2.0
 *
 * Blobs: files under DATA/blobs, named by opaque keys such as "deployments/<id>/source.tar.gz".
 * A blob is durable before any row names it: written to a temporary file, synced, renamed, and its
 * folder synced. A row therefore never points at a blob that is missing or half written; a blob
 * without a row (a crash in between) is swept later.
 */
#ifndef STORE_BLOB_H
#define STORE_BLOB_H

#include "base/buf.h"
#include "base/env.h"
#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct blobs;

must_use int blobs_open(const struct env *env, const char *data_dir, struct blobs **out,
                        struct err *e);
void blobs_close(struct blobs *b);
DEFINE_SCOPED(struct blobs, blobs_close)

/* A blob in the making. Freed before blob_keep() it leaves nothing behind. */
struct blob;
must_use int blob_new(struct blobs *b, struct blob **out, struct err *e);
int blob_fd(const struct blob *blob); /* for writing */
/* Syncs, names and syncs again; takes the blob whatever the outcome. May take milliseconds. */
must_use int blob_keep(struct blob *blob, const char *key, struct err *e);
void blob_free(struct blob *blob);
DEFINE_SCOPED(struct blob, blob_free)

/* Opens for reading: a descriptor, or -1 (ERR_NOT_FOUND when there is none). */
must_use int blob_open(struct blobs *b, const char *key, struct err *e);
/* Adds all of it to `out`: only for what is known to be small. -1 as blob_open(). */
must_use int blob_read(struct blobs *b, const char *key, struct buf *out, struct err *e);
/* Gone, also when it was not there. */
void blob_delete(struct blobs *b, const char *key);

/* Keys of the blobs that were last written before `before` (wall clock), in no order. `old` may delete
 * the blob that it is told of. 0, or -1 when a folder could not be read. */
must_use int blobs_each_old(struct blobs *b, msec_t before, void (*old)(void *arg, const char *key),
                            void *arg, struct err *e);

/* ERR_UNAVAILABLE while less than the reserve is free (bounds.h): what is there must go on working. */
must_use int blobs_check_space(struct blobs *b, struct err *e);

#endif
