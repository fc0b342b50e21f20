/* SPDX-License-Identifier: Apache-2.0 */
#include "model/wire.h"

#include "base/late_curl.h"
#include "model/provider.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

enum {
    CONNECT_SECONDS = 20,
    CALL_SECONDS = 600, /* a long answer of a slow model */
    ANSWER_BYTES = 16 * 1024 * 1024,
};

/* ---- stopping ---- */

struct model_stop {
    pthread_mutex_t lock;
    pthread_cond_t told;
    bool stopped;
};

struct model_stop *model_stop_new(void)
{
    struct model_stop *s = mem_new(sizeof *s);
    pthread_condattr_t attr;

    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->told, &attr);
    pthread_condattr_destroy(&attr);
    return s;
}

void model_stop_now(struct model_stop *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopped = true;
    pthread_cond_signal(&s->told);
    pthread_mutex_unlock(&s->lock);
}

void model_stop_free(struct model_stop *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->told);
    mem_free(s);
}

static bool is_stopped(struct model_stop *s)
{
    pthread_mutex_lock(&s->lock);
    bool stopped = s->stopped;
    pthread_mutex_unlock(&s->lock);
    return stopped;
}

static bool pause_real(struct model_stop *s, msec_t ms)
{
    struct timespec until;
    int r = 0;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&s->lock);
    while (!s->stopped && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&s->told, &s->lock, &until);
    bool stopped = s->stopped;
    pthread_mutex_unlock(&s->lock);
    return !stopped;
}

/* ---- one request ---- */

struct transfer {
    struct model_stop *stop;
    struct buf *body;
    bool too_long;
};

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;

    t->too_long = t->body->n + size * n > ANSWER_BYTES;
    if (t->too_long)
        return 0;
    buf_add(t->body, data, size * n);
    return size * n;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct transfer *t = arg;

    (void)a, (void)b, (void)c, (void)d;
    return is_stopped(t->stop);
}

static struct curl_slist *headers_of(const struct model_config *config)
{
    struct curl_slist *list = curl_slist_append(NULL, "content-type: application/json");

    list = curl_slist_append(list, "expect:");
    if (config->provider->other_header)
        list = curl_slist_append(list, config->provider->other_header);
    if (config->key) {
        scoped(mem_free) char *line = mem_format("%s%s", config->provider->key_header, config->key);
        list = curl_slist_append(list, line);
    }
    return list;
}

static int exchange_real(const struct model_config *config, const char *request,
                         struct model_stop *stop, struct exchange *x, struct err *e)
{
    const char *base = config->base_url ? config->base_url : config->provider->base_url;
    size_t n = strlen(base);
    struct transfer t = { stop, &x->body, false };
    curl_off_t retry_after = 0;

    if (curl_late(e) < 0)
        return -1;
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = headers_of(config);
    while (n > 0 && base[n - 1] == '/')
        n--;
    scoped(mem_free) char *url = mem_format("%.*s%s", (int)n, base, config->provider->path);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(request));
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "impresario/" IMPRESARIO_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)CALL_SECONDS);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &t);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &t);
    CURLcode r = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &x->status);
    (void)curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    x->retry_after = retry_after;
    if (is_stopped(stop))
        return err_set(e, ERR_TIMEOUT, "stopped");
    if (r == CURLE_OK)
        return 0;
    return err_set(e, ERR_UNAVAILABLE, "%s",
                   t.too_long ? "the answer is too long" : curl_easy_strerror(r));
}

const struct wire wire_real = { exchange_real, pause_real };
