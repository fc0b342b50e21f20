/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/demand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void come(struct demand *d, int n, msec_t now)
{
    for (int i = 0; i < n; i++)
        demand_note(d, now);
}

static void what_comes_within_a_start_came_at_once(void **state)
{
    struct demand d = { 0 };

    (void)state;
    assert_int_equal(demand_now(&d, 0), 0);
    demand_note(&d, 1000);
    assert_int_equal(demand_now(&d, 1000), 1);
    demand_note(&d, 1000 + DEMAND_AT_ONCE_MS - 1);
    assert_int_equal(demand_now(&d, 3000), 2);
    demand_note(&d, 10000);
    demand_note(&d, 10000 + DEMAND_AT_ONCE_MS);
    assert_int_equal(demand_now(&d, 13000), 2);
}

static void a_burst_is_forgotten_though_some_still_come(void **state)
{
    struct demand d = { 0 };

    (void)state;
    come(&d, 5, 1000);
    for (msec_t now = 5000; now < 1000 + DEMAND_KEPT_MS; now += 5000) {
        demand_note(&d, now);
        assert_int_equal(demand_now(&d, now), 5);
    }
    assert_int_equal(demand_now(&d, 1000 + DEMAND_KEPT_MS), 0);
    demand_note(&d, 2000 + DEMAND_KEPT_MS);
    assert_int_equal(demand_now(&d, 2000 + DEMAND_KEPT_MS), 1);
}

static void the_same_again_is_remembered_from_then_on(void **state)
{
    struct demand d = { 0 };

    (void)state;
    come(&d, 3, 1000);
    come(&d, 3, 100000);
    assert_int_equal(demand_now(&d, 100000 + DEMAND_KEPT_MS - 1), 3);
    come(&d, 2, 100000 + DEMAND_KEPT_MS - 1);
    assert_int_equal(demand_now(&d, 100000 + DEMAND_KEPT_MS), 0);
}

static void there_is_a_most(void **state)
{
    struct demand d = { 0 };

    (void)state;
    come(&d, 3 * DEMAND_MOST, 1000);
    assert_int_equal(demand_now(&d, 1000), DEMAND_MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_within_a_start_came_at_once),
        cmocka_unit_test(a_burst_is_forgotten_though_some_still_come),
        cmocka_unit_test(the_same_again_is_remembered_from_then_on),
        cmocka_unit_test(there_is_a_most),
    };

    return cmocka_run_group_tests_name("demand", tests, NULL, NULL);
}
