/* SPDX-License-Identifier: Apache-2.0
 *
 * Walls around our own processes, which each of them puts up for itself when it holds what it needs,
 * before it reads anything that a stranger wrote: what one of them has no use for is refused to it,
 * so that a fault in it does not give all that its user may do. docs/decisions/0007 has the lists.
 */
#ifndef EXEC_CONFINE_H
#define EXEC_CONFINE_H

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum confine_who {
    CONFINE_SERVER,
    CONFINE_SPAWNER,
    CONFINE_EGRESS,
    CONFINE_REGISTRY,
    CONFINE_PROCESSES
};

enum confine_wall {
    CONFINE_FILES,   /* by Landlock; the spawner's by a mount namespace */
    CONFINE_NETWORK, /* the spawner's: it has none. What others may do is among the calls. */
    CONFINE_CALLS,   /* by seccomp */
    CONFINE_WALLS
};

/* As in "server-files"; NULL: this process has no such wall. */
extern const char *const confine_names[CONFINE_PROCESSES][CONFINE_WALLS];

/* Why a wall is missing, in words for people; NULL: it stands. */
struct confined {
    char *why[CONFINE_WALLS];
};
void confined_done(struct confined *c);

/* As an object of texts and nulls, for a message; what is not there is read as missing. */
json_t *confined_to_json(const struct confined *c);
void confined_from_json(const json_t *value, struct confined *out);

struct confine_options {
    enum confine_who who;
    const char *
        data_dir; /* the server's and the registry's to keep; of the spawner's, what is told below */
    const char *runner_dir; /* to be read; NULL: none */

    /* of the server */
    const char *key_file; /* made when it is missing */
    uint16_t port;        /* to listen at; 0: the kernel's choice */
    bool connects;        /* a model is asked */

    /* of the spawner */
    const char *program;        /* that it binds into boxes */
    const char *const *folders; /* in data_dir, ended by NULL: all that it sees of it */
    bool host_network;          /* boxes may be given it */
    bool no_userns;             /* boxes are made with the rights of root */

    unsigned without; /* bits of enum confine_wall, left out to see whether anyone notices */
};

/* Never fails: a wall that cannot be had on this machine says why. The caller has one thread. */
void confine(const struct confine_options *o, struct confined *out);

/* For the process that starts one of the others, and does nothing else. */
void confine_starter(void);

#endif
