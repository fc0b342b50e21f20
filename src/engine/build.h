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
#include "engine/ahead.h"
#include "engine/errand.h"

struct building;

/* A build that is no deployment (yet): its words and its verdict go to whoever asked for it, and no
 * row is touched. */
struct trial_user {
    void (*said)(void *arg, const char *stream, const char *text);
    /* `bundle` (its contents may be taken; its blob is the user's to delete), or why there is none,
     * and whether that is a fault of the server. */
    void (*done)(void *arg, struct bundle *bundle, const char *why, bool ours);
    void *arg;
};

/* Takes what `claimed` holds. `trial` is NULL for a deployment. */
struct building *building_start(struct builder *b, struct engine *e, struct build *claimed,
                                const struct trial_user *trial);
/* Kills its box; the row stays as it is, for the next start. */
void building_free(struct building *b);

/* Starts a trial at once: it counts as a build under way, but waits for none. Takes what `what`
 * holds. It ends with done(), or is dropped. */
struct building *builder_try(struct builder *b, struct build *what, const struct trial_user *user);
void builder_drop(struct builder *b, struct building *trial);

/* ---- the builder, to its builds ---- */

/* A box that waited for this step with these modules, or NULL: it is the caller's. */
struct ahead *builder_ahead(struct builder *b, enum step step, const char *layer);

/* What takes time. */
void builder_run(struct builder *b, struct errand *errand);

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
