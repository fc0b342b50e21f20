/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a connection goes: an IP address and a port, as a plain value.
 */
#ifndef EGRESS_PLACE_H
#define EGRESS_PLACE_H

#include "base/mem.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum { PLACE_TEXT = INET6_ADDRSTRLEN + sizeof("[]:65535") };

struct place {
    bool v6; /* ::ffff:1.2.3.4 is 1.2.3.4 here, so that it has one form */
    unsigned char ip[16];
    uint16_t port; /* 0: none in particular */
};

/* "1.2.3.4" or "::1", nothing else. */
bool place_parse(const char *text, uint16_t port, struct place *out);
bool place_of_sockaddr(const struct sockaddr *from, struct place *out);
socklen_t place_to_sockaddr(const struct place *p, struct sockaddr_storage *out);

/* "1.2.3.4:80", "[::1]:80"; without a port just the address. */
void place_print(const struct place *p, char text[PLACE_TEXT]);

/* Are the first `bits` bits of both the same? Both are of one family. */
bool place_shares(const unsigned char *a, const unsigned char *b, int bits);

#endif
