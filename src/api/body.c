/* SPDX-License-Identifier: Apache-2.0
 *
 * The body: from JSON to input that its route's schema allows.
 */
#include "api/request.h"

#include "base/bounds.h"
#include "base/schema.h"
#include "base/sha256.h"

/* meta is [[type, ...path], ...]; type 3 marks what JavaScript had as undefined. */
static void drop_undefined(json_t *input, const json_t *meta)
{
    size_t i;
    const json_t *mark;

    json_array_foreach(meta, i, mark) {
        size_t n = json_array_size(mark);
        json_t *at = input;
        if (n < 2 || json_integer_value(json_array_get(mark, 0)) != 3)
            continue;
        for (size_t step = 1; step + 1 < n && at; step++) {
            const json_t *part = json_array_get(mark, step);
            at = json_is_string(part) ? json_object_get(at, json_string_value(part))
                                      : json_array_get(at, (size_t)json_integer_value(part));
        }
        const char *last = json_string_value(json_array_get(mark, n - 1));
        if (last && json_is_object(at))
            (void)json_object_del(at, last);
    }
}

static void digest_request(struct request *r)
{
    unsigned char digest[SHA256_SIZE];
    EVP_MD_CTX *ctx = sha256_begin();
    scoped(mem_free) char *text = json_print_as(r->input, JSON_COMPACT | JSON_SORT_KEYS);

    sha256_add(ctx, text, strlen(text));
    sha256_add(ctx, r->upload.digest, strlen(r->upload.digest));
    sha256_end(ctx, digest);
    hex_text(digest, sizeof digest, r->digest);
}

bool request_take(struct request *r, json_t *taken)
{
    scoped(json_decref) json_t *document = taken;
    scoped(err_clear) struct err e = { 0 };
    json_t *input = json_object_get(document, "json");

    if (!json_is_object(document)) {
        err_set(&e, ERR_INPUT,
                "The body must be a JSON object of the form {\"json\": ...}, not another value");
        request_fail(r, &e);
        return false;
    }
    r->input = input ? json_incref(input) : json_object();
    drop_undefined(r->input, json_object_get(document, "meta"));
    schema_check(json_object_get(r->entry->about, "input"), r->input, r->issues);
    if (json_array_size(r->issues) > 0) {
        err_set(&e, ERR_INPUT, "Input validation failed");
        request_fail(r, &e);
        return false;
    }
    if (r->entry->route->kind >= ROUTE_CREATE)
        digest_request(r);
    r->call = (struct call){ .with = &r->api->with,
                             .tenant = r->owner.tenant.text,
                             .key = r->owner.key.text,
                             .input = r->input,
                             .request_digest = r->digest,
                             .upload = &r->upload,
                             .issues = r->issues };
    if (r->entry->route->prepare && r->entry->route->prepare(&r->call, &e) < 0) {
        request_fail(r, &e);
        return false;
    }
    return true;
}

void request_take_body(struct request *r)
{
    scoped(err_clear) struct err e = { 0 };
    json_t *document = NULL;
    size_t n;
    const char *body = http_body(r->http, &n);

    if (n == 0)
        document = json_object();
    else if (json_parse(body, n, LIMIT_JSON_DEPTH, &document, &e) < 0) {
        err_wrap(&e, "Malformed request body: it is not valid JSON");
        request_fail(r, &e);
        return;
    }
    if (request_take(r, document))
        request_run(r);
}
