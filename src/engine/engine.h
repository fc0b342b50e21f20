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
#include "exec/spawner.h"
#include "registry/registry.h"
#include "store/blob.h"
#include "store/store.h"

struct engine;

struct engine_options {
    const struct settings *settings;
    struct store *store;
    struct blobs *blobs;
    const struct sealer *sealer;
    struct spawner *spawner;
    struct egress *egress;     /* NULL, as the next: jobs and installs use the host's network */
    struct registry *registry; /* the package proxy */
    const char *sandbox;    /* level of the walls, kept with what runs behind them; NULL: unknown */
    const char *public_url; /* where jobs reach this server */
};

/* Puts right what an earlier server left behind, then starts to work. Nobody may be answered before
 * it has returned. */
must_use int engine_start(const struct engine_options *options, struct engine **out, struct err *e);

/* Takes no new work; returns when running jobs have ended, or after settings' drain_seconds. */
void engine_drain(struct engine *e);
/* Ends everything. Builds under way are taken up again at the next start. */
void engine_stop(struct engine *e);

/* Whether there is a model that can write workflows. */
bool engine_has_model(const struct settings *s);

/* For answers and metrics, from any thread. */
struct engine_state {
    int slots, busy, ready; /* boxes for jobs: at most, running one, waiting for one */
    int building;
};
struct engine_state engine_state(struct engine *e);

#endif
