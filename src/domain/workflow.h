/* SPDX-License-Identifier: Apache-2.0
 *
 * Workflows: names, each owned by the newest created deployment that is ready and declares it. A
 * name that a newer deployment does not declare stays where it is.
 */
#ifndef DOMAIN_WORKFLOW_H
#define DOMAIN_WORKFLOW_H

#include "base/id.h"
#include "base/json.h"
#include "store/store.h"

struct workflow {
    const char *id, *name, *deployment_id, *deployment_status;
    const char *launch, *input_schema, *output_schema; /* JSON texts */
    int64_t deployment_version;
    msec_t created_at, updated_at, deployment_created_at, deployment_built_at;
};
typedef void (*workflow_fn)(void *arg, const struct workflow *w);

/* Most recently updated first. */
must_use int workflow_each(struct db *db, const char *tenant, workflow_fn row, void *arg,
                           struct err *e);
/* ERR_NOT_FOUND for an unknown name. */
must_use int workflow_get(struct db *db, const char *tenant, const char *name, workflow_fn row,
                          void *arg, struct err *e);
/* The name is gone; jobs that run go on, queued ones become cancelled. Gives their number. */
must_use int workflow_delete(struct db *db, const char *tenant, const char *name,
                             int64_t *cancelled, struct err *e);

/* A deployment has become ready: its names (discovery's array) are claimed from older ones. */
must_use int workflow_claim_names(struct db *db, const char *tenant, const char *deployment,
                                  const json_t *workflows, struct err *e);

#endif
