/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static __attribute__((format(printf, 1, 0))) char *vformat(const char *format, va_list args)
{
    char *text = NULL;

    if (vasprintf(&text, format, args) < 0)
        abort();
    return text;
}

int err_set(struct err *e, enum err_code code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *msg = vformat(format, args);
    va_end(args);
    mem_free(e->msg);
    *e = (struct err){ code, msg };
    return -1;
}

int err_set_errno(struct err *e, enum err_code code, int err_no, const char *format, ...)
{
    char reason[128];
    va_list args;

    va_start(args, format);
    scoped(mem_free) char *what = vformat(format, args);
    va_end(args);
    return err_set(e, code, "%s: %s", what, strerror_r(err_no, reason, sizeof reason));
}

int err_wrap(struct err *e, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    scoped(mem_free) char *what = vformat(format, args);
    va_end(args);
    char *msg = mem_format("%s: %s", what, e->msg ? e->msg : "no reason given");
    mem_free(e->msg);
    e->msg = msg;
    return -1;
}

void err_clear(struct err *e)
{
    mem_free(e->msg);
    *e = (struct err){ 0 };
}
