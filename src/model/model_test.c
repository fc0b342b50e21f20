/* SPDX-License-Identifier: Apache-2.0 */
#include "model/provider.h"
#include "model/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    assert_non_null(value);
    return value;
}

static const char turns[] =
    "[{\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"text\":\"Do it\"}]},"
    "{\"role\":\"model\",\"parts\":[{\"type\":\"text\",\"text\":\"Looking\"},"
    "{\"type\":\"call\",\"id\":\"c1\",\"name\":\"screenshot\",\"input\":{\"full\":true}}]},"
    "{\"role\":\"user\",\"parts\":[{\"type\":\"result\",\"id\":\"c1\",\"ok\":false,\"text\":\"\","
    "\"image\":\"aGk=\",\"media\":\"image/png\"},{\"type\":\"text\",\"text\":\"Go on\"}]}]";

static json_t *encoded(const struct provider *p, bool images)
{
    scoped(json_decref) json_t *all = parse(turns);
    scoped(json_decref) json_t *tools = parse(
        "[{\"name\":\"screenshot\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\"}}]");
    const struct model_config config = { p, NULL, "key", "m", images };
    const struct model_ask ask = { "Be good", tools, all };

    /* cppcheck-suppress returnDanglingLifetime ; what is encoded is a value of its own */
    return p->encode(&config, &ask);
}

static json_t *at(const json_t *value, const char *name, size_t i)
{
    return json_array_get(json_object_get(value, name), i);
}

static void anthropic_is_told_in_blocks(void **state)
{
    scoped(json_decref) json_t *request = encoded(&provider_anthropic, true);
    const json_t *last = at(request, "messages", 2);
    const json_t *result = at(last, "content", 0);

    (void)state;
    assert_string_equal(json_text(request, "model"), "m");
    assert_non_null(json_object_get(at(request, "system", 0), "cache_control"));
    assert_string_equal(json_text(at(request, "messages", 1), "role"), "assistant");
    assert_string_equal(json_text(at(at(request, "messages", 1), "content", 1), "type"),
                        "tool_use");
    assert_string_equal(json_text(result, "tool_use_id"), "c1");
    assert_true(json_bool(result, "is_error", false));
    assert_string_equal(json_text(at(result, "content", 0), "type"), "image"); /* no blank text */
    assert_non_null(json_object_get(at(last, "content", 1), "cache_control"));
    assert_null(json_object_get(result, "cache_control"));
}

static void openai_is_told_in_messages(void **state)
{
    scoped(json_decref) json_t *request = encoded(&provider_openai, true);
    scoped(json_decref) json_t *blind = encoded(&provider_openai, false);
    const json_t *call = at(at(request, "messages", 2), "tool_calls", 0);

    (void)state;
    assert_string_equal(json_text(at(request, "messages", 0), "role"), "system");
    assert_string_equal(json_text(json_object_get(call, "function"), "arguments"),
                        "{\"full\":true}");
    assert_string_equal(json_text(at(request, "messages", 3), "role"), "tool");
    assert_string_equal(json_text(at(request, "messages", 3), "content"), "(nothing)");
    assert_string_equal(json_text(at(request, "messages", 4), "role"), "user");
    assert_int_equal(json_array_size(json_object_get(at(request, "messages", 4), "content")), 2);
    assert_int_equal(json_array_size(json_object_get(at(blind, "messages", 4), "content")), 1);
}

static void decode(const struct provider *p, const char *text, struct model_reply *out)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *answer = parse(text);

    assert_int_equal(p->decode(answer, out, &e), 0);
}

static void answers_are_read(void **state)
{
    struct model_reply r = { 0 };

    (void)state;
    decode(
        &provider_anthropic,
        "{\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\"},{\"type\":\"text\",\"text\":\" \"},"
        "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"act\",\"input\":{\"code\":\"1\"}}],"
        "\"stop_reason\":\"max_tokens\",\"usage\":{\"input_tokens\":5,\"output_tokens\":7,"
        "\"cache_read_input_tokens\":100}}",
        &r);
    assert_int_equal(json_array_size(json_object_get(r.turn, "parts")), 1);
    assert_int_equal(r.tokens_in, 105);
    assert_int_equal(r.tokens_out, 7);
    assert_true(r.cut);
    model_reply_done(&r);

    decode(
        &provider_openai,
        "{\"choices\":[{\"finish_reason\":\"tool_calls\",\"message\":{\"content\":null,"
        "\"tool_calls\":[{\"id\":\"a\",\"function\":{\"name\":\"act\",\"arguments\":\"{\\\"x\\\":1}\"}},"
        "{\"id\":\"b\",\"function\":{\"name\":\"act\",\"arguments\":\"{oops\"}}]}}],"
        "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}",
        &r);
    const json_t *first = at(r.turn, "parts", 0), *second = at(r.turn, "parts", 1);
    assert_int_equal(json_int(json_object_get(first, "input"), "x", 0), 1);
    assert_string_equal(json_text(json_object_get(second, "input"), "malformed_arguments"),
                        "{oops");
    model_reply_done(&r);
}

static void nonsense_is_refused(void **state)
{
    static const char *const answers[] = { "{}", "[]", "{\"content\":\"x\"}", "{\"choices\":[]}",
                                           "{\"choices\":[{\"message\":null}]}" };
    struct model_reply r = { 0 };

    (void)state;
    for (size_t i = 0; i < n_items(answers); i++) {
        scoped(json_decref) json_t *answer = parse(answers[i]);
        scoped(err_clear) struct err e = { 0 };
        assert_int_equal(provider_anthropic.decode(answer, &r, &e), -1);
        err_clear(&e);
        assert_int_equal(provider_openai.decode(answer, &r, &e), -1);
        assert_int_equal(e.code, ERR_UNAVAILABLE);
    }
}

static void providers_are_known_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(model_provider("openai"), &provider_openai);
    assert_ptr_equal(model_provider("anthropic"), &provider_anthropic);
    assert_null(model_provider("none"));
}

/* ---- tries ---- */

/* What a server answers, one after the other; status 0 is a connection that was lost. */
struct played {
    long status;
    int64_t retry_after;
    const char *body;
};

/* The wire has no argument of its own: a test fills this. */
static struct {
    const struct played *next;
    int sent, pauses, stop_at_pause; /* 0: never */
    msec_t paused[8];
} server;

static int play(const struct model_config *config, const char *request, struct model_stop *stop,
                struct exchange *x, struct err *e)
{
    const struct played *p = server.next++;

    (void)config, (void)stop;
    assert_non_null(request);
    server.sent++;
    if (p->status == 0)
        return err_set(e, ERR_UNAVAILABLE, "connection lost");
    x->status = p->status;
    x->retry_after = p->retry_after;
    buf_text(&x->body, p->body ? p->body : "{}");
    return 0;
}

static bool pause_played(struct model_stop *stop, msec_t ms)
{
    (void)stop;
    server.paused[server.pauses++] = ms;
    return server.pauses != server.stop_at_pause;
}

#define GOOD \
    "{\"choices\":[{\"message\":{\"content\":\"hi\"}}],\"usage\":{\"prompt_tokens\":1e300}}"

static int call(const struct played *script, int stop_at_pause, struct model_reply *out,
                struct err *e)
{
    static const struct wire wire = { play, pause_played };
    const struct model_config config = { &provider_openai, NULL, "sk-secret", "m", false };
    struct rng_seeded rng;
    scoped(json_decref) json_t *all = parse(turns), *tools = parse("[]");
    const struct model_ask ask = { "Be good", tools, all };

    rng_seeded_init(&rng, 1);
    const struct env env = { .rng = &rng.rng };
    memset(&server, 0, sizeof server);
    server.next = script;
    server.stop_at_pause = stop_at_pause;
    return model_call_by(&wire, &env, &config, &ask, NULL, out, e);
}

static void what_may_pass_is_tried_again(void **state)
{
    static const struct played script[] = {
        { 0, 0, NULL },
        { 429, 7, NULL },
        { 529, 0, NULL },
        { 429, 999999999999, NULL },
        { 200, 0, "{\"choices\":[{\"mess" },
        { 200, 0, GOOD },
    };
    scoped(err_clear) struct err e = { 0 };
    struct model_reply r = { 0 };

    (void)state;
    assert_int_equal(call(script, 0, &r, &e), 0);
    assert_int_equal(server.sent, 6);
    assert_in_range(server.paused[0], 1000, 1250); /* longer and longer, and a little by chance */
    assert_int_equal(server.paused[1], 7000);      /* as long as the provider says */
    assert_in_range(server.paused[2], 4000, 5000);
    assert_int_equal(server.paused[3], 120000); /* but not for ever */
    assert_in_range(server.paused[4], 16000, 20000);
    assert_int_equal(r.tokens_in, 0); /* nobody reads so many */
    model_reply_done(&r);
}

static void what_is_refused_is_not_tried_again(void **state)
{
    static const struct played script[] = {
        { 400, 0, "{\"error\":{\"message\":\"no model m, for key sk-secret\"}}" },
    };
    scoped(err_clear) struct err e = { 0 };
    struct model_reply r = { 0 };

    (void)state;
    assert_int_equal(call(script, 0, &r, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    assert_string_equal(e.msg, "status 400: no model m, for key [redacted]");
    assert_int_equal(server.sent, 1);
}

static void an_api_that_leads_elsewhere_is_not_followed(void **state)
{
    static const struct played script[] = { { 307, 0, "" } };
    scoped(err_clear) struct err e = { 0 };
    struct model_reply r = { 0 };

    (void)state;
    assert_int_equal(call(script, 0, &r, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    assert_string_equal(e.msg, "status 307: its API leads to another address, which is not "
                               "followed. Set model_base_url to that address");
    assert_int_equal(server.sent, 1);
}

static void tries_have_an_end(void **state)
{
    static const struct played script[6] = { { 500, 0, NULL }, { 502, 0, "<html>" },
                                             { 0, 0, NULL },   { 200, 0, "[]" },
                                             { 408, 0, NULL }, { 503, 0, "<b>closed</b>" } };
    scoped(err_clear) struct err e = { 0 };
    struct model_reply r = { 0 };

    (void)state;
    assert_int_equal(call(script, 0, &r, &e), -1);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(e.msg, "after 6 tries"));
    assert_non_null(strstr(e.msg, "closed"));
    assert_int_equal(server.sent, 6);
    assert_int_equal(server.pauses, 5);
}

static void a_call_is_stopped_while_it_pauses(void **state)
{
    static const struct played script[] = { { 500, 0, NULL }, { 500, 0, NULL } };
    scoped(err_clear) struct err e = { 0 };
    struct model_reply r = { 0 };

    (void)state;
    assert_int_equal(call(script, 2, &r, &e), -1);
    assert_int_equal(e.code, ERR_TIMEOUT);
    assert_int_equal(server.sent, 2);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(anthropic_is_told_in_blocks),
        cmocka_unit_test(openai_is_told_in_messages),
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(providers_are_known_by_name),
        cmocka_unit_test(what_may_pass_is_tried_again),
        cmocka_unit_test(what_is_refused_is_not_tried_again),
        cmocka_unit_test(an_api_that_leads_elsewhere_is_not_followed),
        cmocka_unit_test(tries_have_an_end),
        cmocka_unit_test(a_call_is_stopped_while_it_pauses),
    };
    return cmocka_run_group_tests_name("model", promises, NULL, NULL);
}
