/* SPDX-License-Identifier: Apache-2.0
 *
 * Time is handed in. The wall clock is for what people read and for ids; durations and deadlines
 * use the steady clock (CLOCK_BOOTTIME), which no one can set.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

typedef int64_t msec_t;

struct clock {
    msec_t (*wall)(const struct clock *c);   /* milliseconds since 1970, UTC */
    msec_t (*steady)(const struct clock *c); /* milliseconds since some moment */
};

extern const struct clock clock_real;

static inline msec_t clock_wall(const struct clock *c)
{
    return c->wall(c);
}
static inline msec_t clock_steady(const struct clock *c)
{
    return c->steady(c);
}

/* A clock that stands still until a test moves it. */
struct clock_fake {
    struct clock clock;
    msec_t wall;
    msec_t steady;
};
void clock_fake_init(struct clock_fake *fake, msec_t wall);
void clock_fake_advance(struct clock_fake *fake, msec_t by);

/* "2026-01-31T09:05:00.250Z": always three decimals, always Z. */
enum { TIME_TEXT_SIZE = 32 };
void time_text(msec_t wall, char out[static TIME_TEXT_SIZE]);

#endif
