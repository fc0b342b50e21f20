/* SPDX-License-Identifier: Apache-2.0 */
#include "egress/policy.h"

#include "base/address.h"

#include <stdlib.h>
#include <strings.h>

enum {
    LEARNED = 512,           /* addresses of names; the oldest makes room */
    LEARNED_MS = 10 * 60000, /* programs keep what a name meant for some minutes */
};

/* ---- what addresses are ---- */

enum opener {
    ANY,    /* any entry of the list that covers it */
    WITHIN, /* only one that lies within these bits */
    NEVER,
};

struct kind {
    unsigned char ip[6];
    int bits;
    const char *reason;
    enum opener opener;
};

/* The special-purpose registries of IANA, and what clouds have made of some. */
/* clang-format off */
static const struct kind v4_kinds[] = {
    { { 0 }, 8, "reserved address", NEVER }, /* the kernel takes it for loopback */
    { { 10 }, 8, "private address", ANY },
    { { 100, 64 }, 10, "private address", ANY }, /* behind a carrier's NAT */
    { { 127 }, 8, "loopback address", WITHIN },
    { { 168, 63, 129, 16 }, 32, "metadata address", WITHIN }, /* Azure's; public by its looks */
    { { 169, 254 }, 16, "link-local address", WITHIN },
    { { 172, 16 }, 12, "private address", ANY },
    { { 192, 0, 0 }, 24, "reserved address", WITHIN }, /* Oracle's metadata among them */
    { { 192, 0, 2 }, 24, "reserved address", ANY }, /* for documents, as the next below */
    { { 192, 88, 99 }, 24, "reserved address", ANY }, /* relays of 6to4 */
    { { 192, 168 }, 16, "private address", ANY },
    { { 198, 18 }, 15, "reserved address", ANY }, /* for benchmarks */
    { { 198, 51, 100 }, 24, "reserved address", ANY },
    { { 203, 0, 113 }, 24, "reserved address", ANY },
    { { 224 }, 4, "multicast address", NEVER },
    { { 240 }, 4, "reserved address", NEVER },
};
static const struct kind v6_loopback = { { 0 }, 128, "loopback address", WITHIN };
static const struct kind v6_kinds[] = {
    { { 0 }, 128, "reserved address", NEVER }, /* the kernel takes it for loopback */
    { { 0x20, 0x01 }, 23, "reserved address", ANY }, /* Teredo and other carriers of v4 */
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32, "reserved address", ANY }, /* for documents */
    { { 0x20, 0x02 }, 16, "translated address", WITHIN }, /* 6to4: a v4 address inside */
    { { 0x3f, 0xff }, 20, "reserved address", ANY }, /* for documents */
    { { 0x20 }, 3, NULL, ANY }, /* the public internet is here, and nowhere else */
    { { 0x00, 0x64, 0xff, 0x9b }, 96, "translated address", WITHIN }, /* NAT64: as 6to4 */
    { { 0x00, 0x64, 0xff, 0x9b, 0, 1 }, 48, "translated address", WITHIN },
    { { 0xfd, 0x00, 0x0e, 0xc2 }, 32, "metadata address", WITHIN }, /* Amazon's */
    { { 0xfc }, 7, "private address", ANY },
    { { 0xfe, 0x80 }, 10, "link-local address", WITHIN },
    { { 0xfe, 0xc0 }, 10, "private address", ANY },
    { { 0xff }, 8, "multicast address", NEVER },
    { { 0 }, 0, "reserved address", ANY },
};
/* clang-format on */

static bool is_of_kind(const unsigned char *ip, const struct kind *k)
{
    unsigned char full[16] = { 0 };

    memcpy(full, k->ip, sizeof k->ip);
    return place_shares(ip, full, k->bits);
}

/* NULL: a public v4 address. */
static const struct kind *kind_of(const struct place *p)
{
    const struct kind *kinds = p->v6 ? v6_kinds : v4_kinds;
    size_t n = p->v6 ? n_items(v6_kinds) : n_items(v4_kinds);

    if (p->v6 && memcmp(p->ip, &in6addr_loopback, sizeof in6addr_loopback) == 0)
        return &v6_loopback;
    for (size_t i = 0; i < n; i++) {
        if (is_of_kind(p->ip, &kinds[i]))
            return &kinds[i];
    }
    return NULL;
}

static bool is_loopback(const struct place *p)
{
    return p->v6 ? kind_of(p) == &v6_loopback : p->ip[0] == 127;
}

/* ---- the operator's list ---- */

struct net {
    struct place at; /* its port 0: all */
    int bits;
};

struct name {
    char *host;
    uint16_t port;
};

struct learned {
    struct place at;
    msec_t until;
};

struct policy {
    struct net *nets;
    size_t n_nets;
    struct name *names;
    size_t n_names;
    struct learned learned[LEARNED];
    size_t n_learned;
};

static int full_bits(const struct place *p)
{
    return p->v6 ? 128 : 32;
}

static void add_net(struct policy *p, const struct place *at, int bits)
{
    p->nets = mem_resize(p->nets, (p->n_nets + 1) * sizeof *p->nets);
    p->nets[p->n_nets++] = (struct net){ *at, bits };
}

static bool add_network(struct policy *p, const char *text)
{
    const char *slash = strchr(text, '/');
    scoped(mem_free) char *ip = mem_text_n(text, (size_t)(slash - text));
    int bits = (int)strtol(slash + 1, NULL, 10); /* text_is_network() has read it */
    struct place at;

    if (!place_parse(ip, 0, &at))
        return false;
    if (!at.v6 && strchr(ip, ':')) /* ::ffff:10.0.0.0/104 is 10.0.0.0/8 */
        bits -= 96;
    if (bits < 0 || bits > full_bits(&at))
        return false;
    add_net(p, &at, bits);
    return true;
}

/* A host with a port or 0. Programs know "localhost" without asking anyone, so it is a pair of
 * addresses rather than a name. */
static void add_host(struct policy *p, const char *host, uint16_t port)
{
    struct place at;

    if (strcasecmp(host, "localhost") == 0) {
        add_host(p, "127.0.0.1", port);
        add_host(p, "::1", port);
    } else if (place_parse(host, port, &at)) {
        add_net(p, &at, full_bits(&at));
    } else {
        p->names = mem_resize(p->names, (p->n_names + 1) * sizeof *p->names);
        p->names[p->n_names++] = (struct name){ mem_text(host), port };
    }
}

static bool add_entry(struct policy *p, const char *text)
{
    if (text_is_network(text))
        return add_network(p, text);
    if (text_is_ip(text) || text_is_host(text)) {
        add_host(p, text, 0);
        return true;
    }
    if (!text_is_address(text))
        return false;

    const char *colon = strrchr(text, ':');
    bool brackets = *text == '[';
    size_t n = (size_t)(colon - text);
    scoped(mem_free) char *host = brackets ? mem_text_n(text + 1, n - 2) : mem_text_n(text, n);
    long port = strtol(colon + 1, NULL, 10);
    add_host(p, host, (uint16_t)port);
    return port > 0;
}

int policy_new(const char *const *allow, size_t n, struct policy **out, struct err *e)
{
    scoped(policy_free) struct policy *p = mem_new(sizeof *p);

    for (size_t i = 0; i < n; i++) {
        if (!add_entry(p, allow[i]))
            return err_set(e, ERR_INPUT, "\"%s\" is no host, host:port or network", allow[i]);
    }
    *out = take(p);
    return 0;
}

void policy_free(struct policy *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n_names; i++)
        mem_free(p->names[i].host);
    mem_free(p->names);
    mem_free(p->nets);
    mem_free(p);
}

static bool meets(const struct place *entry, int bits, const struct place *to)
{
    return entry->v6 == to->v6 && (!entry->port || !to->port || entry->port == to->port) &&
           place_shares(entry->ip, to->ip, bits);
}

/* A name may be written with the dot that ends it. */
static bool is_same_name(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);

    n -= n > 0 && a[n - 1] == '.';
    m -= m > 0 && b[m - 1] == '.';
    return n == m && strncasecmp(a, b, n) == 0;
}

static void learn(struct policy *p, const struct place *at, msec_t until)
{
    size_t oldest = 0;

    for (size_t i = 0; i < p->n_learned; i++) {
        if (p->learned[i].at.port == at->port && meets(&p->learned[i].at, full_bits(at), at)) {
            p->learned[i].until = until;
            return;
        }
        if (p->learned[i].until < p->learned[oldest].until)
            oldest = i;
    }
    p->learned[p->n_learned < LEARNED ? p->n_learned++ : oldest] = (struct learned){ *at, until };
}

void policy_learn(struct policy *p, const char *host, const struct place *at, msec_t now)
{
    for (size_t i = 0; i < p->n_names; i++) {
        struct place learned = *at;
        learned.port = p->names[i].port;
        if (is_same_name(p->names[i].host, host))
            learn(p, &learned, now + LEARNED_MS);
    }
}

/* ---- the verdict ---- */

/* By an entry of at least so many bits. */
static bool is_listed(const struct policy *p, const struct place *to, int least_bits)
{
    for (size_t i = 0; i < p->n_nets; i++) {
        if (p->nets[i].bits >= least_bits && meets(&p->nets[i].at, p->nets[i].bits, to))
            return true;
    }
    return false;
}

static bool is_learned(const struct policy *p, const struct place *to, msec_t now)
{
    for (size_t i = 0; i < p->n_learned; i++) {
        const struct learned *l = &p->learned[i];
        if (l->until > now && meets(&l->at, full_bits(&l->at), to))
            return true;
    }
    return false;
}

/* They are for programs that send mail, which is nothing but spam when it comes from here. */
static bool is_mail(uint16_t port)
{
    return port == 25 || port == 465 || port == 587;
}

const char *policy_judge(const struct policy *p, const struct place *to, enum route route,
                         msec_t now)
{
    const struct kind *k = kind_of(to);
    enum opener opener = k ? k->opener : ANY;
    bool own = route == ROUTE_OWN;
    bool exposed = own && !is_loopback(to); /* loopback is always the host's own */

    if (opener == NEVER)
        return k->reason;
    if (is_listed(p, to, exposed ? full_bits(to) : opener == WITHIN ? k->bits : 0))
        return NULL;
    if (opener == ANY && is_learned(p, to, now))
        return NULL;
    if (k && k->reason)
        return k->reason;
    if (own)
        return "address of the host itself";
    if (route == ROUTE_NEAR)
        return "address of a neighbour";
    return is_mail(to->port) ? "port for sending mail" : NULL;
}

bool policy_opens_loopback(const struct policy *p)
{
    for (size_t i = 0; i < p->n_nets; i++) {
        const struct net *n = &p->nets[i];
        if (is_loopback(&n->at) && n->bits >= (n->at.v6 ? 128 : 8))
            return true;
    }
    return false;
}
