/* SPDX-License-Identifier: Apache-2.0
 *
 * Recorded actions become the source of a workflow, in a box without a network, by rules alone.
 */
#ifndef ENGINE_COMPOSE_H
#define ENGINE_COMPOSE_H

#include "base/json.h"
#include "engine/engine_private.h"

struct composing;

/* `composed` is the frame that runner/PROTOCOL.md describes, checked for form; or NULL and why, and
 * whether that is a fault of the server. The callback may free. */
typedef void (*composed_fn)(void *arg, const json_t *composed, const char *why, bool ours);

/* `request` is what the box reads. */
must_use int composing_start(struct engine *e, const json_t *request, composed_fn fn, void *arg,
                             struct composing **out, struct err *err);
void composing_free(struct composing *c);

#endif
