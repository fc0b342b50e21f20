/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/base64.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Decodes `text` in pieces of `piece` characters, as the envelope does. */
static int decode(const char *text, size_t n, size_t piece, struct buf *out, struct err *e)
{
    struct base64 b = { 0 };
    uint8_t bytes[4096 + 3];
    size_t made = 0;

    buf_reset(out);
    for (size_t at = 0; at < n;) {
        size_t run = n - at < piece ? n - at : piece;
        made = 0;
        run = base64_run(&b, text + at, run, bytes, &made);
        if (run == 0 && base64_put(&b, text[at++], bytes, &made, e) < 0)
            return -1;
        at += run;
        buf_add(out, bytes, made);
    }
    made = 0;
    if (base64_finish(&b, bytes, &made, e) < 0)
        return -1;
    buf_add(out, bytes, made);
    return 0;
}

static void what_was_encoded_comes_back_from_any_pieces(void **state)
{
    struct rng_seeded rng;
    uint8_t data[200];
    struct buf text = { 0 }, back = { 0 };
    struct err e = { 0 };

    (void)state;
    rng_seeded_init(&rng, 3);
    for (size_t n = 0; n < sizeof data; n++) {
        rng_fill(&rng.rng, data, n);
        buf_reset(&text);
        base64_encode(data, n, &text);
        assert_int_equal(text.n, (n + 2) / 3 * 4);
        for (size_t piece = 1; piece < 400; piece += piece < 9 ? 1 : 97) {
            assert_int_equal(decode(buf_str(&text), text.n, piece, &back, &e), 0);
            assert_int_equal(back.n, n);
            assert_memory_equal(buf_str(&back), data, n);
        }
    }
    buf_done(&text);
    buf_done(&back);
}

/* One character at a time goes another way than many. */
static void each_character_means_the_same_in_any_place(void **state)
{
    enum { N = 96 };
    struct buf one = { 0 }, many = { 0 };
    char text[N];

    (void)state;
    for (int place = 0; place < N; place++) {
        for (int c = 0; c < 256; c++) {
            scoped(err_clear) struct err e = { 0 };
            scoped(err_clear) struct err same = { 0 };
            for (int i = 0; i < N; i++)
                text[i] = "Aa0+z/Z9-_bcdefghijklmnop"[i % 25];
            text[place] = (char)c;
            int r = decode(text, N, 1, &one, &e);
            assert_int_equal(decode(text, N, N, &many, &same), r);
            assert_int_equal(many.n, one.n);
            assert_memory_equal(buf_str(&many), buf_str(&one), one.n);
            if (r < 0)
                assert_string_equal(same.msg, e.msg);
        }
    }
    buf_done(&one);
    buf_done(&many);
}

static void senders_differ_and_are_understood(void **state)
{
    static const char *const good[][2] = {
        { "", "" },
        { "  \n", "" },
        { "Zg==", "f" },
        { "Zg", "f" },
        { "Zg=", "f" },
        { "Zm8=", "fo" },
        { "Zm8", "fo" },
        { "Zm9v", "foo" },
        { "Zm9vYg==\r\n", "foob" },
        { "Zm 9v\nYg", "foob" },
        { "Z g = =", "f" },
        { "-_-_", "\xfb\xff\xbf" },
        { "+/-_", "\xfb\xff\xbf" },
        { "Zh==", "f" }, /* bits that no byte takes are ignored */
    };
    struct buf back = { 0 };
    struct err e = { 0 };

    (void)state;
    for (size_t i = 0; i < n_items(good); i++) {
        for (size_t piece = 1; piece < 9; piece++) {
            assert_int_equal(decode(good[i][0], strlen(good[i][0]), piece, &back, &e), 0);
            assert_string_equal(buf_str(&back), good[i][1]);
        }
    }
    buf_done(&back);
}

static void what_is_not_base64_is_refused_with_its_place(void **state)
{
    static const char *const bad[][2] = {
        { "Zm9v!", "not base64: unexpected '!' at character 4" },
        { "Zm\x01v", "not base64: unexpected byte 0x01 at character 2" },
        { "Zm9\xc3", "not base64: unexpected byte 0xc3 at character 3" },
        { "=", "not base64: unexpected '=' at character 0" },
        { "Z=", "not base64: unexpected '=' at character 1" },
        { "Zm9v=", "not base64: unexpected '=' at character 4" },
        { "Zg===", "not base64: unexpected '=' after the padding at character 4" },
        { "Zg==Zg==", "not base64: unexpected 'Z' after the padding at character 4" },
        { "Zm9=\nv", "not base64: unexpected 'v' after the padding at character 5" },
        { "Zm9vY", "not base64: it ends one character into a group of four, after 5" },
    };
    struct buf back = { 0 };

    (void)state;
    for (size_t i = 0; i < n_items(bad); i++) {
        for (size_t piece = 1; piece < 9; piece++) {
            scoped(err_clear) struct err e = { 0 };
            assert_int_equal(decode(bad[i][0], strlen(bad[i][0]), piece, &back, &e), -1);
            assert_int_equal(e.code, ERR_INPUT);
            assert_string_equal(e.msg, bad[i][1]);
        }
    }
    buf_done(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_encoded_comes_back_from_any_pieces),
        cmocka_unit_test(each_character_means_the_same_in_any_place),
        cmocka_unit_test(senders_differ_and_are_understood),
        cmocka_unit_test(what_is_not_base64_is_refused_with_its_place),
    };

    return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
