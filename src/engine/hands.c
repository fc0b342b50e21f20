/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/hands.h"

#include "engine/box.h"
#include "engine/slot.h"

enum {
    OPEN_MS = 120 * 1000, /* the browser, and a page that takes its time */
    CALL_MS = 60 * 1000,  /* told to the box */
    GRACE_MS = 15 * 1000, /* and what it may be late before it counts as hung */
};

struct hands {
    struct engine *engine;
    struct hands_user user;
    struct box *box;
    int64_t call; /* the one that is under way, or the last */
    bool opened, calling;
    char *trouble;
};

static void on_frame(void *arg, const char *type, const json_t *frame)
{
    struct hands *h = arg;

    if (strcmp(type, "opened") == 0 && !h->opened) {
        const char *text = json_text(frame, "text");
        h->opened = true;
        box_limit(h->box, INT64_MAX / 2);
        h->user.opened(h->user.arg, json_bool(frame, "ok", false), text ? text : "");
    } else if (strcmp(type, "answer") == 0 && h->calling && json_int(frame, "id", 0) == h->call) {
        h->calling = false;
        box_limit(h->box, INT64_MAX / 2);
        h->user.answered(h->user.arg, frame);
    } else if (strcmp(type, "fail") == 0 && !h->trouble) {
        h->trouble = mem_text(json_text(frame, "error"));
        box_kill(h->box);
    }
}

static void on_line(void *arg, const char *stream, const char *text)
{
    struct hands *h = arg;

    if (!h->opened && !h->trouble && strcmp(stream, "stderr") == 0)
        h->trouble = mem_text(text);
}

static void on_end(void *arg, const struct box_end *end)
{
    struct hands *h = arg;
    scoped(mem_free) char *why =
        end->exit->step            ? mem_format("sandbox unavailable: %s: %s", end->exit->step,
                                     end->exit->detail ? end->exit->detail : "no reason known")
        : h->trouble               ? mem_text(h->trouble)
        : end->timed_out           ? mem_text("it did not answer in time")
        : end->exit->out_of_memory ? mem_text("it needed more memory than it may use")
                                   : mem_text("it ended unexpectedly");

    h->user.lost(h->user.arg, why, h->calling || !h->opened);
}

int hands_start(struct engine *e, const struct hands_open *open, const struct hands_user *user,
                struct hands **out, struct err *err)
{
    scoped(plan_free) struct plan *plan = slot_plan(e, "hands");
    scoped(json_decref) json_t *frame = json_object();
    struct hands *h = mem_new(sizeof *h);
    const struct box_user box_user = { on_frame, on_line, on_end, h };

    h->engine = e;
    h->user = *user;
    plan_arg(plan, PLAN_NODE);
    plan_arg(plan, PLAN_RUNNER "/agent.mjs");
    const struct box_spec spec = { .spawner = e->with.spawner,
                                   .loop = e->loop,
                                   .plan = take(plan),
                                   .time_limit = OPEN_MS,
                                   .out_file = -1 };
    if (box_start(&spec, &box_user, &h->box, err) < 0) {
        hands_free(h);
        return -1;
    }
    json_object_set_new(frame, "t", json_string("open"));
    json_object_set_new(frame, "url", json_string(open->url));
    json_object_set_new(frame, "viewport", json_null());
    json_object_set(frame, "params", json_shared(open->params));
    json_object_set(frame, "credentials", json_shared(open->credentials));
    box_send(h->box, frame);
    *out = h;
    return 0;
}

void hands_call(struct hands *h, const char *tool, const json_t *input)
{
    scoped(json_decref) json_t *frame = json_object();

    json_object_set_new(frame, "t", json_string("call"));
    json_object_set_new(frame, "id", json_integer(++h->call));
    json_object_set_new(frame, "tool", json_string(tool));
    json_object_set(frame, "input", json_shared(input));
    json_object_set_new(frame, "timeout_ms", json_integer(CALL_MS));
    h->calling = true;
    box_limit(h->box, CALL_MS + GRACE_MS);
    box_send(h->box, frame);
}

int64_t hands_child(const struct hands *h)
{
    return box_child(h->box);
}

void hands_free(struct hands *h)
{
    if (!h)
        return;
    box_free(h->box);
    mem_free(h->trouble);
    mem_free(h);
}
