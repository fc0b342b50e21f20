/* SPDX-License-Identifier: Apache-2.0 */
#include "base/late_curl.h"

#include <pthread.h>
#include <stdlib.h>

struct curl_calls curl_calls;

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void begin(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort(); /* out of memory, as mem.h has it */
}

int curl_late(struct err *e)
{
#define CALL(function) { #function, &curl_calls.function##_ },
    static const struct late_call calls[] = { CURL_CALLS(CALL) };
#undef CALL
    static bool loaded;

    if (late_load("libcurl.so.4", calls, n_items(calls), &loaded, e) < 0)
        return -1;
    (void)pthread_once(&once, begin);
    return 0;
}
