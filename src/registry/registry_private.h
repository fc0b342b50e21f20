/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the server's half (registry.c) and the process (registry_main.c). What comes to the process is
 * in exec/outpost.h; its folder is the third descriptor, since its user may not be able to go there by
 * name. From it, besides: "event" with "event" (of enum supply_event), "what" and "reason".
 */
#ifndef REGISTRY_REGISTRY_PRIVATE_H
#define REGISTRY_REGISTRY_PRIVATE_H

#include "exec/outpost.h"

#define REGISTRY_NAME "impresario-registry"

/* The process's argv; what is allowed besides the registry follows. */
enum {
    REGISTRY_ARG_NAME,
    REGISTRY_ARG_UID,
    REGISTRY_ARG_URL,     /* with a slash at its end */
    REGISTRY_ARG_CACHE,   /* MiB */
    REGISTRY_ARG_ADDRESS, /* of the registry, host:port; the first that is allowed */
    REGISTRY_ARGS
};

#endif
