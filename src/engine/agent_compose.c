/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/agent_private.h"

enum { WHAT_BYTES = 400 };

static void on_composed(void *arg, const json_t *composed, const char *why, bool ours)
{
    struct agent *a = arg;
    size_t i;
    const json_t *line;

    if (!composed) {
        composing_free(take(a->composing));
        if (ours)
            agent_fault(a, why, agent_compose);
        else
            agent_end(a, why);
        return;
    }
    a->faults = 0;
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

void agent_compose(void *arg)
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
    json_object_set(request, "action_log", a->recording.actions);
    json_object_set_new(request, "credential_names", json_array());
    json_object_foreach(a->secrets, name, value)
        json_array_append_new(json_object_get(request, "credential_names"), json_string(name));
    if (composing_start(a->engine, request, on_composed, a, &a->composing, &e) < 0)
        agent_fault(a, e.msg, agent_compose);
}
