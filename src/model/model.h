/* SPDX-License-Identifier: Apache-2.0
 *
 * A language model behind one blocking call. What is said to it is a value that both providers'
 * protocols are made from, and that can be kept and gone on with:
 *
 *     turns: [ {"role": "user" | "model", "parts": [...]}, ... ]     they alternate, a user's first
 *     part:  {"type": "text", "text"}
 *            {"type": "call", "id", "name", "input": {...}}          the model wants a tool
 *            {"type": "result", "id", "ok", "text", "image"?, "media"?}   each call's, in the next turn
 *
 * Keys appear in no message of a fault.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/env.h"
#include "base/json.h"

struct provider;

struct model_config {
    const struct provider *provider;
    const char *base_url; /* NULL: the provider's own */
    const char *key;      /* NULL: none is sent */
    const char *model;
    bool images; /* it may be shown some */
};

/* NULL for an unknown name. */
const struct provider *model_provider(const char *name);

struct model_ask {
    const char *system;
    const json_t *tools; /* array of {"name", "description", "input_schema"} */
    const json_t *turns;
};

struct model_reply {
    json_t *turn; /* the model's: to be added to the turns */
    int64_t tokens_in, tokens_out;
    bool cut; /* it ran into the longest answer that it may give */
};
void model_reply_done(struct model_reply *r);

/* Ends a call from another thread. */
struct model_stop;
struct model_stop *model_stop_new(void);
void model_stop_now(struct model_stop *s);
void model_stop_free(struct model_stop *s);

/* Asks, and asks again after faults that may pass, as long as the provider says or longer and
 * longer. ERR_INPUT: the provider refused the request for good; ERR_UNAVAILABLE: it did not answer
 * after all tries; ERR_TIMEOUT: it was stopped. */
must_use int model_call(const struct env *env, const struct model_config *config,
                        const struct model_ask *ask, struct model_stop *stop,
                        struct model_reply *out, struct err *e);

#endif
