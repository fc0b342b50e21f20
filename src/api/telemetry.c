/* SPDX-License-Identifier: Apache-2.0
 *
 * The public client tells what command it ran, and to whom it spoke: to us. It waits 250 ms for an
 * answer that it ignores. We answer at once and keep nothing.
 */
#include "api/route.h"

#include "base/bounds.h"

static int record(struct call *c, struct db *db, json_t **out, struct err *e)
{
    (void)c;
    (void)db;
    (void)e;
    *out = json_object();
    json_object_set_new(*out, "success", json_true());
    return 0;
}

const struct route telemetry_routes[] = {
    { ROUTE_READ, "/v1/telemetry/recordCliEvent", record, LIMIT_EVENT },
    { 0 },
};
