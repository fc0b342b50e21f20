/* SPDX-License-Identifier: Apache-2.0
 *
 * How faults look on the wire: the error envelope of oRPC 1.x, exactly these keys and no other,
 *
 *     {"json":{"defined":false,"code":"NOT_FOUND","status":404,"message":"...","data":{...}}}
 *
 * because its clients drop code and message when they meet a key that they do not know.
 */
#ifndef API_ERRORS_H
#define API_ERRORS_H

#include "base/err.h"
#include "base/json.h"

int error_status(enum err_code code);
/* `data` may be NULL; it is borrowed. What faults of our own are about stays out of it. */
void error_body(const struct err *e, const json_t *data, struct buf *out);
/* Seconds after which the same request may succeed, or 0. */
int error_retry_after(enum err_code code);

#endif
