/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions and answers of the domain name system, as far as a stub resolver asks: one question in a
 * datagram, and an answer that fits into one.
 */
#ifndef EGRESS_DNS_MESSAGE_H
#define EGRESS_DNS_MESSAGE_H

#include "egress/place.h"

enum {
    DNS_NAME = 254,   /* the longest name as text, with its NUL */
    DNS_ANSWER = 512, /* what every client can take */
};

enum dns_type { DNS_A = 1, DNS_AAAA = 28 };
enum dns_code { DNS_FINE = 0, DNS_BAD_FORM = 1, DNS_FAILED = 2, DNS_NO_NAME = 3, DNS_REFUSED = 5 };

struct dns_question {
    uint16_t id;
    bool recursion; /* was desired; answers repeat it */
    uint16_t type, class;
    char name[DNS_NAME]; /* without the last dot; "" when it is no host's name */
    unsigned char raw[260];
    size_t raw_n; /* the question as it stood there; 0: it could not be read */
};

/* false: it deserves no answer. A question that cannot be read does: DNS_BAD_FORM. */
bool dns_read(const unsigned char *data, size_t n, struct dns_question *q);

/* Those of the addresses that the question is about, as many as fit. Returns the length. */
size_t dns_write(const struct dns_question *q, enum dns_code code, const struct place *at,
                 size_t n_at, unsigned char out[DNS_ANSWER]);

#endif
