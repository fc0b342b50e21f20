/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bounds.h"
#include "base/buf.h"
#include "base/memory_fake.h"
#include "base/reserve.h"

#include <assert.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void without_memory_of_the_system_the_reserve_serves(void **state)
{
    (void)state;
    memory_is_out = true;
    char *zeroed = mem_new(100);
    char *text = mem_text("kept");
    char *format = mem_format("%d and %s", 7, "more");
    memory_is_out = false;
    assert_true(reserve_has(zeroed) && reserve_has(text) && reserve_has(format));
    assert_true((uintptr_t)zeroed % 16 == 0 && (uintptr_t)text % 16 == 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(zeroed[i], 0);
    assert_string_equal(text, "kept");
    assert_string_equal(format, "7 and more");
    mem_free(zeroed);
    mem_free(text);
    mem_free(format);
}

static void what_grows_moves_into_the_reserve_and_out_again(void **state)
{
    struct buf b = { 0 };

    (void)state;
    for (int i = 0; i < 3000; i++) {
        memory_is_out = i / 1000 == 1;
        buf_format(&b, "%04d", i);
        if (i == 1999)
            assert_true(reserve_has(b.data));
    }
    assert_false(reserve_has(b.data));
    assert_int_equal(b.n, 12000);
    for (unsigned i = 0; i < 3000; i++)
        assert_int_equal(strtol((char[]){ b.data[4 * i], b.data[4 * i + 1], b.data[4 * i + 2],
                                          b.data[4 * i + 3], '\0' },
                                NULL, 10),
                         i);
    buf_done(&b);
}

static void what_was_given_back_can_be_taken_as_one(void **state)
{
    enum { N = 1000 };
    void *taken[N];

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < N; i++) {
            taken[i] = reserve_take(1 + i * 7 % 300);
            assert_non_null(taken[i]);
            memset(taken[i], (int)i, 1 + i * 7 % 300);
        }
        for (size_t i = 0; i < N; i++) /* in another order */
            reserve_give(taken[i * 7 % N]);
        void *all = reserve_take(MEM_RESERVE - 64);
        assert_non_null(all);
        assert_null(reserve_take(64));
        reserve_give(all);
    }
}

static void it_says_that_it_runs_low_until_it_does_not(void **state)
{
    (void)state;
    void *little = reserve_take(MEM_RESERVE / 1024);
    assert_false(reserve_is_touched());
    void *some = reserve_take(MEM_RESERVE / 8);
    assert_true(reserve_is_touched());
    assert_false(reserve_is_low());
    void *more = reserve_take(MEM_RESERVE / 4);
    assert_true(reserve_is_low());
    reserve_give(more);
    assert_false(reserve_is_low());
    reserve_give(some);
    reserve_give(little);
    assert_null(reserve_take(SIZE_MAX));
    assert_null(reserve_take(MEM_RESERVE));
}

static void *take_and_give(void *arg)
{
    for (size_t i = 0; i < 2000; i++) {
        size_t n = 1 + i % 500;
        unsigned char *p = reserve_take(n);
        memset(p, *(const unsigned char *)arg, n);
        for (size_t at = 0; at < n; at++)
            assert(p[at] == *(const unsigned char *)arg);
        reserve_give(p);
    }
    return NULL;
}

static void threads_do_not_meet_in_it(void **state)
{
    static unsigned char marks[] = { 1, 2, 3, 4 };
    pthread_t threads[n_items(marks)];

    (void)state;
    for (size_t i = 0; i < n_items(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &marks[i]), 0);
    for (size_t i = 0; i < n_items(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(without_memory_of_the_system_the_reserve_serves),
        cmocka_unit_test(what_grows_moves_into_the_reserve_and_out_again),
        cmocka_unit_test(what_was_given_back_can_be_taken_as_one),
        cmocka_unit_test(it_says_that_it_runs_low_until_it_does_not),
        cmocka_unit_test(threads_do_not_meet_in_it),
    };
    return cmocka_run_group_tests_name("mem", promises, NULL, NULL);
}
