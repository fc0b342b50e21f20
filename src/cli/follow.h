/* SPDX-License-Identifier: Apache-2.0
 *
 * Watching what goes on in a server until it ends: builds and jobs. Both end in the object that the
 * API shows of them, which says how it went.
 */
#ifndef CLI_FOLLOW_H
#define CLI_FOLLOW_H

#include "cli/progress.h"
#include "cli/verb.h"

/* A build, with its log, phase by phase, until it is ready or failed. */
must_use int follow_build(struct call *c, const char *deployment, struct progress *p, json_t **out,
                          struct err *e);

/* How far the log of one build has been read. { 0 } is its start. */
struct build_tail {
    char *cursor;
    size_t came; /* lines of the last reading */
    bool done;   /* the build has ended and this was all it said */
};
void build_tail_done(struct build_tail *tail);
static inline void build_tail_done_at(struct build_tail *tail)
{
    build_tail_done(tail);
}

typedef void (*line_fn)(void *arg, const json_t *line);

/* Gives the lines that came since to `take_line`; when there are none it waits so long for some. */
must_use int build_tail_read(struct api *api, const char *deployment, int wait_seconds,
                             struct build_tail *tail, line_fn take_line, void *arg, struct err *e);
enum style build_line_style(const json_t *line);

/* A job, with what it prints, until it is completed, failed or cancelled. `known` is an answer that
 * has its status. */
must_use int follow_job(struct call *c, const char *job, const json_t *known, struct progress *p,
                        json_t **out, struct err *e);

bool job_is_final(const json_t *job);

/* How far the log of one job has been read. { 0 } is its start. */
struct job_tail {
    char *page;  /* token of the page being read; NULL: the first */
    size_t seen; /* lines of that page */
};
void job_tail_done(struct job_tail *tail);
static inline void job_tail_done_at(struct job_tail *tail)
{
    job_tail_done(tail);
}

/* Gives the lines that came since, oldest first, to `take_line`. `level` may be NULL. */
must_use int job_tail_read(struct api *api, const char *job, const char *level,
                           struct job_tail *tail, line_fn take_line, void *arg, struct err *e);

#endif
