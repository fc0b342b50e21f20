/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the package proxy connects to: in the internet that egress is tried in. Only root can make
 * that; without it the host's loopback is all there is.
 */
#include "registry/fetch.h"

#include "base/buf.h"
#include "egress/outside_testing.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST = 1 << 20 };

static int add(void *arg, const void *data, size_t n)
{
    buf_add(arg, data, n);
    return 0;
}

static int get(struct fetcher *f, const char *url, int64_t most, struct buf *body, struct err *e)
{
    const struct fetch what = { .url = url, .max_bytes = most, .write = add, .arg = body };
    struct fetched got;

    return fetch(f, &what, &got, e) < 0 ? -1 : got.status;
}

static struct fetcher *fetcher_with(const char *const *allow, size_t n)
{
    struct policy *p = NULL;
    scoped(err_clear) struct err e = { 0 };

    assert_int_equal(policy_new(allow, n, &p, &e), 0);
    outside_forget();
    return fetcher_new(p);
}

static void no_way_to_write_an_address_leads_to_it(void **state)
{
    enum { AT_LEAST = 300 };
    scoped(fetcher_free) struct fetcher *f = fetcher_with(NULL, 0);
    FILE *rows = fopen(ADDRESSES, "re");
    char line[512], host[256], port[16];
    int n = 0;

    (void)state;
    assert_non_null(rows);
    while (fgets(line, sizeof line, rows)) {
        scoped(buf_done) struct buf body = { 0 };
        scoped(err_clear) struct err e = { 0 };
        if (line[0] == '#' || sscanf(line, "%255[^\n]", host) != 1)
            continue;
        char *space = strrchr(host, ' ');
        if (!space)
            continue;
        (void)snprintf(port, sizeof port, "%s", space + 1);
        *space = '\0';
        bool brackets = strchr(host, ':') && !strchr(host, '[') && !strchr(host, '@');
        scoped(mem_free) char *url =
            mem_format(brackets ? "http://[%s]:%s/" : "http://%s:%s/", host, port);
        if (get(f, url, MOST, &body, &e) >= 0 || body.n > 0)
            fail_msg("%s was reached", url);
        n++;
    }
    (void)fclose(rows);
    assert_true(n >= AT_LEAST);
    assert_int_equal(outside_connections(), 0);
    if (outside_has_internet()) { /* so that silence does not come from a test that tries nothing */
        scoped(buf_done) struct buf body = { 0 };
        scoped(err_clear) struct err e = { 0 };
        assert_int_equal(get(f, "http://public.test/", MOST, &body, &e), 200);
        assert_true(outside_was_reached(PUBLIC ":80") || outside_was_reached("[" PUBLIC6 "]:80"));
    }
}

static void what_the_operator_named_is_reached_and_no_other_port_of_it(void **state)
{
    const int port = outside_loopback_port();
    scoped(mem_free) char *named = mem_format("localhost:%d", port);
    scoped(mem_free) char *fine = mem_format("http://127.0.0.1:%d/", port);
    scoped(mem_free) char *other = mem_format("http://127.0.0.2:%d/", port);
    const char *const allow[] = { named };
    scoped(fetcher_free) struct fetcher *f = fetcher_with(allow, 1);
    scoped(buf_done) struct buf body = { 0 };
    scoped(err_clear) struct err e = { 0 };

    (void)state;
    assert_int_equal(get(f, fine, MOST, &body, &e), 200);
    assert_non_null(strstr(body.data, "answered"));
    assert_int_equal(get(f, other, MOST, &body, &e), -1);
    assert_int_equal(e.code, ERR_FORBIDDEN);
    assert_non_null(strstr(e.msg, "which may not be reached: loopback address"));
    err_clear(&e);
    assert_int_equal(get(f, "http://127.0.0.1:1/", MOST, &body, &e), -1);
    assert_int_equal(e.code, ERR_FORBIDDEN);
    assert_int_equal(outside_connections(), 1);
}

static void an_answer_has_a_bound_and_other_protocols_none(void **state)
{
    const int port = outside_loopback_port();
    static const char *const others[] = { "file:///etc/passwd", "ftp://127.0.0.1/", "", "nothing",
                                          "gopher://127.0.0.1/" };
    scoped(mem_free) char *url = mem_format("http://127.0.0.1:%d/", port);
    const char *const allow[] = { "127.0.0.1" };
    scoped(fetcher_free) struct fetcher *f = fetcher_with(allow, 1);
    scoped(buf_done) struct buf body = { 0 };

    (void)state;
    scoped(err_clear) struct err e = { 0 };
    assert_int_equal(get(f, url, 10, &body, &e), -1);
    assert_int_equal(e.code, ERR_TOO_LARGE);
    assert_int_equal(outside_connections(), 1);
    for (size_t i = 0; i < n_items(others); i++) {
        scoped(err_clear) struct err why = { 0 };
        buf_reset(&body);
        if (get(f, others[i], MOST, &body, &why) >= 0 || body.n > 0)
            fail_msg("%s", others[i]);
    }
    assert_int_equal(outside_connections(), 1);
}

#define EVERYWHERE                                                                \
    cmocka_unit_test(what_the_operator_named_is_reached_and_no_other_port_of_it), \
        cmocka_unit_test(an_answer_has_a_bound_and_other_protocols_none)

int main(void)
{
    outside_begin();
    const struct CMUnitTest all[] = {
        EVERYWHERE,
        cmocka_unit_test(no_way_to_write_an_address_leads_to_it),
    };
    const struct CMUnitTest some[] = { EVERYWHERE };
    /* Not root: there is no internet but the real one. */
    int failed = geteuid() == 0 ? cmocka_run_group_tests_name("fetch", all, NULL, NULL)
                                : cmocka_run_group_tests_name("fetch", some, NULL, NULL);
    outside_end();
    return failed;
}
