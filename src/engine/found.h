/* SPDX-License-Identifier: Apache-2.0
 *
 * What discovery found, checked: the frame comes out of a process that ran the tenant's code, so it
 * is taken apart and put together anew, with the members that we know and no other.
 */
#ifndef ENGINE_FOUND_H
#define ENGINE_FOUND_H

#include "base/err.h"
#include "base/json.h"

/* An array of objects: name, input_schema, output_schema, credential_names, auth_profile,
 * auth_profile_refresh, start_url, viewport, gpu, inject_job_auth, source_files. ERR_INPUT says what
 * is wrong, in words for the author. */
must_use int found_workflows(const json_t *frame, json_t **out, struct err *e);

#endif
