/* SPDX-License-Identifier: Apache-2.0
 *
 * On the event thread libmicrohttpd calls http_on_access() for each request: once when the head is
 * here, then for each piece of the body, then when the body has ended, and again each time a
 * suspended connection is resumed. What shapes this file is how the library (0.9.75) treats answers:
 *
 * - It accepts one in the first call, but then closes the connection, or when all of the request
 *   has been read. An answer that comes earlier therefore waits while the rest of the body is
 *   dropped (struct http_req.dropping); when there is too much of it, cut_short() writes the
 *   answer on the socket itself and has the connection closed. So it does when the library has no
 *   memory for an answer.
 * - An answer from another thread does not touch the library: the event thread is told, resumes the
 *   connection, is called once more, finds the answer and queues it. A request that is answered
 *   before complete() returns, the usual case, is never suspended at all.
 * - While a connection is suspended nothing reads from it or closes it; that its peer went away is
 *   found out when the answer is sent. So a request always outlives the answer that it is owed.
 * - Its time limit is for silence only. Deadlines are the keeper's (keeper.h).
 * - It hears of the end of a stream when that comes, but not when it was there before the last data were
 *   read. http_close_deserted() asks.
 */
#include "net/http_private.h"

#include "base/bounds.h"
#include "base/reserve.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#define PLAIN_TEXT "text/plain; charset=utf-8"

/* --- what a request says ------------------------------------------------------------------- */

struct http *http_front(const struct http_req *r)
{
    return r->http;
}

const char *http_method(const struct http_req *r)
{
    return r->method;
}

const char *http_path(const struct http_req *r)
{
    return r->path;
}

const char *http_query(const struct http_req *r)
{
    return r->query;
}

const char *http_header(const struct http_req *r, const char *name)
{
    return MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, name);
}

const char *http_peer(const struct http_req *r)
{
    return r->conn->peer;
}

const char *http_body(const struct http_req *r, size_t *n)
{
    *n = r->body.n;
    return buf_str(&r->body);
}

uint64_t http_received(const struct http_req *r)
{
    return r->received;
}

void http_set_user(struct http_req *r, void *user)
{
    r->user = user;
}

void *http_user(const struct http_req *r)
{
    return r->user;
}

/* --- answering ----------------------------------------------------------------------------- */

static void list_remove(struct http_req **list, struct http_req *r)
{
    *(r->prev ? &r->prev->next : list) = r->next;
    if (r->next)
        r->next->prev = r->prev;
}

static void list_add(struct http_req **list, struct http_req *r)
{
    r->prev = NULL;
    r->next = *list;
    if (r->next)
        r->next->prev = r;
    *list = r;
}

/* False when there is no memory for all of it: the library takes its own. */
static bool add_headers(struct MHD_Response *response, const struct http_header *headers,
                        const struct http_header *kept)
{
    bool fits = MHD_add_response_header(response, kept->name, kept->value) == MHD_YES;

    for (; fits && headers && headers->name; headers++)
        fits = MHD_add_response_header(response, headers->name, headers->value) == MHD_YES;
    return fits;
}

/* What the library has no memory for is written past it (cut_short()): `body`, which is taken and which
 * `response` has a view of. NULL: the response has its own, and without it nothing can be said but that. */
static void reply(struct http_req *r, int status, const struct http_header *headers,
                  struct buf *body, struct MHD_Response *response)
{
    static const struct http_header later[] = { { "retry-after", "5" }, { 0 } };
    struct http *h = r->http;

    pthread_mutex_lock(&h->lock);
    /* Near the limit connections are not kept, so that new clients find a place. */
    bool keep = !h->draining && h->connections <= h->max_connections - h->max_connections / 8;
    const struct http_header kept =
        keep ? (struct http_header){ "keep-alive", h->keep_alive }
             : (struct http_header){ MHD_HTTP_HEADER_CONNECTION, "close" };
    assert(!r->answered);
    r->answered = true;
    if (response && !add_headers(response, headers, &kept)) {
        MHD_destroy_response(response);
        response = NULL;
    }
    if (!response && !body) {
        status = MHD_HTTP_SERVICE_UNAVAILABLE;
        headers = later;
        r->n_answer = 0;
    }
    r->response = response;
    r->status = status;
    if (body)
        r->answer = *body;
    for (; !response && headers && headers->name; headers++)
        buf_format(&r->head, "%s: %s\r\n", headers->name, headers->value);
    bool first = false;
    if (r->parked) {
        list_remove(&h->parked, r);
        r->parked = false;
        first = !h->answered;
        r->next = h->answered;
        h->answered = r;
    }
    pthread_mutex_unlock(&h->lock);
    if (first)
        http_wake(h);
}

static void refuse_for_now(struct http_req *r, const char *why);

/* Whether there is room for so much until it is sent. */
static bool has_room(struct http_req *r, size_t n)
{
    struct http *h = r->http;

    if (n <= HTTP_SMALL_ANSWER)
        return true;
    pthread_mutex_lock(&h->lock);
    bool fits = n <= h->max_unsent - h->unsent;
    if (fits)
        h->unsent += r->unsent = n;
    pthread_mutex_unlock(&h->lock);
    return fits;
}

void http_reply(struct http_req *r, int status, const struct http_header *headers, struct buf *body)
{
    struct buf answer = body ? *body : (struct buf){ 0 };

    if (body)
        *body = (struct buf){ 0 };
    if (!has_room(r, answer.n)) {
        buf_done(&answer);
        refuse_for_now(r,
                       "Too many large answers wait for clients that do not read them: try again");
        return;
    }
    r->n_answer = answer.n; /* nobody looks before it is answered */
    reply(r, status, headers, &answer,
          MHD_create_response_from_buffer(answer.n, answer.data, MHD_RESPMEM_PERSISTENT));
}

/* An answer in pieces: what is left of the last one, and how much went before it. */
struct stream {
    struct http_req *req;
    struct http_source source;
    struct buf piece;
    size_t sent; /* of the piece */
    uint64_t before;
    msec_t since;
};

static bool enter(struct http_req *r, bool first);
static void leave(struct http *h);

/* The peer may be as slow with each piece as with a body of that length. */
static int next_piece(struct stream *s)
{
    struct http *h = s->req->http;

    s->before += s->piece.n;
    s->sent = 0;
    buf_reset(&s->piece);
    if (!enter(s->req, false))
        return -1;
    int r = s->source.more(s->source.arg, &s->piece);
    leave(h);
    if (s->since == 0)
        s->since = http_now(h);
    kept_due(&s->req->conn->kept,
             s->since + h->grace_ms + (msec_t)((s->before + s->piece.n) * 1000 / h->min_rate),
             false);
    return r;
}

static ssize_t on_room(void *arg, uint64_t at, char *into, size_t room)
{
    struct stream *s = arg;

    (void)at;
    if (s->sent == s->piece.n && next_piece(s) < 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t n = s->piece.n - s->sent < room ? s->piece.n - s->sent : room;
    if (n == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    memcpy(into, s->piece.data + s->sent, n);
    s->sent += n;
    return (ssize_t)n;
}

static void stream_free(void *arg)
{
    struct stream *s = arg;

    s->source.done(s->source.arg);
    buf_done(&s->piece);
    mem_free(s);
}

void http_reply_from(struct http_req *r, int status, const struct http_header *headers,
                     const struct http_source *source)
{
    enum { BLOCK = 32 * 1024 };
    struct stream *s = mem_new(sizeof *s);

    *s = (struct stream){ .req = r, .source = *source };
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_room, s, stream_free);
    if (!response)
        stream_free(s);
    reply(r, status, headers, NULL, response);
}

void http_reply_file(struct http_req *r, int status, const struct http_header *headers,
                     const struct http_file *body)
{
    struct MHD_Response *response =
        MHD_create_response_from_fd_at_offset64(body->n, body->fd, body->from);

    if (!response)
        fd_close(body->fd);
    r->n_answer = body->n;
    reply(r, status, headers, NULL, response);
}

static bool answered(struct http_req *r)
{
    pthread_mutex_lock(&r->http->lock);
    bool yes = r->answered;
    pthread_mutex_unlock(&r->http->lock);
    return yes;
}

/* What the front itself has to say is one line of text. */
static void refuse(struct http_req *r, int status, const char *why)
{
    static const struct http_header text[] = { { "content-type", PLAIN_TEXT }, { 0 } };
    struct buf body = { 0 };

    buf_format(&body, "%s\n", why);
    http_reply(r, status, text, &body);
}

static void refuse_for_now(struct http_req *r, const char *why)
{
    const struct http_service *s = &r->http->service;
    struct http_header later[] = { { "content-type", PLAIN_TEXT }, { "retry-after", "5" }, { 0 } };
    struct buf body = { 0 };

    if (s->unavailable)
        later[0].value = s->unavailable(s->ctx, why, &body);
    else
        buf_format(&body, "%s\n", why);
    http_reply(r, MHD_HTTP_SERVICE_UNAVAILABLE, later, &body);
}

void http_req_refuse(struct http_req *r)
{
    refuse_for_now(r, "The server is stopping: try again when it is back");
}

static enum MHD_Result write_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    (void)kind;
    if (strcasecmp(name, MHD_HTTP_HEADER_CONNECTION) != 0 && strcasecmp(name, "keep-alive") != 0)
        buf_format(arg, "%s: %s\r\n", name, value);
    return MHD_YES;
}

/* Writes the answer past the library and has the connection closed, which lingers (http_on_completed).
 * Nothing else is being sent at this moment; the answer is an error, small enough for the socket's
 * empty buffer, and if it were not, the peer would see that it is cut off. */
static enum MHD_Result cut_short(struct http_req *r)
{
    int fd = r->conn->kept.fd;
    struct buf out = { 0 };
    char date[64];
    time_t t = (time_t)(clock_wall(r->http->clock) / 1000);
    struct tm utc;

    (void)strftime(date, sizeof date, "%a, %d %b %Y %T GMT", gmtime_r(&t, &utc));
    buf_format(&out, "HTTP/1.1 %d %s\r\ndate: %s\r\nconnection: close\r\ncontent-length: %llu\r\n",
               r->status, MHD_get_reason_phrase_for((unsigned)r->status), date,
               (unsigned long long)r->n_answer);
    if (r->response)
        (void)MHD_get_response_headers(r->response, write_header, &out);
    else
        buf_add(&out, r->head.data, r->head.n);
    buf_text(&out, "\r\n");
    if (strcmp(r->method, MHD_HTTP_METHOD_HEAD) != 0)
        buf_add(&out, r->answer.data, r->answer.n);
    (void)!send(fd, out.data, out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    buf_done(&out);
    return MHD_NO;
}

static enum MHD_Result queue(struct http_req *r)
{
    struct http *h = r->http;

    if (!r->response)
        return cut_short(r);
    kept_due(&r->conn->kept, http_now(h) + h->grace_ms + (msec_t)(r->n_answer * 1000 / h->min_rate),
             false);
    return MHD_queue_response(r->mhd, (unsigned)r->status, r->response);
}

/* The answer is there, some of the body may not be. */
static enum MHD_Result drop_rest(struct http_req *r)
{
    assert(answered(r));
    r->dropping = true;
    if (r->announced != UNKNOWN_LENGTH && r->announced - r->received > HTTP_DROP_MAX)
        return cut_short(r);
    if (r->announced > r->received && r->received == 0 && http_header(r, "expect"))
        return cut_short(r);
    return MHD_YES;
}

/* --- the three moments of a request -------------------------------------------------------- */

struct framing {
    unsigned hosts, lengths, codings;
    const char *length, *coding;
};

static enum MHD_Result see_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    struct framing *f = arg;

    (void)kind;
    if (strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0) {
        f->hosts++;
    } else if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
        f->lengths++;
        f->length = value;
    } else if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        f->codings++;
        f->coding = value;
    }
    return MHD_YES;
}

/* The library takes the first of several lengths and ignores a length beside a coding; whoever
 * stands in front of us might do otherwise and see other requests than we do. Such heads are
 * refused, and their connection closes. (A host that is missing and spaces in the target it could
 * refuse itself, if it did not send the head of that answer twice.) */
static bool well_framed(struct http_req *r, const char *version)
{
    struct framing f = { 0 };
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);

    MHD_get_connection_values(r->mhd, MHD_HEADER_KIND, see_header, &f);
    if (info && info->header_size > HTTP_HEAD_MAX)
        refuse(r, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "the head of the request is too large");
    else if (strchr(r->path, ' ') || (r->query && strchr(r->query, ' ')))
        refuse(r, MHD_HTTP_BAD_REQUEST, "the target of the request has a space in it");
    else if (f.hosts > 1 || (f.hosts == 0 && strcmp(version, MHD_HTTP_VERSION_1_0) != 0))
        refuse(r, MHD_HTTP_BAD_REQUEST, "the request needs exactly one host header");
    else if (f.lengths + f.codings > 1)
        refuse(r, MHD_HTTP_BAD_REQUEST, "the request says its length more than once");
    else if (f.codings && strcasecmp(f.coding, "chunked") != 0)
        refuse(r, MHD_HTTP_NOT_IMPLEMENTED, "the only transfer coding known here is chunked");
    else if (f.codings)
        r->announced = UNKNOWN_LENGTH;
    else if (f.lengths)
        r->announced = strtoull(f.length, NULL, 10); /* the library has checked it */
    return !r->answered;
}

/* Before the service is called; false: it must not be called any more. */
static bool enter(struct http_req *r, bool first)
{
    struct http *h = r->http;

    pthread_mutex_lock(&h->lock);
    bool open = !h->closed;
    h->in_service = open;
    if (first) {
        h->requests++;
        h->under_way += open;
        r->known = open;
    }
    pthread_mutex_unlock(&h->lock);
    return open;
}

static void leave(struct http *h)
{
    pthread_mutex_lock(&h->lock);
    h->in_service = false;
    if (h->closed)
        pthread_cond_broadcast(&h->quieter);
    pthread_mutex_unlock(&h->lock);
}

static void receiving(struct http_req *r, bool more)
{
    if (r->receiving == more)
        return;
    r->receiving = more;
    (more ? list_add : list_remove)(&r->http->receiving, r);
}

/* Between two rounds of the library's, which has then used all that it has read: where there is nothing
 * more to read but the end, the request stays as it is. */
void http_close_deserted(struct http *h)
{
    char next;

    for (struct http_req *r = h->receiving, *after; r; r = after) {
        int fd = r->conn->kept.fd;
        after = r->next;
        if (recv(fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) != 0)
            continue;
        if (answered(r)) /* it may still read */
            (void)cut_short(r);
        receiving(r, false);
        shutdown(fd, SHUT_RDWR); /* of which the library hears */
    }
}

static enum MHD_Result head_is_here(struct http_req *r, const char *method, const char *version)
{
    struct http *h = r->http;

    r->begun = true;
    r->method = method;
    r->max_body = LIMIT_BODY;
    r->since = http_now(h);
    kept_due(&r->conn->kept, r->since + h->grace_ms, true);
    if (!well_framed(r, version))
        return cut_short(r);

    if (r->announced > 0)
        receiving(r, true);
    if (!enter(r, true)) {
        http_req_refuse(r);
        return drop_rest(r);
    }
    r->take = h->service.begin(h->service.ctx, r, &r->max_body);
    bool large = r->announced != UNKNOWN_LENGTH && r->announced > r->max_body;
    if (r->take != HTTP_ANSWERED && large)
        h->service.too_large(h->service.ctx, r, r->max_body);
    leave(h);
    return r->take == HTTP_ANSWERED || large ? drop_rest(r) : MHD_YES;
}

static int hold(struct http_req *r, const char *data, size_t n)
{
    struct http *h = r->http;

    if (n > h->max_held - h->held || reserve_is_low()) {
        refuse_for_now(r, "Too many large requests at once: try again");
        return -1;
    }
    h->held += n;
    buf_add(&r->body, data, n);
    return 0;
}

/* 0, or -1 when the answer is there: the rest of the body is not wanted. */
static int use_body(struct http_req *r, const char *data, size_t n)
{
    const struct http_service *s = &r->http->service;
    int wanted = 0;

    if (answered(r))
        return -1;
    if (!enter(r, false)) {
        http_req_refuse(r);
        return -1;
    }
    if (r->received > r->max_body) {
        s->too_large(s->ctx, r, r->max_body);
        wanted = -1;
    } else if (r->take == HTTP_BODY_MEMORY) {
        wanted = hold(r, data, n);
    } else if (r->take == HTTP_BODY_STREAM) {
        wanted = s->chunk(s->ctx, r, data, n);
    }
    leave(r->http);
    return wanted;
}

static enum MHD_Result body_comes(struct http_req *r, const char *data, size_t n)
{
    struct http *h = r->http;

    r->received += n;
    kept_due(&r->conn->kept, r->since + h->grace_ms + (msec_t)(r->received * 1000 / h->min_rate),
             !answered(r));
    if (r->dropping) {
        r->dropped += n;
        return r->dropped > HTTP_DROP_MAX ? cut_short(r) : MHD_YES;
    }
    return use_body(r, data, n) < 0 ? drop_rest(r) : MHD_YES;
}

/* Nothing more happens on this connection until http_reply(), unless that has come already: a connection
 * that was suspended and resumed in here would only be looked at when another one wakes the library. */
static enum MHD_Result park(struct http_req *r)
{
    struct http *h = r->http;

    pthread_mutex_lock(&h->lock);
    bool stopping = !r->answered && h->closed;
    bool stay = !r->answered && !h->closed;
    if (stay)
        list_add(&h->parked, r);
    r->parked = stay;
    pthread_mutex_unlock(&h->lock);
    if (stay)
        MHD_suspend_connection(r->mhd); /* this thread alone resumes */
    if (stopping)
        http_req_refuse(r);
    return stay ? MHD_YES : queue(r);
}

static enum MHD_Result request_is_here(struct http_req *r)
{
    const struct http_service *s = &r->http->service;

    receiving(r, false);
    if (!r->completed && !answered(r)) {
        r->completed = true;
        kept_due(&r->conn->kept, KEPT_FOREVER, false);
        if (enter(r, false)) {
            s->complete(s->ctx, r);
            leave(r->http);
        } else {
            http_req_refuse(r);
        }
    }
    return answered(r) ? queue(r) : park(r);
}

/* --- what the library calls ---------------------------------------------------------------- */

enum MHD_Result http_on_access(void *arg, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *data, size_t *n,
                               void **state)
{
    struct http_req *r = *state;
    size_t arrived = *n;

    (void)arg;
    (void)mhd;
    (void)url;
    if (!r->begun)
        return head_is_here(r, method, version);
    if (arrived == 0)
        return request_is_here(r);
    *n = 0;
    return body_comes(r, data, arrived);
}

/* The request line is here, its target still as the peer wrote it. */
void *http_on_target(void *arg, const char *target, struct MHD_Connection *mhd)
{
    struct http_req *r = mem_new(sizeof *r);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    r->http = arg;
    r->mhd = mhd;
    r->conn = info->socket_context;
    r->conn->req = r;
    r->path = mem_text(target);
    r->query = strchr(r->path, '?');
    if (r->query)
        *r->query++ = '\0';
    kept_due(&r->conn->kept, http_now(r->http) + r->http->head_ms, true);
    return r;
}

void http_req_end(struct http_req *r)
{
    struct http *h = r->http;

    r->conn->req = NULL;
    receiving(r, false);
    kept_due(&r->conn->kept, http_now(h) + h->idle_ms + h->grace_ms, false);
    if (r->known)
        h->service.gone(h->service.ctx, r);
    pthread_mutex_lock(&h->lock);
    assert(!r->parked);
    h->under_way -= r->known;
    h->unsent -= r->unsent;
    if (h->under_way == 0)
        pthread_cond_broadcast(&h->quieter);
    pthread_mutex_unlock(&h->lock);
    if (r->response)
        MHD_destroy_response(r->response);
    buf_done(&r->head);
    buf_done(&r->answer);
    h->held -= r->body.n;
    buf_done(&r->body);
    mem_free(r->path);
    mem_free(r);
}

void http_on_completed(void *arg, struct MHD_Connection *mhd, void **state,
                       enum MHD_RequestTerminationCode how)
{
    struct http_req *r = *state;

    (void)arg;
    (void)mhd;
    if (!r)
        return;
    /* The library gave the request up before its end: cut_short(), or its own 4xx. */
    if (how == MHD_REQUEST_TERMINATED_WITH_ERROR)
        keeper_linger(r->http->keeper, fcntl(r->conn->kept.fd, F_DUPFD_CLOEXEC, 0));
    http_req_end(r);
    *state = NULL;
}
