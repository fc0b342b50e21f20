/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults. Where a fault is first known, err_set() fills a struct err; the levels above may put in
 * front what they were doing with err_wrap(). Both return -1, so that `return err_set(...)` reads
 * as one sentence. Messages are short, factual, without a full stop at their end, and reach the
 * client for every code but ERR_INTERNAL and ERR_IO.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/mem.h"

enum err_code {
    ERR_NONE,
    ERR_INPUT,           /* what the caller sent is wrong */
    ERR_AUTH,            /* no key, or none that we know */
    ERR_FORBIDDEN,       /* a known key that may not do this */
    ERR_NOT_FOUND,       /* no such thing, or another tenant's */
    ERR_METHOD,          /* the path exists, this method does not */
    ERR_CONFLICT,        /* clashes with what is already there */
    ERR_PRECONDITION,    /* a setting or a state is missing that this needs */
    ERR_TOO_LARGE,       /* a body or a value over its bound */
    ERR_MEDIA_TYPE,      /* a body of a kind that we do not read */
    ERR_LIMIT,           /* too many; later may be fine */
    ERR_NOT_IMPLEMENTED, /* known to the contract, not to this server */
    ERR_UNAVAILABLE,     /* not now: starting, draining, disk full */
    ERR_TIMEOUT,         /* took longer than allowed */
    ERR_IO,              /* disk, socket or child failed us */
    ERR_INTERNAL,        /* our own fault */
    ERR_CODES
};

struct err {
    enum err_code code;
    char *msg; /* owned; NULL only while code is ERR_NONE */
};

int err_set(struct err *e, enum err_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, with the text of `err_no` after a colon. */
int err_set_errno(struct err *e, enum err_code code, int err_no, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* "doing this: what was there". */
int err_wrap(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

void err_clear(struct err *e);

static inline void err_clear_at(struct err *e)
{
    err_clear(e);
}

#endif
