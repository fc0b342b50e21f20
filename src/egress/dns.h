/* SPDX-License-Identifier: Apache-2.0
 *
 * The name server of one cage: the socket on which its programs ask. A and AAAA are answered with
 * those addresses that may be connected to; every other type has an empty answer, as if the name
 * had none of it.
 */
#ifndef EGRESS_DNS_H
#define EGRESS_DNS_H

#include "egress/policy.h"
#include "egress/resolver.h"

struct dns;

/* Nothing that `name` means may be reached; `at` is one of its addresses. */
typedef void (*dns_refused_fn)(void *arg, const char *name, const struct place *at,
                               const char *reason);

struct dns_options {
    struct loop *loop;
    struct resolver *resolver;
    struct policy *policy; /* learns what its names mean */
    dns_refused_fn refused;
    void *arg;
};

/* Takes the socket. */
struct dns *dns_new(const struct dns_options *options, int fd);
void dns_free(struct dns *d);
DEFINE_SCOPED(struct dns, dns_free)

#endif
