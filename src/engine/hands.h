/* SPDX-License-Identifier: Apache-2.0
 *
 * The hands of an AI build: a box with a browser that looks at pages and acts on them when it is
 * told to (runner/PROTOCOL.md). One call at a time.
 */
#ifndef ENGINE_HANDS_H
#define ENGINE_HANDS_H

#include "base/json.h"
#include "engine/engine_private.h"

struct hands;

struct hands_user {
    /* To hands_start(): the page is open, or not, and what there is to say. */
    void (*opened)(void *arg, bool ok, const char *text);
    /* To hands_call(): the frame, of which nothing is checked but that it is an answer to it. */
    void (*answered)(void *arg, const json_t *answer);
    /* Last, also in place of the others, which `waits` tells; may free. Before opened(): the server
     * could not start a browser. */
    void (*lost)(void *arg, const char *why, bool waits);
    void *arg;
};

struct hands_open {
    const char *url;           /* the first page */
    const json_t *params;      /* the example input, which snippets see */
    const json_t *credentials; /* name to value */
};

must_use int hands_start(struct engine *e, const struct hands_open *open,
                         const struct hands_user *user, struct hands **out, struct err *err);
void hands_call(struct hands *h, const char *tool, const json_t *input);
/* What the way out of cages calls its box. */
int64_t hands_child(const struct hands *h);
void hands_free(struct hands *h);

#endif
