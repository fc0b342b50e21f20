/* SPDX-License-Identifier: Apache-2.0
 *
 * The envelope of an upload, {"json":{"source":"<base64>", ...}}, read while it arrives. The bytes
 * of json.source are decoded and go to a sink at once; the rest of the document is kept, small and
 * bounded, and comes out as JSON at the end. Memory does not grow with the upload.
 *
 * It accepts exactly what a strict JSON parser accepts (UTF-8, whole surrogate pairs, no U+0000, at
 * most LIMIT_JSON_DEPTH levels, one value and nothing after it), with two differences: a key that
 * stands twice in the same object is refused, and an empty body counts as {}. However the document
 * is cut into pieces, the outcome is the same, to the message.
 */
#ifndef ARTIFACT_ENVELOPE_H
#define ARTIFACT_ENVELOPE_H

#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

struct envelope;

/* Takes decoded bytes of the source, n > 0. 0, or -1 with a fault, which ends the reading. */
typedef int (*envelope_sink_fn)(void *arg, const void *data, size_t n, struct err *e);

struct envelope *envelope_new(envelope_sink_fn sink, void *arg);
void envelope_free(struct envelope *env);
DEFINE_SCOPED(struct envelope, envelope_free)

/* -1 with ERR_INPUT (what the document says wrong, and at which byte, counted from 0),
 * ERR_TOO_LARGE (all but the source is over LIMIT_UPLOAD_REST) or the sink's own fault. After a
 * fault only envelope_blames_source() and envelope_free() may be called. */
must_use int envelope_feed(struct envelope *env, const void *data, size_t n, struct err *e);

/* The body has ended. Gives the document with the text of json.source replaced by "" (a source
 * that is no string stands there as it came). Faults as above. */
must_use int envelope_finish(struct envelope *env, json_t **rest, struct err *e);

/* After a fault: it lies in json.source (not base64, or the sink refused the bytes with ERR_INPUT)
 * and not in the document around it. */
bool envelope_blames_source(const struct envelope *env);

/* After envelope_finish(): "string", "undefined" when there was none, or what it was instead:
 * "null", "boolean", "number", "array", "object". */
const char *envelope_source_type(const struct envelope *env);

#endif
