/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of a build share: build.c decides what comes after what, build_step.c runs a step in
 * its box, build_layer.c keeps installed dependencies, build_verdict.c has the end.
 */
#ifndef ENGINE_BUILD_PRIVATE_H
#define ENGINE_BUILD_PRIVATE_H

#include "base/json.h"
#include "engine/ahead.h"
#include "engine/build.h"
#include "engine/build_log.h"
#include "store/blob.h"

extern const char *const step_names[];

struct verdict {
    char *why;  /* it failed; NULL: it is ready */
    bool again; /* it is to be tried again */
    bool known; /* the bundle was there before */
    bool ours;  /* a fault of the server */
};

struct building {
    struct builder *builder;
    struct engine *engine;
    struct build build;
    struct build_logger log;
    msec_t started, step_started;
    msec_t phase_started;
    const char *phase; /* that its box is in, by its own word */
    struct buf phases; /* those that ended, and how long they took, for the log */
    msec_t waits_since;
    msec_t waited;       /* for the disk, or for what another build makes: not its own time */
    struct timer *timer; /* for its first step, or for another try to keep its verdict */

    enum step step;
    struct box *box;
    struct feed *input, *facts; /* stdin, and descriptor 5 of discovery */
    size_t output;              /* bytes of stdout and stderr of this step */
    bool loud;                  /* it wrote too many of them */
    json_t *report;             /* the last frame of this step: its result, or why it failed */

    struct blob *blob; /* the bundle's tar, until it is kept */
    json_t *prepared;
    struct bundle bundle;
    bool made; /* the bundle's blob is ours, and goes when no row comes to name it */
    char *layer;
    char *staging;
    struct keeping *keeping; /* of the layer, under way */
    struct verdict verdict;
    struct trial_user trial; /* done is NULL: a deployment */
};

static inline bool building_is_trial(const struct building *b)
{
    return b->trial.done != NULL;
}

static inline msec_t building_now(const struct building *b)
{
    return clock_steady(store_env(b->engine->store)->clock);
}

/* A line of its log; `stream` is stdout, stderr, or system for our own words. */
void building_say(struct building *b, const char *stream, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- a step ---- */

void building_step(struct building *b, enum step step);
/* Its box is ended, and tells nothing more. */
void building_step_leave(struct building *b);
/* What is being prepared has this key: the build ends when the tenant has built the same. */
void building_key(struct building *b, const char *key);
/* The step went well; b->report is its result. */
void building_step_done(struct building *b);

/* ---- the layer of a set of dependencies ---- */

/* The packages whose install scripts run, a list of names. */
json_t *layer_scripts(const struct settings *settings);
/* What its box is asked to install: nothing else of a deployment decides what is in a layer, but the runner. */
json_t *layer_request(const struct building *b);
char *layer_digest(const struct building *b);
/* 1, 0 or -1. */
must_use int layer_is_kept(struct building *b, struct err *e);
/* What was installed into the staging folder; ends in building_layer_kept(). */
void layer_keep(struct building *b);
/* `e`: why it is not; NULL: it is. */
void building_layer_kept(struct building *b, struct err *e);
/* The build ends: what it has in the staging folder goes. */
void layer_abandon(struct building *b);
/* Removes a folder, if it is there, on a thread that may wait. */
void layer_clear(struct building *b, const char *path);

/* ---- the end: `b` may be gone when these return ---- */

void building_ready(struct building *b, bool known);
void building_fail(struct building *b, const char *why);
/* Not the author's doing: tried again, and only said to fail when that does not help. */
void building_fail_ours(struct building *b, const char *why);
/* By its code the one or the other. */
void building_fail_err(struct building *b, struct err *e, const char *doing);

#endif
