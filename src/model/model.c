/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model.h"

#include "base/log.h"
#include "model/provider.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <time.h>

enum {
    TRIES = 6,
    FIRST_PAUSE_MS = 1000,
    LONGEST_PAUSE_MS = 120 * 1000,
    CONNECT_SECONDS = 20,
    CALL_SECONDS = 600,
    ANSWER_BYTES = 16 * 1024 * 1024,
    DEPTH = 64,
};

/* ---- parts ---- */

const struct provider *model_provider(const char *name)
{
    static const struct provider *const all[] = { &provider_anthropic, &provider_openai };

    for (size_t i = 0; i < n_items(all); i++) {
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    }
    return NULL;
}

bool part_is(const json_t *part, const char *type)
{
    const char *its = json_text(part, "type");

    return its && strcmp(its, type) == 0;
}

const char *part_text(const json_t *part)
{
    const char *text = json_text(part, "text");

    return text && text[strspn(text, " \t\r\n")] ? text : NULL;
}

json_t *part_new_text(const char *text)
{
    return json_pack("{s:s,s:s}", "type", "text", "text", text);
}

json_t *part_new_call(const char *id, const char *name, json_t *input)
{
    json_t *part = json_pack("{s:s,s:s,s:s}", "type", "call", "id", id, "name", name);

    if (!json_is_object(input)) {
        json_decref(input);
        input = json_object();
    }
    json_object_set_new(part, "input", input);
    return part;
}

void reply_set(struct model_reply *out, json_t *parts)
{
    out->turn = json_pack("{s:s,s:o}", "role", "model", "parts", parts);
}

void model_reply_done(struct model_reply *r)
{
    json_decref(r->turn);
    *r = (struct model_reply){ 0 };
}

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

/* Whether it was stopped meanwhile. */
static bool pause_ms(struct model_stop *s, msec_t ms)
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
    return stopped;
}

/* ---- one request ---- */

struct exchange {
    struct model_stop *stop;
    long status;
    curl_off_t retry_after; /* seconds; 0: not told */
    struct buf body;
    bool too_long;
};

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;

    x->too_long = x->body.n + size * n > ANSWER_BYTES;
    if (x->too_long)
        return 0;
    buf_add(&x->body, data, size * n);
    return size * n;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct exchange *x = arg;

    (void)a, (void)b, (void)c, (void)d;
    return is_stopped(x->stop);
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

/* What kept an answer from coming: always worth another try. */
static int exchange(const struct model_config *config, const char *request, struct exchange *x,
                    struct err *e)
{
    const char *base = config->base_url ? config->base_url : config->provider->base_url;
    size_t n = strlen(base);
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = headers_of(config);

    while (n > 0 && base[n - 1] == '/')
        n--;
    scoped(mem_free) char *url = mem_format("%.*s%s", (int)n, base, config->provider->path);
    buf_reset(&x->body);
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
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
    CURLcode r = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &x->status);
    (void)curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &x->retry_after);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (r == CURLE_OK)
        return 0;
    return err_set(e, ERR_UNAVAILABLE, "%s",
                   x->too_long ? "the answer is too long" : curl_easy_strerror(r));
}

/* ---- what came back ---- */

/* What the provider says of a fault, shortened and without the key. */
static char *words_of(const struct model_config *config, const json_t *answer, const char *body)
{
    enum { LONGEST = 500 };
    const json_t *error = json_object_get(answer, "error");
    const char *said =
        json_is_string(error) ? json_string_value(error) : json_text(error, "message");
    struct buf out = { 0 };
    size_t key = config->key ? strlen(config->key) : 0;

    if (!said)
        said = answer ? "no reason given" : body;
    while (*said && out.n < LONGEST) {
        if (key > 0 && strncmp(said, config->key, key) == 0) {
            buf_text(&out, "[redacted]");
            said += key;
        } else {
            bool plain = *said >= 0x20 && *said < 0x7f;
            if (plain)
                buf_char(&out, *said);
            else
                buf_char(&out, ' ');
            said++;
        }
    }
    return buf_take(&out);
}

static bool may_pass(long status)
{
    return status == 408 || status == 409 || status == 425 || status == 429 || status >= 500;
}

static int read_answer(const struct model_config *config, const struct exchange *x,
                       struct model_reply *out, struct err *e)
{
    scoped(json_decref) json_t *answer = NULL;
    scoped(err_clear) struct err bad = { 0 };
    bool parsed = json_parse(buf_str(&x->body), x->body.n, DEPTH, &answer, &bad) == 0;

    if (x->status == 200) {
        if (!parsed)
            return err_set(e, ERR_UNAVAILABLE, "the model's answer is no JSON");
        return config->provider->decode(answer, out, e);
    }
    scoped(mem_free) char *words = words_of(config, answer, buf_str(&x->body));
    return err_set(e, may_pass(x->status) ? ERR_UNAVAILABLE : ERR_INPUT, "status %ld: %s",
                   x->status, words);
}

static msec_t pause_before(const struct env *env, int tries, const struct exchange *x)
{
    msec_t pause = (msec_t)FIRST_PAUSE_MS << (tries - 1);
    unsigned char chance;

    rng_fill(env->rng, &chance, 1);
    pause += pause * chance / 1024; /* so that many do not come back at once */
    if (x->retry_after > 0)
        pause = (msec_t)x->retry_after * 1000;
    return pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS;
}

int model_call(const struct env *env, const struct model_config *config,
               const struct model_ask *ask, struct model_stop *stop, struct model_reply *out,
               struct err *e)
{
    scoped(json_decref) json_t *request = config->provider->encode(config, ask);
    scoped(mem_free) char *text = json_print(request);
    struct exchange x = { .stop = stop };
    int r = -1;

    for (int tries = 1;; tries++) {
        err_clear(e);
        x.status = 0;
        x.retry_after = 0;
        r = exchange(config, text, &x, e);
        if (r == 0)
            r = read_answer(config, &x, out, e);
        if (is_stopped(stop)) {
            if (r == 0)
                model_reply_done(out);
            err_clear(e);
            r = err_set(e, ERR_TIMEOUT, "stopped");
            break;
        }
        if (r == 0 || e->code != ERR_UNAVAILABLE)
            break;
        if (tries == TRIES) {
            err_wrap(e, "the model did not answer after %d tries", TRIES);
            break;
        }
        msec_t pause = pause_before(env, tries, &x);
        log_event(LOG_WARN, "model.again", F_TEXT("why", e->msg), F_INT("pause_ms", pause));
        (void)pause_ms(stop, pause);
    }
    buf_done(&x.body);
    return r;
}
