/* SPDX-License-Identifier: Apache-2.0
 *
 * The dispatcher: gives waiting jobs a slot, and keeps slots warm ahead of need.
 *
 * Tenants take turns, each with its own jobs in order. At most `slots` boxes run jobs or are started
 * for one, and spare_slots more for tenants that have none, so that a full house does not delay
 * anybody's first job. warm_slots wait, ready, for the next; or as many as came at once of late, as
 * far as `slots` leaves room. A job whose dependencies have a layer of their own needs a slot that was
 * started with it: the first such job pays for the start, and its successor finds one waiting, since
 * the layer that was asked for last is the one that is kept warm.
 */
#include "artifact/base64.h"
#include "base/bounds.h"
#include "base/log.h"
#include "domain/credential.h"
#include "engine/demand.h"
#include "engine/outcomes.h"
#include "engine/slot.h"

#include <stdio.h>
#include <unistd.h>

enum {
    STORE_PAUSE_MS = 1000, /* after the store could not be read or written */
    START_PAUSE_MS = 1000, /* after a box could not even be asked for: no descriptors are left */
    LOST_PAUSE_MS = 250,   /* after a slot did not get ready, doubled with each in a row, to 16 s */
    LOST_DOUBLINGS = 6,
};

/* What the row of a job is to say: that its slot is being started, or that it runs. */
enum want { BEGIN_NOT, BEGIN_COLD, BEGIN_WARM };

struct place {
    struct slot *slot;
    enum want wants;
    bool later;   /* the store refused: at the next retry */
    bool begun;   /* the row of its job says so: the job needs an outcome */
    bool dropped; /* it is being killed, before its job began or while it waited for one */
    struct place *next;
};

struct dispatcher {
    struct engine *engine;
    int64_t slots;
    struct place *places;
    struct id last; /* the tenant that had the last turn */
    struct outcomes *outcomes;
    char *warm_layer; /* of the last job; NULL: none */
    struct demand demand;
    struct timer *cancel_again; /* the store could not be asked who is cancelled */
    struct timer *cool;         /* fires when less is to be kept warm */
    struct timer *retry;        /* nothing is given a slot before it fires */
    struct timer *soon;         /* dispatches */
    int failures;               /* in a row */
    bool working;               /* inside dispatch(): callbacks ask for another round */
    bool again;
    struct guest *guests; /* those that wait, the first first */
    int inside;           /* and how many are in */
    bool guest_turn;      /* a job came last: guests and jobs alternate where both wait */
};

static void dispatch(struct dispatcher *d);

/* ---- counting ---- */

static msec_t now(const struct dispatcher *d)
{
    return clock_steady(store_env(d->engine->store)->clock);
}

/* Cores bound how many browsers make progress at once, memory how many fit: one needs 300 to 600 MiB
 * as a rule. */
static int64_t default_slots(void)
{
    enum { PER_CORE = 2, MIB_EACH = 768 };
    int64_t cores = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t mib = (int64_t)sysconf(_SC_PHYS_PAGES) / 256;
    int64_t slots = cores * PER_CORE < mib / MIB_EACH ? cores * PER_CORE : mib / MIB_EACH;

    return slots < 1 ? 1 : slots;
}

static int count(const struct dispatcher *d, bool with_job)
{
    int n = 0;

    for (const struct place *p = d->places; p; p = p->next)
        n += slot_state(p->slot) != SLOT_ENDED && (slot_job(p->slot) != NULL) == with_job &&
             (with_job || !p->dropped);
    return n;
}

static void note(struct dispatcher *d)
{
    int ready = 0;

    for (const struct place *p = d->places; p; p = p->next)
        ready += slot_state(p->slot) == SLOT_READY && !slot_job(p->slot) && !p->dropped;
    engine_note_slots(d->engine, (int)d->slots, count(d, true), ready);
}

static bool same_layer(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : !a && !b;
}

/* A slot that is anybody's, ready ones first; NULL when there is none. */
static struct place *free_place(const struct dispatcher *d, const char *layer)
{
    struct place *warming = NULL;

    for (struct place *p = d->places; p; p = p->next) {
        if (slot_job(p->slot) || p->dropped || !same_layer(slot_layer(p->slot), layer))
            continue;
        if (slot_state(p->slot) == SLOT_READY)
            return p;
        if (slot_state(p->slot) == SLOT_WARMING)
            warming = p;
    }
    return warming;
}

/* ---- outcomes ---- */

static char *keep_artifact(struct dispatcher *d, const char *id, const char *name, const void *data,
                           size_t n)
{
    scoped(err_clear) struct err e = { 0 };
    struct blob *blob = NULL;
    scoped(mem_free) char *key = mem_format("jobs/%s/%s", id, name);

    if (!data || blob_new(d->engine->with.blobs, &blob, &e) < 0)
        return NULL;
    if (disk_write_all(store_env(d->engine->store)->disk, blob_fd(blob), data, n) < 0) {
        blob_free(blob);
        return NULL;
    }
    return blob_keep(blob, key, &e) < 0 ? NULL : take(key);
}

/* The bytes of a picture; false when it is none. */
static bool decode(const char *text, struct buf *out)
{
    struct base64 b = { 0 };
    size_t n = strlen(text), made = 0, rest = 0;
    uint8_t *to = (uint8_t *)buf_reserve(out, base64_room(n));
    scoped(err_clear) struct err e = { 0 };
    size_t read = base64_run(&b, text, n, to, &made);

    for (; read < n; read++, made += rest, rest = 0) {
        if (base64_put(&b, text[read], to + made, &rest, &e) < 0)
            return false;
    }
    if (base64_finish(&b, to + made, &rest, &e) < 0)
        return false;
    buf_grew(out, made + rest);
    return true;
}

static struct place *place_of(const struct dispatcher *d, const struct slot *s)
{
    struct place *p = d->places;

    while (p && p->slot != s)
        p = p->next;
    return p;
}

static void retry(void *arg);

static void try_later(struct dispatcher *d, msec_t pause)
{
    if (!d->retry)
        d->retry = loop_timer(d->engine->loop, pause, retry, d);
}

/* A slot was lost before its job began. Back off: a machine that cannot start a browser now is not
 * helped by trying at once. Those that are lost together count as one. */
static void lost(struct dispatcher *d, const char *why)
{
    log_event(LOG_WARN, "slot.lost", F_TEXT("why", why));
    if (d->retry)
        return;
    try_later(d, LOST_PAUSE_MS << (d->failures < LOST_DOUBLINGS ? d->failures : LOST_DOUBLINGS));
    d->failures++;
}

static void on_outcome(void *arg, struct slot *s, const struct slot_outcome *o)
{
    struct dispatcher *d = arg;
    const struct job_run *run = slot_job(s);
    const struct place *p = place_of(d, s);
    struct job_outcome outcome = o->outcome;
    scoped(buf_done) struct buf picture = { 0 };

    if (!p || !p->begun)
        return; /* its row still waits, or was cancelled */
    bool shown = o->screenshot && strlen(o->screenshot) <= LIMIT_SCREENSHOT &&
                 decode(o->screenshot, &picture);
    const char *page = o->html && strlen(o->html) <= LIMIT_HTML ? o->html : NULL;
    scoped(mem_free) char *screenshot =
        keep_artifact(d, run->id.text, "screenshot.png", shown ? picture.data : NULL, picture.n);
    scoped(mem_free) char *html =
        keep_artifact(d, run->id.text, "page.html", page, page ? strlen(page) : 0);

    outcome.screenshot_key = screenshot;
    outcome.html_key = html;
    /* Where all boxes are refused, a next one would be, too. */
    outcome.ours = o->ours && slot_state(s) != SLOT_RUNNING && !d->engine->walls.refusal;
    outcomes_keep(d->outcomes, run, &outcome);
    if (outcome.ours)
        lost(d, outcome.error);
}

/* ---- running ---- */

struct begin {
    struct dispatcher *d;
    struct place *place;
    const struct job_run *run;
    enum want how;
    json_t *credentials, *missing;
    int begun;
    bool lost; /* the job has begun, and cannot go on: `fault` */
    struct err fault;
};

static int begin(struct db *db, void *arg, struct err *e)
{
    struct begin *b = arg;
    bool warm = b->how == BEGIN_WARM;

    b->begun = job_begin(db, b->run->id.text, b->d->engine->epoch, warm ? JOB_WARM : JOB_COLD, e);
    if (b->begun > 0 && warm)
        b->lost = credential_collect(db, b->d->engine->with.sealer, b->run->tenant.text,
                                     json_object_get(b->run->launch, "credential_names"),
                                     b->credentials, b->missing, &b->fault) < 0;
    return b->begun < 0 ? -1 : 0;
}

static void drop(struct place *p)
{
    p->dropped = true;
    slot_kill(p->slot);
}

/* While the store cannot say `running` the job waits in its slot; one whose slot is not ready goes back
 * into the queue. */
static void not_begun(const struct begin *b, const struct err *e)
{
    log_event(LOG_ERROR, "job.not_begun", F_TEXT("job", b->run->id.text), F_TEXT("error", e->msg));
    try_later(b->d, STORE_PAUSE_MS);
    if (b->how == BEGIN_COLD) {
        drop(b->place);
    } else {
        b->place->wants = b->how;
        b->place->later = true;
    }
}

static void begun(const struct begin *b)
{
    struct place *p = b->place;

    p->begun = true;
    if (b->how == BEGIN_COLD)
        return;
    if (b->lost) {
        log_event(LOG_ERROR, "job.no_credentials", F_TEXT("job", b->run->id.text),
                  F_TEXT("error", b->fault.msg));
        outcomes_keep(b->d->outcomes, b->run,
                      &(struct job_outcome){ .status = JOB_FAILED,
                                             .error = "The server could not open the job's "
                                                      "credentials; see its log" });
        p->begun = false;
        drop(p);
        return;
    }
    log_event(LOG_INFO, "job.started", F_TEXT("job", b->run->id.text),
              F_TEXT("workflow", b->run->workflow));
    slot_run(p->slot, b->credentials, b->missing);
}

static void end_begin(struct begin *b, const struct store_part *part)
{
    if (part->r < 0)
        not_begun(b, part->err);
    else if (b->begun == 0)
        drop(b->place); /* it was cancelled at the last moment */
    else
        begun(b);
    json_decref(b->credentials);
    json_decref(b->missing);
    err_clear(&b->fault);
    err_clear(part->err);
}

static size_t count_wants(const struct dispatcher *d)
{
    size_t n = 0;

    for (const struct place *p = d->places; p; p = p->next)
        n += p->wants != BEGIN_NOT && !p->later;
    return n;
}

/* All jobs that were given a slot meanwhile: their rows say so in one commit, each by itself, and then
 * those whose slots are ready are told to run. */
static void begin_all(struct dispatcher *d)
{
    size_t n = count_wants(d), i = 0;

    if (n == 0)
        return;
    scoped(mem_free) struct begin *begins = mem_new_array(n, sizeof *begins);
    scoped(mem_free) struct store_part *parts = mem_new_array(n, sizeof *parts);
    scoped(mem_free) struct err *errs = mem_new_array(n, sizeof *errs);
    for (struct place *p = d->places; p; p = p->next) {
        if (p->wants == BEGIN_NOT || p->later)
            continue;
        begins[i] = (struct begin){ .d = d,
                                    .place = p,
                                    .run = slot_job(p->slot),
                                    .how = p->wants,
                                    .credentials = json_object(),
                                    .missing = json_array() };
        parts[i] = (struct store_part){ begin, &begins[i], &errs[i], 0 };
        p->wants = BEGIN_NOT;
        i++;
    }
    store_write_all(d->engine->store, parts, n);
    for (i = 0; i < n; i++)
        end_begin(&begins[i], &parts[i]);
}

static void on_soon(void *arg)
{
    struct dispatcher *d = arg;

    d->soon = NULL;
    dispatch(d);
}

/* When this turn of the loop is over, once for all that happens in it. */
static void dispatch_soon(struct dispatcher *d)
{
    if (!d->soon)
        d->soon = loop_timer(d->engine->loop, 0, on_soon, d);
}

static void on_ready(void *arg, struct slot *s)
{
    struct dispatcher *d = arg;
    struct place *p = place_of(d, s);

    d->failures = 0;
    if (slot_job(s) && !p->dropped)
        p->wants = BEGIN_WARM;
    dispatch_soon(d);
}

static void retry(void *arg)
{
    struct dispatcher *d = arg;

    d->retry = NULL;
    for (struct place *p = d->places; p; p = p->next)
        p->later = false;
    dispatch(d);
}

static void on_ended(void *arg, struct slot *s, const char *why)
{
    struct dispatcher *d = arg;

    for (struct place **at = &d->places; *at; at = &(*at)->next) {
        struct place *p = *at;
        if (p->slot == s) {
            *at = p->next;
            mem_free(p);
            break;
        }
    }
    slot_free(s);
    if (why && !d->engine->draining && !d->engine->walls.refusal) {
        lost(d, why);
        note(d);
        return;
    }
    dispatch_soon(d);
}

/* ---- starting ---- */

static struct place *start(struct dispatcher *d, const char *layer)
{
    scoped(err_clear) struct err e = { 0 };
    const struct slot_user user = { on_ready, on_outcome, on_ended, d, NULL };
    struct slot *s = NULL;

    if (slot_start(d->engine, layer, &user, &s, &e) < 0) {
        log_event(LOG_ERROR, "slot.not_started", F_TEXT("error", e.msg));
        try_later(d, START_PAUSE_MS);
        return NULL;
    }
    struct place *p = mem_new(sizeof *p);
    *p = (struct place){ .slot = s, .next = d->places };
    d->places = p;
    return p;
}

/* Makes room by ending a slot that waits with another layer. */
static void make_room(struct dispatcher *d, const char *layer)
{
    for (struct place *p = d->places; p; p = p->next) {
        if (!slot_job(p->slot) && !p->dropped && slot_state(p->slot) == SLOT_READY &&
            !same_layer(slot_layer(p->slot), layer)) {
            drop(p);
            return;
        }
    }
}

static bool has_job(const struct dispatcher *d, const struct id *tenant)
{
    for (const struct place *p = d->places; p; p = p->next) {
        const struct job_run *job = slot_job(p->slot);
        if (job && slot_state(p->slot) != SLOT_ENDED && strcmp(job->tenant.text, tenant->text) == 0)
            return true;
    }
    return false;
}

struct next {
    const struct dispatcher *d;
    int64_t taken; /* slots that are; from d->slots on they are for tenants without a job */
    struct id tenant;
    struct job_run run;
    int found;
};

/* The last of the tenant's jobs that have a slot while their rows still wait; "": there is none. */
static const char *reserved(const struct dispatcher *d, const struct id *tenant)
{
    const char *last = "";

    for (const struct place *p = d->places; p; p = p->next) {
        const struct job_run *job = slot_job(p->slot);
        if (p->wants != BEGIN_NOT && !p->begun && strcmp(job->tenant.text, tenant->text) == 0 &&
            strcmp(job->id.text, last) > 0)
            last = job->id.text;
    }
    return last;
}

static int next_job(struct db *db, void *arg, struct err *e)
{
    struct next *n = arg;
    struct id first = { 0 };

    n->tenant = n->d->last;
    /* Who is passed over has a job in a slot, so after as many as there are jobs all were asked. */
    for (int64_t passed = 0; passed <= n->taken; passed++) {
        n->found = job_turn(db, n->tenant.text, &n->tenant, e);
        if (n->found <= 0)
            return n->found;
        if (strcmp(n->tenant.text, first.text) == 0)
            break;
        if (n->taken < n->d->slots || !has_job(n->d, &n->tenant)) {
            n->found = job_next(db, n->tenant.text, reserved(n->d, &n->tenant), &n->run, e);
            if (n->found != 0)
                return n->found < 0 ? -1 : 0;
        }
        if (passed == 0)
            first = n->tenant;
    }
    n->found = 0;
    return 0;
}

/* The first guest comes in. */
static bool admit(struct dispatcher *d)
{
    struct guest *g = d->guests;

    if (!g)
        return false;
    d->guests = g->next;
    g->state = GUEST_INSIDE;
    d->inside++;
    d->guest_turn = false;
    g->come(g->arg);
    return true;
}

void dispatcher_visit(struct dispatcher *d, struct guest *g)
{
    struct guest **at = &d->guests;

    while (*at)
        at = &(*at)->next;
    *at = g;
    g->next = NULL;
    g->state = GUEST_WAITING;
    dispatch(d);
}

void dispatcher_leave(struct dispatcher *d, struct guest *g)
{
    enum guest_state was = g->state;

    g->state = GUEST_OUTSIDE;
    if (was == GUEST_WAITING) {
        struct guest **at = &d->guests;
        while (*at != g)
            at = &(*at)->next;
        *at = g->next;
    } else if (was == GUEST_INSIDE) {
        d->inside--;
        dispatch(d);
    }
}

/* One waiting job gets its slot: true when there may be more to do. */
static bool place_one(struct dispatcher *d)
{
    scoped(err_clear) struct err e = { 0 };
    struct next next = { .d = d, .taken = count(d, true) + d->inside };
    bool full = next.taken >= d->slots;

    if (next.taken >= d->slots + d->engine->settings->spare_slots || d->retry)
        return false;
    if (d->guest_turn && !full && admit(d))
        return true;
    if (store_read(d->engine->store, next_job, &next, &e) < 0) {
        log_event(LOG_ERROR, "job.next_failed", F_TEXT("error", e.msg));
        try_later(d, STORE_PAUSE_MS);
        return false;
    }
    if (!next.found)
        return !full && admit(d);
    d->guest_turn = true;
    d->last = next.tenant;

    mem_free(d->warm_layer);
    d->warm_layer = mem_text(next.run.layer);
    struct place *p = free_place(d, next.run.layer);
    if (!p) {
        make_room(d, next.run.layer);
        p = start(d, next.run.layer);
    }
    if (!p) {
        job_run_done(&next.run);
        return false;
    }
    demand_note(&d->demand, now(d));
    slot_reserve(p->slot, &next.run);
    p->wants = slot_state(p->slot) == SLOT_READY ? BEGIN_WARM : BEGIN_COLD;
    return true;
}

static void cool(void *arg)
{
    struct dispatcher *d = arg;

    d->cool = NULL;
    dispatch(d);
}

/* No more than could run: what d->slots allows is what the machine's memory does. */
static int64_t warm_wanted(struct dispatcher *d)
{
    int64_t least = d->engine->settings->warm_slots;
    int64_t room = d->slots - count(d, true);
    int64_t lately = demand_now(&d->demand, now(d));

    if (least == 0 || lately <= least)
        return least;
    if (!d->cool)
        d->cool = loop_timer(d->engine->loop, d->demand.until - now(d), cool, d);
    return room <= least ? least : lately < room ? lately : room;
}

/* Of several one has no layer: what is deployed next may need none. */
static void keep_warm(struct dispatcher *d)
{
    int64_t idle = count(d, false);
    int64_t want = warm_wanted(d);

    /* Where all boxes are refused, each job is told so as it comes. */
    while (idle < want && !d->retry && !d->engine->walls.refusal &&
           start(d, idle == 0 || idle < want - 1 ? d->warm_layer : NULL))
        idle++;
    for (struct place *p = d->places; p && idle > want; p = p->next) {
        if (!slot_job(p->slot) && !p->dropped && slot_state(p->slot) == SLOT_READY) {
            drop(p);
            idle--;
        }
    }
}

static void dispatch(struct dispatcher *d)
{
    if (d->working) {
        d->again = true;
        return;
    }
    d->working = true;
    do {
        d->again = false;
        while (engine_is_open(d->engine) && place_one(d))
            continue;
        begin_all(d); /* also while this server drains: of jobs whose slots were being started */
    } while (d->again);
    if (engine_is_open(d->engine))
        keep_warm(d);
    d->working = false;
    note(d);
}

void dispatcher_wake(struct dispatcher *d)
{
    dispatch_soon(d);
}

/* ---- ending ---- */

static void cancel_one(void *arg, const char *id)
{
    struct dispatcher *d = arg;

    for (struct place *p = d->places; p; p = p->next) {
        const struct job_run *job = slot_job(p->slot);
        if (job && strcmp(job->id.text, id) == 0)
            slot_cancel(p->slot);
    }
}

static int cancelled(struct db *db, void *arg, struct err *e)
{
    return job_each_cancelled(db, cancel_one, arg, e);
}

static void on_cancel_again(void *arg)
{
    struct dispatcher *d = arg;

    d->cancel_again = NULL;
    dispatcher_cancel(d);
}

void dispatcher_cancel(struct dispatcher *d)
{
    scoped(err_clear) struct err e = { 0 };

    if (store_read(d->engine->store, cancelled, d, &e) == 0)
        return;
    log_event(LOG_ERROR, "job.cancel_failed", F_TEXT("error", e.msg));
    if (!d->cancel_again)
        d->cancel_again = loop_timer(d->engine->loop, STORE_PAUSE_MS, on_cancel_again, d);
}

bool dispatcher_refused(struct dispatcher *d, const struct egress_refusal *what)
{
    for (struct place *p = d->places; p; p = p->next) {
        if (slot_refused(p->slot, what))
            return true;
    }
    return false;
}

/* Nothing that waits or runs needs the layer, but a slot may wait with it. */
void dispatcher_forget(struct dispatcher *d, const char *layer)
{
    if (same_layer(d->warm_layer, layer))
        mem_free(take(d->warm_layer));
    for (struct place *p = d->places; p; p = p->next) {
        if (!slot_job(p->slot) && same_layer(slot_layer(p->slot), layer))
            drop(p);
    }
}

/* A job in one of them finds out by itself; the next one shall not come into such a slot. */
void dispatcher_cut_off(struct dispatcher *d)
{
    for (struct place *p = d->places; p; p = p->next) {
        if (!slot_job(p->slot))
            drop(p);
    }
}

void dispatcher_drain(struct dispatcher *d)
{
    for (struct place *p = d->places; p; p = p->next) {
        if (!slot_job(p->slot))
            slot_kill(p->slot);
    }
    note(d);
}

struct dispatcher *dispatcher_new(struct engine *e)
{
    struct dispatcher *d = mem_new(sizeof *d);

    d->engine = e;
    d->outcomes = outcomes_new(e->store, e->loop, &e->timings);
    d->slots = e->settings->job_slots ? e->settings->job_slots : default_slots();
    return d;
}

/* Jobs that still run after the drain end here; a job is never left without an outcome. */
void dispatcher_free(struct dispatcher *d)
{
    if (!d)
        return;
    while (d->places) {
        struct place *p = d->places;
        d->places = p->next;
        const struct job_run *job = slot_job(p->slot);
        if (job && slot_state(p->slot) == SLOT_RUNNING)
            outcomes_keep(d->outcomes, job,
                          &(struct job_outcome){
                              .status = JOB_FAILED,
                              .error = "WORKER_LOST: the server was stopped while this job ran" });
        slot_free(p->slot);
        mem_free(p);
    }
    timer_free(d->retry);
    timer_free(d->soon);
    timer_free(d->cancel_again);
    timer_free(d->cool);
    outcomes_free(d->outcomes);
    mem_free(d->warm_layer);
    mem_free(d);
}
