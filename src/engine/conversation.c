/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/conversation.h"

enum {
    KEPT_BYTES = 400 * 1024, /* of answers in a conversation, before old ones are shortened */
    KEPT_TURNS = 8,          /* the texts of the last stay whole */
    KEPT_PICTURES = 4,       /* the last, of LIMIT_IMAGE each: they are dear, and soon old */
    OLD_BYTES = 600,
};

char *text_start(const char *text, size_t bytes)
{
    size_t n = strlen(text);

    if (n <= bytes)
        return mem_text(text);
    while (bytes > 0 && ((unsigned char)text[bytes] & 0xc0) == 0x80)
        bytes--; /* not inside of a character */
    return mem_format("%.*s ... (%zu more bytes)", (int)bytes, text, n - bytes);
}

void conversation_add(json_t *turns, const char *role, json_t *parts)
{
    json_array_append_new(turns, json_pack("{s:s,s:o}", "role", role, "parts", parts));
}

static json_t *text_part(const char *text)
{
    return json_pack("{s:s,s:s}", "type", "text", "text", text);
}

void conversation_say(json_t *turns, const char *text)
{
    conversation_add(turns, "user", json_pack("[o]", text_part(text)));
}

const json_t *conversation_last(const json_t *turns)
{
    return json_array_get(turns, json_array_size(turns) - 1);
}

static bool is_call(const json_t *part)
{
    return strcmp(json_text(part, "type"), "call") == 0;
}

const json_t *conversation_call(const json_t *turns, size_t nth)
{
    size_t i;
    const json_t *part;

    json_array_foreach(json_object_get(conversation_last(turns), "parts"), i, part) {
        if (is_call(part) && nth-- == 0)
            return part;
    }
    return NULL;
}

size_t conversation_calls(const json_t *turns)
{
    size_t n = 0;

    while (conversation_call(turns, n))
        n++;
    return n;
}

json_t *conversation_result(const json_t *call, bool ok, const char *text)
{
    return json_pack("{s:s,s:O,s:b,s:s}", "type", "result", "id", json_object_get(call, "id"), "ok",
                     ok, "text", text);
}

void conversation_refuse(json_t *turns, const char *why)
{
    json_t *parts = json_array();
    const json_t *call;

    for (size_t i = 0; (call = conversation_call(turns, i)); i++)
        json_array_append_new(parts, conversation_result(call, false, why));
    conversation_add(turns, "user", parts);
}

void conversation_hear(json_t *turns, json_t *turn, bool (*known)(const json_t *call), size_t most)
{
    json_t *parts = json_object_get(turn, "parts"), *part;
    size_t i, calls = 0;

    json_array_foreach(parts, i, part) {
        if (!is_call(part))
            continue;
        if (known(part) && calls < most) {
            scoped(mem_free) char *id = mem_format("call_%zu_%zu", json_array_size(turns), calls++);
            json_object_set_new(part, "id", json_string(id));
            continue;
        }
        scoped(mem_free) char *text =
            known(part) ? mem_format("(I asked for %s as well, which was one call too many for one "
                                     "answer: no more than %zu are done.)",
                                     json_text(part, "name"), most)
                        : mem_format("(I asked for a tool %s, which there is not.)",
                                     json_text(part, "name"));
        json_array_set_new(parts, i, text_part(text));
    }
    json_array_append(turns, turn);
}

char *conversation_words(const json_t *turns, size_t bytes)
{
    scoped(buf_done) struct buf text = { 0 };
    scoped(buf_done) struct buf tools = { 0 };
    size_t i;
    const json_t *part;

    json_array_foreach(json_object_get(conversation_last(turns), "parts"), i, part) {
        if (is_call(part))
            buf_format(&tools, "%s%s", tools.n ? ", " : "", json_text(part, "name"));
        else
            buf_format(&text, "%s%s", text.n ? " " : "", json_text(part, "text"));
    }
    return text.n    ? text_start(buf_str(&text), bytes)
           : tools.n ? mem_format("Chose to use: %s", buf_str(&tools))
                     : mem_text("Said nothing");
}

static size_t texts_size(const json_t *turns)
{
    size_t all = 0, i, k;
    const json_t *turn, *part;

    json_array_foreach(turns, i, turn) {
        json_array_foreach(json_object_get(turn, "parts"), k, part)
            all += json_string_length(json_object_get(part, "text"));
    }
    return all;
}

/* Those of the last turn have not been seen yet. */
static void drop_pictures(json_t *turns)
{
    size_t last = json_array_size(turns) - 1;
    int kept = 0;

    for (size_t i = last + 1; i-- > 0;) {
        json_t *parts = json_object_get(json_array_get(turns, i), "parts");
        for (size_t k = json_array_size(parts); k-- > 0;) {
            json_t *part = json_array_get(parts, k);
            if (json_object_get(part, "image") && ++kept > KEPT_PICTURES && i < last)
                (void)json_object_del(part, "image");
        }
    }
}

/* In steps, not a little each time: what is cached by the provider stays useful in between. */
void conversation_trim(json_t *turns)
{
    size_t n = json_array_size(turns), i, k;
    json_t *turn, *part;

    drop_pictures(turns);
    if (texts_size(turns) < KEPT_BYTES)
        return;
    json_array_foreach(turns, i, turn) {
        if (i == 0 || i + KEPT_TURNS >= n)
            continue;
        json_array_foreach(json_object_get(turn, "parts"), k, part) {
            const char *text = json_text(part, "text");
            if (!text || strcmp(json_text(part, "type"), "result") != 0 ||
                strlen(text) <= 2 * OLD_BYTES)
                continue;
            scoped(mem_free) char *start = text_start(text, OLD_BYTES);
            json_object_set_new(part, "text", json_string(start));
        }
    }
}
