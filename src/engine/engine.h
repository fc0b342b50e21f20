/* SPDX-License-Identifier: Apache-2.0
 *
 * What moves when time passes: builds deployments, runs jobs, sweeps what is old. It has one thread
 * with an event loop, which owns every box; it learns of work from the store's topics.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/settings.h"
#include "domain/seal.h"
#include "egress/egress.h"
#include "engine/timing.h"
#include "exec/spawner.h"
#include "registry/registry.h"
#include "store/blob.h"
#include "store/store.h"

#include <jansson.h>

struct engine;

struct engine_options {
    const struct settings *settings;
    struct store *store;
    struct blobs *blobs;
    const struct sealer *sealer;
    struct spawner *spawner;
    struct egress *egress;      /* NULL, as the next: jobs and installs use the host's network */
    struct registry *registry;  /* the package proxy */
    const struct confined *own; /* what stands around this process; outlives the engine */
    const char *public_url;     /* where jobs reach this server */
};

/* Puts right what an earlier server left behind, then starts to work. Nobody may be answered before
 * it has returned; the walls of boxes are tried while they are answered, and until these are known
 * nothing is built and run. */
must_use int engine_start(const struct engine_options *options, struct engine **out, struct err *e);

/* Takes no new work; returns when running jobs have ended, or after settings' drain_seconds. */
void engine_drain(struct engine *e);
/* Ends everything. Builds under way are taken up again at the next start. */
void engine_stop(struct engine *e);

/* Whether there is a model that can write workflows. */
bool engine_has_model(const struct settings *s);

/* For answers and metrics, from any thread. */
struct engine_walls {
    const char *level;   /* of the walls around a box; NULL: they are being tried */
    json_t *layers;      /* each wall's name, and whether it stands; NULL as long as the level */
    const char *refusal; /* why nothing is built and run behind them; NULL: they are enough */
};
struct engine_walls engine_walls(struct engine *e); /* its parts live as long as the engine */

struct engine_state {
    int slots, busy, ready; /* boxes for jobs: at most, running one, waiting for one */
    int building;
};
struct engine_state engine_state(struct engine *e);
const struct timings *engine_timings(const struct engine *e);

#endif
