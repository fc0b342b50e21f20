/* SPDX-License-Identifier: Apache-2.0 */
#include "net/client.h"

#include "base/clock.h"
#include "base/late_curl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { PROGRESS_EVERY_MS = 100 };

struct client {
    CURL *curl;
    size_t max_answer;
};

/* One request under way. */
struct call {
    const struct client *client;
    const struct client_upload *upload; /* NULL: the body is in memory, or there is none */
    struct client_reply reply;
    struct err *e; /* what a callback of ours had to say; its code tells whether it did */
    msec_t told;   /* when progress was last shown */
};

struct client *client_new(const struct client_options *options)
{
    const struct client_options o = options ? *options : (struct client_options){ 0 };
    struct client *c = mem_new(sizeof *c);
    scoped(err_clear) struct err e = { 0 };

    if (curl_late(&e) < 0) {
        fprintf(stderr, "impresario: %s\n", e.msg);
        exit(EXIT_FAILURE);
    }
    c->curl = curl_easy_init();
    if (!c->curl)
        abort(); /* out of memory, as mem.h has it */
    c->max_answer = o.max_answer ? o.max_answer : 64 << 20;
    curl_easy_setopt(c->curl, CURLOPT_USERAGENT,
                     o.user_agent ? o.user_agent : "impresario/" IMPRESARIO_VERSION);
    curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT,
                     (long)(o.connect_seconds ? o.connect_seconds : 10));
    curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(c->curl, CURLOPT_LOW_SPEED_TIME,
                     (long)(o.quiet_seconds ? o.quiet_seconds : 120));
    curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    return c;
}

void client_free(struct client *c)
{
    if (!c)
        return;
    curl_easy_cleanup(c->curl);
    mem_free(c);
}

void client_reply_done(struct client_reply *r)
{
    buf_done(&r->body);
}

/* --- what libcurl calls -------------------------------------------------------------------- */

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
    struct call *call = arg;

    n *= size;
    if (call->reply.body.n + n > call->client->max_answer) {
        err_set(call->e, ERR_TOO_LARGE, "the answer is larger than %zu bytes",
                call->client->max_answer);
        return 0;
    }
    buf_add(&call->reply.body, data, n);
    return n;
}

static int keep(struct call *call, const char *name, const char *value, size_t n, char *out,
                size_t room)
{
    if (n >= room)
        return err_set(call->e, ERR_IO, "the server sent a %s that is too long", name);
    memcpy(out, value, n);
    out[n] = '\0';
    return 0;
}

static size_t take_header(char *line, size_t size, size_t n, void *arg)
{
    struct call *call = arg;
    struct client_reply *r = &call->reply;
    const struct {
        const char *name;
        char *out;
        size_t room;
    } wanted[] = {
        { "x-request-id", r->request_id, sizeof r->request_id },
        { "x-next-cursor", r->next_cursor, sizeof r->next_cursor },
        { "content-type", r->content_type, sizeof r->content_type },
    };
    const char *colon = memchr(line, ':', n * size);

    n *= size;
    if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) { /* after a 100, another head follows */
        *r = (struct client_reply){ .retry_after = -1 };
        return n;
    }
    if (!colon)
        return n;
    const char *value = colon + 1, *end = line + n;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && strchr(" \t\r\n", end[-1]))
        end--;
    size_t n_name = (size_t)(colon - line), n_value = (size_t)(end - value);
    for (size_t i = 0; i < n_items(wanted); i++) {
        if (n_name == strlen(wanted[i].name) && strncasecmp(line, wanted[i].name, n_name) == 0 &&
            keep(call, wanted[i].name, value, n_value, wanted[i].out, wanted[i].room) < 0)
            return 0;
    }
    if (n_name == 11 && strncasecmp(line, "retry-after", n_name) == 0 && n_value < 7 &&
        strspn(value, "0123456789") >= n_value)
        r->retry_after = strtol(value, NULL, 10);
    return n;
}

static size_t give_body(char *into, size_t size, size_t n, void *arg)
{
    struct call *call = arg;
    ssize_t got = call->upload->read(call->upload->arg, into, n * size, call->e);

    return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

static int tell(struct call *call, uint64_t sent)
{
    const struct client_upload *up = call->upload;

    if (up->progress(up->arg, sent, up->size) == 0)
        return 0;
    return err_set(call->e, ERR_IO, "given up");
}

static int show_progress(void *arg, curl_off_t down_size, curl_off_t down, curl_off_t up_size,
                         curl_off_t up)
{
    struct call *call = arg;
    msec_t now = clock_steady(&clock_real);

    (void)down_size;
    (void)down;
    (void)up_size;
    if (now - call->told < PROGRESS_EVERY_MS)
        return 0;
    call->told = now;
    return tell(call, (uint64_t)up) < 0;
}

/* --- one call ------------------------------------------------------------------------------ */

static int explain(CURLcode code, const char *detail, const char *url, struct err *e)
{
    const char *why = *detail ? detail : curl_easy_strerror(code);

    switch ((int)code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return err_set(e, ERR_INPUT, "\"%s\" is not a URL", url);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT: return err_set(e, ERR_UNAVAILABLE, "%s: %s", url, why);
    case CURLE_OPERATION_TIMEDOUT: return err_set(e, ERR_TIMEOUT, "%s: %s", url, why);
    }
    return err_set(e, ERR_IO, "%s: %s", url, why);
}

static struct curl_slist *header_list(const char *const *headers, bool posts)
{
    struct curl_slist *list = NULL;
    bool typed = !posts;

    for (; headers && *headers; headers++) {
        typed |= strncasecmp(*headers, "content-type:", 13) == 0;
        list = curl_slist_append(list, *headers);
    }
    return typed ? list : curl_slist_append(list, "content-type: application/json");
}

static int run(struct client *c, const char *url, const char *const *headers, bool posts,
               const struct client_upload *upload, struct client_reply *out, struct err *e)
{
    char detail[CURL_ERROR_SIZE] = "";
    scoped(err_clear) struct err ours = { 0 };
    struct call call = { c, upload, { .retry_after = -1 }, &ours, clock_steady(&clock_real) };
    struct curl_slist *list = header_list(headers, posts);
    long status = 0;

    curl_easy_setopt(c->curl, CURLOPT_URL, url);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, detail);
    curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &call);
    curl_easy_setopt(c->curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(c->curl, CURLOPT_HEADERDATA, &call);
    curl_easy_setopt(c->curl, CURLOPT_READFUNCTION, upload ? give_body : NULL);
    curl_easy_setopt(c->curl, CURLOPT_READDATA, &call);
    curl_easy_setopt(c->curl, CURLOPT_XFERINFOFUNCTION, show_progress);
    curl_easy_setopt(c->curl, CURLOPT_XFERINFODATA, &call);
    curl_easy_setopt(c->curl, CURLOPT_NOPROGRESS, upload && upload->progress ? 0L : 1L);
    /* A body that is read once cannot be sent again when a kept connection turns out dead. */
    curl_easy_setopt(c->curl, CURLOPT_FRESH_CONNECT, upload ? 1L : 0L);
    CURLcode code = curl_easy_perform(c->curl);
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, NULL);
    curl_slist_free_all(list);

    if (code == CURLE_OK && upload && upload->progress) {
        curl_off_t sent = 0;
        curl_easy_getinfo(c->curl, CURLINFO_SIZE_UPLOAD_T, &sent);
        (void)tell(&call, (uint64_t)sent); /* too late to give up */
        err_clear(&ours);
    }
    if (code != CURLE_OK) {
        client_reply_done(&call.reply);
        if (ours.code != ERR_NONE)
            return err_set(e, ours.code, "%s", ours.msg);
        return explain(code, detail, url, e);
    }
    client_reply_done(out);
    *out = call.reply;
    out->status = (int)status;
    return 0;
}

int client_get(struct client *c, const char *url, const char *const *headers,
               struct client_reply *out, struct err *e)
{
    curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
    return run(c, url, headers, false, NULL, out, e);
}

int client_post(struct client *c, const char *url, const char *const *headers, const void *body,
                size_t n, struct client_reply *out, struct err *e)
{
    curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)n);
    curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, n > 0 ? body : "");
    return run(c, url, headers, true, NULL, out, e);
}

int client_post_upload(struct client *c, const char *url, const char *const *headers,
                       const struct client_upload *up, struct client_reply *out, struct err *e)
{
    bool known = up->size != CLIENT_SIZE_UNKNOWN;

    curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, NULL);
    curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, known ? (curl_off_t)up->size : -1);
    return run(c, url, headers, true, up, out, e);
}
