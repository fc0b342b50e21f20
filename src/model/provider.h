/* SPDX-License-Identifier: Apache-2.0
 *
 * One provider's protocol: pure functions between our turns and its JSON.
 */
#ifndef MODEL_PROVIDER_H
#define MODEL_PROVIDER_H

#include "model/model.h"

struct provider {
    const char *name;
    const char *base_url; /* of the provider's own service */
    const char *path;
    const char *key_header;   /* what stands before the key: "x-api-key: " */
    const char *other_header; /* or NULL */
    json_t *(*encode)(const struct model_config *config, const struct model_ask *ask);
    /* ERR_UNAVAILABLE when the answer makes no sense. */
    int (*decode)(const json_t *answer, struct model_reply *out, struct err *e);
};

extern const struct provider provider_anthropic, provider_openai;

/* ---- parts, for both ---- */

bool part_is(const json_t *part, const char *type);
/* Texts that are not blank; NULL otherwise. */
const char *part_text(const json_t *part);
json_t *part_new_text(const char *text);
/* `input` is taken; what is no object becomes an empty one. */
json_t *part_new_call(const char *id, const char *name, json_t *input);
/* Takes both. */
void reply_set(struct model_reply *out, json_t *parts);

#endif
