/* SPDX-License-Identifier: Apache-2.0
 *
 * The connections of one cage: each is a client that was accepted, and the connection that is made
 * for it. Bytes go from one to the other inside the kernel, both ways, each way until its end: what
 * one side closes is closed on the other when all before it has arrived. A side that is reset resets the
 * other when what it said before has arrived there; a target that cannot be
 * reached resets its client at once.
 *
 * Nothing is read that the other side does not take: a slow reader slows its writer down.
 */
#ifndef EGRESS_RELAY_H
#define EGRESS_RELAY_H

#include "base/loop.h"
#include "egress/place.h"

struct relay_limits {
    size_t connections; /* at once */
    size_t connecting;  /* of these, not yet connected */
    msec_t connect_ms;  /* then the target counts as unreachable */
    msec_t leave_ms;    /* for what a side said before its reset to arrive at the other */
};

struct relay;

struct relay *relay_new(struct loop *loop, const struct relay_limits *limits);
void relay_free(struct relay *r); /* with all its connections */
DEFINE_SCOPED(struct relay, relay_free)

/* Takes the client. false: there are too many, and it was reset. */
bool relay_connect(struct relay *r, int client, const struct place *to);

size_t relay_count(const struct relay *r);

/* Closes it so that the other side knows at once that something is wrong. */
void relay_reset(int fd);

#endif
