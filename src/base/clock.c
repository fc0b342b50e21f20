/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

static msec_t read_clock(clockid_t id)
{
    struct timespec t;

    (void)clock_gettime(id, &t);
    return (msec_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static msec_t real_wall(const struct clock *c)
{
    (void)c;
    return read_clock(CLOCK_REALTIME);
}

static msec_t real_steady(const struct clock *c)
{
    (void)c;
    return read_clock(CLOCK_BOOTTIME);
}

const struct clock clock_real = { real_wall, real_steady };

static msec_t fake_wall(const struct clock *c)
{
    return ((const struct clock_fake *)(const void *)c)->wall;
}

static msec_t fake_steady(const struct clock *c)
{
    return ((const struct clock_fake *)(const void *)c)->steady;
}

void clock_fake_init(struct clock_fake *fake, msec_t wall)
{
    *fake = (struct clock_fake){ { fake_wall, fake_steady }, wall, 1000000 };
}

void clock_fake_advance(struct clock_fake *fake, msec_t by)
{
    fake->wall += by;
    fake->steady += by;
}

/* The last `n` digits of a number, with `after` behind them. */
static char *put(char *at, int number, int n, char after)
{
    for (int i = n; i-- > 0; number /= 10)
        at[i] = (char)('0' + number % 10);
    at[n] = after;
    return at + n + 1;
}

void time_text(msec_t wall, char out[static TIME_TEXT_SIZE])
{
    msec_t ms = wall % 1000;
    time_t seconds = (time_t)(wall / 1000);
    struct tm t;

    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    (void)gmtime_r(&seconds, &t);
    /* Every answer has several: by hand, as printf takes ten times as long. */
    char *at = put(out, t.tm_year + 1900, 4, '-');
    at = put(at, t.tm_mon + 1, 2, '-');
    at = put(at, t.tm_mday, 2, 'T');
    at = put(at, t.tm_hour, 2, ':');
    at = put(at, t.tm_min, 2, ':');
    at = put(at, t.tm_sec, 2, '.');
    at = put(at, (int)ms, 3, 'Z');
    *at = '\0';
}
