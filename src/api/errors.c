/* SPDX-License-Identifier: Apache-2.0 */
#include "api/errors.h"

static const struct {
    int status;
    const char *code;
    int retry_after;
} WIRE[ERR_CODES] = {
    [ERR_NONE] = { 500, "INTERNAL_SERVER_ERROR", 0 },
    [ERR_INPUT] = { 400, "BAD_REQUEST", 0 },
    [ERR_AUTH] = { 401, "UNAUTHORIZED", 0 },
    [ERR_FORBIDDEN] = { 403, "FORBIDDEN", 0 },
    [ERR_NOT_FOUND] = { 404, "NOT_FOUND", 0 },
    [ERR_METHOD] = { 405, "METHOD_NOT_SUPPORTED", 0 },
    [ERR_CONFLICT] = { 409, "CONFLICT", 0 },
    [ERR_PRECONDITION] = { 412, "PRECONDITION_FAILED", 0 },
    [ERR_TOO_LARGE] = { 413, "PAYLOAD_TOO_LARGE", 0 },
    [ERR_MEDIA_TYPE] = { 415, "UNSUPPORTED_MEDIA_TYPE", 0 },
    [ERR_LIMIT] = { 429, "TOO_MANY_REQUESTS", 5 },
    [ERR_NOT_IMPLEMENTED] = { 501, "NOT_IMPLEMENTED", 0 },
    [ERR_UNAVAILABLE] = { 503, "SERVICE_UNAVAILABLE", 5 },
    [ERR_TIMEOUT] = { 504, "GATEWAY_TIMEOUT", 5 },
    [ERR_IO] = { 500, "INTERNAL_SERVER_ERROR", 0 },
    [ERR_INTERNAL] = { 500, "INTERNAL_SERVER_ERROR", 0 },
};

int error_status(enum err_code code)
{
    return WIRE[code].status;
}

int error_retry_after(enum err_code code)
{
    return WIRE[code].retry_after;
}

void error_body(const struct err *e, const json_t *data, struct buf *out)
{
    int status = error_status(e->code);
    const char *message = status == 500 || !e->msg ? "Internal server error" : e->msg;
    scoped(json_decref) json_t *body = json_object();
    scoped(json_decref) json_t *envelope = json_object();

    json_object_set_new(body, "defined", json_false());
    json_object_set_new(body, "code", json_string(WIRE[e->code].code));
    json_object_set_new(body, "status", json_integer(status));
    json_object_set_new(body, "message", json_string(message));
    if (data)
        json_object_set(body, "data", json_shared(data));
    json_object_set(envelope, "json", body);
    json_print_into(envelope, out);
}
