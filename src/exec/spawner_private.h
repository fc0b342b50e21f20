/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the two halves of the spawner: the server's (spawner.c) and the process (spawn_main.c).
 *
 * Messages are JSON objects. To the process, with "t" one of: "start" (id, plan; the descriptors
 * travel with it), "kill" (id), "terminate" (id), "gate"
 * (registry: which of the two, loopback; the descriptor of a cage_gate). From it: "ready" (missing: {memory, pids, cpu},
 * each null or the reason; no_userns: as spawner_no_userns(), or null; walls: as confined_to_json() has them), then "exit" (id and the fields of struct child_exit).
 */
#ifndef EXEC_SPAWNER_PRIVATE_H
#define EXEC_SPAWNER_PRIVATE_H

#include "exec/box.h"
#include "exec/helper.h"

enum { SPAWN_SERVER_FD = HELPER_FD };

enum { /* the process's argv */
       SPAWN_ARG_NAME,
       SPAWN_ARG_PROGRAM,
       SPAWN_ARG_RUNNER, /* "" is none */
       SPAWN_ARG_DATA,
       SPAWN_ARG_UID,
       SPAWN_ARG_NETWORK, /* "host", or "none" for the process and its plans */
       SPAWN_ARG_FOLDERS, /* "some" follow, or "all" are seen */
       SPAWN_ARGS
};

/* What a step is called in a child_exit. */
extern const char *const box_step_names[BOX_STEPS];

#endif
