/* SPDX-License-Identifier: Apache-2.0
 *
 * The log of one job on its way to the store: bounded, in order, without waiting.
 */
#ifndef ENGINE_JOB_LOG_H
#define ENGINE_JOB_LOG_H

#include "base/id.h"
#include "store/store.h"

struct job_logger {
    struct store *store;
    struct id job;
    size_t said; /* bytes so far */
};

/* `level` is info, warn or error. */
void job_say(struct job_logger *l, const char *level, const char *text);

#endif
