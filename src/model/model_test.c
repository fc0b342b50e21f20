/* SPDX-License-Identifier: Apache-2.0 */
#include "model/provider.h"

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

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(anthropic_is_told_in_blocks),
        cmocka_unit_test(openai_is_told_in_messages),
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(providers_are_known_by_name),
    };
    return cmocka_run_group_tests_name("model", promises, NULL, NULL);
}
