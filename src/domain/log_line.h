/* SPDX-License-Identifier: Apache-2.0
 *
 * What jobs and builds say, line by line: workflow output and our own milestones.
 */
#ifndef DOMAIN_LOG_LINE_H
#define DOMAIN_LOG_LINE_H

#include "base/clock.h"
#include "store/store.h"

/* A line of a job; `level` is info, warn or error. Names the topic "log/<job>". */
must_use int job_log_add(struct db *db, const char *job, const char *level, const char *message,
                         struct err *e);

struct job_log {
    const char *job, *workflow, *level, *message;
    int64_t id; /* rises with every line */
    msec_t at;
};
struct job_log_filter {
    const char *tenant;
    const char *job, *workflow, *level; /* NULL: any */
    int64_t cursor;                     /* id of the last line that was given, 0 for none */
    int64_t limit;
};
/* Oldest first with `job`, else newest first. ERR_NOT_FOUND for another tenant's job. `stopped` is 0 when
 * all were looked at or as many given as the limit says; else, after LIMIT_WALK lines, the last that was
 * looked at, for the cursor. */
must_use int job_log_each(struct db *db, const struct job_log_filter *filter,
                          void (*row)(void *arg, const struct job_log *line), void *arg,
                          int64_t *stopped, struct err *e);

must_use int build_log_add(struct db *db, const char *deployment, const char *stream,
                           const char *phase, const char *message, struct err *e);

struct build_log {
    const char *stream, *phase, *message;
    int64_t seq;
    msec_t at;
};
must_use int build_log_each(struct db *db, const char *deployment, int64_t after, int64_t limit,
                            void (*row)(void *arg, const struct build_log *line), void *arg,
                            struct err *e);

#endif
