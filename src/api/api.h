/* SPDX-License-Identifier: Apache-2.0
 *
 * The API: routes, keys, envelopes. What a route takes and gives stands in routes.json, which is
 * compiled in; what it does is a row in one of the tables of the files beside this one.
 */
#ifndef API_API_H
#define API_API_H

#include "base/settings.h"
#include "domain/seal.h"
#include "engine/engine.h"
#include "net/http.h"
#include "store/blob.h"
#include "store/store.h"

#include <jansson.h>

struct api;

struct api_options {
    const struct settings *settings;
    struct store *store;
    struct blobs *blobs;
    const struct sealer *sealer;
    struct engine *engine;
    const char *network; /* of jobs: for /readyz */
};

must_use int api_start(const struct api_options *options, struct api **out, struct err *e);
/* For http_start(). */
const struct http_service *api_service(struct api *a);
/* Requests that wait for a change are answered as they stand; /readyz says 503 from now on. */
void api_drain(struct api *a);
/* Its threads end; every request has been answered, or is with the store's writer. */
void api_stop(struct api *a);
/* After http_stop(). */
void api_close(struct api *a);

/* The description of what this server implements, as OpenAPI 3.1 (JSON), or as Markdown. */
char *api_openapi(void);
char *api_markdown(void);

#endif
