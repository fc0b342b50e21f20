/* SPDX-License-Identifier: Apache-2.0
 *
 * How a request reaches a model's server, and how time passes between two tries: what a test stands
 * behind.
 */
#ifndef MODEL_WIRE_H
#define MODEL_WIRE_H

#include "base/buf.h"
#include "model/model.h"

struct exchange {
    long status;
    int64_t retry_after; /* seconds; 0: not told */
    struct buf body;
};

struct wire {
    /* ERR_UNAVAILABLE: no whole answer came, which is worth another try. ERR_TIMEOUT: it was stopped. */
    int (*exchange)(const struct model_config *config, const char *request, struct model_stop *stop,
                    struct exchange *x, struct err *e);
    /* False: it was stopped meanwhile. */
    bool (*pause)(struct model_stop *stop, msec_t ms);
};

extern const struct wire wire_real;

/* model_call() by another wire. */
must_use int model_call_by(const struct wire *wire, const struct env *env,
                           const struct model_config *config, const struct model_ask *ask,
                           struct model_stop *stop, struct model_reply *out, struct err *e);

#endif
