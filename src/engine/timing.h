/* SPDX-License-Identifier: Apache-2.0
 *
 * How long the phases of builds and jobs take, added up since the start of this server, for /metrics.
 * What a job costs beyond its workflow's own work is all of its phases but JOB_WORK.
 */
#ifndef ENGINE_TIMING_H
#define ENGINE_TIMING_H

#include "base/buf.h"
#include "base/clock.h"

#include <stdatomic.h>
#include <stdint.h>

enum timing {
    BUILD_PREPARE, /* its box, from being asked for to its end; so the next two */
    BUILD_INSTALL,
    BUILD_DISCOVER,
    BUILD_ALL,  /* from being taken up to ready or failed */
    JOB_WAIT,   /* from jobs/create until a slot is told to run it */
    JOB_LOAD,   /* from there until its handler is called: the bundle is unpacked and imported */
    JOB_WORK,   /* in the handler */
    JOB_RESULT, /* from its return until the result is here */
    JOB_SETTLE, /* until that is on disk */
    SLOT_START, /* of a box with Node and a browser, until it waits for a job */
    TIMINGS
};

struct timings {
    _Atomic uint64_t n[TIMINGS], ms[TIMINGS];
};

/* Any thread. A phase that the clock has as negative took no time. */
void timing_note(struct timings *t, enum timing which, msec_t took);
/* As Prometheus reads it. */
void timings_print(const struct timings *t, struct buf *out);

#endif
