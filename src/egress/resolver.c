/* SPDX-License-Identifier: Apache-2.0
 *
 * getaddrinfo() has no time limit of its own; RES_OPTIONS in this process's environment bounds what
 * it spends on servers that do not answer.
 */
#include "egress/resolver.h"

#include "base/pool.h"
#include "egress/route.h"

#include <ctype.h>
#include <netdb.h>
#include <strings.h>

enum {
    THREADS = 32,      /* they wait for servers; dns.c shares them among the cages */
    NAMES = 512,       /* known, which make room for new ones, or asked for, which do not */
    FRESH_MS = 10000,  /* as long as the answers say */
    FAILURE_MS = 2000, /* a name that is not there may come */
    NAME_MAX_BYTES = 254,
};

struct waiter {
    resolver_fn fn;
    void *arg;
    struct waiter *next;
};

struct entry {
    struct resolver *resolver;
    char name[NAME_MAX_BYTES];
    bool asking; /* a thread has it, and alone writes `found` */
    struct resolved found;
    msec_t until;
    struct waiter *waiters;
    struct entry *next;
};

struct resolver {
    struct loop *loop;
    struct pool *pool;
    resolver_lookup_fn lookup;
    struct entry *entries;
    size_t n, n_asking;
};

/* ---- on a thread ---- */

static void keep(struct resolved *out, const struct sockaddr *address)
{
    struct place at;

    if (out->n == RESOLVER_PLACES || !place_of_sockaddr(address, &at))
        return;
    at.port = 0;
    /* A program that hears of a v6 address on a host without v6 connects to it before any other:
     * the cage accepts everything, so the failure would come too late for it to go on. */
    if (route_to(&at) != ROUTE_NONE)
        out->at[out->n++] = at;
}

void resolver_lookup(const char *name, struct resolved *out)
{
    const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    struct addrinfo *all = NULL;
    int failed = getaddrinfo(name, NULL, &hints, &all);

    out->n = 0;
    out->outcome = failed == 0                                    ? RESOLVER_FOUND
                   : failed == EAI_NONAME || failed == EAI_NODATA ? RESOLVER_NO_NAME
                                                                  : RESOLVER_FAILED;
    for (const struct addrinfo *at = all; at; at = at->ai_next)
        keep(out, at->ai_addr);
    if (all)
        freeaddrinfo(all);
}

static void on_looked_up(void *arg);

static void look_up(void *arg)
{
    struct entry *e = arg;

    e->resolver->lookup(e->name, &e->found);
    loop_post(e->resolver->loop, on_looked_up, e);
}

/* ---- on the loop ---- */

static void on_looked_up(void *arg)
{
    struct entry *e = arg;
    msec_t keep_ms = e->found.outcome == RESOLVER_FOUND ? FRESH_MS : FAILURE_MS;

    e->resolver->n_asking--;
    e->until = clock_steady(&clock_real) + keep_ms;
    while (e->waiters) {
        struct waiter *w = e->waiters;
        e->waiters = w->next;
        w->fn(w->arg, &e->found);
        mem_free(w);
    }
    e->asking = false; /* not before: what fn asks for would take its room */
}

static void entry_free(struct entry *e)
{
    while (e->waiters) {
        struct waiter *w = e->waiters;
        e->waiters = w->next;
        mem_free(w);
    }
    mem_free(e);
}

static void drop(struct resolver *r, struct entry **at)
{
    struct entry *e = *at;

    *at = e->next;
    r->n--;
    entry_free(e);
}

static void drop_stale(struct resolver *r, msec_t now)
{
    for (struct entry **at = &r->entries, *e; (e = *at);) {
        if (e->asking || e->until > now)
            at = &e->next;
        else
            drop(r, at);
    }
}

/* Whoever asks for many names must not use up the room of all: the answer that would go first goes
 * now. false: there is none, all are being asked for. */
static bool make_room(struct resolver *r)
{
    struct entry **first = NULL;

    for (struct entry **at = &r->entries; *at; at = &(*at)->next) {
        if (!(*at)->asking && (!first || (*at)->until < (*first)->until))
            first = at;
    }
    if (first)
        drop(r, first);
    return first;
}

static struct entry *find(struct resolver *r, const char *name)
{
    for (struct entry *e = r->entries; e; e = e->next) {
        if (strcmp(e->name, name) == 0)
            return e;
    }
    return NULL;
}

static struct entry *ask_for(struct resolver *r, const char *name)
{
    struct entry *e = mem_new(sizeof *e);

    *e = (struct entry){ .resolver = r, .asking = true, .next = r->entries };
    memcpy(e->name, name, strlen(name) + 1);
    r->entries = e;
    r->n++;
    r->n_asking++;
    pool_run(r->pool, look_up, e);
    return e;
}

bool resolver_find(struct resolver *r, const char *name, resolver_fn fn, void *arg)
{
    char lower[NAME_MAX_BYTES];
    size_t n = 0;

    for (; name[n] && n + 1 < sizeof lower; n++)
        lower[n] = (char)tolower((unsigned char)name[n]);
    lower[n] = '\0';

    drop_stale(r, clock_steady(&clock_real));
    struct entry *e = find(r, lower);
    if (e && !e->asking) {
        const struct resolved found = e->found; /* what fn asks for may take its room */
        fn(arg, &found);
        return true;
    }
    if (!e && r->n >= NAMES && !make_room(r))
        return false;
    if (!e)
        e = ask_for(r, lower);
    struct waiter *w = mem_new(sizeof *w);
    *w = (struct waiter){ fn, arg, e->waiters };
    e->waiters = w;
    return true;
}

size_t resolver_idle(const struct resolver *r)
{
    return r->n_asking < THREADS ? THREADS - r->n_asking : 0;
}

void resolver_forget(struct resolver *r, const void *arg)
{
    for (struct entry *e = r->entries; e; e = e->next) {
        for (struct waiter **at = &e->waiters, *w; (w = *at);) {
            if (w->arg == arg) {
                *at = w->next;
                mem_free(w);
            } else {
                at = &w->next;
            }
        }
    }
}

struct resolver *resolver_new(struct loop *loop, resolver_lookup_fn lookup)
{
    struct resolver *r = mem_new(sizeof *r);

    *r = (struct resolver){ .loop = loop, .pool = pool_new(THREADS), .lookup = lookup };
    return r;
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    pool_free(r->pool);
    while (r->entries) {
        struct entry *e = r->entries;
        r->entries = e->next;
        entry_free(e);
    }
    mem_free(r);
}
