/* SPDX-License-Identifier: Apache-2.0
 *
 * A box at work: a child with its frames on descriptor 3 (both ways), its output as lines, what is
 * fed to it, and the time that it may take. What comes out of it is bounded and checked here for
 * form; its meaning is for those who started it.
 */
#ifndef ENGINE_BOX_H
#define ENGINE_BOX_H

#include "base/json.h"
#include "base/loop.h"
#include "exec/spawner.h"

struct box;

struct box_end {
    const struct child_exit *exit;
    bool timed_out;
    const char *
        bad_frame; /* why it was killed: a line that was no frame, or too long an output; or NULL */
};

struct box_user {
    void (*frame)(void *arg, const char *type, const json_t *frame);
    void (*line)(void *arg, const char *stream, const char *text); /* "stdout", "stderr" */
    void (*end)(void *arg, const struct box_end *end);             /* last; may call box_free() */
    void *arg;
    /* True: what it says is left where it is for a while, and who goes on writing waits. NULL: never. */
    bool (*behind)(void *arg);
};

struct box_spec {
    struct spawner *spawner;
    struct loop *loop;
    struct plan *plan; /* taken */
    msec_t time_limit; /* 0: none yet */
    int out_file;      /* what the box writes to descriptor 4 goes here (borrowed); -1: nothing */
    size_t out_max;    /* and at most so much */
    bool out_later;    /* box_hand_over() will say where to, before the box has anything to write */
};

must_use int box_start(const struct box_spec *spec, const struct box_user *user, struct box **out,
                       struct err *e);
/* Somebody else's from now on: a box that waited gets its work. */
void box_hand_over(struct box *b, const struct box_user *user, int out_file, size_t out_max);
void box_send(struct box *b, const json_t *frame);
/* From now on, in place of any limit before. */
void box_limit(struct box *b, msec_t time_limit);
/* What the way out of cages calls it. */
int64_t box_child(const struct box *b);
void box_terminate(struct box *b);
void box_kill(struct box *b);
void box_free(struct box *b); /* kills; no end() */
DEFINE_SCOPED(struct box, box_free)

#endif
