/* SPDX-License-Identifier: Apache-2.0
 *
 * Work that takes a while, told as it goes. On a terminal the phase under way has one line that is
 * drawn again and again; a phase that ended leaves a tick, its facts and its time. In a pipe each
 * line is written once, and a phase without facts leaves none:
 *
 *     ✓ pack      12 files, 1.4 MB                  pack: 12 files, 1.4 MB
 *     ⠹ upload    ━━━━━━━━━╌╌╌╌╌╌ 210 kB of 413 kB
 *
 * Lines of a log may come in between. One thread uses it; nothing moves between its calls.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli/screen.h"

#include "base/buf.h"
#include "base/clock.h"

#include <stdint.h>

struct progress;

struct progress *progress_new(const struct stream *to, const struct clock *clock);
/* Wipes the live line; a phase under way leaves no trace. */
void progress_free(struct progress *p);
DEFINE_SCOPED(struct progress, progress_free)

/* Ends the phase before it, if any, as done. */
void progress_begin(struct progress *p, const char *phase);
/* What the phase is at, on the live line only. */
void progress_detail(struct progress *p, const char *detail);
/* A share with a bar, in bytes. */
void progress_share(struct progress *p, uint64_t done, uint64_t all);
/* A moment passes: draws the live line again. */
void progress_tick(struct progress *p);

/* Ends the phase with a tick or a cross. `facts` stay on its line; NULL or "" for none. */
void progress_end(struct progress *p, const char *facts);
void progress_fail(struct progress *p, const char *facts);

/* A line of a log, kept above the live line. What it holds is made harmless. */
void progress_log(struct progress *p, enum style style, const char *line);

#endif
