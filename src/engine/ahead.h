/* SPDX-License-Identifier: Apache-2.0
 *
 * Boxes of builds that are started before there is anything to build (runner/waiting.mjs): Node is up, what
 * the step needs is loaded, and the tools wait for their input. A box that nobody had ready is the same one,
 * started now. It serves one build.
 */
#ifndef ENGINE_AHEAD_H
#define ENGINE_AHEAD_H

#include "engine/box.h"
#include "engine/engine_private.h"
#include "engine/feed.h"

/* The steps of a build; those that do without installing have boxes that can wait. */
enum step { PREPARE, DISCOVER, INSTALL };
enum { STEPS_AHEAD = 2 };

/* What all boxes of builds share. */
struct plan *step_plan(const struct settings *s, enum step step, enum plan_net net);
int64_t step_memory(const struct settings *s, enum step step);

struct ahead;

/* `layer` is a digest, or NULL: the modules that the box sees. */
must_use int ahead_start(struct engine *e, enum step step, const char *layer, struct ahead **out,
                         struct err *err);
/* False also when it has ended meanwhile. */
bool ahead_fits(const struct ahead *a, const char *layer);
const char *ahead_layer(const struct ahead *a);
void ahead_free(struct ahead *a);
DEFINE_SCOPED(struct ahead, ahead_free)

struct ahead_parts {
    struct box *box;
    struct feed *input; /* stdin */
    struct feed *facts; /* descriptor 5 of discovery */
};
/* Takes `a`; the caller hands the box over to itself and tells it to go. */
struct ahead_parts ahead_take(struct ahead *a);

#endif
