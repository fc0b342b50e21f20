/* SPDX-License-Identifier: Apache-2.0
 *
 * Each direction is a flow: splice() moves pages from a socket into a pipe and from the pipe into
 * the other socket, and they are never copied. A flow holds a pipe only while there is something in
 * it, so an idle connection costs two descriptors, and pipes are few.
 *
 * They are many where nobody reads. The kernel lets a user have 64 MiB of pipes that are not tiny
 * (pipe-user-pages-soft), and this process serves all cages as one user. So a cage has a few large pipes
 * and else small ones: 512 connections that are not read, both ways, hold 6 MiB.
 *
 * A socket is watched for what its flows wait for, and not at all when they wait for nothing: the
 * kernel reports a hang-up whether it is asked for or not, again and again.
 *
 * A side fails when it is reset or nothing can be written to it any more. What it said before is still
 * passed on, as the kernel would hand it to a program: a server that has heard enough answers and
 * closes while its client is sending, and that makes a reset of its end. Only then is the other
 * side reset, and not before it has all arrived there, because a reset throws away what waits.
 */
#include "egress/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PIPE_BYTES = 64 * 1024, /* what the kernel makes; four times that is as fast */
    SMALL_BYTES = 4096,     /* a page, the smallest that there is: a fourth as fast */
    LARGE_PIPES = 32,
    PIPES_KEPT = 8,        /* of the large ones */
    ROUNDS = 8,            /* of one connection, before the others have their turn */
    LEAVING_LOOK_MS = 100, /* no event tells that all has arrived */
};

struct flow {
    int pipe[2]; /* -1 while it is empty */
    bool large;
    size_t held; /* bytes in it */
    bool ended;  /* the source has closed */
    bool told;   /* and the other side knows */
};

struct side {
    struct link *link;
    int fd;
    struct watch *watch;
    uint32_t events;
    bool failed;
    struct flow flow; /* what comes from here */
};

struct link {
    struct relay *relay;
    struct side sides[2]; /* the client, the target */
    bool connecting;
    msec_t deadline; /* while connecting, and from when a side failed */
    struct timer *leaving;
    struct link *previous, *next;
};

struct relay {
    struct loop *loop;
    struct relay_limits limits;
    struct link *first, *last; /* in the order of their coming, so of their deadlines */
    size_t n, n_connecting;
    struct timer *patience;   /* for the oldest that is connecting */
    int pipes[PIPES_KEPT][2]; /* large, and empty */
    size_t n_pipes, n_large;  /* kept, and in all */
};

static struct side *other(struct side *s)
{
    return &s->link->sides[s == &s->link->sides[0]];
}

void relay_reset(int fd)
{
    struct linger now = { .l_onoff = 1 };

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    fd_close(fd);
}

/* ---- pipes ---- */

static int take_pipe(struct relay *r, struct flow *f)
{
    if (f->pipe[0] >= 0)
        return 0;
    if (r->n_pipes > 0) {
        memcpy(f->pipe, r->pipes[--r->n_pipes], sizeof f->pipe);
        f->large = true;
        return 0;
    }
    if (pipe2(f->pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
        f->pipe[0] = f->pipe[1] = -1;
        return -1;
    }
    f->large = r->n_large < LARGE_PIPES;
    r->n_large += f->large;
    if (!f->large)
        (void)fcntl(f->pipe[0], F_SETPIPE_SZ, SMALL_BYTES);
    return 0;
}

static void give_pipe(struct relay *r, struct flow *f)
{
    if (f->pipe[0] >= 0 && f->large && f->held == 0 && r->n_pipes < PIPES_KEPT) {
        memcpy(r->pipes[r->n_pipes++], f->pipe, sizeof f->pipe);
    } else if (f->pipe[0] >= 0) {
        r->n_large -= f->large;
        fd_close(f->pipe[0]);
        fd_close(f->pipe[1]);
    }
    f->pipe[0] = f->pipe[1] = -1;
}

/* ---- links ---- */

static void link_free(struct link *l, bool reset)
{
    struct relay *r = l->relay;

    for (int i = 0; i < 2; i++) {
        watch_free(l->sides[i].watch);
        give_pipe(r, &l->sides[i].flow);
        if (reset)
            relay_reset(l->sides[i].fd);
        else
            fd_close(l->sides[i].fd);
    }
    timer_free(l->leaving);
    *(l->previous ? &l->previous->next : &r->first) = l->next;
    *(l->next ? &l->next->previous : &r->last) = l->previous;
    r->n--;
    r->n_connecting -= l->connecting;
    mem_free(l);
}

/* Fills the pipe when it is empty, so that "not now" always speaks of the socket. 1: there is
 * something to drain, 0: not now or never again, -1: there is no pipe. */
static int fill(struct side *s)
{
    struct flow *f = &s->flow;
    ssize_t n;

    if (f->held > 0)
        return 1;
    if (f->ended)
        return 0;
    if (take_pipe(s->link->relay, f) < 0)
        return -1;
    n = splice(s->fd, NULL, f->pipe[1], NULL, PIPE_BYTES, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    bool failed = n < 0 && errno != EAGAIN && errno != EINTR;
    if (n > 0)
        f->held = (size_t)n;
    else
        give_pipe(s->link->relay, f);
    s->failed |= failed;
    f->ended = failed || n == 0;
    return n > 0;
}

/* 1: the pipe is empty, 0: not now, or the other side has failed. */
static int drain(struct side *s)
{
    struct flow *f = &s->flow;

    while (f->held > 0) {
        ssize_t n = splice(f->pipe[0], NULL, other(s)->fd, NULL, f->held,
                           SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n < 0 && errno != EINTR) {
            other(s)->failed |= errno != EAGAIN;
            return 0;
        }
        f->held -= n > 0 ? (size_t)n : 0;
    }
    give_pipe(s->link->relay, f);
    return 1;
}

/* What comes from this side. -1: there is no pipe. */
static int move_flow(struct side *s)
{
    struct flow *f = &s->flow;
    int r = 1;

    for (int i = 0; r > 0 && i < ROUNDS; i++) {
        r = fill(s);
        if (r > 0)
            r = drain(s);
    }
    if (f->ended && f->held == 0 && !f->told) {
        f->told = true;
        /* Refused when it is gone, which the read tells. A failure is told by a reset. */
        if (!s->failed)
            (void)shutdown(other(s)->fd, SHUT_WR);
    }
    return r < 0 ? -1 : 0;
}

/* Nobody takes what comes from this side. */
static void discard(struct side *s)
{
    give_pipe(s->link->relay, &s->flow);
    s->flow.held = 0;
    s->flow.ended = s->flow.told = true;
}

/* What was written to it has arrived, as far as it ever will. */
static bool has_it_all(const struct side *s)
{
    int failed = 0, left = 0;
    socklen_t n = sizeof failed;

    return s->failed || getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &failed, &n) < 0 || failed ||
           ioctl(s->fd, SIOCOUTQ, &left) < 0 || left == 0;
}

static void on_side(void *arg, uint32_t events);

static void watch_side(struct side *s)
{
    const struct flow *out = &s->flow, *in = &other(s)->flow;
    uint32_t wanted = 0;

    if (!out->ended && out->held == 0)
        wanted |= EPOLLIN;
    if (in->held > 0)
        wanted |= EPOLLOUT;
    if (wanted && s->watch && wanted != s->events)
        watch_change(s->watch, wanted);
    else if (wanted && !s->watch)
        s->watch = loop_watch(s->link->relay->loop, s->fd, wanted, on_side, s);
    else if (!wanted)
        watch_free(take(s->watch));
    s->events = wanted;
}

static void on_leaving(void *arg);

/* A side has failed, and the other has not got all that it said. */
static void leave(struct link *l)
{
    if (!l->deadline)
        l->deadline = clock_steady(&clock_real) + l->relay->limits.leave_ms;
    if (!l->leaving)
        l->leaving = loop_timer(l->relay->loop, LEAVING_LOOK_MS, on_leaving, l);
}

static void move_link(struct link *l)
{
    struct side *a = &l->sides[0], *b = &l->sides[1];

    if (move_flow(a) < 0 || move_flow(b) < 0) {
        link_free(l, true);
        return;
    }
    bool failed = a->failed || b->failed;
    if (b->failed)
        discard(a);
    if (a->failed)
        discard(b);
    if (a->flow.told && b->flow.told && (!failed || (has_it_all(a) && has_it_all(b)))) {
        link_free(l, failed);
        return;
    }
    if (failed)
        leave(l);
    watch_side(a);
    watch_side(b);
}

static void on_leaving(void *arg)
{
    struct link *l = arg;

    l->leaving = NULL;
    if (clock_steady(&clock_real) >= l->deadline)
        link_free(l, true);
    else
        move_link(l);
}

/* ---- connecting ---- */

static void on_impatient(void *arg);

/* Sets the clock for the oldest that still connects. */
static void wait_for_oldest(struct relay *r)
{
    struct link *l = r->first;

    while (l && !l->connecting)
        l = l->next;
    if (l && !r->patience) {
        msec_t left = l->deadline - clock_steady(&clock_real);
        r->patience = loop_timer(r->loop, left > 0 ? left : 0, on_impatient, r);
    }
}

static void on_impatient(void *arg)
{
    struct relay *r = arg;
    msec_t now = clock_steady(&clock_real);

    r->patience = NULL;
    for (struct link *l = r->first, *next; l; l = next) {
        next = l->next;
        if (l->connecting && l->deadline <= now)
            link_free(l, true);
    }
    wait_for_oldest(r);
}

static void finish_connect(struct link *l)
{
    int failed = 0;
    socklen_t n = sizeof failed;

    if (getsockopt(l->sides[1].fd, SOL_SOCKET, SO_ERROR, &failed, &n) < 0 || failed) {
        link_free(l, true);
        return;
    }
    l->connecting = false;
    l->deadline = 0;
    l->relay->n_connecting--;
    move_link(l);
}

static void on_side(void *arg, uint32_t events)
{
    struct side *s = arg;

    if (s->link->connecting) {
        finish_connect(s->link);
        return;
    }
    s->failed |= (events & EPOLLERR) != 0;
    move_link(s->link);
}

/* A socket on its way to the target, or -1. */
static int start_connect(const struct place *to)
{
    struct sockaddr_storage at;
    socklen_t n = place_to_sockaddr(to, &at);
    int on = 1;
    scoped(fd_close) int fd =
        socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&at, n) < 0 && errno != EINPROGRESS)
        return -1;
    return take_fd(&fd);
}

static void add_link(struct relay *r, int client, int target)
{
    struct link *l = mem_new(sizeof *l);
    const struct flow empty = { .pipe = { -1, -1 } };

    *l = (struct link){ .relay = r,
                        .sides = { { l, client, NULL, 0, false, empty },
                                   { l, target, NULL, 0, false, empty } },
                        .connecting = true,
                        .deadline = clock_steady(&clock_real) + r->limits.connect_ms,
                        .previous = r->last };
    *(r->last ? &r->last->next : &r->first) = l;
    r->last = l;
    r->n++;
    r->n_connecting++;
    l->sides[1].events = EPOLLOUT;
    l->sides[1].watch = loop_watch(r->loop, target, EPOLLOUT, on_side, &l->sides[1]);
    wait_for_oldest(r);
}

bool relay_connect(struct relay *r, int client, const struct place *to)
{
    int on = 1;

    if (r->n >= r->limits.connections || r->n_connecting >= r->limits.connecting) {
        relay_reset(client);
        return false;
    }
    int target = start_connect(to);
    if (target < 0) {
        relay_reset(client);
        return true;
    }
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    add_link(r, client, target);
    return true;
}

/* ---- the whole ---- */

struct relay *relay_new(struct loop *loop, const struct relay_limits *limits)
{
    struct relay *r = mem_new(sizeof *r);

    *r = (struct relay){ .loop = loop, .limits = *limits };
    return r;
}

void relay_free(struct relay *r)
{
    if (!r)
        return;
    while (r->first)
        link_free(r->first, true);
    timer_free(r->patience);
    for (size_t i = 0; i < r->n_pipes; i++) {
        fd_close(r->pipes[i][0]);
        fd_close(r->pipes[i][1]);
    }
    mem_free(r);
}

size_t relay_count(const struct relay *r)
{
    return r->n;
}
