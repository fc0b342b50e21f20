/* SPDX-License-Identifier: Apache-2.0
 *
 * The log of one build on its way to the store: bounded, in order, without waiting.
 */
#ifndef ENGINE_BUILD_LOG_H
#define ENGINE_BUILD_LOG_H

#include "base/id.h"
#include "store/store.h"

struct build_logger {
    struct store *store;
    struct id deployment;
    const char *phase; /* a literal; lines get the phase of their time */
    size_t said;       /* bytes so far */
};

/* `stream` is stdout, stderr, or system for our own words. */
void build_say(struct build_logger *l, const char *stream, const char *text);

#endif
