/* SPDX-License-Identifier: Apache-2.0
 *
 * One build under way: from a claimed row to its verdict, through up to three boxes.
 *
 *     PREPARE ---> (known content) ------------------------------------> COMMIT
 *        |-------> (no dependencies, or their layer is here) -> DISCOVER -> COMMIT
 *        `-------> INSTALL -----------------------------------> DISCOVER -> COMMIT
 *                  (or waits while another build installs the same layer)
 */
#ifndef ENGINE_BUILD_H
#define ENGINE_BUILD_H

#include "domain/deployment.h"
#include "engine/engine_private.h"

struct building;

/* Takes what `claimed` holds. */
struct building *building_start(struct builder *b, struct engine *e, struct build *claimed);
/* Kills its box; the row stays as it is, for the next start. */
void building_free(struct building *b);

/* ---- the builder, to its builds ---- */

/* The verdict is in the store; the building may be freed now. */
void builder_ended(struct builder *b, struct building *which);
/* True: nobody installs this layer, and from now on the caller does. */
bool builder_claim_layer(struct builder *b, struct building *which, const char *digest);
/* The layer is there, or could not be made: those who waited look again. */
void builder_layer_done(struct builder *b, struct building *which);
/* What a build waits for: called when the layer's maker is done. */
void building_layer_turn(struct building *b);

#endif
