/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/agent.h"

#include "artifact/tarball.h"
#include "base/log.h"
#include "domain/credential.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    QUIET_TURNS = 4,     /* answers without a tool, one after the other */
    OUTCOME_BYTES = 600, /* of what came back, for people */
    WHAT_BYTES = 400,
};

static void think(void *arg);
static void next_call(void *arg);

const char *agent_id(const struct agent *a)
{
    return a->task.id.text;
}

const char *agent_deployment(const struct agent *a)
{
    return a->task.deploying ? a->task.deployment.text : NULL;
}

static msec_t now_steady(const struct agent *a)
{
    return clock_steady(store_env(a->engine->store)->clock);
}

void agent_then(struct agent *a, void (*fn)(void *arg))
{
    timer_free(a->later);
    a->later = loop_timer(a->engine->loop, 0, fn, a);
}

/* ---- what is kept ---- */

static struct ai_usage usage_now(const struct agent *a)
{
    struct ai_usage usage = a->task.usage;

    usage.spent_ms += now_steady(a) - a->started;
    return usage;
}

struct end {
    const struct agent *a;
    const char *error;
};

static int keep_end(struct db *db, void *arg, struct err *e)
{
    const struct end *end = arg;
    const struct ai_usage usage = usage_now(end->a);

    return ai_build_end(db, end->a->task.id.text, end->error, &usage, e) < 0 ? -1 : 0;
}

void agent_end(struct agent *a, const char *error)
{
    scoped(err_clear) struct err e = { 0 };
    struct end end = { a, error };

    if (a->ended)
        return;
    a->ended = true;
    if (store_write(a->engine->store, keep_end, &end, &e) < 0)
        log_event(LOG_ERROR, "ai_build.not_settled", F_TEXT("build", a->task.id.text),
                  F_TEXT("error", e.msg));
    log_event(LOG_INFO, "ai_build.ended", F_TEXT("build", a->task.id.text),
              F_TEXT("status", error ? "failed" : "ready"), F_INT("steps", a->task.usage.steps),
              F_TEXT("error", error));
    agents_ended(a->owner, a);
}

struct step_write {
    const struct agent *a;
    const struct ai_step *step;
    const char *state;
    int at_work;
};

static int keep_step(struct db *db, void *arg, struct err *e)
{
    struct step_write *w = arg;
    const struct ai_usage usage = usage_now(w->a);

    w->at_work = ai_build_step(db, w->a->task.id.text, w->step, w->state, &usage, e);
    return w->at_work < 0 ? -1 : 0;
}

void agent_step(struct agent *a, const struct ai_step *step, bool with_state)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(mem_free) char *state = with_state ? json_print(a->task.state) : NULL;
    struct step_write w = { a, step, state, 0 };

    if (a->ended)
        return;
    if (store_write(a->engine->store, keep_step, &w, &e) < 0) {
        scoped(mem_free) char *why = mem_format("A step could not be kept: %s", e.msg);
        agent_end(a, why);
    } else if (w.at_work == 0) {
        agent_end(a, "Cancelled on request");
    }
}

/* ---- thinking ---- */

/* Asks the model on another thread. It has its own hold on all that it needs: the agent may be gone
 * when the answer comes. */
struct thought {
    struct agent *agent; /* of the loop's thread alone; NULL: nobody wants the answer */
    struct loop *loop;
    const struct env *env;
    struct model_config config;
    json_t *turns, *tools;
    struct model_stop *stop;
    msec_t started;
    struct model_reply reply;
    struct err err;
    int r;
    atomic_int holds; /* the thread's and the loop's */
};

static void thought_drop(struct thought *t)
{
    if (atomic_fetch_sub(&t->holds, 1) > 1)
        return;
    json_decref(t->turns);
    json_decref(t->tools);
    model_reply_done(&t->reply);
    model_stop_free(t->stop);
    err_clear(&t->err);
    mem_free(t);
}

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

static void add_turn(struct agent *a, const char *role, json_t *parts)
{
    json_array_append_new(a->turns, json_pack("{s:s,s:o}", "role", role, "parts", parts));
}

static void say_to_model(struct agent *a, const char *text)
{
    add_turn(a, "user", json_pack("[{s:s,s:s}]", "type", "text", "text", text));
}

static size_t count_calls(const json_t *turn)
{
    size_t n = 0, i;
    const json_t *part;

    json_array_foreach(json_object_get(turn, "parts"), i, part)
        n += strcmp(json_text(part, "type"), "call") == 0;
    return n;
}

static const json_t *nth_call(const json_t *turn, size_t nth)
{
    size_t i;
    const json_t *part;

    json_array_foreach(json_object_get(turn, "parts"), i, part) {
        if (strcmp(json_text(part, "type"), "call") == 0 && nth-- == 0)
            return part;
    }
    return NULL;
}

static const json_t *last_turn(const struct agent *a)
{
    return json_array_get(a->turns, json_array_size(a->turns) - 1);
}

static json_t *result_part(const json_t *call, bool ok, const char *text)
{
    return json_pack("{s:s,s:O,s:b,s:s}", "type", "result", "id", json_object_get(call, "id"), "ok",
                     ok, "text", text);
}

static void answer_all(struct agent *a, const char *why)
{
    const json_t *turn = last_turn(a), *call;
    json_t *parts = json_array();

    for (size_t i = 0; (call = nth_call(turn, i)); i++)
        json_array_append_new(parts, result_part(call, false, why));
    add_turn(a, "user", parts);
}

/* The model's words in this turn, or which tools it wants. */
static char *words_of(const json_t *turn)
{
    scoped(buf_done) struct buf text = { 0 };
    scoped(buf_done) struct buf tools = { 0 };
    size_t i;
    const json_t *part;

    json_array_foreach(json_object_get(turn, "parts"), i, part) {
        if (strcmp(json_text(part, "type"), "text") == 0)
            buf_format(&text, "%s%s", text.n ? " " : "", json_text(part, "text"));
        else
            buf_format(&tools, "%s%s", tools.n ? ", " : "", json_text(part, "name"));
    }
    return text.n    ? text_start(buf_str(&text), WHAT_BYTES)
           : tools.n ? mem_format("Chose to use: %s", buf_str(&tools))
                     : mem_text("Said nothing");
}

/* Calls of tools that there are not become words: providers refuse a conversation that holds them. */
static void drop_unknown(json_t *turn)
{
    json_t *parts = json_object_get(turn, "parts"), *part;
    size_t i;

    json_array_foreach(parts, i, part) {
        if (strcmp(json_text(part, "type"), "call") != 0 || tools_known(part))
            continue;
        scoped(mem_free) char *text =
            mem_format("(I asked for a tool %s, which there is not.)", json_text(part, "name"));
        json_array_set_new(parts, i, json_pack("{s:s,s:s}", "type", "text", "text", text));
    }
}

static void take_reply(struct agent *a, struct model_reply *reply, msec_t began)
{
    const struct settings *s = a->engine->settings;
    drop_unknown(reply->turn);
    size_t calls = count_calls(reply->turn);
    scoped(mem_free) char *what = words_of(reply->turn);
    int64_t quiet = calls > 0 ? 0 : json_int(a->task.state, "quiet", 0) + 1;
    const struct ai_step step = { .kind = "model",
                                  .what = what,
                                  .ok = -1,
                                  .tokens_in = reply->tokens_in,
                                  .tokens_out = reply->tokens_out,
                                  .took_ms = now_steady(a) - began,
                                  .started_at =
                                      store_now(a->engine->store) - (now_steady(a) - began) };

    a->task.usage.steps++;
    a->task.usage.tokens_in += reply->tokens_in;
    a->task.usage.tokens_out += reply->tokens_out;
    a->task.usage.cost +=
        (reply->tokens_in * s->model_price_in + reply->tokens_out * s->model_price_out) / 1000;
    json_object_set_new(a->task.state, "quiet", json_integer(quiet));
    json_array_append(a->turns, reply->turn);
    if (reply->cut && calls > 0)
        answer_all(a, "Your answer was cut off because it was too long, so that nothing was done. "
                      "Do less in one answer: write long files in parts with edit_file");
    else if (calls == 0)
        say_to_model(a, reply->cut
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
        json_decref(a->results);
        a->results = json_array();
        a->call = 0;
        agent_then(a, next_call);
    } else {
        agent_then(a, think);
    }
}

/* On the loop's thread. */
static void thought_ended(void *arg)
{
    struct thought *t = arg;
    struct agent *a = t->agent;

    if (a) {
        a->thought = NULL;
        if (t->r == 0) {
            take_reply(a, &t->reply, t->started);
        } else {
            scoped(mem_free) char *why = mem_format("The model (%s) cannot be used: %s",
                                                    a->engine->settings->model, t->err.msg);
            agent_end(a, why);
        }
    }
    thought_drop(t);
}

/* On a thread of the pool. */
static void thought_run(void *arg)
{
    struct thought *t = arg;
    const struct model_ask ask = { agent_system, t->tools, t->turns };

    t->r = model_call(t->env, &t->config, &ask, t->stop, &t->reply, &t->err);
    if (t->loop)
        loop_post(t->loop, thought_ended, t);
    thought_drop(t);
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

static void think(void *arg)
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
    prompt_trim(a->turns);
    struct thought *t = mem_new(sizeof *t);
    t->agent = a;
    t->loop = a->engine->loop;
    t->env = store_env(a->engine->store);
    t->config = config_of(a->engine->settings);
    t->turns = json_deep_copy(a->turns);
    t->tools = tools_new(a);
    t->stop = model_stop_new();
    t->started = now_steady(a);
    atomic_init(&t->holds, 2);
    a->thought = t;
    agents_run(a->owner, thought_run, t);
}

/* ---- acting ---- */

void agent_answer(struct agent *a, const struct answer *answer)
{
    const json_t *call = nth_call(last_turn(a), a->call);
    scoped(mem_free) char *marked = answer->foreign ? prompt_foreign(answer->text) : NULL;
    scoped(mem_free) char *text =
        mem_format("%s%s", a->hands_news ? a->hands_news : "", marked ? marked : answer->text);
    scoped(mem_free) char *what = tools_what(call);
    scoped(mem_free) char *outcome =
        text_start(answer->outcome ? answer->outcome : answer->text, OUTCOME_BYTES);
    msec_t took = now_steady(a) - a->call_started;
    const struct ai_step step = { .kind = json_text(call, "name"),
                                  .what = what,
                                  .why = tools_why(call),
                                  .outcome = outcome,
                                  .ok = answer->ok,
                                  .took_ms = took,
                                  .started_at = store_now(a->engine->store) - took };
    json_t *part = result_part(call, answer->ok, text);

    mem_free(take(a->hands_news));
    if (answer->image) {
        json_object_set_new(part, "image", json_string(answer->image));
        json_object_set_new(part, "media", json_string(answer->media));
    }
    json_array_append_new(a->results, part);
    bool last = !nth_call(last_turn(a), a->call + 1);
    if (last)
        add_turn(a, "user", json_incref(a->results));
    agent_step(a, &step, last);
    if (a->ended)
        return;
    a->call++;
    agent_then(a, last ? think : next_call);
}

static void next_call(void *arg)
{
    struct agent *a = arg;

    a->later = NULL;
    if (a->ended)
        return;
    a->call_started = now_steady(a);
    tools_begin(a, nth_call(last_turn(a), a->call));
}

/* ---- deploying ---- */

static void digest_file(int fd, char out[static 65], int64_t *size)
{
    unsigned char part[64 * 1024], digest[32];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ssize_t n;

    *size = 0;
    if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
        abort();
    while ((n = pread(fd, part, sizeof part, *size)) > 0) {
        if (EVP_DigestUpdate(ctx, part, (size_t)n) != 1)
            abort();
        *size += n;
    }
    if (EVP_DigestFinal_ex(ctx, digest, NULL) != 1)
        abort();
    EVP_MD_CTX_free(ctx);
    hex_text(digest, sizeof digest, out);
}

struct deploy {
    const struct agent *a;
    struct deployment_spec spec;
};

static int keep_deployment(struct db *db, void *arg, struct err *e)
{
    const struct deploy *d = arg;

    return ai_build_deploy(db, d->a->task.id.text, &d->spec, d->a->workflow_name, d->a->summary,
                           e) < 0
               ? -1
               : 0;
}

static int deploy(struct agent *a, struct err *e)
{
    struct id id = id_new(store_env(a->engine->store));
    scoped(mem_free) char *key = mem_format("deployments/%s/source.tar.gz", id.text);
    scoped(mem_free) char *description = text_start(a->summary ? a->summary : "", 1900);
    scoped(blob_free) struct blob *blob = NULL;
    char digest[65];
    struct deploy d = { a,
                        { .tenant = a->task.tenant.text,
                          .id = id,
                          .entry_point = a->task.entry_point,
                          .description = description,
                          .source_key = key,
                          .source_digest = digest } };

    if (blob_new(a->engine->with.blobs, &blob, e) < 0 ||
        tarball_write(blob_fd(blob), a->files, e) < 0)
        return -1;
    digest_file(blob_fd(blob), digest, &d.spec.source_size);
    if (blob_keep(take(blob), key, e) < 0 ||
        store_write(a->engine->store, keep_deployment, &d, e) < 0)
        return -1;
    a->task.deployment = id;
    a->task.deploying = true;
    return 0;
}

/* What was proven goes the way of every upload. */
void agent_deploy(struct agent *a)
{
    scoped(err_clear) struct err e = { 0 };

    timer_free(take(a->deadline));
    if (deploy(a, &e) < 0) {
        scoped(mem_free) char *why =
            mem_format("The proven workflow could not be deployed: %s", e.msg);
        agent_end(a, why);
    }
}

struct look {
    const struct agent *a;
    char status[16];
    char *error;
};

static void keep_status(void *arg, const struct deployment *d)
{
    struct look *l = arg;

    snprintf(l->status, sizeof l->status, "%s", d->status);
    l->error = mem_text(d->build_error);
}

static int read_status(struct db *db, void *arg, struct err *e)
{
    struct look *l = arg;

    return deployment_get(db, l->a->task.tenant.text, l->a->task.deployment.text, keep_status, l,
                          e);
}

void agent_look(struct agent *a)
{
    scoped(err_clear) struct err e = { 0 };
    struct look l = { .a = a };

    if (store_read(a->engine->store, read_status, &l, &e) < 0) {
        scoped(mem_free) char *why = mem_format("The deployment was lost: %s", e.msg);
        agent_end(a, why);
    } else if (strcmp(l.status, "ready") == 0) {
        agent_end(a, NULL);
    } else if (strcmp(l.status, "failed") == 0) {
        scoped(mem_free) char *why =
            mem_format("The proven workflow could not be deployed: %s", l.error ? l.error : "");
        agent_end(a, why);
    }
    mem_free(l.error);
}

/* ---- without a model ---- */

static void on_composed(void *arg, const json_t *composed, const char *why)
{
    struct agent *a = arg;
    size_t i;
    const json_t *line;

    if (!composed) {
        agent_end(a, why);
        return;
    }
    json_object_set(a->task.state, "files", json_object_get(composed, "files"));
    a->files = json_object_get(a->task.state, "files");
    a->workflow_name = mem_text(json_text(composed, "workflow_name"));
    a->summary = mem_text(json_text(composed, "summary"));
    a->task.usage.steps++;
    json_array_foreach(json_object_get(composed, "steps"), i, line) {
        scoped(mem_free) char *what =
            text_start(json_is_string(line) ? json_string_value(line) : "", WHAT_BYTES);
        const struct ai_step step = {
            .kind = "compose", .what = what, .ok = -1, .started_at = store_now(a->engine->store)
        };
        agent_step(a, &step, false);
    }
    if (!a->ended)
        agent_prove(a, a->workflow_name, json_object_get(composed, "varied_params"));
}

static void compose(void *arg)
{
    struct agent *a = arg;
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *request = json_object();
    const char *name;
    json_t *value;

    a->later = NULL;
    if (a->ended)
        return;
    json_object_set(request, "descriptions", a->task.descriptions);
    json_object_set_new(request, "initial_url", json_string(a->task.initial_url));
    json_object_set(request, "params", a->task.params);
    json_object_set_new(request, "entry_point", json_string(a->task.entry_point));
    json_object_set(request, "action_log", a->task.action_log);
    json_object_set_new(request, "credential_names", json_array());
    json_object_foreach(a->secrets, name, value)
        json_array_append_new(json_object_get(request, "credential_names"), json_string(name));
    if (composing_start(a->engine, request, on_composed, a, &a->composing, &e) < 0)
        agent_end(a, e.msg);
}

/* ---- life ---- */

static void on_deadline(void *arg)
{
    struct agent *a = arg;
    scoped(mem_free) char *why =
        mem_format("The build worked for %lld s, which is all the time that one may take (setting "
                   "ai_seconds)",
                   (long long)a->engine->settings->ai_seconds);

    a->deadline = NULL;
    agent_end(a, why);
}

void agent_cancel(struct agent *a)
{
    if (!a->task.deploying)
        agent_end(a, "Cancelled on request");
}

struct secrets {
    struct agent *a;
    json_t *names;
};

static void keep_name(void *arg, const struct credential *c)
{
    json_array_append_new(arg, json_string(c->name));
}

static int read_secrets(struct db *db, void *arg, struct err *e)
{
    struct secrets *s = arg;
    const char *tenant = s->a->task.tenant.text;
    size_t i;
    const json_t *name;

    if (credential_each(db, tenant, keep_name, s->names, e) < 0)
        return -1;
    json_array_foreach(s->names, i, name) {
        scoped(secret_free) char *value = NULL;
        struct id id;
        if (credential_get(db, s->a->engine->with.sealer, tenant, json_string_value(name), &id,
                           &value, e) < 0)
            return -1;
        json_object_set_new(s->a->secrets, json_string_value(name), json_string(value));
    }
    return 0;
}

static void begin_state(struct agent *a)
{
    bool again = a->task.state != NULL;

    if (!again) {
        scoped(json_decref) json_t *package = json_object();
        json_object_set_new(package, "name", json_string("workflow"));
        json_object_set_new(package, "private", json_true());
        json_object_set_new(package, "type", json_string("module"));
        char *text = json_dumps(package, JSON_INDENT(2));
        a->task.state = json_pack("{s:[],s:{s:s}}", "turns", "files", "package.json", text);
        free(text);
    }
    a->turns = json_object_get(a->task.state, "turns");
    a->files = json_object_get(a->task.state, "files");
    if (!again)
        json_array_append_new(a->turns, prompt_first_turn(a, false));
    else if (count_calls(last_turn(a)) > 0)
        answer_all(a, "The server was restarted while this was under way: look again at what is "
                      "there. The browser was opened anew at the first page; the files are as "
                      "they were before this turn");
}

static void begin(void *arg)
{
    struct agent *a = arg;
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *names = json_array();
    struct secrets s = { a, names };

    a->later = NULL;
    if (a->ended)
        return;
    if (a->task.deploying) {
        agent_look(a);
        return;
    }
    if (store_read(a->engine->store, read_secrets, &s, &e) < 0) {
        scoped(mem_free) char *why = mem_format("Stored credentials could not be read: %s", e.msg);
        agent_end(a, why);
        return;
    }
    if (engine_has_model(a->engine->settings)) {
        begin_state(a);
        think(a);
    } else if (a->task.action_log) {
        if (!a->task.state)
            a->task.state = json_object();
        compose(a);
    } else {
        agent_end(a,
                  "This server has no model any more: see the settings model_provider and model");
    }
}

struct agent *agent_start(struct agents *owner, struct engine *e, struct ai_task *task)
{
    struct agent *a = mem_new(sizeof *a);
    msec_t left;

    a->owner = owner;
    a->engine = e;
    a->task = *task;
    *task = (struct ai_task){ 0 };
    a->secrets = json_object();
    a->started = now_steady(a);
    left = e->settings->ai_seconds * 1000 - a->task.usage.spent_ms;
    if (!a->task.deploying)
        a->deadline = loop_timer(e->loop, left > 1 ? left : 1, on_deadline, a);
    log_event(LOG_INFO, "ai_build.started", F_TEXT("build", a->task.id.text));
    agent_then(a, begin);
    return a;
}

void agent_free(struct agent *a)
{
    if (!a)
        return;
    if (a->thought) {
        model_stop_now(a->thought->stop);
        a->thought->agent = NULL;
    }
    timer_free(a->deadline);
    timer_free(a->later);
    hands_free(a->hands);
    proof_free(a->proof);
    composing_free(a->composing);
    json_decref(a->found);
    json_decref(a->results);
    json_decref(a->first_result);
    json_decref(a->varied);
    json_decref(a->secrets);
    mem_free(a->hands_news);
    mem_free(a->workflow_name);
    mem_free(a->summary);
    ai_task_done(&a->task);
    mem_free(a);
}
