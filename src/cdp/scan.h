/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages of the Chrome DevTools Protocol (CDP, https://chromedevtools.github.io/devtools-protocol),
 * as they travel through a pipe: JSON objects, each ended by a NUL. The scanner reads them as they
 * arrive, in parts of any length, checks that each is one JSON object, and notes the members that say
 * what it is about. It holds nothing of the rest: most of the bytes are pictures and pages.
 *
 * It is stricter than Chromium's reader, so that the two cannot understand one message differently: no
 * comments, no member of interest twice or with an escape in its name, nothing behind the object.
 */
#ifndef CDP_SCAN_H
#define CDP_SCAN_H

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    CDP_DEPTH = 1024, /* objects and lists within each other; Chromium answers for 300 at most */
    CDP_NAME = 128,   /* the longest method, session and number that is noted, with its NUL */
};

/* A member of the message itself, as text; "" when there is none. Printable ASCII without '"' and '\'. */
struct cdp_scan {
    char id[CDP_NAME];          /* a whole number, as it was written */
    char method[CDP_NAME];      /* "Page.navigate" */
    char session[CDP_NAME];     /* "sessionId" */
    size_t params_at, params_n; /* where the value of "params" stands; n is 0 when there is none */
    size_t n;                   /* bytes of the message so far, without the NUL */

    /* the rest is the scanner's own */
    size_t most;
    int state, field, left;
    const char *literal;
    uint32_t seen;
    size_t depth, text_n;
    char name[16];
    size_t name_n;
    uint8_t is_object[CDP_DEPTH / 8];
};

/* Begins a message of at most `most` bytes. */
void cdp_scan_init(struct cdp_scan *s, size_t most);

/* Reads up to the end of the message, and says in `used` how many bytes that took. 1: it has ended, its
 * NUL is among them, and the members are known until cdp_scan_init(). 0: there is more to come. -1:
 * this is none, for the reason `why`, a phrase; nothing can be read any more. */
must_use int cdp_scan(struct cdp_scan *s, const char *data, size_t n, size_t *used,
                      const char **why);

#endif
