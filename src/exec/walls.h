/* SPDX-License-Identifier: Apache-2.0
 *
 * Attempts to get out of a box, made from inside of it by `impresario walls`. Each belongs to a wall
 * that has to stop it, so that an attempt which succeeds names the wall that is missing. None does
 * harm where it succeeds.
 *
 * What is printed is a line for each success, "open WALL ATTEMPT", and one for each wall, "held WALL
 * COUNT". The exit status is 0 when all was tried.
 */
#ifndef EXEC_WALLS_H
#define EXEC_WALLS_H

#include "exec/plan.h"

extern const char *const wall_names[]; /* ended by NULL */

/* The one of them that boxes of the level "basic" go without. */
#define WALL_USERNS "user-namespaces"

/* And the one that those of "strong" may go without. */
#define WALL_LANDLOCK "landlock"

/* The program and its arguments for a plan: in a browser's box more is allowed, and from a job's box,
 * which has one beside it, that is looked for. What is printed by the box of a browser goes to `out`,
 * when that is not NULL: a named pipe, which somebody makes and reads. The namespaces of the caller are
 * those that the box must not be in. */
void walls_args(struct plan *p, const char *out);

/* True when argv asks for the attempts, for main() of programs that build boxes of themselves. */
bool walls_wanted(int argc, char **argv);
int walls_main(int argc, char **argv);

#endif
