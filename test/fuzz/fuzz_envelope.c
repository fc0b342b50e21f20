/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/envelope.h"
#include "base/bounds.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct outcome {
    int r;
    struct err e;
    bool blames_source;
    struct buf source;
    char *rest;
};

static int collect(void *arg, const void *data, size_t n, struct err *e)
{
    struct buf *b = arg;

    buf_add(b, data, n);
    return b->data[0] == 'X' ? err_set(e, ERR_INPUT, "source begins with an X") : 0;
}

static void read_all(const char *text, size_t n, size_t piece, struct outcome *o)
{
    scoped(envelope_free) struct envelope *env = envelope_new(collect, &o->source);
    json_t *rest = NULL;

    for (size_t at = 0; at < n && o->r == 0; at += piece)
        o->r = envelope_feed(env, text + at, piece < n - at ? piece : n - at, &o->e);
    if (o->r == 0)
        o->r = envelope_finish(env, &rest, &o->e);
    o->blames_source = envelope_blames_source(env);
    o->rest = rest ? json_dumps(rest, JSON_ENCODE_ANY | JSON_SORT_KEYS) : NULL;
    json_decref(rest);
}

static void outcome_done(struct outcome *o)
{
    err_clear(&o->e);
    buf_done(&o->source);
    free(o->rest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct outcome whole = { 0 }, pieces = { 0 };
    size_t piece = n > 0 && data[0] > 0 ? data[0] : 1;
    const char *text = n > 0 ? (const char *)data + 1 : "";

    n = n > 0 ? n - 1 : 0;
    read_all(text, n, n ? n : 1, &whole);
    read_all(text, n, piece, &pieces);
    assert(whole.r == pieces.r && whole.blames_source == pieces.blames_source);
    if (whole.r < 0) {
        assert(strcmp(whole.e.msg, pieces.e.msg) == 0);
    } else {
        scoped(err_clear) struct err e = { 0 };
        json_t *value = NULL;
        assert(whole.source.n == pieces.source.n && strcmp(whole.rest, pieces.rest) == 0);
        assert(memcmp(buf_str(&whole.source), buf_str(&pieces.source), whole.source.n) == 0);
        bool blank = !memchr(text, '{', n) && strcmp(whole.rest, "{}") == 0;
        int parsed = blank ? 0 : json_parse(text, n, LIMIT_JSON_DEPTH, &value, &e);
        assert(parsed == 0);
        json_decref(value);
    }
    outcome_done(&whole);
    outcome_done(&pieces);
    return 0;
}
