/* SPDX-License-Identifier: Apache-2.0
 *
 * A helper (helper.h) that answers cages of one kind, as the server sees it: it is started, the spawner
 * is told of it, what it says arrives, and when it dies it is started anew. Its connections and the
 * cages that it answered are cut off then; cages that are made later work.
 *
 * The process has two descriptors, and OUTPOST_FOLDER_FD where it has a folder. What comes to it at
 * OUTPOST_CAGES_FD is in cage.h. To the server it says JSON with "t": "ready" first (walls: as
 * confined_to_json() has them), then what is its own. It ends when the server's socket closes.
 */
#ifndef EXEC_OUTPOST_H
#define EXEC_OUTPOST_H

#include "exec/helper.h"
#include "exec/spawner.h"

enum { OUTPOST_SERVER_FD = HELPER_FD, OUTPOST_CAGES_FD, OUTPOST_FOLDER_FD };

struct outpost_options {
    const char *name;        /* of its events in the log, as in "egress.died" */
    const char *const *argv; /* argv[0] says which life */
    char *const *envp;
    int folder; /* given to it; -1: none. Outlives the outpost. */
    struct spawner *spawner;
    enum cage_kind kind;
    bool loopback; /* as in struct cage_gate */
    /* A message of its own. */
    void (*said)(void *arg, const char *what, const json_t *message);
    /* The process has ended, and cages that it answered stay without anybody. May be NULL. */
    void (*died)(void *arg);
    void *arg;
};

struct outpost;

/* Call it before there are threads. `name` and `spawner` outlive it. */
must_use int outpost_start(const struct outpost_options *o, struct outpost **out, struct err *e);

/* Messages arrive on this loop from now on, and deaths are noticed. With none, nothing: a loop that
 * ends before this does is left so. */
void outpost_attach(struct outpost *p, struct loop *loop);

void outpost_free(struct outpost *p);
DEFINE_SCOPED(struct outpost, outpost_free)

pid_t outpost_pid(const struct outpost *p);

/* What stands around the process. Waits for its first words. */
const struct confined *outpost_walls(struct outpost *p);

/* In the process: false when the server is slow to listen. The message is taken. */
bool outpost_tell(json_t *message);
bool outpost_tell_ready(const struct confined *walls);

#endif
