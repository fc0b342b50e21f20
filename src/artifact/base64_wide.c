/* SPDX-License-Identifier: Apache-2.0
 *
 * A character's meaning is the character and a number that depends on the range it is in (letters,
 * digits) or its meaning itself (the four others). Four meanings of six bits are then multiplied and
 * added into 24, and what is left between those is shuffled away.
 */
#include "artifact/base64_wide.h"

#ifdef __x86_64__
#include <immintrin.h>

enum {
    WIDTH = 32,
    STORED = 32, /* bytes are written for a vector, 24 of which mean something */
    MADE = 24,
    SPARE = 12, /* characters behind a vector whose room takes the rest of what it writes */
};

#define WIDE __attribute__((target("avx2")))

WIDE static inline __m256i in_range(__m256i c, char first, char last)
{
    return _mm256_and_si256(_mm256_cmpgt_epi8(c, _mm256_set1_epi8((char)(first - 1))),
                            _mm256_cmpgt_epi8(_mm256_set1_epi8((char)(last + 1)), c));
}

WIDE static inline __m256i is_either(__m256i c, char a, char b)
{
    return _mm256_or_si256(_mm256_cmpeq_epi8(c, _mm256_set1_epi8(a)),
                           _mm256_cmpeq_epi8(c, _mm256_set1_epi8(b)));
}

/* `number` where `mask` is set, else 0. */
WIDE static inline __m256i where(__m256i mask, int number)
{
    return _mm256_and_si256(mask, _mm256_set1_epi8((char)number));
}

/* False when one of them is of no alphabet. */
WIDE static inline int meanings(__m256i c, __m256i *out)
{
    __m256i upper = in_range(c, 'A', 'Z'), lower = in_range(c, 'a', 'z');
    __m256i digit = in_range(c, '0', '9');
    __m256i plus = is_either(c, '+', '-'), slash = is_either(c, '/', '_');
    __m256i ranged = _mm256_or_si256(_mm256_or_si256(upper, lower), digit);
    __m256i single = _mm256_or_si256(plus, slash);
    __m256i add = _mm256_or_si256(_mm256_or_si256(where(upper, -'A'), where(lower, 26 - 'a')),
                                  where(digit, 52 - '0'));

    *out = _mm256_or_si256(_mm256_and_si256(ranged, _mm256_add_epi8(c, add)),
                           _mm256_or_si256(where(plus, 62), where(slash, 63)));
    return _mm256_movemask_epi8(_mm256_or_si256(ranged, single)) == -1;
}

WIDE static inline void put(__m256i values, uint8_t *out)
{
    /* Three bytes of each four, the last first, to the front of each half; then both together. */
    const __m256i order = _mm256_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1,
                                           2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    const __m256i halves = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);
    __m256i pairs = _mm256_maddubs_epi16(values, _mm256_set1_epi32(0x01400140));
    __m256i fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00011000));
    __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(fours, order), halves);

    _mm256_storeu_si256((__m256i_u *)(void *)out, bytes);
}

WIDE static size_t decode(const char *text, size_t n, uint8_t *out)
{
    size_t i = 0;
    __m256i values;

    for (; n - i >= WIDTH + SPARE; i += WIDTH, out += MADE) {
        if (!meanings(_mm256_loadu_si256((const __m256i_u *)(const void *)(text + i)), &values))
            break;
        put(values, out);
    }
    return i;
}

size_t base64_wide(const char *text, size_t n, uint8_t *out)
{
    _Static_assert(STORED <= MADE + SPARE / 4 * 3, "what is written has room");
    return n >= WIDTH + SPARE && __builtin_cpu_supports("avx2") ? decode(text, n, out) : 0;
}

#else

size_t base64_wide(const char *text, size_t n, uint8_t *out)
{
    (void)text, (void)n, (void)out;
    return 0;
}

#endif
