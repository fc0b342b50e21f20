/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of this folder: a store with two tenants, whose time stands still, and what most of them
 * begin with. Each promise runs inside one write and looks at what it did.
 */
#ifndef DOMAIN_TESTING_H
#define DOMAIN_TESTING_H

#include "domain/deployment.h"
#include "domain/job.h"
#include "domain/key.h"
#include "domain/seal.h"

struct world {
    char dir[64];
    struct clock_fake clock;
    struct rng_seeded rng;
    struct env env;
    struct store *store;
    struct sealer *sealer;
    struct id tenant, other;
    struct key key;
};

int world_open(void **state);
int world_close(void **state);
/* Runs `scene` inside one write. */
void act(struct world *w, void (*scene)(struct world *w, struct db *db));
void make_tenants(struct world *w, struct db *db);

#define PROMISE(name)                                         \
    static void name##_scene(struct world *w, struct db *db); \
    static void name(void **state)                            \
    {                                                         \
        act(*state, name##_scene);                            \
    }                                                         \
    static void name##_scene(struct world *w, struct db *db)

#define TOLD(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)

/* ---- deployments ---- */

#define WORKFLOW(name)                                                     \
    "{\"name\":\"" name "\",\"input_schema\":null,\"output_schema\":null," \
    "\"credential_names\":[\"portal_user\"],\"auth_profile\":null}"

struct id deploy_of(const struct id *tenant, struct world *w, struct db *db);
struct id deploy(struct world *w, struct db *db);
struct build claim(struct db *db, int64_t epoch);
/* Takes the build. */
void ready(struct world *w, struct db *db, struct build *b, const char *workflows);
/* All of these; `workflows` is a JSON array. */
void deploy_ready(struct world *w, struct db *db, const char *workflows);

/* ---- jobs of the workflow "books", of which three may wait ---- */

must_use int submit(const struct id *tenant, struct db *db, const char *nonce, const char *digest,
                    struct id *id, bool *existing, struct err *e);
struct id queued_job_of(const struct id *tenant, struct db *db);
struct id queued_job(struct world *w, struct db *db);

#endif
