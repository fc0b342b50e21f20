/* SPDX-License-Identifier: Apache-2.0
 *
 * The rule, form by form. A row is a list of the operator, an address, and what must be the answer.
 */
#include "egress/policy.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define FINE      NULL
#define LOOPBACK  "loopback address"
#define PRIVATE   "private address"
#define LINK      "link-local address"
#define METADATA  "metadata address"
#define RESERVED  "reserved address"
#define MULTICAST "multicast address"
#define INSIDE    "translated address"
#define OWN       "address of the host itself"
#define MAIL      "port for sending mail"

struct row {
    const char *allow; /* with commas */
    const char *ip;
    uint16_t port;
    const char *reason;
};

/* clang-format off */
static const struct row without_a_list[] = {
    /* the public internet, and the edges of what is not */
    { "", "1.1.1.1", 443, FINE }, { "", "8.8.8.8", 53, FINE },
    { "", "9.255.255.255", 80, FINE }, { "", "11.0.0.0", 80, FINE },
    { "", "100.63.255.255", 80, FINE }, { "", "100.128.0.0", 80, FINE },
    { "", "126.255.255.255", 80, FINE }, { "", "128.0.0.0", 80, FINE },
    { "", "168.63.129.15", 80, FINE }, { "", "168.63.129.17", 80, FINE },
    { "", "169.253.255.255", 80, FINE }, { "", "169.255.0.0", 80, FINE },
    { "", "172.15.255.255", 80, FINE }, { "", "172.32.0.0", 80, FINE },
    { "", "191.255.255.255", 80, FINE }, { "", "192.0.1.0", 80, FINE },
    { "", "192.0.3.0", 80, FINE }, { "", "192.88.98.255", 80, FINE },
    { "", "192.88.100.0", 80, FINE }, { "", "192.167.255.255", 80, FINE },
    { "", "192.169.0.0", 80, FINE }, { "", "198.17.255.255", 80, FINE },
    { "", "198.20.0.0", 80, FINE }, { "", "198.51.99.255", 80, FINE },
    { "", "198.51.101.0", 80, FINE }, { "", "203.0.112.255", 80, FINE },
    { "", "203.0.114.0", 80, FINE }, { "", "223.255.255.255", 80, FINE },
    { "", "2000::1", 443, FINE }, { "", "2001:200::1", 443, FINE },
    { "", "2001:4860:4860::8888", 443, FINE }, { "", "2606:4700::1111", 443, FINE },
    { "", "2001:db7:ffff::1", 443, FINE }, { "", "2001:db9::1", 443, FINE },
    { "", "2003::1", 443, FINE }, { "", "2a00:1450:4001::1", 443, FINE },
    { "", "3ffe::1", 443, FINE }, { "", "3fff:1000::1", 443, FINE },
    { "", "::ffff:1.1.1.1", 443, FINE },

    /* v4 */
    { "", "0.0.0.0", 80, RESERVED }, { "", "0.1.2.3", 80, RESERVED },
    { "", "0.255.255.255", 80, RESERVED },
    { "", "10.0.0.0", 80, PRIVATE }, { "", "10.0.0.5", 443, PRIVATE },
    { "", "10.255.255.255", 80, PRIVATE },
    { "", "100.64.0.0", 80, PRIVATE }, { "", "100.100.100.200", 80, PRIVATE },
    { "", "100.127.255.255", 80, PRIVATE },
    { "", "127.0.0.0", 80, LOOPBACK }, { "", "127.0.0.1", 80, LOOPBACK },
    { "", "127.0.0.53", 53, LOOPBACK }, { "", "127.1.2.3", 8080, LOOPBACK },
    { "", "127.255.255.255", 80, LOOPBACK },
    { "", "168.63.129.16", 80, METADATA },
    { "", "169.254.0.0", 80, LINK }, { "", "169.254.169.254", 80, LINK },
    { "", "169.254.170.2", 80, LINK }, { "", "169.254.255.255", 80, LINK },
    { "", "172.16.0.0", 80, PRIVATE }, { "", "172.17.0.1", 2375, PRIVATE },
    { "", "172.31.255.255", 80, PRIVATE },
    { "", "192.0.0.0", 80, RESERVED }, { "", "192.0.0.192", 80, RESERVED },
    { "", "192.0.0.255", 80, RESERVED },
    { "", "192.0.2.1", 80, RESERVED }, { "", "192.0.2.255", 80, RESERVED },
    { "", "192.88.99.1", 80, RESERVED },
    { "", "192.168.0.0", 80, PRIVATE }, { "", "192.168.1.1", 80, PRIVATE },
    { "", "192.168.255.255", 80, PRIVATE },
    { "", "198.18.0.0", 80, RESERVED }, { "", "198.19.255.255", 80, RESERVED },
    { "", "198.51.100.53", 53, RESERVED }, { "", "203.0.113.10", 80, RESERVED },
    { "", "224.0.0.1", 80, MULTICAST }, { "", "239.255.255.255", 80, MULTICAST },
    { "", "240.0.0.0", 80, RESERVED }, { "", "255.255.255.255", 80, RESERVED },

    /* v6 */
    { "", "::", 80, RESERVED }, { "", "::1", 80, LOOPBACK }, { "", "::2", 80, RESERVED },
    { "", "::127.0.0.1", 80, RESERVED }, { "", "::10.0.0.1", 80, RESERVED },
    { "", "100::1", 80, RESERVED }, { "", "200::1", 80, RESERVED },
    { "", "1fff:ffff::1", 80, RESERVED }, { "", "4000::1", 80, RESERVED },
    { "", "5f00::1", 80, RESERVED }, { "", "8000::1", 80, RESERVED },
    { "", "fbff::1", 80, RESERVED },
    { "", "fc00::1", 80, PRIVATE }, { "", "fd00::1", 80, PRIVATE },
    { "", "fd99::2", 80, PRIVATE }, { "", "fdff:ffff::1", 80, PRIVATE },
    { "", "fd00:ec2::254", 80, METADATA }, { "", "fd00:ec2::23", 80, METADATA },
    { "", "fe00::1", 80, RESERVED }, { "", "fe7f::1", 80, RESERVED },
    { "", "fe80::1", 80, LINK }, { "", "fe80::a9fe:a9fe", 80, LINK },
    { "", "febf:ffff::1", 80, LINK }, { "", "fec0::1", 80, PRIVATE },
    { "", "feff::1", 80, PRIVATE },
    { "", "ff00::1", 80, MULTICAST }, { "", "ff02::1", 80, MULTICAST },
    { "", "ff0e::1", 80, MULTICAST },
    { "", "2001:db8::1", 80, RESERVED }, { "", "2001:db8:ffff::1", 80, RESERVED },
    { "", "3fff::1", 80, RESERVED }, { "", "3fff:fff::1", 80, RESERVED },

    /* v4 inside of v6 */
    { "", "::ffff:127.0.0.1", 80, LOOPBACK }, { "", "::ffff:7f00:1", 80, LOOPBACK },
    { "", "::ffff:10.0.0.5", 80, PRIVATE }, { "", "::ffff:169.254.169.254", 80, LINK },
    { "", "::ffff:0.0.0.0", 80, RESERVED }, { "", "::ffff:192.168.1.1", 80, PRIVATE },
    { "", "::ffff:a9fe:a9fe", 80, LINK }, { "", "::ffff:0:127.0.0.1", 80, RESERVED },
    { "", "::ffff:168.63.129.16", 80, METADATA }, { "", "::ffff:224.0.0.1", 80, MULTICAST },
    { "", "2002:7f00:1::", 80, INSIDE }, { "", "2002:a00:5::1", 80, INSIDE },
    { "", "2002:a9fe:a9fe::1", 80, INSIDE }, { "", "2002:808:808::1", 80, INSIDE },
    { "", "64:ff9b::127.0.0.1", 80, INSIDE }, { "", "64:ff9b::10.0.0.1", 80, INSIDE },
    { "", "64:ff9b::169.254.169.254", 80, INSIDE }, { "", "64:ff9b::8.8.8.8", 80, INSIDE },
    { "", "64:ff9b:1::10.0.0.1", 80, INSIDE }, { "", "64:ff9b:2::1", 80, RESERVED },
    { "", "2001::1", 80, RESERVED }, { "", "2001:0:4136:e378:8000:63bf:3fff:fdd2", 80, RESERVED },
    { "", "2001:1::1", 80, RESERVED }, { "", "2001:2::1", 80, RESERVED },
    { "", "2001:10::1", 80, RESERVED }, { "", "2001:20::1", 80, RESERVED },
    { "", "2001:1ff:ffff::1", 80, RESERVED },

    /* mail */
    { "", "1.1.1.1", 25, MAIL }, { "", "1.1.1.1", 465, MAIL }, { "", "1.1.1.1", 587, MAIL },
    { "", "2606:4700::1111", 25, MAIL }, { "", "1.1.1.1", 24, FINE }, { "", "1.1.1.1", 26, FINE },
    { "", "1.1.1.1", 993, FINE }, { "", "1.1.1.1", 0, FINE },
};

static const struct row with_a_list[] = {
    /* an address, alone or with a port */
    { "10.0.0.5", "10.0.0.5", 1, FINE }, { "10.0.0.5", "10.0.0.6", 1, PRIVATE },
    { "10.0.0.5", "::ffff:10.0.0.5", 1, FINE }, { "10.0.0.5:8443", "10.0.0.5", 8443, FINE },
    { "10.0.0.5:8443", "10.0.0.5", 8444, PRIVATE }, { "10.0.0.5:8443", "10.0.0.5", 0, FINE },
    { "127.0.0.1", "127.0.0.1", 9, FINE }, { "127.0.0.1", "127.0.0.2", 9, LOOPBACK },
    { "127.0.0.1", "::1", 9, LOOPBACK }, { "127.0.0.1:80", "127.0.0.1", 81, LOOPBACK },
    { "::1", "::1", 9, FINE }, { "::1", "127.0.0.1", 9, LOOPBACK },
    { "[::1]:80", "::1", 80, FINE }, { "[::1]:80", "::1", 81, LOOPBACK },
    { "[fd00::5]:80", "fd00::5", 80, FINE }, { "fd00::5", "fd00::6", 80, PRIVATE },
    { "localhost", "127.0.0.1", 9, FINE }, { "localhost", "::1", 9, FINE },
    { "localhost:80", "::1", 80, FINE }, { "LocalHost:80", "127.0.0.1", 81, LOOPBACK },
    { "::ffff:10.0.0.5", "10.0.0.5", 1, FINE },
    /* networks */
    { "10.0.0.0/8", "10.1.2.3", 1, FINE }, { "10.0.0.0/8", "11.1.2.3", 25, MAIL },
    { "10.1.0.0/17", "10.1.127.255", 1, FINE }, { "10.1.0.0/17", "10.1.128.0", 1, PRIVATE },
    { "192.168.7.7/32", "192.168.7.7", 1, FINE }, { "192.168.7.7/32", "192.168.7.6", 1, PRIVATE },
    { "::ffff:10.0.0.0/104", "10.1.2.3", 1, FINE }, { "fd00::/8", "fd12::1", 1, FINE },
    { "fd00::/8", "fc12::1", 1, PRIVATE }, { "fd00::/9", "fd80::1", 1, PRIVATE },
    { "127.0.0.0/8", "127.9.9.9", 1, FINE }, { "203.0.113.0/24", "203.0.113.10", 1, FINE },
    { "100.64.0.0/10", "100.100.100.200", 1, FINE }, { "200::/7", "201::1", 1, FINE },
    /* one that covers all does not open what is dangerous */
    { "0.0.0.0/0", "10.0.0.5", 1, FINE }, { "0.0.0.0/0", "127.0.0.1", 1, LOOPBACK },
    { "0.0.0.0/0", "169.254.169.254", 80, LINK }, { "0.0.0.0/0", "168.63.129.16", 80, METADATA },
    { "0.0.0.0/0", "192.0.0.192", 80, RESERVED }, { "0.0.0.0/0", "0.0.0.0", 80, RESERVED },
    { "0.0.0.0/0", "::1", 1, LOOPBACK }, { "0.0.0.0/0", "fd00::1", 1, PRIVATE },
    { "::/0", "fd00::1", 1, FINE }, { "::/0", "::1", 1, LOOPBACK }, { "::/0", "fe80::1", 1, LINK },
    { "::/0", "10.0.0.5", 1, PRIVATE }, { "::/0", "::ffff:10.0.0.5", 1, PRIVATE },
    { "::/0", "fd00:ec2::254", 80, METADATA }, { "fc00::/7", "fd00:ec2::254", 80, METADATA },
    { "::/0", "2002:7f00:1::", 80, INSIDE }, { "::/0", "64:ff9b::a00:1", 80, INSIDE },
    { "::/0", "::", 80, RESERVED }, { "168.0.0.0/8", "168.63.129.16", 80, METADATA },
    { "169.254.0.0/15", "169.254.1.1", 80, LINK }, { "126.0.0.0/7", "127.0.0.1", 80, LOOPBACK },
    /* unless it is meant */
    { "169.254.169.254", "169.254.169.254", 80, FINE }, { "169.254.0.0/16", "169.254.1.1", 1, FINE },
    { "fe80::/10", "fe80::1", 1, FINE }, { "168.63.129.16", "168.63.129.16", 80, FINE },
    { "64:ff9b::/96", "64:ff9b::8.8.8.8", 80, FINE },
    /* and some things are never */
    { "0.0.0.0", "0.0.0.0", 80, RESERVED }, { "::", "::", 80, RESERVED },
    { "224.0.0.0/4", "224.0.0.1", 80, MULTICAST }, { "255.255.255.255", "255.255.255.255", 80, RESERVED },
    { "ff00::/8", "ff02::1", 80, MULTICAST },
    /* mail where it is meant */
    { "1.1.1.1", "1.1.1.1", 25, FINE }, { "1.1.1.1:25", "1.1.1.1", 25, FINE },
    { "1.1.1.1:25", "1.1.1.1", 587, MAIL }, { "10.0.0.0/8", "10.0.0.1", 25, FINE },
    /* a list does not close what is open */
    { "10.0.0.5", "1.1.1.1", 443, FINE }, { "shop.internal", "1.1.1.1", 443, FINE },
    { "10.0.0.5,127.0.0.1,fd00::/8", "fd00::9", 443, FINE },
    { "10.0.0.5,127.0.0.1,fd00::/8", "127.0.0.1", 443, FINE },
    { "10.0.0.5,127.0.0.1,fd00::/8", "127.0.0.2", 443, LOOPBACK },
    { "shop.internal,10.0.0.5", "10.0.0.6", 443, PRIVATE },
};

/* The host itself; `allow` and the rest as above. */
static const struct row of_the_host[] = {
    { "", "1.2.3.4", 443, OWN }, { "", "1.2.3.4", 0, OWN }, { "", "2a00::1", 443, OWN },
    { "", "10.0.0.4", 443, PRIVATE }, { "", "127.0.0.1", 443, LOOPBACK },
    { "10.0.0.0/8", "10.0.0.4", 443, PRIVATE }, { "0.0.0.0/0", "1.2.3.4", 443, OWN },
    { "::/0", "2a00::1", 443, OWN }, { "10.0.0.4/31", "10.0.0.4", 443, PRIVATE },
    { "10.0.0.4", "10.0.0.4", 443, FINE }, { "10.0.0.4/32", "10.0.0.4", 443, FINE },
    { "1.2.3.4:443", "1.2.3.4", 443, FINE }, { "1.2.3.4:443", "1.2.3.4", 5432, OWN },
    { "2a00::1", "2a00::1", 443, FINE }, { "127.0.0.0/8", "127.0.0.1", 443, FINE },
    { "127.0.0.1", "127.0.0.1", 443, FINE }, { "169.254.0.0/16", "169.254.1.1", 443, LINK },
};
/* clang-format on */

static struct policy *policy_of(const char *allow)
{
    scoped(mem_free) char *text = mem_text(allow);
    scoped(err_clear) struct err e = { 0 };
    const char *items[8];
    size_t n = 0;
    struct policy *p = NULL;

    for (char *at = strtok(text, ","); at; at = strtok(NULL, ","))
        items[n++] = at;
    if (policy_new(items, n, &p, &e) < 0)
        fail_msg("%s", e.msg);
    return p;
}

static void check(const struct row *row, enum route route)
{
    scoped(policy_free) struct policy *p = policy_of(row->allow);
    struct place to;

    assert_true(place_parse(row->ip, row->port, &to));
    const char *reason = policy_judge(p, &to, route, 0);
    if (reason != row->reason && (!reason || !row->reason || strcmp(reason, row->reason) != 0))
        fail_msg("%s port %u, with \"%s\": %s", row->ip, row->port, row->allow,
                 reason ? reason : "allowed");
}

static void without_a_list_only_the_internet_is_reached(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_items(without_a_list); i++)
        check(&without_a_list[i], ROUTE_OUT);
}

static void a_list_opens_what_it_means_and_no_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_items(with_a_list); i++)
        check(&with_a_list[i], ROUTE_OUT);
}

static void the_host_itself_is_opened_by_its_very_address(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_items(of_the_host); i++)
        check(&of_the_host[i], ROUTE_OWN);
}

static void a_neighbour_is_opened_as_private_addresses_are(void **state)
{
    static const struct row rows[] = {
        { "", "45.45.46.10", 80, "address of a neighbour" },
        { "", "2a00:46::10", 80, "address of a neighbour" },
        { "", "10.0.0.5", 80, "private address" },
        { "45.45.46.10", "45.45.46.10", 80, NULL },
        { "45.45.46.10:443", "45.45.46.10", 80, "address of a neighbour" },
        { "45.45.46.0/24", "45.45.46.10", 80, NULL },
        { "2a00:46::/64", "2a00:46::10", 80, NULL },
    };

    (void)state;
    for (size_t i = 0; i < n_items(rows); i++)
        check(&rows[i], ROUTE_NEAR);
}

static const char *judge_text(const struct policy *p, const char *ip, uint16_t port,
                              enum route route, msec_t now)
{
    struct place to;

    assert_true(place_parse(ip, port, &to));
    return policy_judge(p, &to, route, now);
}

static void learn_text(struct policy *p, const char *host, const char *ip, msec_t now)
{
    struct place at;

    assert_true(place_parse(ip, 0, &at));
    policy_learn(p, host, &at, now);
}

static void a_name_opens_what_it_was_resolved_to_for_a_while(void **state)
{
    scoped(policy_free) struct policy *p = policy_of("shop.internal,db.internal:5432");

    (void)state;
    learn_text(p, "Shop.Internal.", "10.0.0.5", 1000);
    learn_text(p, "db.internal", "10.0.0.6", 1000);
    learn_text(p, "evil.internal", "10.0.0.7", 1000);
    assert_null(judge_text(p, "10.0.0.5", 80, ROUTE_OUT, 1000));
    assert_null(
        judge_text(p, "10.0.0.5", 80, ROUTE_OWN, 1000)); /* named, so the host's own is meant */
    assert_null(judge_text(p, "10.0.0.6", 5432, ROUTE_OUT, 1000));
    assert_string_equal(judge_text(p, "10.0.0.6", 80, ROUTE_OUT, 1000), PRIVATE);
    assert_string_equal(judge_text(p, "10.0.0.7", 80, ROUTE_OUT, 1000), PRIVATE);
    assert_null(judge_text(p, "10.0.0.5", 80, ROUTE_OUT, 1000 + 599999));
    assert_string_equal(judge_text(p, "10.0.0.5", 80, ROUTE_OUT, 1000 + 600000), PRIVATE);
    learn_text(p, "shop.internal", "10.0.0.5", 900000);
    assert_null(judge_text(p, "10.0.0.5", 80, ROUTE_OUT, 900001));
}

static void a_name_never_opens_what_is_dangerous(void **state)
{
    scoped(policy_free) struct policy *p = policy_of("shop.internal");

    (void)state;
    learn_text(p, "shop.internal", "127.0.0.1", 0);
    learn_text(p, "shop.internal", "::1", 0);
    learn_text(p, "shop.internal", "169.254.169.254", 0);
    learn_text(p, "shop.internal", "::ffff:169.254.169.254", 0);
    assert_string_equal(judge_text(p, "127.0.0.1", 80, ROUTE_OUT, 1), LOOPBACK);
    assert_string_equal(judge_text(p, "::1", 80, ROUTE_OUT, 1), LOOPBACK);
    assert_string_equal(judge_text(p, "169.254.169.254", 80, ROUTE_OUT, 1), LINK);
}

static void what_names_meant_is_bounded(void **state)
{
    scoped(policy_free) struct policy *p = policy_of("shop.internal");
    char ip[INET_ADDRSTRLEN];

    (void)state;
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(ip, sizeof ip, "10.0.%d.%d", i / 256, i % 256);
        learn_text(p, "shop.internal", ip, i);
    }
    assert_string_equal(judge_text(p, "10.0.0.0", 80, ROUTE_OUT, 2000), PRIVATE);
    assert_null(judge_text(p, ip, 80, ROUTE_OUT, 2000));
}

static void loopback_is_open_when_the_list_means_it(void **state)
{
    static const struct {
        const char *allow;
        bool opens;
    } rows[] = {
        { "", false },
        { "10.0.0.0/8", false },
        { "0.0.0.0/0", false },
        { "::/0", false },
        { "shop.internal", false },
        { "127.0.0.1", true },
        { "127.0.0.0/8", true },
        { "127.0.0.1:8080", true },
        { "::1", true },
        { "[::1]:80", true },
        { "localhost", true },
        { "::ffff:127.0.0.1", true },
        { "10.0.0.1,127.5.5.5", true },
    };

    (void)state;
    for (size_t i = 0; i < n_items(rows); i++) {
        scoped(policy_free) struct policy *p = policy_of(rows[i].allow);
        if (policy_opens_loopback(p) != rows[i].opens)
            fail_msg("%s", rows[i].allow);
    }
}

static void a_list_that_makes_no_sense_is_refused(void **state)
{
    static const char *const bad[] = { "",          "a b",      "10.0.0.0/33",        "::/129",
                                       "1.2.3.4:0", "http://x", "::ffff:10.0.0.0/95", "[10.0.0.1" };

    (void)state;
    for (size_t i = 0; i < n_items(bad); i++) {
        scoped(policy_free) struct policy *p = NULL;
        scoped(err_clear) struct err e = { 0 };
        if (policy_new(&bad[i], 1, &p, &e) == 0)
            fail_msg("%s", bad[i]);
        assert_int_equal(e.code, ERR_INPUT);
    }
}

static void places_are_printed_as_people_write_them(void **state)
{
    static const struct {
        const char *ip;
        uint16_t port;
        const char *text;
    } rows[] = {
        { "10.0.0.5", 443, "10.0.0.5:443" },        { "10.0.0.5", 0, "10.0.0.5" },
        { "fd00::5", 443, "[fd00::5]:443" },        { "fd00::5", 0, "fd00::5" },
        { "::ffff:10.0.0.5", 443, "10.0.0.5:443" },
    };

    (void)state;
    for (size_t i = 0; i < n_items(rows); i++) {
        char text[PLACE_TEXT];
        struct place at, again;
        struct sockaddr_storage raw;
        assert_true(place_parse(rows[i].ip, rows[i].port, &at));
        place_print(&at, text);
        assert_string_equal(text, rows[i].text);
        (void)place_to_sockaddr(&at, &raw);
        assert_true(place_of_sockaddr((struct sockaddr *)&raw, &again));
        place_print(&again, text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_list_only_the_internet_is_reached),
        cmocka_unit_test(a_list_opens_what_it_means_and_no_more),
        cmocka_unit_test(the_host_itself_is_opened_by_its_very_address),
        cmocka_unit_test(a_neighbour_is_opened_as_private_addresses_are),
        cmocka_unit_test(a_name_opens_what_it_was_resolved_to_for_a_while),
        cmocka_unit_test(a_name_never_opens_what_is_dangerous),
        cmocka_unit_test(what_names_meant_is_bounded),
        cmocka_unit_test(loopback_is_open_when_the_list_means_it),
        cmocka_unit_test(a_list_that_makes_no_sense_is_refused),
        cmocka_unit_test(places_are_printed_as_people_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
