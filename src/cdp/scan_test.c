/* SPDX-License-Identifier: Apache-2.0 */
#include "cdp/scan.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { MOST = 200 };

/* Reads `text` and its NUL in pieces of that size. */
static int scan(struct cdp_scan *s, const char *text, size_t piece, const char **why)
{
    size_t n = strlen(text) + 1;
    int result = 0;

    cdp_scan_init(s, MOST);
    for (size_t at = 0; at < n && result == 0;) {
        size_t used = 0;
        result = cdp_scan(s, text + at, n - at < piece ? n - at : piece, &used, why);
        at += used;
        if (result == 1)
            assert_int_equal(at, n);
    }
    return result;
}

static void the_members_are_known_wherever_a_message_is_split(void **state)
{
    static const char params[] = "{\"url\":\"a\\\"}\\u00e9\",\"id\":[3,{}]}";
    static const char text[] =
        " {\"id\":12,\"method\":\"Page.navigate\",\"params\": {\"url\":\"a\\\"}\\u00e9\",\"id\":[3,{}]} ,"
        "\"sessionId\":\"AB12\",\"more\":[true,false,null,-0.5e+3,\"\"]}\n";

    (void)state;
    for (size_t piece = 1; piece <= sizeof text; piece++) {
        struct cdp_scan s;
        const char *why = NULL;
        assert_int_equal(scan(&s, text, piece, &why), 1);
        assert_string_equal(s.id, "12");
        assert_string_equal(s.method, "Page.navigate");
        assert_string_equal(s.session, "AB12");
        assert_int_equal(s.n, sizeof text - 1);
        assert_int_equal(s.params_n, sizeof params - 1);
        assert_memory_equal(text + s.params_at, params, s.params_n);
    }
}

static void what_is_no_message_has_a_reason(void **state)
{
    static const struct {
        const char *text, *why;
    } wrong[] = {
        { "", "ends too early" },
        { "{", "ends too early" },
        { "{\"id\":1", "ends too early" },
        { "[]", "no object" },
        { "1", "no object" },
        { "\"text\"", "no object" },
        { "{}{}", "behind the object" },
        { "{} x", "behind the object" },
        { "{\"a\":1,}", "no JSON" },
        { "{\"a\" 1}", "no JSON" },
        { "{a:1}", "no JSON" },
        { "{\"a\":[1,]}", "no JSON" },
        { "{\"a\":[1}", "brackets" },
        { "{\"a\":{]}", "no JSON" },
        { "{\"a\":01}", "no JSON" },
        { "{\"a\":-}", "no JSON" },
        { "{\"a\":1.}", "no JSON" },
        { "{\"a\":1e}", "no JSON" },
        { "{\"a\":.5}", "no JSON" },
        { "{\"a\":nul}", "no JSON" },
        { "{\"a\":\"\\x\"}", "no JSON" },
        { "{\"a\":\"\\u12g4\"}", "no JSON" },
        { "{\"a\":\"\n\"}", "no JSON" },
        { "{/**/}", "no JSON" },
        { "{\"id\":1,\"id\":2}", "twice" },
        { "{\"method\":\"A.b\",\"params\":{},\"method\":\"C.d\"}", "twice" },
        { "{\"\\u006dethod\":\"A.b\"}", "escape" },
        { "{\"method\":\"A\\u002eb\"}", "escape" },
        { "{\"method\":1}", "no text" },
        { "{\"method\":\"\xc3\xa9\"}", "odd character" },
        { "{\"id\":\"1\"}", "no whole number" },
        { "{\"id\":1.5}", "no whole number" },
        { "{\"id\":1e3}", "no whole number" },
    };

    (void)state;
    for (size_t i = 0; i < n_items(wrong); i++) {
        for (size_t piece = 1; piece < 8; piece += 6) {
            struct cdp_scan s;
            const char *why = NULL;
            if (scan(&s, wrong[i].text, piece, &why) != -1 || !strstr(why, wrong[i].why))
                fail_msg("%s: %s", wrong[i].text, why ? why : "taken");
        }
    }
}

static void length_and_depth_have_bounds(void **state)
{
    struct cdp_scan s;
    const char *why = NULL;
    scoped(mem_free) char *fill = mem_new(CDP_DEPTH + 1);
    size_t used;

    (void)state;
    memset(fill, 'x', MOST - 8);
    scoped(mem_free) char *fits = mem_format("{\"a\":\"%s\"}", fill);
    scoped(mem_free) char *longer = mem_format("{\"a\":\"%sx\"}", fill);
    for (size_t piece = 1; piece < 400; piece += 199) {
        assert_int_equal(scan(&s, fits, piece, &why), 1);
        assert_int_equal(scan(&s, longer, piece, &why), -1);
        assert_string_equal(why, "it is too long");
    }

    memset(fill, '[', CDP_DEPTH - 1);
    scoped(mem_free) char *deep = mem_format("{\"a\":%s", fill);
    cdp_scan_init(&s, 2 * CDP_DEPTH);
    assert_int_equal(cdp_scan(&s, deep, strlen(deep), &used, &why), 0);
    assert_int_equal(cdp_scan(&s, "[", 1, &used, &why), -1);
    assert_string_equal(why, "it is nested too deep");
}

static void a_message_ends_where_the_next_begins(void **state)
{
    static const char two[] = "{\"id\":1}\0{\"id\":-2}";
    struct cdp_scan s;
    const char *why;
    size_t used;

    (void)state;
    cdp_scan_init(&s, MOST);
    assert_int_equal(cdp_scan(&s, two, sizeof two, &used, &why), 1);
    assert_int_equal(used, 9);
    cdp_scan_init(&s, MOST);
    assert_int_equal(cdp_scan(&s, two + 9, sizeof two - 9, &used, &why), 1);
    assert_string_equal(s.id, "-2");
    assert_string_equal(s.method, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_members_are_known_wherever_a_message_is_split),
        cmocka_unit_test(what_is_no_message_has_a_reason),
        cmocka_unit_test(length_and_depth_have_bounds),
        cmocka_unit_test(a_message_ends_where_the_next_begins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
