/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kernel would do with a packet, asked before any is sent.
 */
#ifndef EGRESS_ROUTE_H
#define EGRESS_ROUTE_H

#include "egress/place.h"

enum route {
    ROUTE_OUT,
    ROUTE_NEAR, /* to a neighbour, who is on the same network as this host: a NAS, a printer */
    ROUTE_OWN,  /* delivered to this host itself, or to all on a link */
    ROUTE_NONE, /* no way there, as for v6 on a host that has none */
};

/* An answer that cannot be had is ROUTE_OWN, which is refused. */
enum route route_to(const struct place *p);

#endif
