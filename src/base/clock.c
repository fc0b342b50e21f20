/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdio.h>
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
    (void)snprintf(out, TIME_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                   (unsigned)(t.tm_year + 1900) % 10000, (unsigned)(t.tm_mon + 1) % 100,
                   (unsigned)t.tm_mday % 100, (unsigned)t.tm_hour % 100, (unsigned)t.tm_min % 100,
                   (unsigned)t.tm_sec % 100, (unsigned)ms % 1000);
}
