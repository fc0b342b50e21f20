/* SPDX-License-Identifier: Apache-2.0 */
#include "base/id.h"

#include <pthread.h>
#include <string.h>

void hex_text(const void *data, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *at = data;

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[at[i] >> 4];
        out[2 * i + 1] = digits[at[i] & 15];
    }
    out[2 * n] = '\0';
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_bytes(const char *text, void *out, size_t n)
{
    unsigned char *to = out;

    for (size_t i = 0; i < n; i++) {
        int high = nibble(text[2 * i]);
        int low = high < 0 ? -1 : nibble(text[2 * i + 1]);
        if (low < 0)
            return false;
        to[i] = (unsigned char)(high << 4 | low);
    }
    return text[2 * n] == '\0';
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the two */
static msec_t last_ms;
static unsigned counter;

/* RFC 9562, 6.2, method 1: a 12-bit counter behind the time keeps ids of one millisecond in order.
 * When the counter overflows, or the clock steps back, the time part moves on by itself. */
struct id id_new(const struct env *env)
{
    unsigned char b[16];
    struct id id = { "" };

    rng_fill(env->rng, b, sizeof b);
    pthread_mutex_lock(&lock);
    msec_t now = clock_wall(env->clock);
    if (now > last_ms) {
        last_ms = now;
        counter = b[6] & 0x7U; /* start low: room for more than 4000 within the millisecond */
    } else if (++counter > 0xfff) {
        last_ms++;
        counter = 0;
    }
    msec_t ms = last_ms;
    unsigned seq = counter;
    pthread_mutex_unlock(&lock);

    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)(ms >> (40 - 8 * i));
    b[6] = (unsigned char)(0x70 | seq >> 8);
    b[7] = (unsigned char)(seq & 0xff);
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));

    char hex[33];
    hex_text(b, sizeof b, hex);
    const int groups[] = { 8, 4, 4, 4, 12 };
    const char *from = hex;
    char *to = id.text;
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        if (g > 0)
            *to++ = '-';
        memcpy(to, from, (size_t)groups[g]);
        to += groups[g];
        from += groups[g];
    }
    *to = '\0';
    return id;
}

bool id_valid(const char *text)
{
    if (strlen(text) != 36)
        return false;
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : nibble(text[i]) < 0)
            return false;
    }
    int version = nibble(text[14]);
    int variant = nibble(text[19]);
    return version >= 1 && version <= 8 && (variant & 0xc) == 0x8;
}

void id_resume(const char *id)
{
    uint64_t ms = 0;

    if (!id_valid(id))
        return;
    for (int i = 0; i < 13; i++) {
        if (id[i] != '-')
            ms = ms << 4 | (unsigned)nibble(id[i]);
    }
    pthread_mutex_lock(&lock);
    if ((msec_t)ms > last_ms) {
        last_ms = (msec_t)ms;
        counter = 0xfff; /* whichever the other process had got to */
    }
    pthread_mutex_unlock(&lock);
}
