/* SPDX-License-Identifier: Apache-2.0
 *
 * Answering: from a handler's word to an envelope, whole, or in pieces that are read while they are sent.
 */
#include "api/errors.h"
#include "api/request.h"

#include "base/log.h"

#include <stdio.h>

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

/* ---- answering ---- */

/* With a body that is whole, or one that is read while it is sent. */
static void reply(struct request *r, int status, struct buf *body, const struct http_source *source)
{
    char seconds[16];
    struct http_header headers[7] = { { "content-type", "application/json" },
                                      { "cache-control", "no-store" },
                                      { "x-request-id", r->id } };
    size_t n = 3;

    if (r->retry_after > 0) {
        snprintf(seconds, sizeof seconds, "%d", r->retry_after);
        headers[n++] = (struct http_header){ "retry-after", seconds };
    }
    if (r->allow)
        headers[n++] = (struct http_header){ "allow", r->allow };
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

/* With the reply the request is no longer ours: what shares its values is let go before. */
static struct buf answer_body(const struct request *r)
{
    scoped(json_decref) json_t *envelope = json_object();
    struct buf body = { 0 };

    json_object_set(envelope, "json", r->answer);
    json_print_into(envelope, &body);
    return body;
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
    reply(r, 200, NULL, &source);
}

void request_answer(struct request *r)
{
    struct buf body = answer_body(r);

    if (r->call.rest)
        answer_in_pieces(r, &body);
    else
        reply(r, 200, &body, NULL);
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

void request_fail(struct request *r, const struct err *e)
{
    struct buf body = fault_body(r, e);

    if (error_status(e->code) == 500)
        log_event(LOG_ERROR, "http.fault", F_TEXT("request", r->id),
                  F_TEXT("route", r->entry ? r->entry->path : NULL), F_TEXT("error", e->msg));
    if (r->retry_after == 0)
        r->retry_after = error_retry_after(e->code);
    reply(r, error_status(e->code), &body, NULL);
}

void request_end(struct request *r, int state, const struct err *e)
{
    if (state < 0)
        request_fail(r, e);
    else
        request_answer(r);
}
