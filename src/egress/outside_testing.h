/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests: all that is outside of a cage. As root, this program moves into a network namespace that
 * plays the host, and a second one, behind a virtual cable, plays the internet and the host's
 * neighbours; without root there is the loopback alone. Everything there answers and takes notes, so
 * that "not reached" is what the other side says, too. No packet leaves either.
 */
#ifndef EGRESS_OUTSIDE_TESTING_H
#define EGRESS_OUTSIDE_TESTING_H

#include <stdbool.h>
#include <stdint.h>

#define PUBLIC  "45.45.45.45"
#define PUBLIC6 "2a00:45::10"
#define OWN     "44.44.44.44"

void outside_begin(void); /* exits where the machine cannot have it */
void outside_end(void);

bool outside_has_internet(void);
/* Of a server on the host's loopback, v4 and v6. */
uint16_t outside_loopback_port(void);

/* Since the last forgetting: how many connections came, and whether one did to an address that
 * begins so ("10.9.0.2:80"). */
int outside_connections(void);
bool outside_was_reached(const char *address);
void outside_forget(void);

#endif
