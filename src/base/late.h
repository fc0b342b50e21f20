/* SPDX-License-Identifier: Apache-2.0
 *
 * Libraries that most lives of this program never call. Linked as usual they would come with some
 * thirty others, which every process and every box that starts would have to map and relocate: 5 of
 * 8 ms of a start, and 4 of 17 MB of an idle server. So each is loaded by who calls it first.
 *
 * A library's header here lists the functions in use, as `LIST(X)`, makes a struct of pointers to them
 * with LATE_POINTERS, and gives each pointer the function's name.
 */
#ifndef BASE_LATE_H
#define BASE_LATE_H

#include "base/err.h"

#include <stdbool.h>

struct late_call {
    const char *name;
    void *into; /* a pointer to a function */
};

#define LATE_POINTER(function) __typeof__(function) *function##_;

/* Loads the library once, from any thread; an error names it and says what is in the way. `loaded` is
 * the caller's to keep, and begins as false. */
must_use int late_load(const char *library, const struct late_call *calls, size_t n, bool *loaded,
                       struct err *e);

#endif
