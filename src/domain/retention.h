/* SPDX-License-Identifier: Apache-2.0
 *
 * What is no longer needed, as rules: how old each kind of row must be, and what must not need it any
 * more. Rows go first; a file goes once no row names it, which a crash in between cannot undo.
 * The engine brings the time and removes the files.
 */
#ifndef DOMAIN_RETENTION_H
#define DOMAIN_RETENTION_H

#include "store/store.h"

struct retention {
    int64_t log_days;      /* lines of jobs, and what AI builds were given as recorded */
    int64_t artifact_days; /* screenshot and page of failed jobs */
    int64_t code_days;     /* upload and bundle of a deployment that nothing runs any more */
};

enum {
    RETENTION_PART =
        5000, /* rows of a kind in one transaction, so that no other write waits long */
    /* A file that no row names may be one whose row is about to be written; bundles and layers that
     * nobody needs may be needed by the next upload of the same code. All wait for a day. */
    RETENTION_DAY_MS = 24 * 60 * 60 * 1000,
};

/* Deletes what is too old, and forgets the files that go. What a job that has not ended or a build
 * under way may use stays. How many rows of one kind changed at most: RETENTION_PART says that there
 * may be more. */
must_use int retention_apply(struct db *db, const struct retention *r, msec_t now, struct err *e);

/* Whether a row names the blob: 1, 0, or -1. */
must_use int retention_names(struct db *db, const char *blob_key, struct err *e);

#endif
