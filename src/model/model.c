/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model.h"

#include "base/log.h"
#include "model/provider.h"
#include "model/wire.h"

enum {
    TRIES = 6,
    FIRST_PAUSE_MS = 1000,
    LONGEST_PAUSE_MS = 120 * 1000,
    DEPTH = 64,
    TOKENS_MOST = 1000 * 1000 * 1000, /* what a server may claim that one answer took */
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

static int64_t believable(int64_t tokens)
{
    return tokens < 0 ? 0 : tokens > TOKENS_MOST ? TOKENS_MOST : tokens;
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
        if (config->provider->decode(answer, out, e) < 0)
            return -1;
        out->tokens_in = believable(out->tokens_in);
        out->tokens_out = believable(out->tokens_out);
        return 0;
    }
    if (x->status >= 300 && x->status < 400)
        return err_set(e, ERR_INPUT,
                       "status %ld: its API leads to another address, which is not followed. Set "
                       "model_base_url to that address",
                       x->status);
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
        pause = x->retry_after < LONGEST_PAUSE_MS / 1000 ? (msec_t)x->retry_after * 1000
                                                         : LONGEST_PAUSE_MS;
    return pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS;
}

int model_call_by(const struct wire *wire, const struct env *env, const struct model_config *config,
                  const struct model_ask *ask, struct model_stop *stop, struct model_reply *out,
                  struct err *e)
{
    scoped(json_decref) json_t *request = config->provider->encode(config, ask);
    scoped(mem_free) char *text = json_print(request);
    struct exchange x = { 0 };
    int r = -1;

    for (int tries = 1;; tries++) {
        err_clear(e);
        buf_reset(&x.body);
        x.status = 0;
        x.retry_after = 0;
        r = wire->exchange(config, text, stop, &x, e);
        if (r == 0)
            r = read_answer(config, &x, out, e);
        if (r == 0 || e->code != ERR_UNAVAILABLE)
            break;
        if (tries == TRIES) {
            err_wrap(e, "the model did not answer after %d tries", TRIES);
            break;
        }
        msec_t pause = pause_before(env, tries, &x);
        log_event(LOG_WARN, "model.again", F_TEXT("why", e->msg), F_INT("pause_ms", pause));
        if (!wire->pause(stop, pause)) {
            err_clear(e);
            (void)err_set(e, ERR_TIMEOUT, "stopped");
            break;
        }
    }
    buf_done(&x.body);
    return r;
}

int model_call(const struct env *env, const struct model_config *config,
               const struct model_ask *ask, struct model_stop *stop, struct model_reply *out,
               struct err *e)
{
    return model_call_by(&wire_real, env, config, ask, stop, out, e);
}
