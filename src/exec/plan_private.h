/* SPDX-License-Identifier: Apache-2.0
 *
 * A plan from the inside, for what sends it and what builds a box from it.
 */
#ifndef EXEC_PLAN_PRIVATE_H
#define EXEC_PLAN_PRIVATE_H

#include "base/err.h"
#include "exec/plan.h"

#include <jansson.h>

struct plan_pair {
    char *a, *b;
    bool write; /* binds only */
};

struct plan_pairs {
    struct plan_pair *items;
    size_t n;
};

struct plan {
    char *name;
    struct plan_limits limits;
    bool basic;              /* accepted */
    struct plan_pairs args;  /* a */
    struct plan_pairs env;   /* a=b */
    struct plan_pairs binds; /* the host's a is seen as b */
    struct plan_pairs links; /* b is a link to a */
    int fds[PLAN_FDS];       /* by number inside; -1: none */
    struct plan *browser;    /* the second box; NULL: none */
    bool shares;             /* it is one of two boxes */
};

/* Without descriptors' numbers here: "fds" lists the numbers inside, in ascending order, which is
 * also the order in which the descriptors themselves travel. */
json_t *plan_to_json(const struct plan *p);
must_use int plan_from_json(const json_t *value, struct plan **out, struct err *e);

/* Does egress answer for its network? */
bool plan_is_caged(const struct plan_limits *l);

/* Does `inside` lie at or below `folder`? */
bool plan_covers(const char *folder, const char *inside);

#endif
