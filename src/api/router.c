/* SPDX-License-Identifier: Apache-2.0
 *
 * The router: from a head to a row of routes.json, from a body to checked input, from a handler's
 * word to an envelope.
 *
 * Reads run on the event thread: SQLite answers them from memory, and handing them to a worker was
 * measured to cost more than they do. Bodies are parsed there, too, but for large ones, which have threads
 * of their own: others do not wait while one client's is taken apart. Writes run on the store's writer,
 * many in one commit, and are answered from there once they are durable. Nothing on the event thread
 * waits for the disk.
 */
#include "api/errors.h"
#include "api/rates.h"
#include "api/request.h"
#include "api/system.h"
#include "base/schema.h"

#include "base/bounds.h"
#include "base/log.h"
#include "base/reserve.h"
#include "base/sha256.h"
#include "domain/audit.h"
#include "domain/repeat.h"

#include "routes_text.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the table ---- */

const struct route *const route_tables[ROUTE_TABLES] = { deployment_routes, workflow_routes,
                                                         job_routes,        log_routes,
                                                         credential_routes, profile_routes,
                                                         telemetry_routes,  build_routes };

static const struct route *route_of(const char *path)
{
    for (size_t t = 0; t < ROUTE_TABLES; t++) {
        for (const struct route *r = route_tables[t]; r->kind != ROUTE_END; r++) {
            if (strcmp(r->path, path) == 0)
                return r;
        }
    }
    return NULL;
}

static int by_path(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = strcmp(x->path, y->path);

    return order ? order : strcmp(x->method, y->method);
}

static void fill_table(struct api *a)
{
    size_t i;
    const json_t *row;

    a->table = json_loads(ROUTES_TEXT, 0, NULL);
    if (!a->table)
        abort(); /* compiled in */
    a->n_entries = json_array_size(a->table);
    a->entries = mem_new_array(a->n_entries, sizeof *a->entries);
    json_array_foreach(a->table, i, row) {
        const char *path = json_text(row, "path");
        a->entries[i] = (struct entry){ path, json_text(row, "method"), row, route_of(path) };
    }
    qsort(a->entries, a->n_entries, sizeof *a->entries, by_path);
}

/* A part in braces stands for any one part. */
static bool path_matches(const char *pattern, const char *path)
{
    while (*pattern) {
        if (*pattern == '{') {
            size_t n = strcspn(path, "/");
            if (n == 0)
                return false;
            path += n;
            pattern += strcspn(pattern, "}") + 1;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *path == '\0';
}

/* NULL when there is none; `*other` is an entry of the same path with another method. */
static const struct entry *find_entry(const struct api *a, const char *method, const char *path,
                                      const struct entry **other)
{
    *other = NULL;
    for (size_t i = 0; i < a->n_entries; i++) {
        const struct entry *entry = &a->entries[i];
        if (!path_matches(entry->path, path))
            continue;
        if (strcmp(entry->method, method) == 0)
            return entry;
        *other = entry;
    }
    return NULL;
}

/* Clients join a base and a path without care: "//v1/jobs/get/" is /v1/jobs/get. */
static char *folded(const char *path)
{
    char *out = mem_new(strlen(path) + 2), *to = out;

    for (const char *at = path; *at; at++) {
        if (*at != '/' || to == out || to[-1] != '/')
            *to++ = *at;
    }
    if (to > out + 1 && to[-1] == '/')
        to--;
    *to = '\0';
    return out;
}

/* ---- answering ---- */

/* Of a body that is whole, or one that is read while it is sent. */
static void reply_with(struct request *r, int status, struct buf *body,
                       const struct http_source *source, int retry_after, const char *allow)
{
    char seconds[16];
    struct http_header headers[7] = { { "content-type", "application/json" },
                                      { "cache-control", "no-store" },
                                      { "x-request-id", r->id } };
    size_t n = 3;

    if (retry_after > 0) {
        snprintf(seconds, sizeof seconds, "%d", retry_after);
        headers[n++] = (struct http_header){ "retry-after", seconds };
    }
    if (allow)
        headers[n++] = (struct http_header){ "allow", allow };
    if (r->call.next_cursor[0])
        headers[n++] = (struct http_header){ "x-next-cursor", r->call.next_cursor };
    json_decref(take(r->input)); /* large ones not on the event thread, which would be last */
    atomic_fetch_add(&r->api->answered[status / 100], 1);
    log_event(LOG_DEBUG, "http.answered", F_TEXT("request", r->id),
              F_TEXT("route", r->entry ? r->entry->path : NULL), F_INT("status", status));
    if (source)
        http_reply_from(r->http, status, headers, source);
    else
        http_reply(r->http, status, headers, body);
}

static void reply(struct request *r, int status, struct buf *body, int retry_after,
                  const char *allow)
{
    reply_with(r, status, body, NULL, retry_after, allow);
}

/* With the reply the request is no longer ours: what shares its values is let go before. */
static struct buf answer_body(const struct request *r)
{
    scoped(json_decref) json_t *envelope = json_object();
    struct buf body = { 0 };

    json_object_set(envelope, "json", r->answer);
    json_print_into(envelope, &body);
    return body;
}

/* ---- lists that are read while they are sent ---- */

#define LIST_END "]}" /* of the array and its envelope */

struct listing {
    struct store *store;
    rest_fn rest;
    struct id tenant;
    char cursor[ID_TEXT_SIZE];
    struct buf first; /* all but LIST_END */
    json_t *items;
    bool ended;
};

static int read_rest(struct db *db, void *arg, struct err *e)
{
    struct listing *l = arg;

    return l->rest(db, l->tenant.text, l->cursor, l->items, e);
}

static int print_rest(struct listing *l, struct buf *out)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *items = json_array();
    const json_t *item;
    size_t i;

    l->items = items;
    if (store_read(l->store, read_rest, l, &e) < 0) {
        log_event(LOG_ERROR, "http.list_broken_off", F_TEXT("error", e.msg));
        return -1;
    }
    json_array_foreach(items, i, item) {
        buf_char(out, ',');
        json_print_into(item, out);
    }
    l->ended = json_array_size(items) == 0;
    if (l->ended)
        buf_text(out, LIST_END);
    return 0;
}

static int list_more(void *arg, struct buf *out)
{
    struct listing *l = arg;

    if (l->ended)
        return 0;
    if (l->first.n == 0)
        return print_rest(l, out);
    buf_add(out, l->first.data, l->first.n);
    buf_done(&l->first);
    return 0;
}

static void list_done(void *arg)
{
    struct listing *l = arg;

    buf_done(&l->first);
    mem_free(l);
}

static void answer_in_pieces(struct request *r, struct buf *first)
{
    struct listing *l = mem_new(sizeof *l);
    const struct http_source source = { list_more, list_done, l };

    *l = (struct listing){ .store = r->api->with.store,
                           .rest = r->call.rest,
                           .tenant = r->owner.tenant,
                           .first = *first };
    memcpy(l->cursor, r->call.last, sizeof l->cursor);
    l->first.n -= strlen(LIST_END);
    reply_with(r, 200, NULL, &source, 0, NULL);
}

void request_answer(struct request *r)
{
    struct buf body = answer_body(r);

    if (r->call.rest)
        answer_in_pieces(r, &body);
    else
        reply(r, 200, &body, 0, NULL);
}

static struct buf fault_body(const struct request *r, const struct err *e)
{
    scoped(json_decref) json_t *data = NULL;
    struct buf body = { 0 };

    if (r->call.data)
        data = json_incref(r->call.data);
    else if (json_array_size(r->issues) > 0)
        data = json_pack("{s:O}", "issues", r->issues);
    error_body(e, data, &body);
    return body;
}

static void fail_with(struct request *r, const struct err *e, const char *allow)
{
    struct buf body = fault_body(r, e);

    if (error_status(e->code) == 500)
        log_event(LOG_ERROR, "http.fault", F_TEXT("request", r->id),
                  F_TEXT("route", r->entry ? r->entry->path : NULL), F_TEXT("error", e->msg));
    reply(r, error_status(e->code), &body,
          r->retry_after ? r->retry_after : error_retry_after(e->code), allow);
}

void request_fail(struct request *r, const struct err *e)
{
    fail_with(r, e, NULL);
}

/* ---- the head ---- */

static bool request_id_valid(const char *id)
{
    size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    return n >= 1 && n <= 64 && id[n] == '\0';
}

static struct request *request_new(struct api *a, struct http_req *http)
{
    struct request *r = mem_new(sizeof *r);
    const char *given = http_header(http, "x-request-id");

    r->api = a;
    r->http = http;
    r->issues = json_array();
    if (given && request_id_valid(given)) {
        snprintf(r->id, sizeof r->id, "%s", given);
    } else {
        struct id id = id_new(store_env(a->with.store));
        snprintf(r->id, sizeof r->id, "%s", id.text);
    }
    http_set_user(http, r);
    return r;
}

static int check_key(struct request *r, struct err *e)
{
    const char *key = http_header(r->http, "x-api-key");
    const char *bearer = http_header(r->http, "authorization");

    if (!key && bearer && strncasecmp(bearer, "bearer ", 7) == 0)
        key = bearer + 7;
    return keyring_check(r->api->keys, key ? key : "", &r->owner, e);
}

static int check_rate(struct request *r, struct err *e)
{
    const struct clock *clock = store_env(r->api->with.store)->clock;
    msec_t wait = rates_take(r->api->rates, &r->owner.key, clock_steady(clock));

    if (wait == 0)
        return 0;
    r->retry_after = (int)((wait + 999) / 1000);
    return err_set(e, ERR_LIMIT,
                   "Too many requests: this key may make %lld a second. Wait as long as "
                   "Retry-After says",
                   (long long)r->api->with.settings->key_rate);
}

static bool is_public(const struct entry *entry)
{
    const char *auth = json_text(entry->about, "auth");

    return strncmp(auth, "api_key", 7) != 0;
}

/* A body that says it is something else is refused; one that says nothing, or is empty, is not. */
static int check_type(const struct request *r, struct err *e)
{
    const char *type = http_header(r->http, "content-type");
    const char *length = http_header(r->http, "content-length");
    bool empty =
        !http_header(r->http, "transfer-encoding") && (!length || strcmp(length, "0") == 0);

    if (empty || !type)
        return 0;
    size_t n = strcspn(type, "; \t");
    if ((n == 16 && strncasecmp(type, "application/json", n) == 0) ||
        (n > 5 && strncasecmp(type + n - 5, "+json", 5) == 0))
        return 0;
    return err_set(e, ERR_MEDIA_TYPE,
                   "The body must be JSON, sent as content-type: application/json, not %.100s",
                   type);
}

static int find_route(struct request *r, const char *path, const char **allow, struct err *e)
{
    const char *method = http_method(r->http);
    const struct entry *other;

    r->entry = find_entry(r->api, method, path, &other);
    if (r->entry)
        return 0;
    if (!other)
        return err_set(e, ERR_NOT_FOUND, "No route %.200s: the API's routes begin with /v1/", path);
    *allow = other->method;
    return err_set(e, ERR_METHOD, "%.200s takes %s requests, not %.20s", path, other->method,
                   method);
}

/* What is left is for the requests, builds and jobs that are under way. */
static int check_memory(struct err *e)
{
    return reserve_is_low()
               ? err_set(e, ERR_UNAVAILABLE,
                         "The server has no memory to spare at the moment: send the request again")
               : 0;
}

static int check_head(struct request *r, struct err *e)
{
    const char *key = http_header(r->http, "idempotency-key");

    if (!is_public(r->entry)) {
        if (check_key(r, e) < 0) {
            if (e->code == ERR_AUTH)
                refusals_note(r->api->refusals, http_peer(r->http));
            return -1;
        }
        if (check_rate(r, e) < 0)
            return -1;
    }
    if (!r->entry->route)
        return err_set(e, ERR_NOT_IMPLEMENTED,
                       "This server does not implement %s yet, which is part of the API",
                       r->entry->path);
    if (check_type(r, e) < 0 ||
        (r->entry->route->kind >= ROUTE_CREATE && blobs_check_space(r->api->with.blobs, e) < 0))
        return -1;
    if (key && (strlen(key) < 1 || strlen(key) > 255))
        return err_set(e, ERR_INPUT, "An Idempotency-Key has 1 to 255 characters, not %zu",
                       strlen(key));
    if (key && r->entry->route->kind >= ROUTE_CREATE)
        r->idempotency_key = mem_text(key);
    return 0;
}

static enum http_take begin(void *ctx, struct http_req *http, size_t *max_body)
{
    struct api *a = ctx;
    scoped(err_clear) struct err e = { 0 };
    scoped(mem_free) char *path = folded(http_path(http));
    const char *allow = NULL;

    if (system_answer(a, http, http_method(http), path))
        return HTTP_ANSWERED;
    struct request *r = request_new(a, http);
    if (find_route(r, path, &allow, &e) < 0 || check_memory(&e) < 0 || check_head(r, &e) < 0) {
        fail_with(r, &e, allow);
        return HTTP_ANSWERED;
    }
    if (r->entry->route->kind == ROUTE_UPLOAD) {
        *max_body = (size_t)a->with.settings->upload_mib << 20;
        return upload_begin(r) < 0 ? HTTP_ANSWERED : HTTP_BODY_STREAM;
    }
    if (r->entry->route->max_body)
        *max_body = r->entry->route->max_body;
    return HTTP_BODY_MEMORY;
}

static int chunk(void *ctx, struct http_req *http, const void *data, size_t n)
{
    (void)ctx;
    return upload_chunk(http_user(http), data, n);
}

static void too_large(void *ctx, struct http_req *http, size_t limit)
{
    struct request *r = http_user(http);
    scoped(err_clear) struct err e = { 0 };

    (void)ctx;
    bool large = limit >= 1 << 20;
    err_set(&e, ERR_TOO_LARGE, "The body is larger than the %zu %s that this route takes%s",
            limit >> (large ? 20 : 10), large ? "MiB" : "KiB",
            r->entry->route->kind == ROUTE_UPLOAD
                ? ": leave node_modules and build output out of the archive, or raise the server's "
                  "upload_mib"
                : "");
    request_fail(r, &e);
}

static const char *unavailable(void *ctx, const char *why, struct buf *out)
{
    scoped(err_clear) struct err e = { 0 };

    (void)ctx;
    err_set(&e, ERR_UNAVAILABLE, "%s", why);
    error_body(&e, NULL, out);
    return "application/json";
}

static void gone(void *ctx, struct http_req *http)
{
    struct request *r = http_user(http);

    (void)ctx;
    if (!r)
        return; /* answered by system_answer() */
    upload_done(r);
    json_decref(r->input);
    json_decref(r->issues);
    json_decref(r->answer);
    json_decref(r->call.data);
    mem_free(r->idempotency_key);
    mem_free(r);
}

/* ---- the body ---- */

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

static void take_body(void *arg)
{
    struct request *r = arg;
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

static void complete(void *ctx, struct http_req *http)
{
    struct request *r = http_user(http);

    (void)ctx;
    if (r->entry->route->kind == ROUTE_UPLOAD)
        upload_complete(r);
    else if (http_received(http) > LIMIT_BODY_AT_ONCE)
        pool_run(r->api->bodies, take_body, r);
    else
        take_body(r);
}

/* ---- running ---- */

static int run_reading(struct db *db, void *arg, struct err *e)
{
    struct request *r = arg;

    return r->entry->route->handler(&r->call, db, &r->answer, e);
}

int request_read(struct request *r, struct err *e)
{
    return store_read(r->api->with.store, run_reading, r, e);
}

void request_end(struct request *r, int state, const struct err *e)
{
    if (state < 0)
        request_fail(r, e);
    else
        request_answer(r);
}

static int run_writing(struct db *db, void *arg, struct err *e)
{
    struct request *r = arg;
    const char *path = r->entry->path;

    int found = !r->idempotency_key ? 0
                                    : repeat_find(db, r->owner.tenant.text, path,
                                                  r->idempotency_key, r->digest, &r->answer, e);
    if (found != 0)
        return found < 0 ? -1 : 0;
    if (r->entry->route->handler(&r->call, db, &r->answer, e) < 0)
        return -1;
    r->handled = true;
    return !r->idempotency_key ? 0
                               : repeat_keep(db, r->owner.tenant.text, path, r->idempotency_key,
                                             r->digest, r->answer, e);
}

static void written(void *arg, int state, const struct err *e)
{
    struct request *r = arg;

    if (r->entry->route->kind == ROUTE_UPLOAD)
        upload_written(r, state, e);
    request_end(r, state, e);
}

static void read_and_end(void *arg)
{
    struct request *r = arg;
    scoped(err_clear) struct err e = { 0 };

    request_end(r, request_read(r, &e), &e);
}

void request_run(struct request *r)
{
    if (r->entry->route->kind == ROUTE_FILE) {
        pool_run(r->api->disk, read_and_end, r);
    } else if (r->entry->route->kind != ROUTE_READ) {
        store_submit(r->api->with.store, run_writing, written, r);
    } else if (json_int(r->input, "wait_seconds", 0) > 0) {
        const char *id = json_text(r->input, "id");
        r->awaits = id ? id : json_text(r->input, "build_id");
        waiting_add(r->api->waiting, r);
    } else {
        read_and_end(r);
    }
}

int call_audit(const struct call *c, struct db *db, const char *action, const char *subject,
               const char *detail, struct err *e)
{
    scoped(mem_free) char *actor = mem_format("key %s", c->key);

    return audit_add(db, c->with->sealer,
                     &(struct audit_event){ actor, c->tenant, action, subject, detail }, e);
}

json_t *success(const char *message)
{
    return json_pack("{s:b,s:s}", "success", 1, "message", message);
}

int wait_unless_changed(struct call *c, const char *state, bool final)
{
    if (!c->looked) {
        c->looked = true;
        snprintf(c->first_state, sizeof c->first_state, "%s", state);
    }
    return !final && strcmp(c->first_state, state) == 0 ? HANDLER_WAIT : 0;
}

/* ---- life ---- */

int api_start(const struct api_options *options, struct api **out, struct err *e)
{
    enum {
        DISK_THREADS = 4,
        BODY_THREADS = 2, /* so that one body does not hold up all others; each may be 32 MiB */
    };
    struct keyring *keys = NULL;

    if (keyring_open(options->store, options->settings->data, &keys, e) < 0)
        return -1;
    struct api *a = mem_new(sizeof *a);
    a->keys = keys;
    a->with = *options;
    a->service = (struct http_service){ a, begin, chunk, complete, too_large, gone, unavailable };
    fill_table(a);
    a->disk = pool_new(DISK_THREADS);
    a->bodies = pool_new(BODY_THREADS);
    a->waiting = waiting_start(a);
    a->refusals = refusals_new(options->store, options->sealer);
    a->rates = rates_new(options->settings->key_rate);
    *out = a;
    return 0;
}

const struct http_service *api_service(struct api *a)
{
    return &a->service;
}

void api_drain(struct api *a)
{
    atomic_store(&a->draining, true);
    waiting_drain(a->waiting);
}

void api_stop(struct api *a)
{
    pool_free(take(a->bodies)); /* which may ask the next, and the waiting */
    pool_free(take(a->disk));
    waiting_stop(take(a->waiting));
}

void api_close(struct api *a)
{
    if (!a)
        return;
    json_decref(a->table);
    mem_free(a->entries);
    rates_free(a->rates);
    refusals_free(a->refusals);
    keyring_close(a->keys);
    mem_free(a->openapi);
    mem_free(a);
}
