/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/api.h"

#include "cli/text.h"

#include "base/address.h"
#include "base/bounds.h"

#include <time.h>

#define DEFAULT_URL "http://127.0.0.1:8080"

enum { PATIENCE_MS = 60 * 1000, PAUSE_MIN_MS = 200, PAUSE_MAX_MS = 3000 };

static const char how_to_make_a_key[] =
    "Make one where the server's data is:\n"
    "  impresario key create --data DIR --tenant NAME --label TEXT\n"
    "and give it to this command: export IMPRESARIO_API_KEY=...";

struct api {
    struct client *client;
    char *url; /* without a slash at its end */
    char *key_header;
    const char *headers[2];
    struct client_reply reply; /* the last one */
    bool reached;              /* the server has answered something */
};

int api_open(const char *url, const char *key, struct api **out, struct err *e)
{
    if (!url || !*url)
        url = DEFAULT_URL;
    if (!text_is_url(url))
        return err_set(
            e, ERR_INPUT,
            "\"%s\" is no URL; IMPRESARIO_URL (or --url) begins with http:// or https://", url);
    if (!key || !*key)
        return err_set(e, ERR_INPUT, "no API key: IMPRESARIO_API_KEY is not set\n%s",
                       how_to_make_a_key);
    if (strpbrk(key, "\r\n"))
        return err_set(e, ERR_INPUT, "IMPRESARIO_API_KEY holds a line end, which no key does");

    struct api *a = mem_new(sizeof *a);
    a->client = client_new(NULL);
    a->url = mem_text(url);
    for (size_t n = strlen(a->url); n > 0 && a->url[n - 1] == '/'; n--)
        a->url[n - 1] = '\0';
    a->key_header = mem_format("x-api-key: %s", key);
    a->headers[0] = a->key_header;
    *out = a;
    return 0;
}

void api_free(struct api *a)
{
    if (!a)
        return;
    client_reply_done(&a->reply);
    client_free(a->client);
    mem_free(a->key_header);
    mem_free(a->url);
    mem_free(a);
}

const char *api_url(const struct api *a)
{
    return a->url;
}

const char *api_next_cursor(const struct api *a)
{
    return *a->reply.next_cursor ? a->reply.next_cursor : NULL;
}

static enum err_code code_of_status(int status)
{
    switch (status) {
    case 400: return ERR_INPUT;
    case 401: return ERR_AUTH;
    case 403: return ERR_FORBIDDEN;
    case 404: return ERR_NOT_FOUND;
    case 409: return ERR_CONFLICT;
    case 412: return ERR_PRECONDITION;
    case 413: return ERR_TOO_LARGE;
    case 429: return ERR_LIMIT;
    case 501: return ERR_NOT_IMPLEMENTED;
    case 408:
    case 504: return ERR_TIMEOUT;
    case 502:
    case 503: return ERR_UNAVAILABLE;
    default: return ERR_INTERNAL;
    }
}

static bool may_pass(enum err_code code)
{
    return code == ERR_UNAVAILABLE || code == ERR_LIMIT || code == ERR_TIMEOUT || code == ERR_IO;
}

/* ["params", "items", 0, "name"] as params.items[0].name */
static void add_path(struct buf *out, const json_t *path)
{
    const json_t *part;
    size_t i;

    json_array_foreach(path, i, part) {
        if (json_is_integer(part))
            buf_format(out, "[%lld]", (long long)json_integer_value(part));
        else if (json_is_string(part))
            buf_format(out, "%s%s", i ? "." : "", json_string_value(part));
    }
}

static void add_issues(struct buf *out, const json_t *issues)
{
    const json_t *issue;
    size_t i;

    json_array_foreach(issues, i, issue) {
        const char *message = json_text(issue, "message");
        scoped(buf_done) struct buf path = { 0 };
        add_path(&path, json_object_get(issue, "path"));
        buf_format(out, "\n  %s%s%s", buf_str(&path), path.n ? ": " : "", message ? message : "?");
    }
}

/* The server's own words in its error envelope, then what they mean for whoever reads them. */
static int refused(const struct client_reply *reply, const char *url, const json_t *error,
                   struct err *e)
{
    const char *message = json_text(error, "message");
    scoped(buf_done) struct buf text = { 0 };

    if (reply->status == 401)
        return err_set(e, ERR_AUTH,
                       "the server at %s does not accept the key in IMPRESARIO_API_KEY\n%s", url,
                       how_to_make_a_key);
    buf_text(&text, message ? message : "the server gave no reason");
    add_issues(&text, json_object_get(json_object_get(error, "data"), "issues"));
    if (reply->retry_after >= 0)
        buf_format(&text, "\nTry again in %lld s", (long long)reply->retry_after);
    if (reply->status >= 500 && *reply->request_id)
        buf_format(&text, "\nThe server's log has more, under request %s", reply->request_id);
    scoped(mem_free) char *safe = text_safe(buf_str(&text));
    return err_set(e, code_of_status(reply->status), "%s", safe);
}

int api_read_reply(const struct client_reply *reply, const char *url, json_t **out, struct err *e)
{
    scoped(err_clear) struct err why = { 0 };
    scoped(json_decref) json_t *body = NULL;

    if (json_parse(buf_str(&reply->body), reply->body.n, LIMIT_JSON_DEPTH + 2, &body, &why) < 0 ||
        !json_object_get(body, "json")) {
        scoped(mem_free) char *seen = text_one_line(buf_str(&reply->body));
        return err_set(e, code_of_status(reply->status),
                       "%s answered with status %d, but not as an Impresario server does%s%.*s\n"
                       "Is it the right address? It is set by IMPRESARIO_URL or --url.",
                       url, reply->status, *seen ? ": " : "", (int)text_fit(seen, 100), seen);
    }
    json_t *json = json_object_get(body, "json");
    if (reply->status != 200)
        return refused(reply, url, json, e);
    *out = json_incref(json);
    return 0;
}

/* The client names the whole URL; the address is what can be set. */
static int unreachable(const struct api *a, const char *url, struct err *e)
{
    enum err_code code = e->code;
    scoped(mem_free) char *why = mem_text(e->msg);
    size_t n = strlen(url);
    bool named = strncmp(why, url, n) == 0 && strncmp(why + n, ": ", 2) == 0;

    err_clear(e);
    return err_set(e, code,
                   "cannot reach %s: %s\nIs the server running (impresario serve)? Another address"
                   " is set by IMPRESARIO_URL or --url.",
                   a->url, named ? why + n + 2 : why);
}

static int post(struct api *a, const char *path, const struct buf *body, json_t **out,
                struct err *e)
{
    scoped(mem_free) char *url = mem_format("%s%s", a->url, path);

    if (client_post(a->client, url, a->headers, body->data, body->n, &a->reply, e) < 0)
        return unreachable(a, url, e);
    a->reached = true;
    return api_read_reply(&a->reply, a->url, out, e);
}

static void wrap(json_t *input, struct buf *out)
{
    scoped(json_decref) json_t *body = json_pack("{s:o}", "json", input ? input : json_object());

    json_print_into(body, out);
}

int api_call(struct api *a, const char *path, json_t *input, json_t **out, struct err *e)
{
    scoped(buf_done) struct buf body = { 0 };

    wrap(input, &body);
    return post(a, path, &body, out, e);
}

static void pause_for(msec_t ms)
{
    const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

    (void)nanosleep(&t, NULL);
}

int api_poll(struct api *a, const char *path, json_t *input, json_t **out, struct err *e)
{
    scoped(buf_done) struct buf body = { 0 };
    msec_t deadline = clock_steady(&clock_real) + PATIENCE_MS;

    wrap(input, &body);
    for (msec_t pause = PAUSE_MIN_MS;;
         pause = pause * 2 < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS) {
        if (post(a, path, &body, out, e) == 0)
            return 0;
        if (!a->reached || !may_pass(e->code) || clock_steady(&clock_real) + pause > deadline)
            return -1;
        err_clear(e);
        pause_for(pause);
    }
}

int api_upload(struct api *a, const char *path, const struct client_upload *up, json_t **out,
               struct err *e)
{
    scoped(mem_free) char *url = mem_format("%s%s", a->url, path);

    if (client_post_upload(a->client, url, a->headers, up, &a->reply, e) < 0)
        return unreachable(a, url, e);
    a->reached = true;
    return api_read_reply(&a->reply, a->url, out, e);
}
