/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/ahead.h"

#include "base/log.h"

struct ahead {
    struct ahead_parts parts;
    char *layer;
    bool ended;
};

int64_t step_memory(const struct settings *s, enum step step)
{
    switch (step) {
    case PREPARE: return s->build_memory_mib;
    case INSTALL: return s->install_memory_mib;
    case DISCOVER: break;
    }
    return s->discover_memory_mib;
}

struct plan *step_plan(const struct settings *s, enum step step, enum plan_net net)
{
    static const char *const names[] = { "build-prepare", "build-discover", "build-install" };
    const struct plan_limits limits = {
        .net = net,
        .memory_mib = (int)step_memory(s, step),
        .pids = 256,
        .work_mib = (int)s->unpacked_mib * 2,
        .cpu_percent = 0,
    };
    struct plan *plan = plan_new(names[step], &limits);

    plan_env_runtime(plan);
    plan_arg(plan, PLAN_NODE);
    return plan;
}

static void add_args(const struct settings *s, enum step step, struct plan *plan)
{
    scoped(mem_free) char *bytes = mem_format("%lld", (long long)s->unpacked_mib << 20);
    scoped(mem_free) char *entries = mem_format("%lld", (long long)s->entries);

    plan_arg(plan, PLAN_RUNNER "/waiting.mjs");
    if (step == PREPARE) {
        plan_arg(plan, "prepare");
        plan_arg(plan, "--max-bytes");
        plan_arg(plan, bytes);
        plan_arg(plan, "--max-entries");
        plan_arg(plan, entries);
    } else {
        plan_arg(plan, "discover");
        plan_arg(plan, "--tar");
    }
}

/* ---- while it waits ---- */

static void on_frame(void *arg, const char *type, const json_t *frame)
{
    (void)arg;
    (void)type;
    (void)frame;
}

static void on_line(void *arg, const char *stream, const char *text)
{
    (void)arg;
    log_event(LOG_DEBUG, "ahead.said", F_TEXT("stream", stream), F_TEXT("text", text));
}

static void on_end(void *arg, const struct box_end *end)
{
    struct ahead *a = arg;

    a->ended = true;
    log_event(LOG_DEBUG, "ahead.ended", F_TEXT("step", end->exit->step),
              F_TEXT("detail", end->exit->detail));
}

/* ---- life ---- */

static int add_feed(struct engine *e, struct plan *plan, int inside, struct feed **out,
                    struct err *err)
{
    int read_end;

    if (feed_new(e->loop, out, &read_end, err) < 0)
        return -1;
    plan_fd(plan, read_end, inside);
    return 0;
}

int ahead_start(struct engine *e, enum step step, const char *layer, struct ahead **out,
                struct err *err)
{
    scoped(plan_free) struct plan *plan = step_plan(e->settings, step, PLAN_NET_NONE);
    scoped(ahead_free) struct ahead *a = mem_new(sizeof *a);
    const struct box_user user = { on_frame, on_line, on_end, a };

    a->layer = mem_text(layer);
    add_args(e->settings, step, plan);
    if (layer) {
        scoped(mem_free) char *path = mem_format("%s/layers/%s", e->settings->data, layer);
        plan_bind_ro(plan, path, PLAN_MODULES);
    }
    if (add_feed(e, plan, 0, &a->parts.input, err) < 0 ||
        (step == DISCOVER && add_feed(e, plan, 5, &a->parts.facts, err) < 0))
        return -1;
    const struct box_spec spec = { .spawner = e->with.spawner,
                                   .loop = e->loop,
                                   .plan = take(plan),
                                   .out_file = -1,
                                   .out_later = step == PREPARE };
    if (box_start(&spec, &user, &a->parts.box, err) < 0)
        return -1;
    *out = take(a);
    return 0;
}

bool ahead_fits(const struct ahead *a, const char *layer)
{
    return !a->ended && (a->layer && layer ? strcmp(a->layer, layer) == 0 : a->layer == layer);
}

const char *ahead_layer(const struct ahead *a)
{
    return a->layer;
}

struct ahead_parts ahead_take(struct ahead *a)
{
    struct ahead_parts parts = a->parts;

    a->parts = (struct ahead_parts){ 0 };
    ahead_free(a);
    return parts;
}

void ahead_free(struct ahead *a)
{
    if (!a)
        return;
    box_free(a->parts.box);
    feed_free(a->parts.input);
    feed_free(a->parts.facts);
    mem_free(a->layer);
    mem_free(a);
}
