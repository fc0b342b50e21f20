/* SPDX-License-Identifier: Apache-2.0
 *
 * Attempts to do what one of our own processes has no business to do, made by a process that has
 * confined itself as that one does (confine.h). What it prints is as in walls.h: "open WALL ATTEMPT",
 * "held WALL COUNT", and "missing WALL REASON" where the machine has no such wall.
 */
#ifndef EXEC_OWN_WALLS_H
#define EXEC_OWN_WALLS_H

#include "base/buf.h"
#include "exec/confine.h"

/* Runs such a process to its end; `data_dir` is its own, and exists. What it printed is added. */
must_use int own_walls_try(enum confine_who who, const char *data_dir, unsigned without,
                           struct buf *out, struct err *e);

/* The same as a judgement: what such a process could do, or what is in the way of a wall. */
void own_walls_look(enum confine_who who, const char *data_dir, struct confined *out);

/* Its life, for main(): argv[0] or argv[1] is "own-walls". */
bool own_walls_wanted(int argc, char **argv);
int own_walls_main(int argc, char **argv);

#endif
