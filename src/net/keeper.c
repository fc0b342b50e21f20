/* SPDX-License-Identifier: Apache-2.0 */
#include "net/keeper.h"

#include "base/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LINGER_MS = 10 * 1000,
    LINGER_BYTES = 64 * 1024 * 1024,
    LINGER_MOST = 64, /* sockets at once; further ones are closed as they are */
};

struct lingering {
    struct keeper *keeper;
    int fd;
    size_t read;
    struct watch *watch;
    struct timer *timer;
    struct lingering *prev, *next;
};

struct keeper {
    const struct clock *clock;
    msec_t least;
    struct loop *loop;
    pthread_t thread;

    pthread_mutex_t lock; /* guards the four below */
    struct kept *kept;
    bool armed; /* a sweep is on its way */
    unsigned lingering;
    uint64_t cut;

    struct lingering *lingerers; /* the keeper's thread alone */
};

/* --- deadlines ----------------------------------------------------------------------------- */

static const char TOO_LATE[] = "HTTP/1.1 408 Request Timeout\r\n"
                               "connection: close\r\n"
                               "content-type: text/plain; charset=utf-8\r\n"
                               "content-length: 33\r\n"
                               "\r\n"
                               "the request did not come in time\n";

/* From both sides, so that the library finds the end of the stream. The descriptor cannot be another's
 * by now: keeper_remove() comes before its close. */
static void close_late(const struct kept *c)
{
    if (atomic_load_explicit(&c->tell, memory_order_relaxed))
        (void)!send(c->fd, TOO_LATE, sizeof TOO_LATE - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    shutdown(c->fd, SHUT_RDWR);
}

msec_t keeper_close_late(struct keeper *k)
{
    msec_t now = clock_steady(k->clock);
    msec_t next = now + k->least;

    pthread_mutex_lock(&k->lock);
    for (struct kept *c = k->kept; c; c = c->next) {
        msec_t due = atomic_load_explicit(&c->due, memory_order_relaxed);
        if (due <= now) {
            close_late(c);
            kept_due(c, KEPT_FOREVER, false);
            k->cut++;
        } else if (due < next) {
            next = due;
        }
    }
    k->armed = k->kept != NULL;
    bool again = k->armed;
    pthread_mutex_unlock(&k->lock);
    return again ? next : 0;
}

static void sweep(void *arg)
{
    struct keeper *k = arg;
    msec_t next = keeper_close_late(k);

    if (next)
        loop_timer(k->loop, next - clock_steady(k->clock), sweep, k);
}

static void arm(void *arg)
{
    struct keeper *k = arg;

    loop_timer(k->loop, k->least, sweep, k);
}

void keeper_add(struct keeper *k, struct kept *c)
{
    pthread_mutex_lock(&k->lock);
    c->prev = NULL;
    c->next = k->kept;
    if (c->next)
        c->next->prev = c;
    k->kept = c;
    bool first = !k->armed;
    k->armed = true;
    pthread_mutex_unlock(&k->lock);
    if (first)
        loop_post(k->loop, arm, k);
}

void keeper_remove(struct keeper *k, struct kept *c)
{
    pthread_mutex_lock(&k->lock);
    *(c->prev ? &c->prev->next : &k->kept) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    pthread_mutex_unlock(&k->lock);
}

uint64_t keeper_cut(struct keeper *k)
{
    pthread_mutex_lock(&k->lock);
    uint64_t cut = k->cut;
    pthread_mutex_unlock(&k->lock);
    return cut;
}

/* --- lingering ----------------------------------------------------------------------------- */

static void linger_end(struct lingering *l)
{
    struct keeper *k = l->keeper;

    watch_free(l->watch);
    timer_free(l->timer);
    fd_close(l->fd);
    *(l->prev ? &l->prev->next : &k->lingerers) = l->next;
    if (l->next)
        l->next->prev = l->prev;
    mem_free(l);

    pthread_mutex_lock(&k->lock);
    k->lingering--;
    pthread_mutex_unlock(&k->lock);
}

static void linger_late(void *arg)
{
    struct lingering *l = arg;

    l->timer = NULL; /* it frees itself */
    linger_end(l);
}

static void linger_read(void *arg, uint32_t events)
{
    struct lingering *l = arg;
    char dropped[16 * 1024];

    (void)events;
    ssize_t n = recv(l->fd, dropped, sizeof dropped, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    l->read += n > 0 ? (size_t)n : 0;
    if (n <= 0 || l->read > LINGER_BYTES)
        linger_end(l);
}

static void linger_begin(void *arg)
{
    struct lingering *l = arg;
    struct keeper *k = l->keeper;

    l->next = k->lingerers;
    if (l->next)
        l->next->prev = l;
    k->lingerers = l;
    l->watch = loop_watch(k->loop, l->fd, EPOLLIN, linger_read, l);
    l->timer = loop_timer(k->loop, LINGER_MS, linger_late, l);
}

void keeper_linger(struct keeper *k, int fd)
{
    if (fd < 0)
        return;
    pthread_mutex_lock(&k->lock);
    bool room = k->lingering < LINGER_MOST;
    k->lingering += room;
    pthread_mutex_unlock(&k->lock);
    if (!room) {
        fd_close(fd);
        return;
    }
    struct lingering *l = mem_new(sizeof *l);
    l->keeper = k;
    l->fd = fd;
    loop_post(k->loop, linger_begin, l);
}

/* --- the thread ---------------------------------------------------------------------------- */

static void *keeper_main(void *arg)
{
    struct keeper *k = arg;

    (void)pthread_setname_np(pthread_self(), "http-keeper");
    loop_run(k->loop);
    while (k->lingerers)
        linger_end(k->lingerers);
    return NULL;
}

int keeper_start(const struct clock *clock, msec_t least, struct keeper **out, struct err *e)
{
    struct keeper *k = mem_new(sizeof *k);

    k->clock = clock;
    k->least = least;
    k->loop = loop_new(clock);
    pthread_mutex_init(&k->lock, NULL);
    int r = pthread_create(&k->thread, NULL, keeper_main, k);
    if (r != 0) {
        loop_free(k->loop);
        mem_free(k);
        return err_set_errno(e, ERR_INTERNAL, r, "start the thread that keeps connections");
    }
    *out = k;
    return 0;
}

void keeper_stop(struct keeper *k)
{
    if (!k)
        return;
    loop_stop(k->loop);
    pthread_join(k->thread, NULL);
    loop_free(k->loop);
    pthread_mutex_destroy(&k->lock);
    mem_free(k);
}
