/* SPDX-License-Identifier: Apache-2.0
 *
 * Anthropic's Messages API. Cache marks stand at the end of what does not change (tools and system)
 * and at the ends of the last two user turns, so that each request finds its predecessor cached.
 */
#include "model/provider.h"

enum { MAX_TOKENS = 16384 };

static void mark(json_t *blocks)
{
    json_t *last = json_array_get(blocks, json_array_size(blocks) - 1);

    if (last)
        json_object_set_new(last, "cache_control", json_pack("{s:s}", "type", "ephemeral"));
}

static json_t *text_block(const char *text)
{
    return json_pack("{s:s,s:s}", "type", "text", "text", text);
}

static json_t *result_block(const json_t *part, bool images)
{
    const char *text = part_text(part);
    const char *image = images ? json_text(part, "image") : NULL;
    json_t *content = json_array();

    if (text || !image)
        json_array_append_new(content, text_block(text ? text : "(nothing)"));
    if (image)
        json_array_append_new(content, json_pack("{s:s,s:{s:s,s:s,s:s}}", "type", "image", "source",
                                                 "type", "base64", "media_type",
                                                 json_text(part, "media"), "data", image));
    return json_pack("{s:s,s:s,s:o,s:b}", "type", "tool_result", "tool_use_id",
                     json_text(part, "id"), "content", content, "is_error",
                     !json_bool(part, "ok", true));
}

static json_t *blocks_of(const json_t *turn, bool images)
{
    json_t *blocks = json_array();
    size_t i;
    const json_t *part;

    /* results come first, whatever else the turn says */
    json_array_foreach(json_object_get(turn, "parts"), i, part) {
        if (part_is(part, "result"))
            json_array_append_new(blocks, result_block(part, images));
    }
    json_array_foreach(json_object_get(turn, "parts"), i, part) {
        if (part_is(part, "text") && part_text(part))
            json_array_append_new(blocks, text_block(part_text(part)));
        else if (part_is(part, "call"))
            json_array_append_new(blocks,
                                  json_pack("{s:s,s:s,s:s,s:O}", "type", "tool_use", "id",
                                            json_text(part, "id"), "name", json_text(part, "name"),
                                            "input", json_object_get(part, "input")));
    }
    if (json_array_size(blocks) == 0)
        json_array_append_new(blocks, text_block("(nothing)"));
    return blocks;
}

static json_t *encode(const struct model_config *config, const struct model_ask *ask)
{
    json_t *messages = json_array();
    json_t *system = json_pack("[o]", text_block(ask->system));
    size_t n = json_array_size(ask->turns), i;
    const json_t *turn;

    json_array_foreach(ask->turns, i, turn) {
        bool user = strcmp(json_text(turn, "role"), "user") == 0;
        json_t *blocks = blocks_of(turn, config->images);
        if (user && i + 3 >= n)
            mark(blocks);
        json_array_append_new(messages, json_pack("{s:s,s:o}", "role", user ? "user" : "assistant",
                                                  "content", blocks));
    }
    mark(system);
    return json_pack("{s:s,s:i,s:o,s:O,s:o}", "model", config->model, "max_tokens", MAX_TOKENS,
                     "system", system, "tools", ask->tools, "messages", messages);
}

static int decode(const json_t *answer, struct model_reply *out, struct err *e)
{
    const json_t *usage = json_object_get(answer, "usage");
    const json_t *content = json_object_get(answer, "content");
    const char *stop = json_text(answer, "stop_reason");
    json_t *parts;
    size_t i;
    const json_t *block;

    if (!json_is_array(content))
        return err_set(e, ERR_UNAVAILABLE, "the model's answer has no content");
    parts = json_array();
    json_array_foreach(content, i, block) {
        const char *id = json_text(block, "id"), *name = json_text(block, "name");
        if (part_is(block, "text") && part_text(block))
            json_array_append_new(parts, part_new_text(part_text(block)));
        else if (part_is(block, "tool_use") && id && name)
            json_array_append_new(
                parts, part_new_call(id, name, json_deep_copy(json_object_get(block, "input"))));
    }
    out->tokens_in = json_int(usage, "input_tokens", 0) +
                     json_int(usage, "cache_creation_input_tokens", 0) +
                     json_int(usage, "cache_read_input_tokens", 0);
    out->tokens_out = json_int(usage, "output_tokens", 0);
    out->cut = stop && strcmp(stop, "max_tokens") == 0;
    reply_set(out, parts);
    return 0;
}

const struct provider provider_anthropic = {
    .name = "anthropic",
    .base_url = "https://api.anthropic.com",
    .path = "/v1/messages",
    .key_header = "x-api-key: ",
    .other_header = "anthropic-version: 2023-06-01",
    .encode = encode,
    .decode = decode,
};
