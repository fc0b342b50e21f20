/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections: accepted here, on the event thread, which then lets libmicrohttpd do what there is to
 * do on them; the keeper watches over their deadlines. What becomes of the requests: request.c.
 *
 * The event thread is ours because of two things that the library's own (0.9.75) does. Once an
 * accept has failed for want of descriptors it takes no connection until one closes, which kept ones
 * do not do for a minute, and without any it spins. And a connection that is resumed while its wake-up
 * is being read off is forgotten when polling is not its own, so only this thread resumes
 * (http_wake()).
 */
#include "net/http_private.h"

#include "base/bounds.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    /* What the library holds for a connection: head, parsed headers, and the head of the answer. */
    CONNECTION_MEMORY = 32 * 1024,
    CONNECTION_REST = 4 * 1024, /* what it keeps of it beside that */
    /* As many as the kernel lets wait by itself: whom it turns away tries again a second later. */
    BACKLOG = 4096,
    /* The library closes idle connections this much later than what clients were told, so that a
     * request that leaves in the last moment still finds one. */
    IDLE_MARGIN_SECONDS = 5,
    /* A thousand connections with a body of full size each would be more than most machines have. */
    HELD_MAX = 256 * 1024 * 1024,
    /* Who asks and does not read is cut after a while; until then so much waits, and no more. */
    UNSENT_MAX = 256 * 1024 * 1024,
    /* For the last answers to leave, once nothing is waited for. */
    STOP_SECONDS = 1,
    /* New connections at a time, so that a crowd at the door does not hold up those inside. */
    ACCEPT_BATCH = 16,
    /* When there was no descriptor or memory for one: those who wait hardly notice, nor do we. */
    ACCEPT_RETRY_MS = 100,
    /* Whether those who owe us a body are there: a call of the system for each. */
    LOOK_MS = 1000,
};

/* Targets stay as they came: what a %2f means is for the service to say. */
static size_t as_it_is(void *arg, struct MHD_Connection *mhd, char *text)
{
    (void)arg;
    (void)mhd;
    return strlen(text);
}

static void peer_text(const struct sockaddr *address, char out[static INET6_ADDRSTRLEN])
{
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;

    if (address->sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &v4->sin_addr, out, INET6_ADDRSTRLEN);
    else if (address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        (void)inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], out, INET6_ADDRSTRLEN);
    else if (address->sa_family == AF_INET6)
        (void)inet_ntop(AF_INET6, &v6->sin6_addr, out, INET6_ADDRSTRLEN);
}

static void on_connection(void *arg, struct MHD_Connection *mhd, void **state,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http *h = arg;
    struct connection *c = *state;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        c = mem_new(sizeof *c);
        peer_text(MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
                  c->peer);
        c->kept.fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        kept_due(&c->kept, http_now(h) + h->head_ms, true);
        keeper_add(h->keeper, &c->kept);
        *state = c;
    } else {
        keeper_remove(h->keeper, &c->kept);
        if (c->req) /* the library let go of the connection without a word */
            http_req_end(c->req);
        mem_free(c);
        *state = NULL;
    }
    pthread_mutex_lock(&h->lock);
    h->connections += what == MHD_CONNECTION_NOTIFY_STARTED ? 1 : UINT64_MAX;
    pthread_mutex_unlock(&h->lock);
}

static void on_message(void *arg, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void on_message(void *arg, const char *format, va_list args)
{
    struct buf text = { 0 };

    (void)arg;
    buf_vformat(&text, format, args);
    while (text.n > 0 && text.data[text.n - 1] == '\n')
        text.data[--text.n] = '\0';
    log_event(LOG_DEBUG, "http.library", F_TEXT("message", buf_str(&text)));
    buf_done(&text);
}

/* --- the event thread ---------------------------------------------------------------------- */

void http_wake(struct http *h)
{
    (void)eventfd_write(h->wake, 1);
}

static bool may_accept(struct http *h)
{
    pthread_mutex_lock(&h->lock);
    bool room = !h->shut && h->connections < h->max_connections;
    pthread_mutex_unlock(&h->lock);
    return room && http_now(h) >= h->accept_at;
}

static void accept_later(struct http *h, int why)
{
    h->accept_at = http_now(h) + ACCEPT_RETRY_MS;
    pthread_mutex_lock(&h->lock);
    h->starved++;
    bool shut = h->shut;
    pthread_mutex_unlock(&h->lock);
    if (!h->told && !shut)
        log_event(LOG_WARN, "http.cannot_accept", F_TEXT("error", strerror(why)));
    h->told = true;
}

/* Of what accept4() says, that which is about the one connection alone; accept(2) has the list. */
static bool is_of_peer(int error)
{
    static const int errors[] = { EINTR,        ECONNABORTED, EPERM,      EPROTO,
                                  ENOPROTOOPT,  ENETDOWN,     EHOSTDOWN,  ENONET,
                                  EHOSTUNREACH, EOPNOTSUPP,   ENETUNREACH };

    for (size_t i = 0; i < n_items(errors); i++) {
        if (errors[i] == error)
            return true;
    }
    return false;
}

/* Asked before one is accepted: the library closes without a word what it has no memory for, and in the
 * kernel's queue it can wait. */
static bool has_memory_for_one(void)
{
    void *volatile probe = malloc(CONNECTION_MEMORY + CONNECTION_REST);

    free(probe);
    return probe != NULL;
}

static void accept_some(struct http *h)
{
    for (int i = 0; i < ACCEPT_BATCH && may_accept(h); i++) {
        struct sockaddr_storage address;
        socklen_t n = sizeof address;
        if (!has_memory_for_one()) {
            accept_later(h, ENOMEM);
            return;
        }
        int fd = accept4(h->listener, (void *)&address, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && errno == EAGAIN)
            return;
        if (fd < 0 && is_of_peer(errno))
            continue;
        if (fd < 0) {
            accept_later(h, errno);
            return;
        }
        h->told = false;
        /* Here on_connection() is called; what the library cannot take it closes. */
        (void)MHD_add_connection(h->daemon, fd, (void *)&address, n);
    }
}

/* Gives away those that wait. With the lock held. */
static size_t give_adopted(struct http *h, int fds[HTTP_ADOPTED])
{
    size_t n = h->n_adopted;

    memcpy(fds, h->adopted, n * sizeof *fds);
    h->n_adopted = 0;
    return n;
}

static void take_adopted(struct http *h)
{
    int fds[HTTP_ADOPTED];

    pthread_mutex_lock(&h->lock);
    size_t n = give_adopted(h, fds);
    pthread_mutex_unlock(&h->lock);
    for (size_t i = 0; i < n; i++) {
        struct sockaddr_storage address;
        socklen_t length = sizeof address;
        if (may_accept(h) && getpeername(fds[i], (void *)&address, &length) == 0)
            (void)MHD_add_connection(h->daemon, fds[i], (void *)&address, length);
        else
            fd_close(fds[i]);
    }
}

void http_adopt(struct http *h, int fd)
{
    pthread_mutex_lock(&h->lock);
    bool room = h->n_adopted < HTTP_ADOPTED && !h->shut;
    if (room)
        h->adopted[h->n_adopted++] = fd;
    pthread_mutex_unlock(&h->lock);
    if (room)
        http_wake(h);
    else
        fd_close(fd);
}

/* What was answered on other threads goes on. False: the end has come. */
static bool resume_answered(struct http *h)
{
    pthread_mutex_lock(&h->lock);
    struct http_req *r = h->answered;
    h->answered = NULL;
    bool stopping = h->stopping;
    pthread_mutex_unlock(&h->lock);
    while (r) {
        struct http_req *next = r->next;
        MHD_resume_connection(r->mhd);
        r = next;
    }
    return !stopping;
}

static void look_at_peers(struct http *h)
{
    if (http_now(h) < h->look_at)
        return;
    http_close_deserted(h);
    h->look_at = http_now(h) + LOOK_MS;
}

static msec_t sooner(msec_t one, msec_t other)
{
    return one < other ? one : other;
}

static int wait_ms(struct http *h)
{
    MHD_UNSIGNED_LONG_LONG library = 0;
    msec_t now = http_now(h);
    msec_t wait = INT_MAX;

    if (MHD_get_timeout(h->daemon, &library) == MHD_YES && library < INT_MAX)
        wait = (msec_t)library;
    if (h->accept_at > now)
        wait = sooner(wait, h->accept_at - now);
    if (h->receiving)
        wait = sooner(wait, h->look_at > now ? h->look_at - now : 0);
    return (int)wait;
}

static void *event_main(void *arg)
{
    struct http *h = arg;
    const int epoll = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;

    while (resume_answered(h)) {
        eventfd_t woken;
        take_adopted(h);
        (void)MHD_run(h->daemon);
        look_at_peers(h);
        struct pollfd fds[] = { { epoll, POLLIN, 0 },
                                { h->wake, POLLIN, 0 },
                                { may_accept(h) ? h->listener : -1, POLLIN, 0 } };
        (void)poll(fds, n_items(fds), wait_ms(h));
        if (fds[1].revents)
            (void)eventfd_read(h->wake, &woken);
        if (fds[2].revents)
            accept_some(h);
    }
    return NULL;
}

/* --- start, drain, stop -------------------------------------------------------------------- */

static int listen_on(const char *address, uint16_t port, struct err *e)
{
    const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                    .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    char service[8];
    int on = 1, off = 0;

    (void)snprintf(service, sizeof service, "%u", (unsigned)port);
    int r = getaddrinfo(address, service, &hints, &found);
    if (r != 0)
        return err_set(e, ERR_INPUT, "listen on %s: %s", address, gai_strerror(r));

    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (found->ai_family == AF_INET6)
            (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
        err_set_errno(e, ERR_IO, errno, "listen on %s, port %u", address, (unsigned)port);
        fd_close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_in6 address = { 0 }; /* its port is where sockaddr_in has it too */
    socklen_t n = sizeof address;

    return getsockname(fd, (void *)&address, &n) < 0 ? 0 : ntohs(address.sin6_port);
}

static unsigned or_default(unsigned value, unsigned otherwise)
{
    return value ? value : otherwise;
}

static struct http *http_new(const struct http_options *o, const struct http_service *service)
{
    struct http *h = mem_new(sizeof *h);
    unsigned idle = or_default(o->idle_seconds, LIMIT_IDLE_SECONDS);
    pthread_condattr_t steady;

    h->service = *service;
    h->clock = o->clock ? o->clock : &clock_real;
    h->idle_ms = (msec_t)idle * 1000;
    h->head_ms = (msec_t)or_default(o->head_seconds, LIMIT_HEAD_SECONDS) * 1000;
    h->grace_ms = (msec_t)or_default(o->grace_seconds, LIMIT_LATE_SECONDS) * 1000;
    h->min_rate = or_default(o->min_rate, LIMIT_SLOWEST);
    h->max_connections = or_default(o->max_connections, 1000);
    h->drain_seconds = or_default(o->drain_seconds, 30);
    h->max_held = o->max_held ? o->max_held : HELD_MAX;
    h->max_unsent = o->max_unsent ? o->max_unsent : UNSENT_MAX;
    h->listener = -1;
    h->wake = -1;
    (void)snprintf(h->keep_alive, sizeof h->keep_alive, "timeout=%u", idle);
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&h->quieter, &steady);
    pthread_condattr_destroy(&steady);
    return h;
}

static void http_free(struct http *h)
{
    for (size_t i = 0; i < h->n_adopted; i++)
        fd_close(h->adopted[i]);
    keeper_stop(h->keeper);
    fd_close(h->listener);
    fd_close(h->wake);
    pthread_cond_destroy(&h->quieter);
    pthread_mutex_destroy(&h->lock);
    mem_free(h);
}

/* Nothing on the library's side bounds connections: may_accept() does, and at a limit of its own the
 * library would wait for a lock that it holds. */
static struct MHD_Daemon *start_library(struct http *h)
{
    unsigned silence = (unsigned)(h->idle_ms / 1000) + IDLE_MARGIN_SECONDS;

    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_NO_LISTEN_SOCKET, 0,
        NULL, NULL, http_on_access, h, /* the logger first: it also hears about the options */
        MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL, MHD_OPTION_CONNECTION_LIMIT, UINT_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, silence, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_URI_LOG_CALLBACK, http_on_target, h,
        MHD_OPTION_UNESCAPE_CALLBACK, as_it_is, NULL, MHD_OPTION_NOTIFY_COMPLETED,
        http_on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_END);
}

static int start_events(struct http *h, struct err *e)
{
    h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (h->wake < 0)
        return err_set_errno(e, ERR_IO, errno, "make the event thread's wake-up");
    h->daemon = start_library(h);
    if (!h->daemon)
        return err_set(e, ERR_INTERNAL, "the HTTP library did not start");
    int r = pthread_create(&h->events, NULL, event_main, h);
    if (r != 0) {
        MHD_stop_daemon(h->daemon);
        return err_set_errno(e, ERR_INTERNAL, r, "start the event thread");
    }
    (void)pthread_setname_np(h->events, "http-events");
    return 0;
}

int http_start(const struct http_options *options, const struct http_service *service,
               struct http **out, struct err *e)
{
    struct http *h = http_new(options, service);
    msec_t nearest = h->head_ms < h->grace_ms ? h->head_ms : h->grace_ms;

    if (options->address)
        h->listener = listen_on(options->address, options->port, e);
    if ((options->address && h->listener < 0) ||
        keeper_start(h->clock, nearest, &h->keeper, e) < 0 || start_events(h, e) < 0) {
        http_free(h);
        return -1;
    }
    h->port = bound_port(h->listener);
    *out = h;
    return 0;
}

uint16_t http_port(const struct http *h)
{
    return h->port;
}

struct http_stats http_stats(struct http *h)
{
    pthread_mutex_lock(&h->lock);
    struct http_stats s = { h->connections, h->under_way, h->requests, 0, h->starved };
    pthread_mutex_unlock(&h->lock);
    s.cut = keeper_cut(h->keeper);
    return s;
}

/* With the lock held, as the next two. Shut, not closed: the event thread may be accepting. */
static void stop_listening(struct http *h)
{
    h->shut = true;
    (void)shutdown(h->listener, SHUT_RDWR);
}

static void wait_for_answers(struct http *h, unsigned seconds)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += seconds;
    while (h->under_way > 0 && pthread_cond_timedwait(&h->quieter, &h->lock, &until) != ETIMEDOUT)
        ;
}

/* From here on no request is parked, and the service is not called. */
static void close_service(struct http *h)
{
    h->draining = true;
    h->closed = true;
    while (h->in_service)
        pthread_cond_wait(&h->quieter, &h->lock);
}

void http_drain(struct http *h)
{
    pthread_mutex_lock(&h->lock);
    stop_listening(h);
    h->draining = true;
    wait_for_answers(h, h->drain_seconds);
    close_service(h);
    pthread_mutex_unlock(&h->lock);
}

void http_stop(struct http *h)
{
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    stop_listening(h);
    close_service(h);
    while (h->parked) {
        struct http_req *r = h->parked;
        pthread_mutex_unlock(&h->lock);
        http_req_refuse(r);
        pthread_mutex_lock(&h->lock);
    }
    wait_for_answers(h, STOP_SECONDS);
    h->stopping = true;
    pthread_mutex_unlock(&h->lock);
    http_wake(h);
    pthread_join(h->events, NULL);
    MHD_stop_daemon(h->daemon);
    http_free(h);
}
