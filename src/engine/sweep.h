/* SPDX-License-Identifier: Apache-2.0
 *
 * Removing what is no longer needed. Rows first, by the rules of domain/retention.h, then the files that
 * no row names: a crash in between leaves files for the next sweep, and never a row without its file.
 */
#ifndef ENGINE_SWEEP_H
#define ENGINE_SWEEP_H

#include "domain/retention.h"
#include "store/blob.h"

struct sweep {
    struct store *store;
    struct blobs *blobs;
    const char *data; /* folder with layers/ and staging/ */
    struct retention keep;
};

/* One part of the rows: 1 when there may be more, 0, or -1. */
must_use int sweep_rows(const struct sweep *s, struct err *e);

/* Moves installed dependencies that no row names to where sweep_files() removes them, and calls
 * `gone` before each. On the engine's thread, which alone installs some. 0, or -1. */
must_use int sweep_layers(const struct sweep *s, void (*gone)(void *arg, const char *digest),
                          void *arg, struct err *e);

/* Removes blobs that no row names, and what was left of installs. Takes long; any thread that may
 * wait. Gives how many blobs went. */
must_use int sweep_files(const struct sweep *s, int *n_blobs, struct err *e);

#endif
