/* SPDX-License-Identifier: Apache-2.0
 *
 * One build under way: from a claimed row to its verdict, through up to three boxes.
 *
 *     PREPARE ---> (known content) ------------------------------------> COMMIT
 *        |-------> (no dependencies, or their layer is here) -> DISCOVER -> COMMIT
 *        `-------> INSTALL -----------------------------------> DISCOVER -> COMMIT
 *
 * A build waits while another one makes the same content, or installs the same layer.
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
/* What two builds would make alike, one makes: a content of a tenant, a layer. */
enum build_claim { CLAIM_CONTENT, CLAIM_LAYER, BUILD_CLAIMS };

/* True: nobody makes this, and from now on the caller does, until it releases it or ends. False:
 * another one does; building_turn() is called when that one is done. */
bool builder_claim(struct builder *b, struct building *which, enum build_claim kind,
                   const char *key);
void builder_release(struct builder *b, struct building *which, enum build_claim kind);

/* What this build waited for is there, or could not be made: it looks again. */
void building_turn(struct building *b, enum build_claim kind);

#endif
