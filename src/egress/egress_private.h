/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the server's half (egress.c) and the process (egress_main.c).
 *
 * To the process come the cages, on a socket of their own whose other end the spawner has; see
 * exec/cage.h. From it: JSON with "t" one of "ready" (walls: as confined_to_json() has them), or "refused" with the fields of struct
 * egress_refusal. It ends when the server's socket closes.
 */
#ifndef EGRESS_EGRESS_PRIVATE_H
#define EGRESS_EGRESS_PRIVATE_H

#include "exec/helper.h"

#define EGRESS_NAME "impresario-egress"

enum { EGRESS_SERVER_FD = HELPER_FD, EGRESS_CAGES_FD };

/* The process's argv; the list of what is allowed follows. */
enum { EGRESS_ARG_NAME, EGRESS_ARG_UID, EGRESS_ARG_REGISTRY, EGRESS_ARGS };

#endif
