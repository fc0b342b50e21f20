/* SPDX-License-Identifier: Apache-2.0 */
#include "egress/place.h"

#include <arpa/inet.h>
#include <stdio.h>

static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

static void set(struct place *p, bool v6, const void *ip, uint16_t port)
{
    *p = (struct place){ .v6 = v6, .port = port };
    if (v6 && memcmp(ip, mapped, sizeof mapped) == 0) {
        p->v6 = false;
        memcpy(p->ip, (const char *)ip + sizeof mapped, 4);
    } else {
        memcpy(p->ip, ip, v6 ? 16 : 4);
    }
}

bool place_parse(const char *text, uint16_t port, struct place *out)
{
    unsigned char ip[16];
    bool v6 = strchr(text, ':') != NULL;

    if (inet_pton(v6 ? AF_INET6 : AF_INET, text, ip) != 1)
        return false;
    set(out, v6, ip, port);
    return true;
}

bool place_of_sockaddr(const struct sockaddr *from, struct place *out)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (from->sa_family == AF_INET) {
        memcpy(&v4, from, sizeof v4);
        set(out, false, &v4.sin_addr, ntohs(v4.sin_port));
    } else if (from->sa_family == AF_INET6) {
        memcpy(&v6, from, sizeof v6);
        set(out, true, &v6.sin6_addr, ntohs(v6.sin6_port));
    } else {
        return false;
    }
    return true;
}

socklen_t place_to_sockaddr(const struct place *p, struct sockaddr_storage *out)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(p->port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(p->port) };

    *out = (struct sockaddr_storage){ 0 };
    if (p->v6) {
        memcpy(&v6.sin6_addr, p->ip, sizeof v6.sin6_addr);
        memcpy(out, &v6, sizeof v6);
        return sizeof v6;
    }
    memcpy(&v4.sin_addr, p->ip, sizeof v4.sin_addr);
    memcpy(out, &v4, sizeof v4);
    return sizeof v4;
}

void place_print(const struct place *p, char text[PLACE_TEXT])
{
    char ip[INET6_ADDRSTRLEN];

    (void)inet_ntop(p->v6 ? AF_INET6 : AF_INET, p->ip, ip, sizeof ip);
    if (p->port)
        (void)snprintf(text, PLACE_TEXT, p->v6 ? "[%s]:%u" : "%s:%u", ip, p->port);
    else
        (void)snprintf(text, PLACE_TEXT, "%s", ip);
}

bool place_shares(const unsigned char *a, const unsigned char *b, int bits)
{
    int bytes = bits / 8, rest = bits % 8;
    unsigned mask = 0xff00u >> rest & 0xff;

    return memcmp(a, b, (size_t)bytes) == 0 && (rest == 0 || ((a[bytes] ^ b[bytes]) & mask) == 0);
}
