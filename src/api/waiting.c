/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests with wait_seconds: parked, not threads. They live on a loop of their own. A request is
 * in the list before its handler first looks, and every change is told after its commit, so that no
 * change falls between looking and waiting.
 */
#include "api/request.h"
#include "base/bounds.h"

#include <pthread.h>
#include <stdlib.h>

struct waiting {
    struct api *api;
    struct loop *loop;
    pthread_t thread;
    struct request *first;
    atomic_int n; /* the writer thread posts nothing while nobody waits */
    bool draining;
};

static void remove_from(struct waiting *w, struct request *r)
{
    for (struct request **at = &w->first; *at; at = &(*at)->next) {
        if (*at == r) {
            *at = r->next;
            break;
        }
    }
    timer_free(take(r->deadline));
    atomic_fetch_sub(&w->n, 1);
}

/* Looks, and answers unless it shall wait on. */
static void look(struct waiting *w, struct request *r, bool last)
{
    scoped(err_clear) struct err e = { 0 };

    json_decref(take(r->answer));
    int state = request_read(r, &e);

    if (state == HANDLER_WAIT && !last)
        return;
    remove_from(w, r);
    request_end(r, state, &e);
}

static void on_deadline(void *arg)
{
    struct request *r = arg;

    r->deadline = NULL;
    look(r->api->waiting, r, true);
}

/* Whether its tenant has as many waiting as it may: this one is answered as things stand. */
static bool has_enough(const struct waiting *w, const struct request *of)
{
    int left = LIMIT_WAITERS;

    for (const struct request *r = w->first; r && left > 0; r = r->next)
        left -= strcmp(r->owner.tenant.text, of->owner.tenant.text) == 0;
    return left <= 0;
}

static void enter(void *arg)
{
    struct request *r = arg;
    struct waiting *w = r->api->waiting;
    const bool at_once = w->draining || has_enough(w, r);

    r->next = w->first;
    w->first = r;
    r->deadline = loop_timer(w->loop, json_int(r->input, "wait_seconds", 0) * 1000, on_deadline, r);
    look(w, r, at_once);
}

void waiting_add(struct waiting *w, struct request *r)
{
    atomic_fetch_add(&w->n, 1);
    loop_post(w->loop, enter, r);
}

struct change {
    struct waiting *waiting;
    char *id;
};

static void changed(void *arg)
{
    struct change *c = arg;
    struct request *next;

    for (struct request *r = c->waiting->first; r; r = next) {
        next = r->next;
        if (strcmp(r->awaits, c->id) == 0)
            look(c->waiting, r, false);
    }
    mem_free(c->id);
    mem_free(c);
}

/* Topics are "<kind>/<id>"; ids are unique, so that the kind matters only where nobody waits for it. */
static void on_topic(void *arg, const char *topic)
{
    struct waiting *w = arg;
    const char *id = strrchr(topic, '/');

    if (!id || atomic_load(&w->n) == 0 || strncmp(topic, "log/", 4) == 0)
        return;
    struct change *c = mem_new(sizeof *c);
    *c = (struct change){ w, mem_text(id + 1) };
    loop_post(w->loop, changed, c);
}

static void *run(void *arg)
{
    struct waiting *w = arg;

    loop_run(w->loop);
    return NULL;
}

struct waiting *waiting_start(struct api *a)
{
    struct waiting *w = mem_new(sizeof *w);

    w->api = a;
    w->loop = loop_new(store_env(a->with.store)->clock);
    store_listen(a->with.store, on_topic, w);
    if (pthread_create(&w->thread, NULL, run, w) != 0)
        abort();
    return w;
}

static void answer_all(void *arg)
{
    struct waiting *w = arg;

    w->draining = true;
    while (w->first)
        look(w, w->first, true);
}

void waiting_drain(struct waiting *w)
{
    loop_post(w->loop, answer_all, w);
}

void waiting_stop(struct waiting *w)
{
    if (!w)
        return;
    store_unlisten(w->api->with.store, on_topic, w);
    waiting_drain(w);
    loop_stop(w->loop);
    pthread_join(w->thread, NULL);
    loop_free(w->loop);
    mem_free(w);
}
