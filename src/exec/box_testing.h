/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests: a spawner on a loop, one box, what it says and how it ends.
 */
#ifndef EXEC_BOX_TESTING_H
#define EXEC_BOX_TESTING_H

#include "base/buf.h"
#include "exec/spawner.h"

struct run {
    struct loop *loop;
    struct child *child;
    int out; /* our end of its standard output and error */
    struct watch *watch;
    struct buf text;
    bool ended;
    bool alone; /* when its end was told, nobody had its output open any more */
    struct child_exit how;
    char step[32], detail[256];
    const char *until; /* stop waiting when this is in the text */
};

/* Takes the plan. */
void run_start(struct run *r, struct loop *loop, struct spawner *s, struct plan *p);
/* Until the box has ended and its output too, or until the output says `until`. */
void run_wait(struct run *r, const char *until);
void run_done(struct run *r);

void run_says(const struct run *r, const char *words); /* asserted */

/* A spawner without a runner, in a data directory of its own. A test that takes `stuck_ms` fails. */
struct box_world {
    char data_dir[64];
    struct loop *loop;
    struct spawner *spawner;
    struct timer *stuck;
};

/* Its boxes are accepted without user namespaces. Processes are counted by user there, so they are
 * other users than those of a server that runs on this machine. */
enum { BOX_WORLD_BASIC_UID = 61500 };
extern bool box_world_basic;
/* False, and told, when that level is asked for and we are not root. */
bool box_world_can_be(void);
uid_t box_world_uid(void); /* for spawner_options */

struct box_world *box_world_open(bool host_network, int stuck_ms);
/* Leaves its loop, if it has one, for a new one. */
void box_world_move(struct box_world *w, int stuck_ms);
int box_world_close(void **state); /* a teardown of cmocka's: *state is the world */

#endif
