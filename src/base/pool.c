/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct work {
    void (*fn)(void *arg);
    void *arg;
    struct work *next;
};

struct pool {
    pthread_t *threads;
    int n_threads;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t some;
    struct work *first, **last;
    bool stopping;
};

static void *work_loop(void *arg)
{
    struct pool *p = arg;

    for (;;) {
        pthread_mutex_lock(&p->lock);
        while (!p->first && !p->stopping)
            pthread_cond_wait(&p->some, &p->lock);
        struct work *w = p->first;
        if (w) {
            p->first = w->next;
            if (!p->first)
                p->last = &p->first;
        }
        pthread_mutex_unlock(&p->lock);
        if (!w)
            return NULL;
        w->fn(w->arg);
        mem_free(w);
    }
}

struct pool *pool_new(int threads)
{
    struct pool *p = mem_new(sizeof *p);

    p->threads = mem_new_array((size_t)threads, sizeof *p->threads);
    p->n_threads = threads;
    p->last = &p->first;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->some, NULL);
    for (int i = 0; i < threads; i++) {
        if (pthread_create(&p->threads[i], NULL, work_loop, p) != 0)
            abort();
    }
    return p;
}

void pool_run(struct pool *p, void (*fn)(void *arg), void *arg)
{
    struct work *w = mem_new(sizeof *w);

    *w = (struct work){ fn, arg, NULL };
    pthread_mutex_lock(&p->lock);
    *p->last = w;
    p->last = &w->next;
    /* All: to wake one of several may wake none (glibc bug 25847). */
    pthread_cond_broadcast(&p->some);
    pthread_mutex_unlock(&p->lock);
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->some);
    pthread_mutex_unlock(&p->lock);
    for (int i = 0; i < p->n_threads; i++)
        pthread_join(p->threads[i], NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->some);
    mem_free(p->threads);
    mem_free(p);
}
