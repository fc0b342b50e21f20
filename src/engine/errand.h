/* SPDX-License-Identifier: Apache-2.0
 *
 * Errands: work that takes time, for a thread that may, which then comes back to the loop's thread.
 */
#ifndef ENGINE_ERRAND_H
#define ENGINE_ERRAND_H

#include "base/loop.h"

struct errands;

/* The first member of what it is about. What has not come back when the errands end is freed by then,
 * so that no work outlives them. */
struct errand {
    void (*run)(struct errand *self);  /* on another thread: what it needs is its own */
    void (*back)(struct errand *self); /* on the loop's thread */
    void (*free)(struct errand *self);
    struct errands *owner; /* as the next: errand.c's own */
    struct errand *next;
};

struct errands *errands_new(struct loop *loop, int threads);
/* Takes it, begun in the order of asking. On the loop's thread. */
void errands_run(struct errands *owner, struct errand *errand);
/* The loop runs no more. Waits for what is under way; what has not begun does not. */
void errands_free(struct errands *owner);

#endif
