/* SPDX-License-Identifier: Apache-2.0
 *
 * The connections of the package proxy: GET by libcurl, over TLS with certificates checked. Each
 * connection is judged by the address that it goes to (egress/policy.h), at the moment in which it is
 * made; so is each one that a redirect leads to.
 */
#ifndef REGISTRY_FETCH_H
#define REGISTRY_FETCH_H

#include "base/err.h"
#include "egress/policy.h"

#include <stdint.h>

enum { FETCH_ETAG = 256 };

struct fetcher;

/* Takes the policy. For all threads. */
struct fetcher *fetcher_new(struct policy *policy);
void fetcher_free(struct fetcher *f);
DEFINE_SCOPED(struct fetcher, fetcher_free)

struct fetch {
    const char *url;
    const char *accept; /* NULL: anything, as it is; else compression is undone, too */
    const char *etag;   /* of what is there already; NULL: nothing is */
    int64_t max_bytes;
    /* The body of a 200, piece by piece; -1 gives up. */
    int (*write)(void *arg, const void *data, size_t n);
    void *arg;
};

struct fetched {
    int status;
    char etag[FETCH_ETAG]; /* "": none, or too long to keep */
};

/* Waits. Any status is an answer but a redirect, which is followed. ERR_FORBIDDEN: where it leads may
 * not be reached; ERR_TOO_LARGE; ERR_UNAVAILABLE: nobody answers, or not to the end; ERR_IO: write()
 * gave up. */
must_use int fetch(struct fetcher *f, const struct fetch *what, struct fetched *out, struct err *e);

#endif
