/* SPDX-License-Identifier: Apache-2.0 */
#include "egress/dns_message.h"

#include <ctype.h>

enum {
    HEAD = 12,
    LABEL = 63,
    TTL = 10, /* seconds; the truth about it stays with the host's resolver */
    IS_ANSWER = 0x8000,
    OPCODE = 0x7800,
    RECURSION_DESIRED = 0x0100,
    RECURSION_AVAILABLE = 0x0080,
};

static uint16_t get16(const unsigned char *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(unsigned char *at, unsigned value)
{
    at[0] = (unsigned char)(value >> 8);
    at[1] = (unsigned char)value;
}

/* The labels from `at` on, which the name's NUL ends; the length in bytes, or 0. A pointer to
 * elsewhere makes no sense in a first name. `text` becomes "" when it is no host's name. */
static size_t read_name(const unsigned char *at, size_t n, char text[DNS_NAME])
{
    size_t i = 0, length = 0;
    bool plain = true;

    while (i < n && at[i] != 0) {
        size_t label = at[i++];
        if (label > LABEL || label > n - i || length + label + 1 >= DNS_NAME)
            return 0;
        if (length > 0)
            text[length++] = '.';
        for (size_t k = 0; k < label; k++) {
            plain &= isalnum(at[i]) || at[i] == '-' || at[i] == '_';
            text[length++] = (char)at[i++];
        }
    }
    text[plain ? length : 0] = '\0';
    return i < n ? i + 1 : 0;
}

bool dns_read(const unsigned char *data, size_t n, struct dns_question *q)
{
    *q = (struct dns_question){ 0 };
    if (n < HEAD || (get16(data + 2) & IS_ANSWER)) /* two servers would never stop */
        return false;
    q->id = get16(data);
    q->recursion = get16(data + 2) & RECURSION_DESIRED;
    if ((get16(data + 2) & OPCODE) || get16(data + 4) != 1)
        return true;

    size_t name = read_name(data + HEAD, n - HEAD, q->name);
    if (name == 0 || n - HEAD - name < 4)
        return true;
    q->type = get16(data + HEAD + name);
    q->class = get16(data + HEAD + name + 2);
    q->raw_n = name + 4;
    memcpy(q->raw, data + HEAD, q->raw_n);
    return true;
}

/* A record whose name is the question's. */
static size_t write_record(const struct place *p, unsigned char *out)
{
    size_t n = p->v6 ? 16 : 4;

    put16(out, 0xc000 | HEAD);
    put16(out + 2, p->v6 ? DNS_AAAA : DNS_A);
    put16(out + 4, 1);
    put16(out + 6, 0);
    put16(out + 8, TTL);
    put16(out + 10, (unsigned)n);
    memcpy(out + 12, p->ip, n);
    return 12 + n;
}

size_t dns_write(const struct dns_question *q, enum dns_code code, const struct place *at,
                 size_t n_at, unsigned char out[DNS_ANSWER])
{
    size_t n = HEAD;
    unsigned answers = 0;

    memset(out, 0, HEAD);
    put16(out, q->id);
    put16(out + 2, IS_ANSWER | RECURSION_AVAILABLE | (q->recursion ? RECURSION_DESIRED : 0) | code);
    put16(out + 4, q->raw_n > 0);
    memcpy(out + n, q->raw, q->raw_n);
    n += q->raw_n;
    for (size_t i = 0; i < n_at && code == DNS_FINE; i++) {
        if (q->type != (at[i].v6 ? DNS_AAAA : DNS_A) || n + 28 > DNS_ANSWER)
            continue;
        n += write_record(&at[i], out + n);
        answers++;
    }
    put16(out + 6, answers);
    return n;
}
