/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "domain/credential.h"
#include "engine/agent_private.h"
#include "engine/slot.h"

enum {
    FAULTS_MOST = 4,        /* tries of what the server itself cannot do */
    SETTLE_PAUSE_MS = 5000, /* until a store that failed may work again */
    FIRST_PAUSE_MS = 1000,  /* before the second of them; then twice as long each time */
};

const char *agent_id(const struct agent *a)
{
    return a->task.id.text;
}

const char *agent_deployment(const struct agent *a)
{
    return a->task.deploying ? a->task.deployment.text : NULL;
}

msec_t agent_now(const struct agent *a)
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

    usage.spent_ms += agent_now(a) - a->started;
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

/* A row that says a build is at work, when nobody works on it, would stay so until the next start. */
static void settle(void *arg)
{
    struct agent *a = arg;
    scoped(err_clear) struct err e = { 0 };
    struct end end = { a, a->last_words };

    a->later = NULL;
    if (store_write(a->engine->store, keep_end, &end, &e) < 0) {
        log_event(LOG_ERROR, "ai_build.not_settled", F_TEXT("build", a->task.id.text),
                  F_TEXT("error", e.msg));
        a->later = loop_timer(a->engine->loop, SETTLE_PAUSE_MS, settle, a);
        return;
    }
    log_event(LOG_INFO, "ai_build.ended", F_TEXT("build", a->task.id.text),
              F_TEXT("status", a->last_words ? "failed" : "ready"),
              F_INT("steps", a->task.usage.steps), F_TEXT("error", a->last_words));
    agents_ended(a->owner, a);
}

void agent_end(struct agent *a, const char *error)
{
    if (a->ended)
        return;
    a->ended = true;
    a->last_words = mem_text(error);
    timer_free(take(a->later));
    settle(a);
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

void agent_fault(struct agent *a, const char *why, void (*fn)(void *arg))
{
    bool last = ++a->faults == FAULTS_MOST;
    const struct ai_step step = { .kind = "server",
                                  .what = last ? "The server could not do this, and gives up"
                                               : "The server could not do this, and tries again",
                                  .outcome = why,
                                  .ok = 0,
                                  .started_at = store_now(a->engine->store) };

    if (a->ended)
        return;
    log_event(LOG_ERROR, "ai_build.server_fault", F_TEXT("build", a->task.id.text),
              F_INT("try", a->faults), F_TEXT("error", why));
    agent_step(a, &step, false);
    if (a->ended)
        return;
    if (!last) {
        timer_free(a->later);
        a->later = loop_timer(a->engine->loop, (msec_t)FIRST_PAUSE_MS << (a->faults - 1), fn, a);
        return;
    }
    scoped(mem_free) char *text = mem_format(
        "%s\nThis is a fault of the server, not of the workflow. It was tried %d times; the server's "
        "operator finds the reason with `impresario doctor` and in its log.",
        why, FAULTS_MOST);
    agent_end(a, text);
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

bool agent_refused(struct agent *a, const struct egress_refusal *what)
{
    enum { SHOWN_BYTES = 2000 }; /* a page may try the same without end */

    if (a->proof && proof_refused(a->proof, what))
        return true;
    if (!a->hands || hands_child(a->hands) != what->child)
        return false;
    scoped(mem_free) char *text = slot_refusal(what);
    if (a->refusals.n + strlen(text) < SHOWN_BYTES && !strstr(buf_str(&a->refusals), text))
        buf_format(&a->refusals, "%s\n", text);
    return true;
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
        scoped(mem_free) char *text = json_print_as(package, JSON_INDENT(2));
        a->task.state = json_pack("{s:[],s:{s:s}}", "turns", "files", "package.json", text);
    }
    a->turns = json_object_get(a->task.state, "turns");
    a->files = json_object_get(a->task.state, "files");
    if (!again)
        json_array_append_new(a->turns, prompt_first_turn(a));
    else if (conversation_calls(a->turns) > 0)
        conversation_refuse(
            a->turns, "The server was restarted while this was under way: look again at what is "
                      "there. The browser was opened anew at the first page; the files are as "
                      "they were before this turn");
}

void agent_begin(void *arg)
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
    agent_recall(a, engine_has_model(a->engine->settings) && !a->task.state);
}

void agent_recalled(struct agent *a)
{
    if (engine_has_model(a->engine->settings)) {
        begin_state(a);
        agent_think(a);
    } else if (a->recording.actions) {
        if (!a->task.state)
            a->task.state = json_object();
        agent_compose(a);
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
    a->started = agent_now(a);
    left = e->settings->ai_seconds * 1000 - a->task.usage.spent_ms;
    if (!a->task.deploying)
        a->deadline = loop_timer(e->loop, left > 1 ? left : 1, on_deadline, a);
    log_event(LOG_INFO, "ai_build.started", F_TEXT("build", a->task.id.text));
    agent_then(a, agent_begin);
    return a;
}

void agent_free(struct agent *a)
{
    if (!a)
        return;
    thought_abandon(a->thought);
    study_abandon(a->study);
    timer_free(a->deadline);
    timer_free(a->later);
    hands_free(a->hands);
    proof_free(a->proof);
    composing_free(a->composing);
    json_decref(a->results);
    json_decref(a->first_result);
    json_decref(a->varied);
    json_decref(a->secrets);
    mem_free(a->hands_news);
    buf_done(&a->refusals);
    mem_free(a->workflow_name);
    mem_free(a->summary);
    mem_free(a->last_words);
    recording_done(&a->recording);
    ai_task_done(&a->task);
    mem_free(a);
}
