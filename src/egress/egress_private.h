/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the server's half (egress.c) and the process (egress_main.c).
 *
 * What comes to the process is in exec/outpost.h. From it, besides: "refused" with the fields of struct
 * egress_refusal.
 */
#ifndef EGRESS_EGRESS_PRIVATE_H
#define EGRESS_EGRESS_PRIVATE_H

#include "exec/outpost.h"

#define EGRESS_NAME "impresario-egress"

/* The process's argv; the list of what is allowed follows. */
enum { EGRESS_ARG_NAME, EGRESS_ARG_UID, EGRESS_ARGS };

#endif
