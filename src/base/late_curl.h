/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl, loaded when it is first needed (base/late.h): call curl_late() before anything of it. It is
 * ready then, and this for every thread.
 */
#ifndef BASE_LATE_CURL_H
#define BASE_LATE_CURL_H

#include "base/late.h"

#define CURL_DISABLE_TYPECHECK /* it makes macros of functions */
#include <curl/curl.h>
#undef curl_easy_getinfo
#undef curl_easy_setopt

/* clang-format off */
#define CURL_CALLS(X) \
    X(curl_easy_cleanup) \
    X(curl_easy_getinfo) \
    X(curl_easy_init) \
    X(curl_easy_perform) \
    X(curl_easy_reset) \
    X(curl_easy_setopt) \
    X(curl_easy_strerror) \
    X(curl_free) \
    X(curl_global_init) \
    X(curl_slist_append) \
    X(curl_slist_free_all) \
    X(curl_url) \
    X(curl_url_cleanup) \
    X(curl_url_get) \
    X(curl_url_set)
/* clang-format on */

struct curl_calls {
    CURL_CALLS(LATE_POINTER)
};
extern struct curl_calls curl_calls;

must_use int curl_late(struct err *e);

#define curl_easy_cleanup   curl_calls.curl_easy_cleanup_
#define curl_easy_getinfo   curl_calls.curl_easy_getinfo_
#define curl_easy_init      curl_calls.curl_easy_init_
#define curl_easy_perform   curl_calls.curl_easy_perform_
#define curl_easy_reset     curl_calls.curl_easy_reset_
#define curl_easy_setopt    curl_calls.curl_easy_setopt_
#define curl_easy_strerror  curl_calls.curl_easy_strerror_
#define curl_free           curl_calls.curl_free_
#define curl_global_init    curl_calls.curl_global_init_
#define curl_slist_append   curl_calls.curl_slist_append_
#define curl_slist_free_all curl_calls.curl_slist_free_all_
#define curl_url            curl_calls.curl_url_
#define curl_url_cleanup    curl_calls.curl_url_cleanup_
#define curl_url_get        curl_calls.curl_url_get_
#define curl_url_set        curl_calls.curl_url_set_

#endif
