/* SPDX-License-Identifier: Apache-2.0
 *
 * The package proxy as code in a box meets it that wants more than packages: a real spawner, a real
 * box, and a registry of our own. With --as-user the same as someone who is not root.
 */
#include "registry/registry.h"

#include "base/tree.h"
#include "exec/box_testing.h"
#include "exec/exec.h"
#include "net/http.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEST_USER = 60999, STUCK_MS = 60000 };

/* ---- a registry, and a listener that nobody may reach ---- */

struct outside {
    struct http *http;
    char url[64];
    _Atomic int n_asked;
    int listener;
    int port;
};

static enum http_take on_begin(void *ctx, struct http_req *r, size_t *max_body)
{
    struct outside *o = ctx;

    (void)r;
    *max_body = 0;
    o->n_asked++;
    return HTTP_BODY_NONE;
}

/* One package, "p", whose digest is that of "abc". */
static void on_complete(void *ctx, struct http_req *r)
{
    static const struct http_header json[] = { { "content-type", "application/json" }, { 0 } };
    struct buf body = { 0 };

    (void)ctx;
    if (strcmp(http_path(r), "/p") == 0)
        buf_format(
            &body,
            "{\"name\":\"p\",\"versions\":{\"1.0.0\":{\"dist\":{\"tarball\":\"http://%s/files/abc\","
            "\"shasum\":\"a9993e364706816aba3e25717850c26c9cd0d89d\"}}}}",
            http_header(r, "host"));
    else if (strcmp(http_path(r), "/files/abc") == 0)
        buf_text(&body, "abc");
    http_reply(r, body.n > 0 ? 200 : 404, json, &body);
}

static void on_too_large(void *ctx, struct http_req *r, size_t limit)
{
    (void)ctx;
    (void)limit;
    http_reply(r, 413, NULL, NULL);
}

static void on_gone(void *ctx, struct http_req *r)
{
    (void)ctx;
    (void)r;
}

static void outside_open(struct outside *o)
{
    const struct http_options options = { .address = "127.0.0.1" };
    const struct http_service service = { o,       on_begin, NULL, on_complete, on_too_large,
                                          on_gone, NULL };
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY) };
    socklen_t n = sizeof at;
    scoped(err_clear) struct err e = { 0 };

    if (http_start(&options, &service, &o->http, &e) < 0)
        fail_msg("%s", e.msg);
    (void)snprintf(o->url, sizeof o->url, "http://127.0.0.1:%u/", http_port(o->http));
    o->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(o->listener, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(o->listener, 8), 0);
    assert_int_equal(getsockname(o->listener, (struct sockaddr *)&at, &n), 0);
    o->port = ntohs(at.sin_port);
}

static void outside_close(struct outside *o)
{
    assert_int_equal(accept(o->listener, NULL, NULL), -1);
    fd_close(o->listener);
    http_stop(o->http);
}

/* ---- a box ---- */

struct world {
    struct outside outside;
    char data_dir[32];
    struct loop *loop;
    struct spawner *spawner;
    struct registry *registry;
    struct timer *stuck;
};

static void on_stuck(void *arg)
{
    (void)arg;
    fail_msg("nothing happened");
}

static void world_open(struct world *w)
{
    scoped(err_clear) struct err e = { 0 };

    *w = (struct world){ .data_dir = "/tmp/proxy-test-XXXXXX" };
    assert_non_null(mkdtemp(w->data_dir));
    const struct spawner_options spawner = { .program = "/usr/bin/true", .data_dir = w->data_dir };
    if (spawner_start(&spawner, &w->spawner, &e) < 0)
        fail_msg("%s", e.msg);
    /* The port of the registry is known when it listens, which takes threads: so it is made anew. */
    outside_open(&w->outside);
    const struct registry_options options = {
        .url = w->outside.url, .cache_mib = 16, .data_dir = w->data_dir, .spawner = w->spawner
    };
    if (registry_start(&options, &w->registry, &e) < 0)
        fail_msg("%s", e.msg);
    w->loop = loop_new(&clock_real);
    spawner_attach(w->spawner, w->loop);
    registry_attach(w->registry, w->loop);
    w->stuck = loop_timer(w->loop, STUCK_MS, on_stuck, w);
}

static void world_close(struct world *w)
{
    spawner_free(w->spawner);
    registry_free(w->registry);
    outside_close(&w->outside);
    timer_free(w->stuck);
    loop_free(w->loop);
    assert_int_equal(tree_remove(w->data_dir), 0);
}

static const struct plan_limits limits = {
    .net = PLAN_NET_REGISTRY, .memory_mib = 512, .pids = 64, .work_mib = 64
};

static void run(struct run *r, struct world *w, const char *script)
{
    struct plan *p = plan_new("test", &limits);

    plan_env_runtime(p);
    plan_arg(p, "/usr/bin/python3");
    plan_arg(p, "-c");
    plan_arg(p, script);
    run_start(r, w->loop, w->spawner, p);
    run_wait(r, NULL);
}

/* Prints what is answered, and its first bytes. */
#define ASK                                                               \
    "import http.client, socket\n"                                        \
    "def ask(method, path, body=None):\n"                                 \
    "    c = http.client.HTTPConnection('127.0.0.1', 4873, timeout=20)\n" \
    "    c.request(method, path, body)\n"                                 \
    "    r = c.getresponse()\n"                                           \
    "    print(method, path, r.status, r.read()[:300], flush=True)\n"     \
    "    c.close()\n"

static void a_package_is_all_that_is_given(void **state)
{
    struct world w;
    struct run r;

    (void)state;
    world_open(&w);
    run(&r, &w,
        ASK "ask('GET', '/p'); ask('GET', '/p/-/p-1.0.0.tgz'); ask('HEAD', '/p/-/p-1.0.0.tgz')\n"
            "ask('GET', '/p/-/p-2.0.0.tgz'); ask('GET', '/abc'); ask('GET', '/')\n"
            "ask('PUT', '/p', b'{}'); ask('POST', '/p', b'{}'); ask('DELETE', '/p')\n"
            "ask('POST', '/-/npm/v1/security/advisories/bulk', b'{}')\n"
            "ask('GET', '/-/v1/search?text=p'); ask('GET', '/-/whoami'); ask('GET', '/p/../abc')\n"
            "ask('CONNECT', 'a.test:443'); ask('GET', 'http://a.test/p')\n");
    run_says(&r, "GET /p 200 b'{\"name\":\"p\"");
    run_says(&r, "http://127.0.0.1:4873/p/-/p-1.0.0.tgz");
    run_says(&r, "GET /p/-/p-1.0.0.tgz 200 b'abc'");
    run_says(&r, "HEAD /p/-/p-1.0.0.tgz 200 b''");
    run_says(&r,
             "GET /p/-/p-2.0.0.tgz 404 b'{\"error\":\"the registry has no \\\\\"p@2.0.0\\\\\"\"}'");
    run_says(&r, "GET /abc 404");
    run_says(&r, "GET / 404 b'{\"error\":\"packages and their tarballs are all");
    run_says(&r, "PUT /p 403 b'{\"error\":\"packages are only read here");
    run_says(&r, "POST /p 403");
    run_says(&r, "DELETE /p 403");
    run_says(&r, "POST /-/npm/v1/security/advisories/bulk 403");
    run_says(&r, "GET /-/v1/search?text=p 404");
    run_says(&r, "GET /-/whoami 404");
    run_says(&r, "GET /p/../abc 404");
    run_says(&r, "CONNECT a.test:443 403");
    run_says(&r, "GET http://a.test/p 404");
    /* "p" and "abc" for what was given, and once more for a package named "abc". */
    assert_int_equal(w.outside.n_asked, 3);
    run_done(&r);
    world_close(&w);
}

static void nothing_else_is_reached_and_no_name_is_known(void **state)
{
    scoped(buf_done) struct buf script = { 0 };
    struct world w;
    struct run r;

    (void)state;
    world_open(&w);
    buf_format(&script,
               ASK "def reach(kind, at):\n"
                   "    s = socket.socket(kind, socket.SOCK_STREAM)\n"
                   "    s.settimeout(10)\n"
                   "    try: s.connect(at); print('reached', at, flush=True)\n"
                   "    except OSError as e: print(at[0], e.errno, flush=True)\n"
                   "for a in ('127.0.0.1', '127.0.0.2', '0.0.0.0', '8.8.8.8', '10.0.0.1',\n"
                   "          '169.254.169.254', '192.168.1.1', '255.255.255.255'):\n"
                   "    reach(socket.AF_INET, (a, %d))\n"
                   "for a in ('::1', '2a00::1', 'fe80::1', '::ffff:127.0.0.1'):\n"
                   "    reach(socket.AF_INET6, (a, %d))\n"
                   "for n in ('registry.npmjs.org', 'a.test'):\n"
                   "    try: print('known', socket.getaddrinfo(n, 80))\n"
                   "    except OSError: print('unknown', n)\n"
                   "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                   "try: u.sendto(b'x', ('8.8.8.8', 53)); print('sent')\n"
                   "except OSError as e: print('datagram', e.errno)\n",
               w.outside.port, w.outside.port);
    run(&r, &w, buf_str(&script));
    assert_null(strstr(r.text.data, "reached"));
    assert_null(strstr(r.text.data, "known ["));
    assert_null(strstr(r.text.data, "sent"));
    run_says(&r, "127.0.0.1 111\n127.0.0.2 111\n");
    run_says(&r, "\n8.8.8.8 101\n10.0.0.1 101\n169.254.169.254 101\n");
    run_says(&r, "2a00::1 101\n");
    run_says(&r, "unknown registry.npmjs.org\nunknown a.test\ndatagram 101\n");
    run_done(&r);
    world_close(&w);
}

static void when_it_dies_a_new_one_serves_new_boxes(void **state)
{
    struct world w;
    struct run r;
    pid_t old;

    (void)state;
    world_open(&w);
    (void)registry_walls(w.registry); /* it is ready, so it comes back at once */
    old = registry_pid(w.registry);
    assert_int_equal(kill(old, SIGKILL), 0);
    for (int i = 0; i < 2; i++) {
        run(&r, &w, ASK "ask('GET', '/p/-/p-1.0.0.tgz')");
        bool served = strstr(buf_str(&r.text), "200 b'abc'") != NULL;
        run_done(&r);
        if (served && registry_pid(w.registry) != old)
            break;
        if (i == 1)
            fail_msg("the second box was not served either");
    }
    world_close(&w);
}

int main(int argc, char **argv)
{
    if (exec_wanted(argv[0]))
        return exec_main(argc, argv);
    if (registry_wanted(argv[0]))
        return registry_main(argc, argv);
    if (argc > 1 && strcmp(argv[1], "--as-user") == 0 && geteuid() == 0 &&
        (setgid(TEST_USER) < 0 || setuid(TEST_USER) < 0))
        return EXIT_FAILURE;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_package_is_all_that_is_given),
        cmocka_unit_test(nothing_else_is_reached_and_no_name_is_known),
        cmocka_unit_test(when_it_dies_a_new_one_serves_new_boxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
