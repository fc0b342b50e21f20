/* SPDX-License-Identifier: Apache-2.0
 *
 * Redirects are followed here and not by the library, so that the name that an address was found by is
 * known when it is judged: the operator's list has names, too. From TLS none leads away.
 *
 * Handles keep their connections. One is taken for each call, the one that was used last first, so
 * that few are open.
 */
#include "registry/fetch.h"

#include "base/address.h"
#include "base/late_curl.h"
#include "egress/route.h"

#include <pthread.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    REDIRECTS = 4,
    CONNECT_SECONDS = 10,
    QUIET_SECONDS = 30, /* with less than a KiB a second */
    HANDLES = 32,       /* that are kept */
};

struct fetcher {
    pthread_mutex_t lock; /* of all below: policies learn */
    struct policy *policy;
    CURL *handles[HANDLES];
    size_t n;
};

/* One request under way. */
struct call {
    struct fetcher *fetcher;
    const struct fetch *what;
    struct fetched got;
    int64_t n;
    char *host;         /* that it goes to, without a port */
    const char *reason; /* why the last address was refused */
    char address[PLACE_TEXT];
    struct err *e;
};

struct fetcher *fetcher_new(struct policy *policy)
{
    struct fetcher *f = mem_new(sizeof *f);

    *f = (struct fetcher){ .policy = policy };
    pthread_mutex_init(&f->lock, NULL);
    return f;
}

void fetcher_free(struct fetcher *f)
{
    if (!f)
        return;
    while (f->n > 0)
        curl_easy_cleanup(f->handles[--f->n]);
    policy_free(f->policy);
    pthread_mutex_destroy(&f->lock);
    mem_free(f);
}

/* ---- what libcurl calls ---- */

static curl_socket_t open_judged(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct call *c = arg;
    struct place at;

    if (purpose != CURLSOCKTYPE_IPCXN || !place_of_sockaddr(&to->addr, &at))
        return CURL_SOCKET_BAD;
    pthread_mutex_lock(&c->fetcher->lock);
    msec_t now = clock_steady(&clock_real);
    policy_learn(c->fetcher->policy, c->host, &at, now);
    const char *reason = policy_judge(c->fetcher->policy, &at, route_to(&at), now);
    pthread_mutex_unlock(&c->fetcher->lock);
    if (reason) {
        c->reason = reason;
        place_print(&at, c->address);
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
    struct call *c = arg;

    n *= size;
    if (c->got.status != 200)
        return n;
    c->n += (int64_t)n;
    if (c->n > c->what->max_bytes) {
        err_set(c->e, ERR_TOO_LARGE, "it is larger than %lld MiB",
                (long long)c->what->max_bytes >> 20);
        return 0;
    }
    if (c->what->write(c->what->arg, data, n) < 0) {
        err_set(c->e, ERR_IO, "it could not be written");
        return 0;
    }
    return n;
}

static size_t take_header(char *line, size_t size, size_t n, void *arg)
{
    static const char etag[] = "etag:";
    struct call *c = arg;

    n *= size;
    if (n > 5 && memcmp(line, "HTTP/", 5) == 0) {
        const char *space = memchr(line, ' ', n);
        c->got = (struct fetched){ .status = space ? (int)strtol(space, NULL, 10) : 0 };
        return n;
    }
    if (n < sizeof etag || strncasecmp(line, etag, sizeof etag - 1) != 0)
        return n;
    const char *from = line + sizeof etag - 1, *end = line + n;
    while (from < end && *from == ' ')
        from++;
    while (end > from && strchr(" \t\r\n", end[-1]))
        end--;
    if ((size_t)(end - from) < sizeof c->got.etag)
        memcpy(c->got.etag, from, (size_t)(end - from));
    return n;
}

/* ---- one request ---- */

static CURL *take_handle(struct fetcher *f)
{
    pthread_mutex_lock(&f->lock);
    CURL *curl = f->n > 0 ? f->handles[--f->n] : NULL;
    pthread_mutex_unlock(&f->lock);
    if (!curl)
        curl = curl_easy_init();
    if (!curl)
        abort();           /* out of memory, as mem.h has it */
    curl_easy_reset(curl); /* its connections stay */
    return curl;
}

static void give_handle(struct fetcher *f, CURL *curl)
{
    pthread_mutex_lock(&f->lock);
    if (f->n < HANDLES)
        f->handles[f->n++] = take(curl);
    pthread_mutex_unlock(&f->lock);
    if (curl)
        curl_easy_cleanup(curl);
}

static struct curl_slist *header_list(const struct fetch *what)
{
    scoped(mem_free) char *accept = mem_format("accept: %s", what->accept ? what->accept : "*/*");
    struct curl_slist *list = curl_slist_append(NULL, accept);

    if (what->etag && *what->etag) {
        scoped(mem_free) char *none = mem_format("if-none-match: %s", what->etag);
        list = curl_slist_append(list, none);
    }
    return list;
}

static void prepare(CURL *curl, struct call *c, struct curl_slist *headers)
{
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "impresario/" IMPRESARIO_VERSION);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1024L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)QUIET_SECONDS);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_judged);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, c);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, c);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, c);
    if (c->what->accept)
        curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
}

static char *host_of(const char *url)
{
    CURLU *parts = curl_url();
    char *host = NULL, *kept = NULL;

    if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK)
        kept = mem_text(host);
    curl_free(host);
    curl_url_cleanup(parts);
    return kept;
}

static int explain(const struct call *c, CURLcode code, const char *detail, const char *url)
{
    if (c->e->code)
        return -1;
    if (c->reason && code == CURLE_COULDNT_CONNECT)
        return err_set(c->e, ERR_FORBIDDEN, "%s leads to %s, which may not be reached: %s", url,
                       c->address, c->reason);
    return err_set(c->e, ERR_UNAVAILABLE, "%s: %s", url,
                   *detail ? detail : curl_easy_strerror(code));
}

/* `next` is set when there is another address to go to. */
static int go(CURL *curl, struct call *c, const char *url, char **next)
{
    char detail[CURL_ERROR_SIZE] = "", *to = NULL;

    c->host = host_of(url);
    if (!c->host)
        return err_set(c->e, ERR_FORBIDDEN, "%s is no address", url);
    c->reason = NULL;
    c->n = 0;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
    mem_free(take(c->host));
    if (code != CURLE_OK)
        return explain(c, code, detail, url);
    curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &to);
    if (!to || c->got.status < 301 || c->got.status > 308 || c->got.status == 304)
        return 0;
    if (strncasecmp(url, "https:", 6) == 0 && strncasecmp(to, "https:", 6) != 0)
        return err_set(c->e, ERR_FORBIDDEN, "%s leads to %s, which is not encrypted", url, to);
    *next = mem_text(to);
    return 0;
}

int fetch(struct fetcher *f, const struct fetch *what, struct fetched *out, struct err *e)
{
    struct call c = { .fetcher = f, .what = what, .e = e };

    if (curl_late(e) < 0)
        return -1;
    struct curl_slist *headers = header_list(what);
    scoped(mem_free) char *url = mem_text(what->url);
    scoped(mem_free) char *next = NULL;
    CURL *curl = take_handle(f);

    prepare(curl, &c, headers);
    int r = go(curl, &c, url, &next);
    for (int i = 0; r == 0 && next && i < REDIRECTS; i++) {
        mem_free(url);
        url = take(next);
        r = go(curl, &c, url, &next);
    }
    if (r == 0 && next)
        r = err_set(e, ERR_UNAVAILABLE, "%s leads on and on", what->url);
    curl_easy_reset(curl);
    give_handle(f, curl);
    curl_slist_free_all(headers);
    if (r == 0)
        *out = c.got;
    return r;
}
