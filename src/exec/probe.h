/* SPDX-License-Identifier: Apache-2.0
 *
 * What this machine offers for boxes, found out by building some: each wall, and each program that
 * has to run behind them, is there or is not, and then there is a reason and an advice.
 */
#ifndef EXEC_PROBE_H
#define EXEC_PROBE_H

#include "exec/spawner.h"

#include <jansson.h>

enum probe_state {
    PROBE_OK,
    PROBE_WEAK,    /* the server works, with less than it could have */
    PROBE_MISSING, /* it refuses to run anything */
};

struct probe_wall {
    const char *name;
    enum probe_state state;
    char *found;  /* a version, a figure, or what is in the way */
    char *advice; /* NULL when there is nothing to do */
};

struct probe {
    struct probe_wall *walls;
    size_t n;
};

/* "full": every wall stands. "strong": all that tenants need to be kept apart. "basic": that without
 * user namespaces, by root's rights, and without Chromium's own sandbox. "below": boxes cannot be
 * built. */
const char *probe_level(const struct probe *r);
bool probe_level_is_enough(const char *level, const char *required);
bool probe_has_missing(const struct probe *r);
const char *probe_state_name(enum probe_state state); /* "ok", "weak", "missing" */
/* "ready" tells whether a server with sandbox_require = `required` runs workflows here. */
bool probe_is_ready(const struct probe *r, const char *required);
json_t *probe_to_json(const struct probe *r, const char *required);

struct probe_options {
    const char *data_dir; /* whose disk is looked at; need not exist yet */
    bool caged; /* as the setting job_network: else nobody is kept from the host's network */
    const char *runner_dir; /* NULL: only boxes are looked at, not what has to run in them */
    /* What stands around our own processes, by enum confine_who; NULL: there is no such process. */
    const struct confined *own[CONFINE_PROCESSES];
};

struct probing;
typedef void (*probe_fn)(void *arg, const struct probe *r);

/* Builds the boxes one after the other; fn is called on the loop when the last one has ended, with
 * a report that lives until probing_free(). */
struct probing *probe_start(struct spawner *s, struct loop *loop, const struct probe_options *o,
                            probe_fn fn, void *arg);
void probing_free(struct probing *p);
DEFINE_SCOPED(struct probing, probing_free)

/* Of the walls alone: for each whether it stands ({"files": true, ...}), and what keeps the level from
 * being "full", with the remedy for walls between tenants, "" when nothing does. The caller frees them. */
json_t *probe_layers(const struct probe *r);
char *probe_why(const struct probe *r);

#endif
