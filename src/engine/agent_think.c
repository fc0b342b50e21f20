/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "engine/agent_private.h"

enum {
    QUIET_TURNS = 4, /* answers without a tool, one after the other */
    CALLS_MOST = 16, /* of one answer */
    WHAT_BYTES = 400,
};

/* The model is asked on a thread that may wait. The errand has its own hold on all that it needs: the
 * agent may be gone when the answer comes. */
struct thought {
    struct errand errand;
    struct agent *agent; /* of the loop's thread alone; NULL: nobody wants the answer */
    const struct env *env;
    struct model_config config;
    json_t *turns, *tools;
    struct model_stop *stop;
    msec_t started;
    struct model_reply reply;
    struct err err;
    int r;
};

/* ---- budgets ---- */

/* Of the budgets, the one that is used up; NULL: none. */
static char *spent_budget(const struct agent *a)
{
    const struct settings *s = a->engine->settings;
    const struct ai_usage *u = &a->task.usage;

    if (u->steps >= s->ai_steps)
        return mem_format("The build used up its %lld steps (setting ai_steps) before the workflow "
                          "was proven",
                          (long long)s->ai_steps);
    if (u->tokens_in + u->tokens_out >= s->ai_tokens)
        return mem_format("The build used up its %lld tokens (setting ai_tokens) before the "
                          "workflow was proven",
                          (long long)s->ai_tokens);
    if (s->ai_cost > 0 && u->cost >= s->ai_cost)
        return mem_format("The build used up its money, %lld millionths (setting ai_cost), before "
                          "the workflow was proven",
                          (long long)s->ai_cost);
    return NULL;
}

/* ---- what it said ---- */

static void take_reply(struct agent *a, struct model_reply *reply, msec_t began)
{
    const struct settings *s = a->engine->settings;

    conversation_hear(a->turns, reply->turn, tools_known, CALLS_MOST);
    size_t calls = conversation_calls(a->turns);
    scoped(mem_free) char *what = conversation_words(a->turns, WHAT_BYTES);
    int64_t quiet = calls > 0 ? 0 : json_int(a->task.state, "quiet", 0) + 1;
    const struct ai_step step = { .kind = "model",
                                  .what = what,
                                  .ok = -1,
                                  .tokens_in = reply->tokens_in,
                                  .tokens_out = reply->tokens_out,
                                  .took_ms = agent_now(a) - began,
                                  .started_at =
                                      store_now(a->engine->store) - (agent_now(a) - began) };

    a->task.usage.steps++;
    a->task.usage.tokens_in += reply->tokens_in;
    a->task.usage.tokens_out += reply->tokens_out;
    a->task.usage.cost +=
        (reply->tokens_in * s->model_price_in + reply->tokens_out * s->model_price_out) / 1000;
    json_object_set_new(a->task.state, "quiet", json_integer(quiet));
    if (reply->cut && calls > 0)
        conversation_refuse(
            a->turns, "Your answer was cut off because it was too long, so that nothing was done. "
                      "Do less in one answer: write long files in parts with edit_file");
    else if (calls == 0)
        conversation_say(a->turns,
                         reply->cut
                             ? "Your answer was cut off because it was too long. Go on with a tool."
                             : "Nothing happens unless you use a tool. Go on, call finish when the "
                               "workflow is done, or give_up when it cannot be done.");
    agent_step(a, &step, true);
    if (a->ended)
        return;
    if (quiet >= QUIET_TURNS) {
        agent_end(a, "The model stopped using its tools, so that the build could not go on");
        return;
    }
    if (calls > 0 && !reply->cut) {
        agent_then(a, agent_act);
    } else {
        agent_then(a, agent_think);
    }
}

/* ---- asking ---- */

static struct thought *thought_of(struct errand *errand)
{
    return (struct thought *)errand; /* its first member */
}

static void ask(struct errand *errand)
{
    struct thought *t = thought_of(errand);
    const struct model_ask ask = { agent_system, t->tools, t->turns };

    t->r = model_call(t->env, &t->config, &ask, t->stop, &t->reply, &t->err);
}

static void heard(struct errand *errand)
{
    struct thought *t = thought_of(errand);
    struct agent *a = t->agent;

    if (!a)
        return;
    a->thought = NULL;
    if (t->r == 0) {
        take_reply(a, &t->reply, t->started);
    } else {
        scoped(mem_free) char *why =
            mem_format("The model (%s) cannot be used: %s", a->engine->settings->model, t->err.msg);
        agent_end(a, why);
    }
}

static void thought_free(struct errand *errand)
{
    struct thought *t = thought_of(errand);

    json_decref(t->turns);
    json_decref(t->tools);
    model_reply_done(&t->reply);
    model_stop_free(t->stop);
    err_clear(&t->err);
    mem_free(t);
}

void thought_abandon(struct thought *t)
{
    if (!t)
        return;
    model_stop_now(t->stop);
    t->agent = NULL;
}

static struct model_config config_of(const struct settings *s)
{
    bool anthropic = strcmp(s->model_provider, "anthropic") == 0;

    return (struct model_config){
        .provider = model_provider(s->model_provider),
        .base_url = s->model_base_url,
        .key = s->model_api_key,
        .model = s->model,
        .images =
            strcmp(s->model_images, "auto") == 0 ? anthropic : strcmp(s->model_images, "yes") == 0,
    };
}

void agent_think(void *arg)
{
    struct agent *a = arg;
    scoped(mem_free) char *spent = spent_budget(a);

    a->later = NULL;
    if (a->ended)
        return;
    if (spent) {
        agent_end(a, spent);
        return;
    }
    conversation_trim(a->turns);
    struct thought *t = mem_new(sizeof *t);
    *t = (struct thought){ .errand = { .run = ask, .back = heard, .free = thought_free },
                           .agent = a,
                           .env = store_env(a->engine->store),
                           .config = config_of(a->engine->settings),
                           .turns = json_deep_copy(a->turns),
                           .tools = tools_new(),
                           .stop = model_stop_new(),
                           .started = agent_now(a) };
    a->thought = t;
    agents_run(a->owner, &t->errand);
}
