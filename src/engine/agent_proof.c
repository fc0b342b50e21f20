/* SPDX-License-Identifier: Apache-2.0
 *
 * Clean runs. One that the model asks for tells it what came of it; the two at the end decide
 * whether the files are deployed. Without a model a proof that fails ends the build.
 */
#include "base/schema.h"
#include "domain/workflow.h"
#include "engine/agent_private.h"

enum { SHOWN_BYTES = 12 * 1024 };

static void run(void *arg);
static void start(void *arg);

static bool by_model(const struct agent *a)
{
    return a->turns != NULL;
}

/* ---- verdicts ---- */

static void fail(struct agent *a, const char *why, bool foreign)
{
    if (by_model(a)) {
        agent_answer(a, &(struct answer){ .ok = false, .foreign = foreign, .text = why });
        return;
    }
    scoped(mem_free) char *text = mem_format(
        "The workflow that was made from the recorded actions did not pass its proof.\n%s", why);
    agent_end(a, text);
}

/* Nothing, or a shell with nothing in it. */
static bool is_empty(const json_t *value)
{
    const char *name;
    json_t *member;
    size_t i;

    if (!value || json_is_null(value))
        return true;
    if (json_is_string(value))
        return json_string_length(value) == 0;
    if (json_is_array(value)) {
        json_array_foreach(value, i, member) {
            if (!is_empty(member))
                return false;
        }
        return true;
    }
    if (!json_is_object(value))
        return false;
    json_object_foreach(json_shared(value), name, member) {
        if (!is_empty(member))
            return false;
    }
    return true;
}

static char *issue_lines(const json_t *issues)
{
    struct buf out = { 0 };
    size_t i;
    const json_t *issue;

    json_array_foreach(issues, i, issue) {
        scoped(mem_free) char *path = json_print(json_object_get(issue, "path"));
        if (out.n < 4000)
            buf_format(&out, "- at %s: %s\n", path, json_text(issue, "message"));
    }
    return buf_take(&out);
}

/* Why a result is not what was promised; NULL: it is. */
static char *refusal(const struct agent *a, const json_t *result)
{
    const json_t *schema = json_object_get(a->proven, "output_schema");
    scoped(json_decref) json_t *issues = json_array();

    if (is_empty(result))
        return mem_text("The run ended well, but its result is empty. A workflow must return what "
                        "was asked for; if the site really has nothing for these params, choose "
                        "others that show something");
    if (!json_is_object(schema))
        return by_model(a)
                   ? mem_text("The workflow declares no output schema: give `output` in its "
                              "options, as a Zod schema of what the handler returns")
                   : NULL;
    schema_check(schema, result, issues);
    if (json_array_size(issues) == 0)
        return NULL;
    scoped(mem_free) char *lines = issue_lines(issues);
    scoped(mem_free) char *marked = prompt_foreign(lines); /* they name what the page gave */
    return mem_format("The run ended well, but its result does not match the output schema:\n%s",
                      marked);
}

/* ---- one run ---- */

static char *describe_failure(const struct proof_run *r)
{
    return mem_format("The run failed: %s\n%s%s%s%s", r->error, r->stack ? r->stack : "",
                      r->stack ? "\n" : "", *r->log ? "It printed:\n" : "", r->log);
}

static void note_run(struct agent *a, const json_t *result, const char *refused)
{
    msec_t took = clock_steady(store_env(a->engine->store)->clock) - a->run_started;
    scoped(mem_free) char *shown = result ? json_print(result) : mem_text("");
    scoped(mem_free) char *start = text_start(refused ? refused : shown, 500);
    scoped(mem_free) char *what =
        mem_format("Ran the finished workflow in a new browser (%s of 2%s)",
                   a->runs == 0 ? "1" : "2", a->runs && a->varied ? ", with other params" : "");
    const struct ai_step step = { .kind = "proof",
                                  .what = what,
                                  .outcome = start,
                                  .ok = !refused,
                                  .took_ms = took,
                                  .started_at = store_now(a->engine->store) - took };

    agent_step(a, &step, false);
}

/* Values that the second run should have changed, and did not: a workflow that ignores its input. */
static bool suspicious(struct agent *a, const json_t *result)
{
    if (!by_model(a) || !a->varied || json_equal(a->varied, a->task.params) ||
        !json_equal(result, a->first_result) || json_bool(a->task.state, "warned", false))
        return false;
    json_object_set_new(a->task.state, "warned", json_true());
    return true;
}

static void prove_on(struct agent *a, const json_t *result)
{
    scoped(mem_free) char *refused = refusal(a, result);

    if (!refused && a->runs == 1 && suspicious(a, result))
        refused = mem_text("Both runs gave the same result although their params differ. Does the "
                           "workflow use its input, or are values written into it? If the result "
                           "is right nevertheless, call finish again");
    note_run(a, result, refused);
    if (a->ended)
        return;
    if (refused) {
        fail(a, refused, false);
        return;
    }
    if (a->runs++ == 0) {
        a->first_result = json_incref(json_shared(result));
        agent_then(a, run);
        return;
    }
    proof_free(take(a->proof));
    agent_deploy(a);
}

static void tell_result(struct agent *a, const struct proof_run *r, const json_t *result)
{
    scoped(mem_free) char *shown = text_start(r->result, SHOWN_BYTES);
    scoped(mem_free) char *refused = refusal(a, result);
    scoped(mem_free) char *text =
        mem_format("Result: %s\n%s%s%s%s", shown, *r->log ? "It printed:\n" : "", r->log,
                   refused ? "\nThis would not do for finish: " : "", refused ? refused : "");

    agent_answer(a, &(struct answer){ .ok = true, .foreign = true, .text = text });
}

static void on_ran(void *arg, const struct proof_run *r)
{
    struct agent *a = arg;
    scoped(json_decref) json_t *result =
        r->result ? json_loads(r->result, JSON_DECODE_ANY, NULL) : NULL;

    if (a->ended)
        return;
    if (r->fault) {
        agent_fault(a, r->fault, run);
    } else if (!r->result) {
        scoped(mem_free) char *why = describe_failure(r);
        if (a->finishing)
            note_run(a, NULL, why);
        if (a->ended)
            return;
        fail(a, why, true);
    } else if (a->finishing) {
        prove_on(a, result);
    } else {
        tell_result(a, r, result);
    }
}

static void run(void *arg)
{
    struct agent *a = arg;

    a->later = NULL;
    if (a->ended)
        return;
    a->run_started = clock_steady(store_env(a->engine->store)->clock);
    bool second = a->finishing && a->runs == 1;
    proof_run(a->proof, a->proven,
              (second || !a->finishing) && a->varied ? a->varied : a->task.params);
}

/* ---- what was built ---- */

/* The workflow of that name, or the only one; NULL with the names that there are. */
static const json_t *choose(const struct agent *a, const json_t *workflows, char **names)
{
    struct buf list = { 0 };
    size_t i;
    const json_t *one, *found = NULL;

    json_array_foreach(workflows, i, one) {
        const char *name = json_text(one, "name");
        if ((a->workflow_name && strcmp(name, a->workflow_name) == 0) ||
            (!a->workflow_name && json_array_size(workflows) == 1))
            found = one;
        buf_format(&list, "%s\"%s\"", i ? ", " : "", name);
    }
    *names = buf_take(&list);
    return found;
}

static void no_row(void *arg, const struct workflow *w)
{
    (void)arg;
    (void)w;
}

static int look_for_name(struct db *db, void *arg, struct err *e)
{
    const struct agent *a = arg;

    return workflow_get(db, a->task.tenant.text, json_text(a->proven, "name"), no_row, NULL, e);
}

/* What a model hands in is one workflow, which was proven, under a name that is free: else a page that leads the
 * model astray could put its code where the tenant's jobs run other code, with their credentials. The text
 * is for the model; NULL: it may, unless the store could not be asked. */
static char *not_to_hand_in(struct agent *a, const json_t *workflows, const char *names,
                            struct err *e)
{
    if (json_array_size(workflows) != 1)
        return mem_format(
            "Only the workflow that was proven can be deployed, and the files export %s: "
            "export that one alone",
            names);
    if (store_read(a->engine->store, look_for_name, a, e) == 0)
        return mem_format(
            "There is a workflow \"%s\" already, which runs other code: choose another name",
            json_text(a->proven, "name"));
    if (e->code == ERR_NOT_FOUND)
        err_clear(e);
    return NULL;
}

/* Runs the one that is meant, if it is one that may be handed in. */
static void run_of(struct agent *a, const json_t *workflows)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(mem_free) char *names = NULL;

    a->proven = choose(a, workflows, &names);
    scoped(mem_free) char *refused =
        a->proven && a->finishing && by_model(a) ? not_to_hand_in(a, workflows, names, &e) : NULL;
    if (e.code) {
        proof_free(take(a->proof));
        agent_fault(a, e.msg, start);
    } else if (refused) {
        fail(a, refused, false);
    } else if (!a->proven) {
        scoped(mem_free) char *text =
            mem_format("There is no such workflow: the files export %s", names);
        fail(a, text, false);
    } else if (a->finishing && by_model(a) && json_object_size(a->task.params) > 0 &&
               !json_is_object(json_object_get(a->proven, "input_schema"))) {
        fail(
            a,
            "The workflow declares no input schema: give `input` in its options, as a Zod schema of "
            "params",
            false);
    } else {
        agent_then(a, run); /* not inside of the build that just ended */
    }
}

static void on_built(void *arg, const json_t *workflows, const char *why, bool ours)
{
    struct agent *a = arg;

    if (a->ended)
        return;
    if (workflows) {
        a->faults = 0;
        run_of(a, workflows);
        return;
    }
    proof_free(take(a->proof));
    if (ours) {
        agent_fault(a, why, start);
        return;
    }
    scoped(mem_free) char *text = mem_format("The files make no workflow: %s", why);
    fail(a, text, true);
}

/* Files that did not change since the last run are not built again. */
static void start(void *arg)
{
    struct agent *a = arg;
    const struct proof_user user = { on_built, on_ran, a };
    const json_t *found = proof_found(a->proof, a->files);
    scoped(err_clear) struct err e = { 0 };

    a->later = NULL;
    if (a->ended)
        return;
    a->runs = 0;
    json_decref(take(a->first_result));
    if (found) {
        run_of(a, found);
        return;
    }
    proof_free(take(a->proof));
    if (proof_new(a->engine, a->task.tenant.text, a->task.entry_point, a->files, &user, &a->proof,
                  &e) < 0)
        agent_fault(a, e.msg, start);
}

static void set_text(char **to, const char *text)
{
    char *copy = mem_text(text); /* it may be the same */

    mem_free(*to);
    *to = copy;
}

static void set_varied(struct agent *a, const json_t *varied)
{
    json_t *copy = json_is_object(varied) ? json_deep_copy(varied) : NULL;

    json_decref(a->varied);
    a->varied = copy;
}

void agent_try(struct agent *a, const json_t *params, const char *workflow)
{
    a->finishing = false;
    set_text(&a->workflow_name, workflow);
    set_varied(a, params);
    start(a);
}

void agent_prove(struct agent *a, const char *workflow, const json_t *varied)
{
    a->finishing = true;
    set_text(&a->workflow_name, workflow);
    set_varied(a, varied);
    start(a);
}
