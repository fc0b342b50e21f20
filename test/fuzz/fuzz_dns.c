/* SPDX-License-Identifier: Apache-2.0 */
#include "egress/dns_message.h"

#include <arpa/nameser.h>
#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What the C library's reader of such messages finds in our answer. */
static void look_at_answer(const struct dns_question *q, const unsigned char *answer, size_t n)
{
    char name[NS_MAXDNAME];
    ns_msg message;
    ns_rr record;

    assert(n <= DNS_ANSWER && ns_initparse(answer, (int)n, &message) == 0);
    assert(ns_msg_id(message) == q->id && ns_msg_getflag(message, ns_f_qr));
    assert(ns_msg_count(message, ns_s_qd) == (q->raw_n > 0));
    if (q->raw_n > 0) {
        assert(ns_parserr(&message, ns_s_qd, 0, &record) == 0);
        assert(ns_rr_type(record) == q->type && ns_rr_class(record) == q->class);
        strcpy(name, *ns_rr_name(record) ? ns_rr_name(record) : ".");
        assert(!*q->name || strcmp(name, q->name) == 0);
    }
    for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
        assert(ns_parserr(&message, ns_s_an, i, &record) == 0);
        assert(strcmp(ns_rr_name(record), name) == 0 || strcmp(name, ".") == 0);
        assert(ns_rr_type(record) == q->type);
        assert(ns_rr_rdlen(record) == (q->type == DNS_A ? 4 : 16));
    }
}

/* A question from a box. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    enum { MANY = 40 }; /* more than fit into an answer */
    struct dns_question q;
    struct place at[MANY] = { { 0 } };
    unsigned char answer[DNS_ANSWER];

    if (!dns_read(data, n, &q))
        return 0;
    assert(q.raw_n <= sizeof q.raw && (q.raw_n > 0 || !q.type) && strlen(q.name) < DNS_NAME);
    assert(n >= 12 && q.raw_n <= n - 12 && memcmp(q.raw, data + 12, q.raw_n) == 0);
    for (int i = 0; i < MANY; i++)
        at[i].v6 = i % 2;
    look_at_answer(&q, answer,
                   dns_write(&q, q.raw_n > 0 ? DNS_FINE : DNS_BAD_FORM, at, MANY, answer));
    look_at_answer(&q, answer, dns_write(&q, DNS_NO_NAME, at, MANY, answer));
    return 0;
}
