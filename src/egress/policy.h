/* SPDX-License-Identifier: Apache-2.0
 *
 * The one rule for what a job may connect to, and the package proxy. It is pure: it looks nothing up, and it judges
 * addresses, never names. Whoever asks connects to the very address that was judged, so that a name
 * which answers differently a second time gains nothing.
 *
 * The public internet is allowed, v4 and v6. Everything else is refused unless the operator's list
 * has it: an address, a network, or a name, each but the network with a port where only that one is
 * meant. A name allows the addresses that it was last resolved to; tell them by policy_learn().
 *
 * Some addresses are too dangerous to be opened by accident: loopback, link-local ones (where clouds
 * keep a machine's credentials) and those of this host. A network opens the first two only when it
 * lies inside of them, as 127.0.0.0/8 does and 0.0.0.0/0 does not, and a name never; an address of
 * this host is opened by itself or by a name, not by the network around it. Its neighbours' are as
 * private ones, public though they look.
 */
#ifndef EGRESS_POLICY_H
#define EGRESS_POLICY_H

#include "base/clock.h"
#include "base/err.h"
#include "egress/place.h"
#include "egress/route.h"

struct policy;

/* `allow` as in the setting egress_allow; others that are such lists use it too. */
must_use int policy_new(const char *const *allow, size_t n, struct policy **out, struct err *e);
void policy_free(struct policy *p);
DEFINE_SCOPED(struct policy, policy_free)

/* NULL: allowed. Else the reason, for people ("private address"). `route` is what the host would do
 * (route_to()). Without a port the answer is whether any port may be reached. */
const char *policy_judge(const struct policy *p, const struct place *to, enum route route,
                         msec_t now);

/* Whether anything on loopback is allowed. */
bool policy_opens_loopback(const struct policy *p);

/* If `host` is on the list, it has just been resolved to this. */
void policy_learn(struct policy *p, const char *host, const struct place *at, msec_t now);

#endif
