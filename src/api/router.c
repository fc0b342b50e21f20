/* SPDX-License-Identifier: Apache-2.0
 *
 * The router: from a head to a row of routes.json, and through body.c to the thread where its handler runs.
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

#include "base/bounds.h"
#include "base/reserve.h"
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

static int find_route(struct request *r, const char *path, struct err *e)
{
    const char *method = http_method(r->http);
    const struct entry *other;

    r->entry = find_entry(r->api, method, path, &other);
    if (r->entry)
        return 0;
    if (!other)
        return err_set(e, ERR_NOT_FOUND, "No route %.200s: the API's routes begin with /v1/", path);
    r->allow = other->method;
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

    if (system_answer(a, http, http_method(http), path))
        return HTTP_ANSWERED;
    struct request *r = request_new(a, http);
    if (find_route(r, path, &e) < 0 || check_memory(&e) < 0 || check_head(r, &e) < 0) {
        request_fail(r, &e);
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

static void take_body(void *request)
{
    request_take_body(request);
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
        request_take_body(r);
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
