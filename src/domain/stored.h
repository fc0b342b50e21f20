/* SPDX-License-Identifier: Apache-2.0
 *
 * What the rows say is kept outside of them: files below the data directory.
 */
#ifndef DOMAIN_STORED_H
#define DOMAIN_STORED_H

#include "store/store.h"

/* Each path once, relative to the data directory: "blobs/KEY" is a file, "layers/DIGEST" a folder.
 * -1 from fn ends it. */
typedef int (*stored_fn)(void *arg, const char *path, struct err *e);
must_use int stored_each(struct db *db, stored_fn fn, void *arg, struct err *e);

/* Ids from now on come after all that are stored, also when the clock was set back since: they tell which of
 * two deployments is the newer one, and in which order jobs came. */
must_use int stored_resume_ids(struct db *db, struct err *e);

#endif
