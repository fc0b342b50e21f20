/* SPDX-License-Identifier: Apache-2.0
 *
 * The process `impresario-registry`: a loop that accepts in cages, the HTTP front, which is given those
 * connections, and threads that fetch, check and keep, one request each.
 *
 * What is in a cage is hostile. All that it can do here is to ask for a package; connections and
 * requests under way have their bounds, over all cages; one connection more is closed, one request more
 * waits. A cage ends with the
 * process that became bubblewrap, whose descriptor came with it.
 */
#include "registry/registry.h"

#include "base/bounds.h"
#include "base/json.h"
#include "base/log.h"
#include "base/pool.h"
#include "exec/wire.h"
#include "net/http.h"
#include "registry/registry_private.h"
#include "registry/supply.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SWEEP_MS = 60 * 60 * 1000,
    ACCEPTED_AT_ONCE = 16, /* before the others have their turn */
    NO_DESCRIPTORS_MS = 100,
};

static const char folder_path[] = "/proc/self/fd/5";
_Static_assert(OUTPOST_FOLDER_FD == 5, "the path above names it");

struct cage {
    struct keeping *of;
    int life, fd;
    struct watch *life_watch, *watch;
    struct timer *pause;
};

struct keeping {
    struct loop *loop;
    struct watch *server_watch, *cages_watch;
    struct wire_message in;
    struct pool *pool;
    struct http *http;
    struct cache *cache;
    struct fetcher *fetcher;
    struct supply *supply;
    struct policy *policy;
};

/* ---- requests ---- */

struct asked {
    struct keeping *of;
    struct http_req *request;
    struct wanted wanted;
};

static void refuse(struct http_req *r, int status, const char *why)
{
    static const struct http_header json[] = { { "content-type", "application/json" }, { 0 } };
    scoped(json_decref) json_t *said = json_pack("{s:s?}", "error", why);
    struct buf body = { 0 };

    if (said)
        json_print_into(said, &body);
    http_reply(r, status, json, &body);
}

static void answer(void *arg)
{
    static const struct http_header packument[] = { { "content-type", "application/json" }, { 0 } };
    static const struct http_header tarball[] = { { "content-type", "application/octet-stream" },
                                                  { 0 } };
    struct asked *a = arg;
    struct supplied got;

    supply(a->of->supply, &a->wanted, &got);
    if (got.status == 200) {
        const struct http_file body = { take_fd(&got.fd), got.from, got.n };
        http_reply_file(a->request, got.status,
                        a->wanted.kind == WANTED_TARBALL ? tarball : packument, &body);
    } else {
        refuse(a->request, got.status, got.error);
    }
    supplied_done(&got);
    mem_free(a);
}

static enum http_take on_begin(void *ctx, struct http_req *r, size_t *max_body)
{
    struct wanted wanted;
    const char *method = http_method(r);

    (void)ctx;
    *max_body = 0;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        refuse(r, 403, "packages are only read here: GET and HEAD are all that is answered");
        return HTTP_ANSWERED;
    }
    wanted_read(http_path(r), &wanted);
    if (wanted.kind == WANTED_NOTHING) {
        refuse(r, 404, "packages and their tarballs are all that can be had here");
        return HTTP_ANSWERED;
    }
    return HTTP_BODY_NONE;
}

static void on_complete(void *ctx, struct http_req *r)
{
    struct keeping *k = ctx;
    struct asked *a = mem_new(sizeof *a);
    const char *accept = http_header(r, "accept");

    a->of = k;
    a->request = r;
    wanted_read(http_path(r), &a->wanted);
    if (accept && strstr(accept, "application/json") && !strstr(accept, "install-v1"))
        a->wanted.form = WANTED_LONG;
    pool_run(k->pool, answer, a);
}

static void on_too_large(void *ctx, struct http_req *r, size_t limit)
{
    (void)ctx;
    (void)limit;
    refuse(r, 403, "nothing is taken here");
}

static void on_gone(void *ctx, struct http_req *r)
{
    (void)ctx;
    (void)r;
}

/* ---- cages ---- */

static void cage_free(struct cage *c)
{
    watch_free(c->life_watch);
    watch_free(c->watch);
    timer_free(c->pause);
    fd_close(c->life);
    fd_close(c->fd);
    mem_free(c);
}

static void on_cage_ended(void *arg, uint32_t events)
{
    (void)events;
    cage_free(arg);
}

static void on_client(void *arg, uint32_t events);

static void open_door(void *arg)
{
    struct cage *c = arg;

    c->pause = NULL;
    c->watch = loop_watch(c->of->loop, c->fd, EPOLLIN, on_client, c);
}

static void on_client(void *arg, uint32_t events)
{
    struct cage *c = arg;

    (void)events;
    for (int i = 0; i < ACCEPTED_AT_ONCE; i++) {
        int client = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client >= 0) {
            http_adopt(c->of->http, client);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            /* The client stays in the queue, and epoll would speak of it without an end. */
            watch_free(take(c->watch));
            c->pause = loop_timer(c->of->loop, NO_DESCRIPTORS_MS, open_door, c);
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}

static void add_cage(struct keeping *k, struct wire_message *m)
{
    struct cage *c = mem_new(sizeof *c);

    *c = (struct cage){ .of = k,
                        .life = take_fd(&m->fds[CAGE_REGISTRY_LIFE]),
                        .fd = take_fd(&m->fds[CAGE_REGISTRY_TCP]) };
    c->life_watch = loop_watch(k->loop, c->life, EPOLLIN, on_cage_ended, c);
    open_door(c);
}

static void on_cages(void *arg, uint32_t events)
{
    struct keeping *k = arg;
    int got;

    (void)events;
    while ((got = wire_recv(OUTPOST_CAGES_FD, &k->in, false)) > 0) {
        if (k->in.lost_fds)
            log_event(
                LOG_ERROR, "registry.box_lost",
                F_TEXT("why",
                       "no descriptors are left, so that a box has no network: raise the limit "
                       "of open files (LimitNOFILE) and restart the server"));
        else if (k->in.n_fds == CAGE_REGISTRY_FDS)
            add_cage(k, &k->in);
        for (size_t i = 0; i < k->in.n_fds; i++)
            fd_close(k->in.fds[i]);
    }
    /* Without a spawner there are no new cages; the server has a word about what follows. Who cannot
     * hear of them any more ends, and is started again. */
    if (got == 0)
        watch_free(take(k->cages_watch));
    else if (errno != EAGAIN)
        loop_stop(k->loop);
}

/* ---- the process ---- */

static void on_server(void *arg, uint32_t events)
{
    struct keeping *k = arg;
    char unused;

    (void)events;
    /* It says nothing; what can be read is its end. */
    if (recv(OUTPOST_SERVER_FD, &unused, sizeof unused, MSG_DONTWAIT) <= 0)
        loop_stop(k->loop);
}

static void sweep(void *arg)
{
    (void)cache_sweep(((struct keeping *)arg)->cache);
}

static void on_hour(void *arg)
{
    struct keeping *k = arg;

    pool_run(k->pool, sweep, k);
    (void)loop_timer(k->loop, SWEEP_MS, on_hour, k);
}

static void on_told(void *arg, enum supply_event event, const char *what, const char *reason)
{
    json_t *message = json_pack("{s:s,s:i,s:s,s:s}", "t", "event", "event", (int)event, "what",
                                what, "reason", reason);

    (void)arg;
    if (message)
        (void)outpost_tell(message);
}

static int start(struct keeping *k, char **argv, struct err *e)
{
    const int64_t mib = strtoll(argv[REGISTRY_ARG_CACHE], NULL, 10);
    const struct http_options http = { .max_connections = LIMIT_FETCHES * 8 };
    const struct http_service service = { k,       on_begin, NULL, on_complete, on_too_large,
                                          on_gone, NULL };

    if (cache_open(OUTPOST_FOLDER_FD, mib << 20, &clock_real, &k->cache, e) < 0)
        return -1;
    k->fetcher = fetcher_new(take(k->policy));
    const struct supply_options options = { .registry = argv[REGISTRY_ARG_URL],
                                            .own = CAGE_REGISTRY_URL,
                                            .cache = k->cache,
                                            .fetcher = k->fetcher,
                                            .told = on_told };
    k->supply = supply_new(&options);
    k->pool = pool_new(LIMIT_FETCHES);
    return http_start(&http, &service, &k->http, e);
}

static int run(struct keeping *k, char **argv, struct err *e)
{
    const struct confine_options own = { .who = CONFINE_REGISTRY, .data_dir = folder_path };
    struct confined walls;

    confine(&own, &walls); /* before there are threads */
    if (start(k, argv, e) < 0)
        return -1;
    k->loop = loop_new(&clock_real);
    k->server_watch = loop_watch(k->loop, OUTPOST_SERVER_FD, EPOLLIN, on_server, k);
    k->cages_watch = loop_watch(k->loop, OUTPOST_CAGES_FD, EPOLLIN, on_cages, k);
    (void)loop_timer(k->loop, SWEEP_MS, on_hour, k);
    (void)outpost_tell_ready(&walls);
    confined_done(&walls);
    loop_run(k->loop);
    /* Threads may still wait for answers that nobody wants any more. */
    _exit(EXIT_SUCCESS);
}

bool registry_wanted(const char *argv0)
{
    return argv0 && strcmp(argv0, REGISTRY_NAME) == 0;
}

int registry_main(int argc, char **argv)
{
    static struct keeping k; /* holds a message of full length */
    scoped(err_clear) struct err e = { 0 };

    if (argc < REGISTRY_ARGS)
        return EXIT_FAILURE;
    helper_settle(HELPER_FDS);
    (void)signal(SIGPIPE, SIG_IGN); /* sendfile() knows no flag against it */
    if (helper_become((uid_t)strtoul(argv[REGISTRY_ARG_UID], NULL, 10)) < 0) {
        perror(REGISTRY_NAME);
        return EXIT_FAILURE;
    }
    if (policy_new((const char *const *)argv + REGISTRY_ARG_ADDRESS,
                   (size_t)(argc - REGISTRY_ARG_ADDRESS), &k.policy, &e) < 0 ||
        run(&k, argv, &e) < 0)
        (void)fprintf(stderr, REGISTRY_NAME ": %s\n", e.msg);
    return EXIT_FAILURE;
}
