/* SPDX-License-Identifier: Apache-2.0 */
#include "store/full_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static int bound_pages(struct db *db, void *arg, struct err *e)
{
    static const struct stmt FEW = { "test.few",
                                     "PRAGMA max_page_count = 1" }; /* those there are */
    static const struct stmt MANY = { "test.many", "PRAGMA max_page_count = 1000000" };
    scoped(rows_free) struct rows *r = db_query(db, *(bool *)arg ? &FEW : &MANY);

    return rows_next(r, e) == 1 ? 0 : -1;
}

void store_fake_full(struct store *s, bool full)
{
    scoped(err_clear) struct err e = { 0 };

    assert_int_equal(store_write(s, bound_pages, &full, &e), 0);
}
