/* SPDX-License-Identifier: Apache-2.0
 *
 * What operators and their tools ask: health, readiness, metrics, the description of the API.
 */
#ifndef API_SYSTEM_H
#define API_SYSTEM_H

#include "api/request.h"

/* True when `path` is one of them, and has been answered. */
bool system_answer(struct api *a, struct http_req *r, const char *method, const char *path);

#endif
