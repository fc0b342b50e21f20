/* SPDX-License-Identifier: Apache-2.0
 *
 * The log of one job on its way to the store: bounded, in order, without waiting.
 */
#ifndef ENGINE_JOB_LOG_H
#define ENGINE_JOB_LOG_H

#include "base/id.h"
#include "store/store.h"

#include <stdbool.h>

struct job_log_waiting;

struct job_logger {
    struct store *store;
    struct id job;
    size_t said;                     /* bytes so far */
    bool rested;                     /* since the last reading of what is dropped */
    struct job_log_waiting *waiting; /* how many lines are on their way; NULL: none was */
};

/* `level` is info, warn or error. */
void job_say(struct job_logger *l, const char *level, const char *text);

/* So many lines are on their way that the others' writes would wait for them, or all is dropped anyway: read
 * no more for a while. To be asked before each reading. */
bool job_log_is_behind(struct job_logger *l);
/* What is on its way still arrives. */
void job_log_done(struct job_logger *l);

#endif
