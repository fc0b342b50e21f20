/* SPDX-License-Identifier: Apache-2.0
 *
 * The process `impresario-egress`: one loop, a list of cages, and threads that resolve names.
 *
 * What is in a cage is hostile. It can open connections as fast as the kernel lets it, ask for any
 * name, and never read; so each cage has its bounds, and meeting one is a refusal that is told. It
 * cannot reach this process in any other way: what is judged comes from the kernel's own record of
 * where a connection was going.
 *
 * A cage ends with the process that became bubblewrap, whose descriptor came with it.
 */
#include "egress/egress.h"

#include "base/json.h"
#include "base/log.h"
#include "egress/dns.h"
#include "egress/egress_private.h"
#include "egress/relay.h"
#include "egress/route.h"
#include "exec/cage.h"
#include "exec/wire.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netfilter_ipv4.h>

enum {
    TOLD_AT_ONCE = 10, /* refusals of one cage; then one each TOLD_EVERY_MS */
    TOLD_EVERY_MS = 1000,
    SAME_MS = 60000,
    ACCEPTED_AT_ONCE = 16, /* before the others have their turn */
    NO_DESCRIPTORS_MS = 100,
};

/* A page asks for some hundred things at once, and a browser keeps six connections to a host. */
static const struct relay_limits limits = {
    .connections = 512, .connecting = 128, .connect_ms = 15000, .leave_ms = 60000
};

struct door {
    struct cage *cage;
    int fd;
    struct watch *watch;
    struct timer *pause;
};

struct cage {
    struct outlet *outlet;
    int64_t id;
    char *name;
    int life;
    struct watch *life_watch;
    struct door doors[2]; /* v4, v6 */
    struct relay *relay;
    struct dns *dns;
    int64_t tokens, untold;
    msec_t token_at, told_at;
    char *told; /* the last refusal */
    struct cage *previous, *next;
};

struct outlet {
    struct loop *loop;
    struct policy *policy;
    struct resolver *resolver;
    struct watch *server_watch, *cages_watch;
    struct cage *cages;
    struct wire_message in;
};

/* ---- what the server is told ---- */

/* The first few, then one a second, and the same again only after a while. */
static bool may_tell(struct cage *c, const char *what)
{
    msec_t now = clock_steady(&clock_real);
    int64_t more = (now - c->token_at) / TOLD_EVERY_MS;

    if (more > 0) {
        c->tokens = c->tokens + more < TOLD_AT_ONCE ? c->tokens + more : TOLD_AT_ONCE;
        c->token_at = now;
    }
    if (c->tokens == 0 || (c->told && strcmp(c->told, what) == 0 && now < c->told_at + SAME_MS))
        return false;
    c->tokens--;
    c->told_at = now;
    mem_free(c->told);
    c->told = mem_text(what);
    return true;
}

static void tell_refused(struct cage *c, const char *target, const char *reason)
{
    c->untold++;
    if (!may_tell(c, target))
        return;
    json_t *message = json_pack("{s:s,s:I,s:s,s:s,s:s,s:I}", "t", "refused", "child",
                                (json_int_t)c->id, "box", c->name, "target", target, "reason",
                                reason, "untold", (json_int_t)(c->untold - 1));
    if (outpost_tell(message))
        c->untold = 0;
}

static void on_name_refused(void *arg, const char *name, const struct place *at, const char *reason)
{
    char address[PLACE_TEXT];

    place_print(at, address);
    scoped(mem_free) char *target = mem_format("%s (%s)", name, address);
    tell_refused(arg, target, reason);
}

/* ---- connections ---- */

static bool find_target(int client, bool v6, struct place *out)
{
    struct sockaddr_storage at = { 0 };
    socklen_t n = sizeof at;

    /* Both families have the same number for it. */
    return getsockopt(client, v6 ? SOL_IPV6 : SOL_IP, SO_ORIGINAL_DST, &at, &n) == 0 &&
           place_of_sockaddr((const struct sockaddr *)&at, out);
}

static void take_client(struct cage *c, int client, bool v6)
{
    char target[PLACE_TEXT];
    struct place to;

    if (!find_target(client, v6, &to)) {
        relay_reset(client);
        return;
    }
    const char *reason =
        policy_judge(c->outlet->policy, &to, route_to(&to), clock_steady(&clock_real));
    if (reason)
        relay_reset(client);
    else if (!relay_connect(c->relay, client, &to))
        reason = "too many connections at once";
    if (reason) {
        place_print(&to, target);
        tell_refused(c, target, reason);
    }
}

static void on_client(void *arg, uint32_t events);

static void open_door(void *arg)
{
    struct door *d = arg;

    d->pause = NULL;
    d->watch = loop_watch(d->cage->outlet->loop, d->fd, EPOLLIN, on_client, d);
}

static void on_client(void *arg, uint32_t events)
{
    struct door *d = arg;

    (void)events;
    for (int i = 0; i < ACCEPTED_AT_ONCE; i++) {
        int client = accept4(d->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client >= 0) {
            take_client(d->cage, client, d == &d->cage->doors[1]);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            /* The client stays in the queue, and epoll would speak of it without an end. */
            watch_free(take(d->watch));
            d->pause = loop_timer(d->cage->outlet->loop, NO_DESCRIPTORS_MS, open_door, d);
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}

/* ---- cages ---- */

static void cage_free(struct cage *c)
{
    *(c->previous ? &c->previous->next : &c->outlet->cages) = c->next;
    if (c->next)
        c->next->previous = c->previous;
    for (size_t i = 0; i < n_items(c->doors); i++) {
        watch_free(c->doors[i].watch);
        timer_free(c->doors[i].pause);
        fd_close(c->doors[i].fd);
    }
    watch_free(c->life_watch);
    fd_close(c->life);
    dns_free(c->dns);
    relay_free(c->relay);
    mem_free(c->name);
    mem_free(c->told);
    mem_free(c);
}

static void on_cage_ended(void *arg, uint32_t events)
{
    (void)events;
    cage_free(arg);
}

static void add_cage(struct outlet *o, const json_t *said, struct wire_message *m)
{
    struct cage *c = mem_new(sizeof *c);
    const char *name = json_text(said, "name");
    const struct dns_options names = { .loop = o->loop,
                                       .resolver = o->resolver,
                                       .policy = o->policy,
                                       .refused = on_name_refused,
                                       .arg = c };

    *c = (struct cage){ .outlet = o,
                        .id = json_int(said, "id", 0),
                        .name = mem_text(name ? name : ""),
                        .life = take_fd(&m->fds[CAGE_LIFE]),
                        .doors = { { .cage = c, .fd = take_fd(&m->fds[CAGE_TCP4]) },
                                   { .cage = c, .fd = -1 } },
                        .relay = relay_new(o->loop, &limits),
                        .tokens = TOLD_AT_ONCE,
                        .token_at = clock_steady(&clock_real),
                        .next = o->cages };
    if (m->n_fds == CAGE_FDS)
        c->doors[1].fd = take_fd(&m->fds[CAGE_TCP6]);
    if (c->next)
        c->next->previous = c;
    o->cages = c;
    c->dns = dns_new(&names, take_fd(&m->fds[CAGE_DNS]));
    c->life_watch = loop_watch(o->loop, c->life, EPOLLIN, on_cage_ended, c);
    for (size_t i = 0; i < n_items(c->doors); i++) {
        if (c->doors[i].fd >= 0)
            open_door(&c->doors[i]);
    }
}

static void on_cages(void *arg, uint32_t events)
{
    struct outlet *o = arg;
    int got;

    (void)events;
    while ((got = wire_recv(OUTPOST_CAGES_FD, &o->in, false)) > 0) {
        scoped(json_decref) json_t *said = json_loadb(o->in.data, o->in.n, 0, NULL);
        if (o->in.lost_fds)
            log_event(
                LOG_ERROR, "egress.box_lost",
                F_TEXT("why",
                       "no descriptors are left, so that a box has no network: raise the limit "
                       "of open files (LimitNOFILE) and restart the server"));
        else if (o->in.n_fds == CAGE_FDS || o->in.n_fds == CAGE_TCP6)
            add_cage(o, said, &o->in);
        for (size_t i = 0; i < o->in.n_fds; i++)
            fd_close(o->in.fds[i]);
    }
    /* Without a spawner there are no new cages; the server has a word about what follows. Who cannot
     * hear of them any more ends, and is started again. */
    if (got == 0)
        watch_free(take(o->cages_watch));
    else if (errno != EAGAIN)
        loop_stop(o->loop);
}

/* ---- the process ---- */

static void on_server(void *arg, uint32_t events)
{
    struct outlet *o = arg;
    char unused;

    (void)events;
    /* It says nothing; what can be read is its end. */
    if (recv(OUTPOST_SERVER_FD, &unused, sizeof unused, MSG_DONTWAIT) <= 0)
        loop_stop(o->loop);
}

static _Noreturn void run(struct outlet *o)
{
    const struct confine_options own = { .who = CONFINE_EGRESS };
    struct confined walls;

    confine(&own, &walls); /* before there are threads */
    o->loop = loop_new(&clock_real);
    o->resolver = resolver_new(o->loop, resolver_lookup);
    o->server_watch = loop_watch(o->loop, OUTPOST_SERVER_FD, EPOLLIN, on_server, o);
    o->cages_watch = loop_watch(o->loop, OUTPOST_CAGES_FD, EPOLLIN, on_cages, o);
    (void)outpost_tell_ready(&walls);
    confined_done(&walls);
    loop_run(o->loop);
    /* Threads may still wait for names that nobody wants any more. */
    _exit(EXIT_SUCCESS);
}

bool egress_wanted(const char *argv0)
{
    return argv0 && strcmp(argv0, EGRESS_NAME) == 0;
}

int egress_main(int argc, char **argv)
{
    static struct outlet o; /* holds a message of full length */
    scoped(err_clear) struct err e = { 0 };

    if (argc < EGRESS_ARGS)
        return EXIT_FAILURE;
    helper_settle(2);
    (void)signal(SIGPIPE, SIG_IGN); /* splice() knows no flag against it */
    if (helper_become((uid_t)strtoul(argv[EGRESS_ARG_UID], NULL, 10)) < 0) {
        perror(EGRESS_NAME);
        return EXIT_FAILURE;
    }
    if (policy_new((const char *const *)argv + EGRESS_ARGS, (size_t)(argc - EGRESS_ARGS), &o.policy,
                   &e) < 0) {
        (void)fprintf(stderr, EGRESS_NAME ": %s\n", e.msg);
        return EXIT_FAILURE;
    }
    run(&o);
}
