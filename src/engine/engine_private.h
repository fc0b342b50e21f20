/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the engine share. All of it belongs to the engine's thread but `state`.
 */
#ifndef ENGINE_PRIVATE_H
#define ENGINE_PRIVATE_H

#include "base/loop.h"
#include "engine/engine.h"

#include <pthread.h>

struct builder;
struct dispatcher;
struct agents;
struct sweeper;
struct survey;

struct engine {
    struct engine_options with;
    const struct settings *settings;
    struct store *store;
    struct loop *loop;
    int64_t epoch;
    bool draining;
    struct builder *builder;
    struct dispatcher *dispatcher;
    struct agents *agents;
    struct sweeper *sweeper;
    struct survey *survey;
    struct timings timings; /* of any thread */

    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t drained;
    struct engine_state state;
    struct engine_walls
        walls;     /* written once, by the engine's thread, which reads it as it likes */
    char *refusal; /* the text in there */
    bool is_drained;
};

/* Whether something may begin: the walls around it are known, and this server is not on its way out. */
bool engine_is_open(const struct engine *e);

/* The walls of boxes, tried once: engine_opened() follows when the store knows their level, too. It
 * takes the layers and the refusal. */
struct survey *survey_new(struct engine *e);
void survey_free(struct survey *s);
void engine_opened(struct engine *e, const char *level, json_t *layers, char *refusal);

struct builder *builder_new(struct engine *e);
void builder_wake(struct builder *b);                      /* there may be something to build */
void builder_forget(struct builder *b, const char *layer); /* it is about to be removed */
void builder_free(struct builder *b);

struct dispatcher *dispatcher_new(struct engine *e);
void dispatcher_wake(struct dispatcher *d);   /* there may be a job to run */
void dispatcher_cancel(struct dispatcher *d); /* somebody asked for the end of a job */
/* True when it was one of its jobs'. */
bool dispatcher_refused(struct dispatcher *d, const struct egress_refusal *what);
void dispatcher_forget(struct dispatcher *d, const char *layer); /* it is about to be removed */
/* The slots that are there have no network any more. */
void dispatcher_cut_off(struct dispatcher *d);
void dispatcher_drain(struct dispatcher *d);
void dispatcher_free(struct dispatcher *d);

/* Whoever runs a box like a job's for another reason takes a place among the jobs: it waits its turn,
 * between jobs, and gives the place back. come() must not wait, and may start a slot. */
enum guest_state { GUEST_OUTSIDE, GUEST_WAITING, GUEST_INSIDE };
struct guest {
    void (*come)(void *arg);
    void *arg;
    enum guest_state state;
    struct guest *next;
};
void dispatcher_visit(struct dispatcher *d, struct guest *g);
void dispatcher_leave(struct dispatcher *d, struct guest *g); /* whatever its state */

/* AI builds. */
struct agents *agents_new(struct engine *e);
void agents_wake(struct agents *a);   /* there may be a build to take up */
void agents_cancel(struct agents *a); /* somebody asked for the end of one */
void agents_deployed(struct agents *a, const char *deployment); /* it is ready, or failed */
void agents_refused(struct agents *a, const struct egress_refusal *what);
void agents_free(struct agents *a);

struct sweeper *sweeper_new(struct engine *e);
void sweeper_free(struct sweeper *s);

/* The dispatcher says how many jobs run; draining ends with none. */
void engine_note_slots(struct engine *e, int slots, int busy, int ready);
void engine_note_builds(struct engine *e, int building);

#endif
