/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/agent_private.h"

enum { OUTCOME_BYTES = 600 }; /* of what came back, for people */

static void next_call(void *arg)
{
    struct agent *a = arg;

    a->later = NULL;
    if (a->ended)
        return;
    a->call_started = agent_now(a);
    tools_begin(a, conversation_call(a->turns, a->call));
}

void agent_act(void *arg)
{
    struct agent *a = arg;

    json_decref(a->results);
    a->results = json_array();
    a->call = 0;
    next_call(a);
}

/* What the model has to know before it reads the answer: in our words and, where others wrote it,
 * marked. */
static char *with_news(struct agent *a, const char *text)
{
    scoped(mem_free) char *news = take(a->hands_news);
    scoped(mem_free) char *refused = a->refusals.n ? prompt_foreign(a->refusals.data) : NULL;

    return mem_format("%s%s%s%s%s", news ? news : "",
                      refused ? "[The network policy of this server was in the way]\n" : "",
                      refused ? refused : "", refused ? "\n" : "", text);
}

void agent_answer(struct agent *a, const struct answer *answer)
{
    const json_t *call = conversation_call(a->turns, a->call);
    scoped(mem_free) char *marked = answer->foreign ? prompt_foreign(answer->text) : NULL;
    scoped(mem_free) char *text = with_news(a, marked ? marked : answer->text);
    scoped(mem_free) char *what = tools_what(call);
    scoped(mem_free) char *why = tools_why(call);
    scoped(mem_free) char *start =
        text_start(answer->outcome ? answer->outcome : answer->text, OUTCOME_BYTES);
    scoped(mem_free) char *outcome = mem_format("%s%s", buf_str(&a->refusals), start);
    msec_t took = agent_now(a) - a->call_started;
    const struct ai_step step = { .kind = json_text(call, "name"),
                                  .what = what,
                                  .why = why,
                                  .outcome = outcome,
                                  .ok = answer->ok,
                                  .took_ms = took,
                                  .started_at = store_now(a->engine->store) - took };
    json_t *part = conversation_result(call, answer->ok, text);

    a->faults = 0;
    buf_reset(&a->refusals);
    if (answer->image) {
        json_object_set_new(part, "image", json_string(answer->image));
        json_object_set_new(part, "media", json_string(answer->media));
    }
    json_array_append_new(a->results, part);
    bool last = !conversation_call(a->turns, a->call + 1);
    if (last)
        conversation_add(a->turns, "user", json_incref(a->results));
    agent_step(a, &step, last);
    if (a->ended)
        return;
    a->call++;
    agent_then(a, last ? agent_think : next_call);
}
