/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client recorded is as large as LIMIT_BUILD_BODY and as odd as it likes: it is read and
 * searched on a thread that may take its time.
 */
#include "domain/ai_build.h"
#include "engine/agent_private.h"
#include "engine/evidence.h"

/* What every errand here begins with. */
struct study {
    struct errand errand;
    struct agent *agent; /* NULL: nobody waits any more */
};

static struct study *study_of(struct errand *errand)
{
    return (struct study *)errand; /* its first member */
}

void study_abandon(struct study *s)
{
    if (s)
        s->agent = NULL;
}

static void study_begin(struct agent *a, struct study *s)
{
    a->study = s;
    agents_run(a->owner, &s->errand);
}

/* Whoever waits for it, or NULL. */
static struct agent *study_ended(struct study *s)
{
    if (s->agent)
        s->agent->study = NULL;
    return s->agent && !s->agent->ended ? s->agent : NULL;
}

/* ---- all of it ---- */

struct recall {
    struct study study;
    struct store *store;
    struct id build;
    json_t *secrets; /* NULL: nobody wants digests */
    struct recording recording;
    struct err err;
};

static struct recall *recall_of(struct errand *errand)
{
    return (struct recall *)study_of(errand);
}

struct texts {
    const char *build;
    char *network, *actions;
};

static int read_texts(struct db *db, void *arg, struct err *e)
{
    struct texts *t = arg;

    return ai_build_recording(db, t->build, &t->network, &t->actions, e);
}

static json_t *parsed(const char *text, struct err *e)
{
    json_error_t fault;
    json_t *log = text ? json_loads(text, 0, &fault) : NULL;

    if (text && !log) /* it was written by us */
        (void)err_set(e, ERR_INTERNAL, "%s", fault.text);
    return log;
}

static void recall_run(struct errand *errand)
{
    struct recall *r = recall_of(errand);
    struct recording *out = &r->recording;
    struct texts t = { .build = r->build.text };

    if (store_read(r->store, read_texts, &t, &r->err) < 0)
        return;
    out->network = parsed(t.network, &r->err);
    out->actions = parsed(t.actions, &r->err);
    mem_free(t.network);
    mem_free(t.actions);
    if (r->secrets && out->network)
        out->network_digest = evidence_digest(out->network, EVIDENCE_NETWORK, r->secrets);
    if (r->secrets && out->actions)
        out->actions_digest = evidence_digest(out->actions, EVIDENCE_ACTIONS, r->secrets);
}

static void recall_back(struct errand *errand)
{
    struct recall *r = recall_of(errand);
    struct agent *a = study_ended(&r->study);

    if (!a)
        return;
    if (r->err.code) {
        scoped(mem_free) char *why =
            mem_format("What was recorded could not be read: %s", r->err.msg);
        agent_fault(a, why, agent_begin);
        return;
    }
    a->faults = 0;
    a->recording = r->recording;
    r->recording = (struct recording){ 0 };
    agent_recalled(a);
}

static void recall_free(struct errand *errand)
{
    struct recall *r = recall_of(errand);

    json_decref(r->secrets);
    recording_done(&r->recording);
    err_clear(&r->err);
    mem_free(r);
}

void recording_done(struct recording *r)
{
    json_decref(r->network);
    json_decref(r->actions);
    mem_free(r->network_digest);
    mem_free(r->actions_digest);
    *r = (struct recording){ 0 };
}

void agent_recall(struct agent *a, bool digests)
{
    struct recall *r = mem_new(sizeof *r);

    *r =
        (struct recall){ .study = { { .run = recall_run, .back = recall_back, .free = recall_free },
                                    a },
                         .store = a->engine->store,
                         .build = a->task.id,
                         .secrets = digests ? json_deep_copy(a->secrets) : NULL };
    study_begin(a, &r->study);
}

/* ---- a part of it, for the model ---- */

struct part {
    struct study study;
    json_t *log, *secrets;
    enum evidence which;
    int64_t from;
    char *search;
    char *text;
};

static struct part *part_of(struct errand *errand)
{
    return (struct part *)study_of(errand);
}

static void part_run(struct errand *errand)
{
    struct part *p = part_of(errand);

    p->text = evidence_page(p->log, p->which, p->from, p->search, p->secrets);
}

static void part_back(struct errand *errand)
{
    struct part *p = part_of(errand);
    struct agent *a = study_ended(&p->study);

    if (a)
        agent_answer(a, &(struct answer){ .ok = true, .foreign = true, .text = p->text });
}

static void part_free(struct errand *errand)
{
    struct part *p = part_of(errand);

    json_decref(p->log);
    json_decref(p->secrets);
    mem_free(p->search);
    mem_free(p->text);
    mem_free(p);
}

void begin_log(struct agent *a, const json_t *input)
{
    const char *which = json_text(input, "log");
    bool network = which && strcmp(which, "network") == 0;

    if (!network && (!which || strcmp(which, "actions") != 0)) {
        agent_answer(a, &(struct answer){ .text = "log is \"network\" or \"actions\"" });
        return;
    }
    struct part *p = mem_new(sizeof *p);
    *p = (struct part){ .study = { { .run = part_run, .back = part_back, .free = part_free }, a },
                        .log = json_incref(network ? a->recording.network : a->recording.actions),
                        .secrets = json_deep_copy(a->secrets),
                        .which = network ? EVIDENCE_NETWORK : EVIDENCE_ACTIONS,
                        .from = json_int(input, "from", 1),
                        .search = mem_text(json_text(input, "search")) };
    study_begin(a, &p->study);
}
