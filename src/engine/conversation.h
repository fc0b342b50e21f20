/* SPDX-License-Identifier: Apache-2.0
 *
 * What a build and its model have said to each other: turns as model/model.h has them. Pure functions
 * of JSON, which keep the rules that both providers have: roles alternate, and each call is answered
 * once, in the turn after it.
 */
#ifndef ENGINE_CONVERSATION_H
#define ENGINE_CONVERSATION_H

#include "base/json.h"

/* Takes `parts`. */
void conversation_add(json_t *turns, const char *role, json_t *parts);
/* A turn of the user that is this text. */
void conversation_say(json_t *turns, const char *text);
const json_t *conversation_last(const json_t *turns);

/* The nth call of the last turn, from 0; NULL when there are not so many. */
const json_t *conversation_call(const json_t *turns, size_t nth);
size_t conversation_calls(const json_t *turns);

/* The answer to a call. */
json_t *conversation_result(const json_t *call, bool ok, const char *text);
/* Answers every call of the last turn with the reason why it was not done. */
void conversation_refuse(json_t *turns, const char *why);

/* Adds what the model said. Calls get ids of our own, since some servers give none twice the same and
 * some give all the same; calls of tools that there are not, which providers refuse to be reminded of,
 * become words, and so do those beyond the `most` that are done in one turn. */
void conversation_hear(json_t *turns, json_t *turn, bool (*known)(const json_t *call), size_t most);

/* What the model said last, for people: its words, or the tools that it chose. */
char *conversation_words(const json_t *turns, size_t bytes);

/* Shortens what the model has read long ago. */
void conversation_trim(json_t *turns);

/* The beginning of a text, cut at a character, with a mark that tells how much is missing. */
char *text_start(const char *text, size_t bytes);

#endif
