/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/compose.h"

#include "base/bounds.h"
#include "engine/box.h"
#include "engine/feed.h"
#include "engine/files.h"

enum { COMPOSE_MS = 60 * 1000, COMPOSE_MIB = 512 };

struct composing {
    struct engine *engine;
    composed_fn fn;
    void *arg;
    struct box *box;
    struct feed *input;
    json_t *last; /* frame */
    char *words;  /* the last line that it printed: of an accident */
};

static void on_frame(void *arg, const char *type, const json_t *frame)
{
    struct composing *c = arg;

    if (strcmp(type, "composed") != 0 && strcmp(type, "fail") != 0)
        return;
    json_decref(c->last);
    c->last = json_incref(json_shared(frame));
}

static void on_line(void *arg, const char *stream, const char *text)
{
    struct composing *c = arg;

    (void)stream;
    mem_free(c->words);
    c->words = mem_text(text);
}

static void on_end(void *arg, const struct box_end *end)
{
    struct composing *c = arg;
    scoped(json_decref) json_t *frame = take(c->last);
    const char *type = json_text(frame, "t");
    scoped(mem_free) char *why = NULL;

    if (end->exit->step)
        why = mem_format("sandbox unavailable: %s: %s. See `impresario doctor`", end->exit->step,
                         end->exit->detail ? end->exit->detail : "no reason known");
    else if (end->timed_out)
        why = mem_text("Making a workflow from the recorded actions took too long");
    else if (!type)
        why = mem_format("Making a workflow from the recorded actions failed: %s",
                         c->words ? c->words : "no reason given");
    else if (strcmp(type, "fail") == 0)
        why = mem_text(json_text(frame, "error") ? json_text(frame, "error") : "no reason given");
    else if (!files_valid(json_object_get(frame, "files")) || !json_text(frame, "workflow_name"))
        why = mem_text("What was made from the recorded actions is no workflow");
    c->fn(c->arg, why ? NULL : frame, why, end->exit->step != NULL);
}

int composing_start(struct engine *e, const json_t *request, composed_fn fn, void *arg,
                    struct composing **out, struct err *err)
{
    const struct plan_limits limits = {
        .net = PLAN_NET_NONE, .memory_mib = COMPOSE_MIB, .pids = 64, .work_mib = 64
    };
    scoped(plan_free) struct plan *plan = plan_new("compose", &limits);
    struct composing *c = mem_new(sizeof *c);
    const struct box_user user = { on_frame, on_line, on_end, c };
    int read_end;

    *c = (struct composing){ .engine = e, .fn = fn, .arg = arg };
    if (feed_new(e->loop, &c->input, &read_end, err) < 0) {
        composing_free(c);
        return -1;
    }
    plan_env_runtime(plan);
    plan_arg(plan, PLAN_NODE);
    plan_arg(plan, PLAN_RUNNER "/compose.mjs");
    plan_fd(plan, read_end, 0);
    char *text = json_print(request);
    feed_text(c->input, text, strlen(text));
    const struct box_spec spec = { .spawner = e->with.spawner,
                                   .loop = e->loop,
                                   .plan = take(plan),
                                   .time_limit = COMPOSE_MS,
                                   .out_file = -1 };
    if (box_start(&spec, &user, &c->box, err) < 0) {
        composing_free(c);
        return -1;
    }
    *out = c;
    return 0;
}

void composing_free(struct composing *c)
{
    if (!c)
        return;
    box_free(c->box);
    feed_free(c->input);
    json_decref(c->last);
    mem_free(c->words);
    mem_free(c);
}
