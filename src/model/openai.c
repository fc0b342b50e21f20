/* SPDX-License-Identifier: Apache-2.0
 *
 * The chat completions API of OpenAI, as local servers speak it too: nothing is used that only some
 * of them know. Its tools answer in text, so that images follow in a message of the user.
 */
#include "model/provider.h"

static json_t *call_of(const json_t *part)
{
    scoped(mem_free) char *input = json_print(json_object_get(part, "input"));

    return json_pack("{s:s,s:s,s:{s:s,s:s}}", "id", json_text(part, "id"), "type", "function",
                     "function", "name", json_text(part, "name"), "arguments", input);
}

static void add_model_turn(json_t *messages, const json_t *turn)
{
    scoped(buf_done) struct buf text = { 0 };
    json_t *calls = json_array();
    json_t *message = json_pack("{s:s}", "role", "assistant");
    size_t i;
    const json_t *part;

    json_array_foreach(json_object_get(turn, "parts"), i, part) {
        if (part_is(part, "call"))
            json_array_append_new(calls, call_of(part));
        else if (part_text(part))
            buf_format(&text, "%s%s", text.n ? "\n" : "", part_text(part));
    }
    if (text.n == 0 && json_array_size(calls) == 0)
        buf_text(&text, "(nothing)");
    json_object_set_new(message, "content", text.n ? json_string(buf_str(&text)) : json_null());
    if (json_array_size(calls) > 0)
        json_object_set(message, "tool_calls", calls);
    json_decref(calls);
    json_array_append_new(messages, message);
}

static void add_image(json_t *content, const json_t *part)
{
    scoped(mem_free) char *url =
        mem_format("data:%s;base64,%s", json_text(part, "media"), json_text(part, "image"));

    json_array_append_new(content,
                          json_pack("{s:s,s:{s:s}}", "type", "image_url", "image_url", "url", url));
}

static void add_user_turn(json_t *messages, const json_t *turn, bool images)
{
    scoped(json_decref) json_t *content = json_array();
    size_t i;
    const json_t *part;

    json_array_foreach(json_object_get(turn, "parts"), i, part) {
        const char *text = part_text(part);
        if (part_is(part, "text") && text) {
            json_array_append_new(content, json_pack("{s:s,s:s}", "type", "text", "text", text));
        } else if (part_is(part, "result")) {
            json_array_append_new(messages, json_pack("{s:s,s:s,s:s}", "role", "tool",
                                                      "tool_call_id", json_text(part, "id"),
                                                      "content", text ? text : "(nothing)"));
            if (images && json_text(part, "image"))
                add_image(content, part);
        }
    }
    if (json_array_size(content) > 0)
        json_array_append_new(messages, json_pack("{s:s,s:O}", "role", "user", "content", content));
}

static json_t *tools_of(const json_t *tools)
{
    json_t *out = json_array();
    size_t i;
    const json_t *tool;

    json_array_foreach(tools, i, tool) {
        json_array_append_new(out, json_pack("{s:s,s:{s:O,s:O,s:O}}", "type", "function",
                                             "function", "name", json_object_get(tool, "name"),
                                             "description", json_object_get(tool, "description"),
                                             "parameters", json_object_get(tool, "input_schema")));
    }
    return out;
}

static json_t *encode(const struct model_config *config, const struct model_ask *ask)
{
    json_t *messages = json_pack("[{s:s,s:s}]", "role", "system", "content", ask->system);
    size_t i;
    const json_t *turn;

    json_array_foreach(ask->turns, i, turn) {
        if (strcmp(json_text(turn, "role"), "user") == 0)
            add_user_turn(messages, turn, config->images);
        else
            add_model_turn(messages, turn);
    }
    return json_pack("{s:s,s:o,s:o}", "model", config->model, "tools", tools_of(ask->tools),
                     "messages", messages);
}

/* Arguments are a text that should be JSON, and is not always. */
static json_t *input_of(const json_t *function)
{
    const char *text = json_text(function, "arguments");
    scoped(err_clear) struct err e = { 0 };
    json_t *input = NULL;

    if (json_is_object(json_object_get(function, "arguments"))) /* some servers parse it */
        return json_deep_copy(json_object_get(function, "arguments"));
    if (text && json_parse(text, strlen(text), 64, &input, &e) == 0 && json_is_object(input))
        return input;
    json_decref(input);
    return text && *text ? json_pack("{s:s}", "malformed_arguments", text) : NULL;
}

static int decode(const json_t *answer, struct model_reply *out, struct err *e)
{
    const json_t *usage = json_object_get(answer, "usage");
    const json_t *choice = json_array_get(json_object_get(answer, "choices"), 0);
    const json_t *message = json_object_get(choice, "message");
    const char *stop = json_text(choice, "finish_reason");
    json_t *parts;
    size_t i;
    const json_t *call;

    if (!json_is_object(message))
        return err_set(e, ERR_UNAVAILABLE, "the model's answer has no message");
    parts = json_array();
    const char *text = json_text(message, "content");
    if (text && text[strspn(text, " \t\r\n")])
        json_array_append_new(parts, part_new_text(text));
    json_array_foreach(json_object_get(message, "tool_calls"), i, call) {
        const json_t *function = json_object_get(call, "function");
        const char *id = json_text(call, "id"), *name = json_text(function, "name");
        if (id && name)
            json_array_append_new(parts, part_new_call(id, name, input_of(function)));
    }
    out->tokens_in = json_int(usage, "prompt_tokens", 0);
    out->tokens_out = json_int(usage, "completion_tokens", 0);
    out->cut = stop && strcmp(stop, "length") == 0;
    reply_set(out, parts);
    return 0;
}

const struct provider provider_openai = {
    .name = "openai",
    .base_url = "https://api.openai.com/v1",
    .path = "/chat/completions",
    .key_header = "authorization: Bearer ",
    .encode = encode,
    .decode = decode,
};
