/* SPDX-License-Identifier: Apache-2.0
 *
 * epoll with an eventfd for posts. Timers live in a list ordered by deadline: there are a few dozen
 * at most (one a build, one a job, one a sweep), and the wait is as long as the first allows, so an
 * idle loop makes no system calls.
 *
 * A watch that is freed inside a callback may still have an event in the batch under way. It is
 * marked dead, and its memory is kept until the batch ends.
 */
#include "base/loop.h"

#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { ADD_AGAIN_MS = 20 }; /* hardly felt by who waits, and no load while it lasts */

struct watch {
    struct loop *loop;
    int fd;
    uint32_t events;
    watch_fn fn;
    void *arg;
    struct timer *again; /* the kernel had no memory to watch it: it is asked again */
    bool dead;
    struct watch *next_dead;
};

struct timer {
    struct loop *loop;
    msec_t at;
    call_fn fn;
    void *arg;
    struct timer *next;
};

struct post {
    call_fn fn;
    void *arg;
    struct post *next;
};

struct loop {
    const struct clock *clock;
    int epoll;
    int wake;
    struct timer *timers;
    struct watch *dead;
    pthread_mutex_t lock; /* guards the two below */
    struct post *first, **last;
    bool stopping;
};

struct loop *loop_new(const struct clock *clock)
{
    struct loop *l = mem_new(sizeof *l);

    l->clock = clock;
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event ev = { EPOLLIN, { .ptr = NULL } };
    if (l->epoll < 0 || l->wake < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->wake, &ev) < 0)
        abort(); /* no descriptors at start: nothing could work */
    pthread_mutex_init(&l->lock, NULL);
    l->last = &l->first;
    return l;
}

static void free_dead(struct loop *l)
{
    while (l->dead) {
        struct watch *w = l->dead;
        l->dead = w->next_dead;
        mem_free(w);
    }
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    free_dead(l);
    while (l->timers)
        timer_free(l->timers);
    while (l->first) {
        struct post *p = l->first;
        l->first = p->next;
        mem_free(p);
    }
    pthread_mutex_destroy(&l->lock);
    fd_close(l->epoll);
    fd_close(l->wake);
    mem_free(l);
}

static void wake(struct loop *l)
{
    (void)eventfd_write(l->wake, 1);
}

void loop_stop(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    pthread_mutex_unlock(&l->lock);
    wake(l);
}

void loop_post(struct loop *l, call_fn fn, void *arg)
{
    struct post *p = mem_new(sizeof *p);

    *p = (struct post){ fn, arg, NULL };
    pthread_mutex_lock(&l->lock);
    *l->last = p;
    l->last = &p->next;
    pthread_mutex_unlock(&l->lock);
    wake(l);
}

/* Runs what was posted until now; true when the loop shall end. */
static bool run_posts(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    struct post *p = l->first;
    l->first = NULL;
    l->last = &l->first;
    pthread_mutex_unlock(&l->lock);

    while (p) {
        struct post *next = p->next;
        p->fn(p->arg);
        mem_free(p);
        p = next;
    }
    pthread_mutex_lock(&l->lock);
    bool stop = l->stopping && !l->first;
    l->stopping = l->stopping && !stop; /* a loop can run again */
    pthread_mutex_unlock(&l->lock);
    return stop;
}

static void run_timers(struct loop *l)
{
    msec_t now = clock_steady(l->clock);

    while (l->timers && l->timers->at <= now) {
        struct timer *t = l->timers;
        l->timers = t->next;
        t->fn(t->arg);
        mem_free(t);
    }
}

static int wait_ms(const struct loop *l)
{
    if (!l->timers)
        return -1;
    msec_t left = l->timers->at - clock_steady(l->clock);
    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

void loop_run(struct loop *l)
{
    struct epoll_event events[64];

    while (!run_posts(l)) {
        int n = epoll_wait(l->epoll, events, n_items(events), wait_ms(l));
        if (n < 0 && errno != EINTR)
            abort(); /* EBADF, EFAULT, EINVAL: bugs of ours */
        for (int i = 0; i < n; i++) {
            struct watch *w = events[i].data.ptr;
            eventfd_t posts;
            if (!w)
                (void)eventfd_read(l->wake, &posts);
            else if (!w->dead)
                w->fn(w->arg, events[i].events);
        }
        free_dead(l);
        run_timers(l);
    }
}

static void add(void *arg)
{
    struct watch *w = arg;
    struct epoll_event ev = { w->events, { .ptr = w } };

    w->again = NULL;
    if (epoll_ctl(w->loop->epoll, EPOLL_CTL_ADD, w->fd, &ev) == 0)
        return;
    if (errno != ENOMEM && errno != ENOSPC)
        abort(); /* a bad descriptor, or one watched twice: bugs of ours */
    w->again = loop_timer(w->loop, ADD_AGAIN_MS, add, w);
}

struct watch *loop_watch(struct loop *l, int fd, uint32_t events, watch_fn fn, void *arg)
{
    struct watch *w = mem_new(sizeof *w);

    *w = (struct watch){ .loop = l, .fd = fd, .events = events, .fn = fn, .arg = arg };
    add(w);
    if (w->again)
        log_event(
            LOG_WARN, "loop.cannot_watch",
            F_TEXT(
                "why",
                "the kernel has no memory for it, or fs.epoll.max_user_watches is reached: raise "
                "that limit; it is tried again until then"));
    return w;
}

void watch_change(struct watch *w, uint32_t events)
{
    struct epoll_event ev = { events, { .ptr = w } };

    w->events = events;
    if (!w->again && epoll_ctl(w->loop->epoll, EPOLL_CTL_MOD, w->fd, &ev) < 0)
        abort();
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    timer_free(w->again);
    (void)epoll_ctl(w->loop->epoll, EPOLL_CTL_DEL, w->fd, NULL);
    w->dead = true;
    w->next_dead = w->loop->dead;
    w->loop->dead = w;
}

struct timer *loop_timer(struct loop *l, msec_t after, call_fn fn, void *arg)
{
    struct timer *t = mem_new(sizeof *t);
    struct timer **at = &l->timers;

    *t = (struct timer){ l, clock_steady(l->clock) + after, fn, arg, NULL };
    while (*at && (*at)->at <= t->at)
        at = &(*at)->next;
    t->next = *at;
    *at = t;
    return t;
}

void timer_free(struct timer *t)
{
    if (!t)
        return;
    for (struct timer **at = &t->loop->timers; *at; at = &(*at)->next) {
        if (*at == t) {
            *at = t->next;
            mem_free(t);
            return;
        }
    }
}
