/* SPDX-License-Identifier: Apache-2.0 */
#include "api/rates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static int taken(struct rates *r, const char *key, msec_t now, int tries)
{
    struct id id = { "" };
    int n = 0;

    snprintf(id.text, sizeof id.text, "%s", key);
    while (tries-- > 0)
        n += rates_take(r, &id, now) == 0;
    return n;
}

static void a_key_makes_so_many_requests_a_second(void **state)
{
    struct rates *r = rates_new(10);

    (void)state;
    assert_int_equal(taken(r, "a", 5000, 30), 10);
    assert_int_equal(taken(r, "a", 5100, 30), 1);
    assert_int_equal(taken(r, "a", 5550, 30), 4);
    assert_int_equal(taken(r, "a", 5600, 30), 1); /* half of one was left */
    assert_int_equal(taken(r, "a", 60000, 30), 10);
    rates_free(r);
}

static void keys_have_their_own_rates(void **state)
{
    struct rates *r = rates_new(3);

    (void)state;
    assert_int_equal(taken(r, "a", 1000, 9), 3);
    assert_int_equal(taken(r, "b", 1000, 9), 3);
    rates_free(r);
}

static void it_is_told_when_the_next_may_come(void **state)
{
    struct rates *r = rates_new(4);
    const struct id key = { "a" };

    (void)state;
    assert_int_equal(taken(r, "a", 1000, 4), 4);
    assert_int_equal(rates_take(r, &key, 1000), 250);
    assert_int_equal(rates_take(r, &key, 1249), 1);
    assert_int_equal(rates_take(r, &key, 1250), 0);
    rates_free(r);
}

static void none_means_no_limit(void **state)
{
    struct rates *r = rates_new(0);

    (void)state;
    assert_int_equal(taken(r, "a", 1000, 5000), 5000);
    rates_free(r);
    rates_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_makes_so_many_requests_a_second),
        cmocka_unit_test(keys_have_their_own_rates),
        cmocka_unit_test(it_is_told_when_the_next_may_come),
        cmocka_unit_test(none_means_no_limit),
    };

    return cmocka_run_group_tests_name("rates", tests, NULL, NULL);
}
