/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/base64.h"

#include "artifact/base64_wide.h"

#include <ctype.h>

enum { SPACE = 0x40, PADDING = 0x41, OTHER = 0x80 };

/* What a character stands for; above 63 it is none of the alphabets'. */
#define X OTHER
#define S SPACE
#define P PADDING
/* clang-format off */
static const uint8_t MEANING[256] = {
    X,  X,  X,  X,  X,  X,  X,  X,  X,  S,  S,  S,  S,  S,  X,  X, /* tab, line feed ... return */
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    S,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X, 62,  X, 62,  X, 63, /* + - / */
   52, 53, 54, 55, 56, 57, 58, 59, 60, 61,  X,  X,  X,  P,  X,  X, /* digits, = */
    X,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
   15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,  X,  X,  X,  X, 63, /* _ */
    X, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
   41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
};
/* clang-format on */
#undef X
#undef S
#undef P

static inline uint32_t meaning(char c)
{
    return MEANING[(uint8_t)c];
}

static inline void put_three(uint32_t bits, uint8_t *out)
{
    out[0] = (uint8_t)(bits >> 16);
    out[1] = (uint8_t)(bits >> 8);
    out[2] = (uint8_t)bits;
}

/* One character of an alphabet. */
static void add(struct base64 *b, uint32_t value, uint8_t *out, size_t *n_out)
{
    b->bits = b->bits << 6 | value;
    b->at++;
    if (++b->n == 4) {
        put_three(b->bits, out);
        *n_out += 3;
        b->bits = 0;
        b->n = 0;
    }
}

size_t base64_run(struct base64 *b, const char *text, size_t n, uint8_t *out, size_t *n_out)
{
    size_t i = 0, made = 0;

    if (b->padding > 0)
        return 0;
    for (; b->n > 0 && i < n && meaning(text[i]) < 64; i++)
        add(b, meaning(text[i]), out + made, &made);
    if (b->n == 0) {
        size_t from = i, wide = base64_wide(text + i, n - i, out + made);
        i += wide;
        made += wide / 4 * 3;
        for (; i + 4 <= n; i += 4) {
            uint32_t c0 = meaning(text[i]), c1 = meaning(text[i + 1]);
            uint32_t c2 = meaning(text[i + 2]), c3 = meaning(text[i + 3]);
            if ((c0 | c1 | c2 | c3) > 63)
                break;
            put_three(c0 << 18 | c1 << 12 | c2 << 6 | c3, out + made);
            made += 3;
        }
        b->at += i - from;
        for (; i < n && meaning(text[i]) < 64; i++)
            add(b, meaning(text[i]), out + made, &made);
    }
    *n_out += made;
    return i;
}

static int refuse(const struct base64 *b, char c, const char *where, struct err *e)
{
    if (isprint((unsigned char)c))
        return err_set(e, ERR_INPUT, "not base64: unexpected '%c'%s at character %llu", c, where,
                       (unsigned long long)b->at);
    return err_set(e, ERR_INPUT, "not base64: unexpected byte 0x%02x%s at character %llu",
                   (unsigned)(uint8_t)c, where, (unsigned long long)b->at);
}

int base64_put(struct base64 *b, char c, uint8_t *out, size_t *n_out, struct err *e)
{
    uint32_t value = meaning(c);

    if (value < 64 && b->padding == 0) {
        add(b, value, out, n_out);
        return 0;
    }
    if (value == PADDING && b->n + b->padding < 4 && b->n > 1)
        b->padding++;
    else if (value != SPACE)
        return refuse(b, c, b->padding > 0 ? " after the padding" : "", e);
    b->at++;
    return 0;
}

int base64_finish(struct base64 *b, uint8_t *out, size_t *n_out, struct err *e)
{
    if (b->n == 1)
        return err_set(e, ERR_INPUT,
                       "not base64: it ends one character into a group of four, after %llu",
                       (unsigned long long)b->at);
    if (b->n == 2) {
        out[0] = (uint8_t)(b->bits >> 4);
    } else if (b->n == 3) {
        out[0] = (uint8_t)(b->bits >> 10);
        out[1] = (uint8_t)(b->bits >> 2);
    }
    *n_out += b->n > 0 ? b->n - 1U : 0;
    return 0;
}

void base64_encode(const void *data, size_t n, struct buf *out)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *in = data;
    char *to = buf_reserve(out, (n + 2) / 3 * 4);

    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t bits = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                        (left > 2 ? in[i + 2] : 0U);
        *to++ = DIGITS[bits >> 18];
        *to++ = DIGITS[bits >> 12 & 63];
        *to++ = (char)(left > 1 ? DIGITS[bits >> 6 & 63] : '=');
        *to++ = (char)(left > 2 ? DIGITS[bits & 63] : '=');
    }
    buf_grew(out, (n + 2) / 3 * 4);
}
