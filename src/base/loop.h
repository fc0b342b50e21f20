/* SPDX-License-Identifier: Apache-2.0
 *
 * An event loop for one thread: descriptors, timers, and calls posted by other threads. Callbacks
 * are short. Everything but loop_post() belongs to the thread that runs the loop (or, before
 * loop_run(), to the thread that built it).
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "base/clock.h"
#include "base/mem.h"

#include <stdint.h>

struct loop;
struct watch; /* a descriptor that is watched */
struct timer;

typedef void (*watch_fn)(void *arg, uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLHUP ... */
typedef void (*call_fn)(void *arg);

struct loop *loop_new(const struct clock *clock);
void loop_free(struct loop *l);
DEFINE_SCOPED(struct loop, loop_free)

/* Returns when loop_stop() was called. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l); /* any thread */

/* Calls fn(arg) soon on the loop's thread, in the order of posting. Any thread. */
void loop_post(struct loop *l, call_fn fn, void *arg);

/* The descriptor stays the caller's, and must outlive the watch. */
struct watch *loop_watch(struct loop *l, int fd, uint32_t events, watch_fn fn, void *arg);
void watch_change(struct watch *w, uint32_t events);
void watch_free(struct watch *w); /* safe inside any callback; NULL is fine */

/* Fires once, at or after `after` milliseconds; free it to cancel. It frees itself after firing. */
struct timer *loop_timer(struct loop *l, msec_t after, call_fn fn, void *arg);
void timer_free(struct timer *t);

#endif
