/* SPDX-License-Identifier: Apache-2.0
 *
 * Real boxes in real cages, and around them a world of their own: this program moves into a network
 * namespace that plays the host, and a second one, behind a virtual cable, plays the internet and
 * the host's neighbours. Everything there answers and takes notes, so that "not reached" is what the
 * other side says, too. No packet leaves either.
 *
 * That takes root. Without it, what needs only a loopback is tested, in the namespace of whoever
 * runs it. With --as-user the world is made by root and the tests are run by someone who is not; with
 * --basic there are no user namespaces (src/exec/without_userns.c).
 */
#include "egress/egress.h"

#include "base/buf.h"
#include "egress/outside_testing.h"
#include "exec/box_testing.h"
#include "exec/exec.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEST_USER = 60999, STUCK_MS = 30000 };

/* ---- a server with one list, and boxes ---- */

struct world {
    char data_dir[64];
    struct loop *loop;
    struct spawner *spawner;
    struct egress *egress;
    struct timer *stuck;
    struct buf refusals; /* "child target: reason\n" */
    int64_t untold;
    const char *expected; /* a refusal that is waited for */
};

static void on_stuck(void *arg)
{
    struct world *w = arg;

    fail_msg("for %d s there was no \"%s\"; refused:\n%s", STUCK_MS / 1000,
             w->expected ? w->expected : "end", buf_str(&w->refusals));
}

static void on_refused(void *arg, const struct egress_refusal *what)
{
    struct world *w = arg;

    assert_string_equal(what->box, "test");
    buf_format(&w->refusals, "%lld %s: %s\n", (long long)what->child, what->target, what->reason);
    w->untold += what->untold;
    if (w->expected && strstr(w->refusals.data, w->expected))
        loop_stop(w->loop);
}

static void world_open(struct world *w, const char *const *allow, size_t n)
{
    scoped(err_clear) struct err e = { 0 };

    *w = (struct world){ .data_dir = "/tmp/egress-test-XXXXXX" };
    assert_non_null(mkdtemp(w->data_dir));
    w->loop = loop_new(&clock_real);
    const struct spawner_options options = { .program = "/usr/bin/true",
                                             .data_dir = w->data_dir,
                                             .sandbox_uid = box_world_uid() };
    if (spawner_start(&options, &w->spawner, &e) < 0)
        fail_msg("%s", e.msg);
    if (box_world_basic)
        spawner_accept_basic(w->spawner);
    const struct egress_options egress = { .allow = allow, .n_allow = n, .spawner = w->spawner };
    if (egress_start(&egress, &w->egress, &e) < 0)
        fail_msg("%s", e.msg);
    spawner_attach(w->spawner, w->loop);
    egress_attach(w->egress, w->loop, &(struct egress_user){ on_refused, NULL, w });
    w->stuck = loop_timer(w->loop, STUCK_MS, on_stuck, w);
    outside_forget();
}

static void world_close(struct world *w)
{
    spawner_free(w->spawner);
    egress_free(w->egress);
    timer_free(w->stuck);
    loop_free(w->loop);
    buf_done(&w->refusals);
    assert_int_equal(rmdir(w->data_dir), 0);
}

static void start_with(struct run *r, struct world *w, enum plan_net net, bool browser,
                       const char *const *argv)
{
    const struct plan_limits limits = { .net = net,
                                        .memory_mib = browser ? 2048 : 512,
                                        .pids = browser ? 512 : 64,
                                        .work_mib = 64,
                                        .browser = browser };
    struct plan *p = plan_new("test", &limits);

    plan_env_runtime(p);
    for (; *argv; argv++)
        plan_arg(p, *argv);
    run_start(r, w->loop, w->spawner, p);
}

static void start(struct run *r, struct world *w, bool browser, const char *const *argv)
{
    start_with(r, w, PLAN_NET_CAGE, browser, argv);
}

/* Its box must stand. */
static void wait_for(struct run *r, const char *until)
{
    run_wait(r, until);
    if (r->step[0])
        fail_msg("%s: %s", r->step, r->detail);
}

static void run_script(struct run *r, struct world *w, const char *script)
{
    start(r, w, false, (const char *const[]){ "/usr/bin/bash", "-c", script, NULL });
    wait_for(r, NULL);
}

static void run_python(struct run *r, struct world *w, const char *script)
{
    start(r, w, false, (const char *const[]){ "/usr/bin/python3", "-c", script, NULL });
    wait_for(r, NULL);
}

static void assert_silent(const struct run *r, const char *words)
{
    if (strstr(buf_str(&r->text), words))
        fail_msg("\"%s\" is in \"%s\"", words, buf_str(&r->text));
}

/* Refusals come on another socket than the end of the box does, so one may have to be waited for. */
static void assert_refused(struct world *w, const char *what)
{
    w->expected = what;
    if (!strstr(buf_str(&w->refusals), what))
        loop_run(w->loop);
    w->expected = NULL;
}

/* get HOST PORT prints the answer's last line, or why there is none. */
#define GET                                                                                   \
    "get() { (exec 3<>/dev/tcp/$1/$2 && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3) " \
    "2>&1 | tail -n 1 | sed \"s/^/$1: /\"; }\n"

/* ---- what is reached ---- */

static void the_internet_is_reached(void **state)
{
    struct world w;
    struct run r;

    (void)state;
    world_open(&w, NULL, 0);
    run_script(&r, &w, GET "get " PUBLIC " 80; get " PUBLIC6 " 443; get public.test 80");
    run_says(&r, PUBLIC ": ");
    run_says(&r, PUBLIC6 ": ");
    run_says(&r, "public.test: ");
    assert_int_equal(outside_connections(), 3);
    assert_true(outside_was_reached(PUBLIC ":80"));
    assert_true(outside_was_reached("[" PUBLIC6 "]:443"));
    run_done(&r);
    world_close(&w);
}

static void nothing_else_is_reached(void **state)
{
    static const struct {
        const char *ip, *port, *refused;
    } targets[] = {
        { "10.9.0.2", "80", "10.9.0.2:80: private address" },
        { "192.168.7.7", "80", "192.168.7.7:80: private address" },
        { "172.16.5.5", "443", "172.16.5.5:443: private address" },
        { "100.64.1.1", "80", "100.64.1.1:80: private address" },
        { "169.254.169.254", "80", "169.254.169.254:80: link-local address" },
        { "168.63.129.16", "80", "168.63.129.16:80: metadata address" },
        { "192.0.2.1", "80", "192.0.2.1:80: reserved address" },
        { "203.0.113.10", "80", "203.0.113.10:80: reserved address" },
        { "198.18.0.1", "80", "198.18.0.1:80: reserved address" },
        { "10.9.0.1", "80", "10.9.0.1:80: private address" },
        { OWN, "80", OWN ":80: address of the host itself" },
        { "2a00:44::44", "80", "[2a00:44::44]:80: address of the host itself" },
        { "fd99::2", "80", "[fd99::2]:80: private address" },
        { "fd99::1", "80", "[fd99::1]:80: private address" },
        { "fd00:ec2::254", "80", "[fd00:ec2::254]:80: metadata address" },
        { "2001:db8:1::10", "80", "[2001:db8:1::10]:80: reserved address" },
        { "2002:a00:5::1", "80", "[2002:a00:5::1]:80: translated address" },
        { "64:ff9b::a00:5", "80", "[64:ff9b::a00:5]:80: translated address" },
        { "::ffff:10.9.0.2", "80", "10.9.0.2:80: private address" },
        { PUBLIC, "25", PUBLIC ":25: port for sending mail" },
        { "45.45.46.10", "80", "45.45.46.10:80: address of a neighbour" },
        { "2a00:46::10", "80", "[2a00:46::10]:80: address of a neighbour" },
        { "10.9.0.255", "80", "10.9.0.255:80: private address" },
    };
    struct world w;

    (void)state;
    world_open(&w, NULL, 0);
    /* A few to a box: of too many refusals not all are told. */
    for (size_t i = 0; i < n_items(targets); i += 5) {
        scoped(buf_done) struct buf script = { 0 };
        struct run r;
        buf_text(&script, GET);
        for (size_t k = i; k < i + 5 && k < n_items(targets); k++)
            buf_format(&script, "get %s %s\n", targets[k].ip, targets[k].port);
        run_script(&r, &w, script.data);
        assert_silent(&r, "answered");
        for (size_t k = i; k < i + 5 && k < n_items(targets); k++)
            assert_refused(&w, targets[k].refused);
        run_done(&r);
    }
    assert_int_equal(outside_connections(), 0);
    world_close(&w);
}

/* "HOST PORT" a line, as they come to programs: to the C library's functions, and in URLs. The last
 * is one that may be reached, so that silence does not come from a test that tries nothing. */
#define TRY_ALL                                                                         \
    "import socket, subprocess, sys\n"                                                  \
    "rows = [r.rsplit(' ', 1) for r in sys.argv[1].splitlines() if r[:1] not in '#']\n" \
    "rows.append(['public.test', '80'])\n"                                              \
    "for host, port in rows:\n"                                                         \
    "  try:\n"                                                                          \
    "    s = socket.create_connection((host, int(port)), 5)\n"                          \
    "    s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n'); answer = s.recv(999)\n"              \
    "    print('answered' if answer else 'silent', host, port)\n"                       \
    "  except (OSError, UnicodeError): pass\n"                                          \
    "urls = ['http://%s:%s/' % ('[%s]' % h if ':' in h and '[' not in h else h, p)\n"   \
    "        for h, p in rows]\n"                                                       \
    "subprocess.run(['curl', '-gsL', '-m', '5'] + urls, stdout=subprocess.DEVNULL)\n"   \
    "print('tried', len(rows) - 1)\n"

static void no_way_to_write_an_address_leads_to_it(void **state)
{
    enum { AT_LEAST = 300, BOTH_WAYS = 2 };
    scoped(fd_close) int file = open(ADDRESSES, O_RDONLY | O_CLOEXEC);
    scoped(buf_done) struct buf rows = { 0 };
    struct world w;
    struct run r;
    ssize_t n;

    (void)state;
    assert_true(file >= 0);
    while ((n = read(file, buf_reserve(&rows, 4096), 4096)) > 0)
        buf_grew(&rows, (size_t)n);
    world_open(&w, NULL, 0);
    start(&r, &w, false,
          (const char *const[]){ "/usr/bin/python3", "-c", TRY_ALL, buf_str(&rows), NULL });
    wait_for(&r, NULL);
    run_says(&r, "answered public.test 80\ntried ");
    assert_true(strtol(strstr(r.text.data, "tried ") + strlen("tried "), NULL, 10) >= AT_LEAST);
    assert_int_equal(outside_connections(), BOTH_WAYS);
    assert_true(outside_was_reached(PUBLIC ":80") || outside_was_reached("[" PUBLIC6 "]:80"));
    run_done(&r);
    world_close(&w);
}

static void a_refusal_names_the_box(void **state)
{
    struct world w;
    struct run r;

    (void)state;
    world_open(&w, NULL, 0);
    start(&r, &w, false,
          (const char *const[]){ "/usr/bin/bash", "-c", GET "get 10.9.0.2 80", NULL });
    scoped(mem_free) char *line =
        mem_format("%lld 10.9.0.2:80: private address\n", (long long)child_id(r.child));
    wait_for(&r, NULL);
    assert_refused(&w, line);
    run_done(&r);
    world_close(&w);
}

static void of_many_refusals_some_are_told(void **state)
{
    struct world w;
    struct run r;
    int lines = 0;

    (void)state;
    world_open(&w, NULL, 0);
    run_script(&r, &w,
               "for i in {1..200}; do (exec 3<>/dev/tcp/10.9.9.9/$i && read <&3); done 2>&1; "
               "sleep 1.2; (exec 3<>/dev/tcp/10.9.9.9/999 && read <&3)");
    assert_refused(&w, ":999");
    for (const char *at = w.refusals.data; (at = strchr(at, '\n')); at++)
        lines++;
    assert_in_range(lines, 10, 30);
    assert_int_equal(lines + w.untold, 201);
    run_done(&r);
    world_close(&w);
}

/* ---- loopback ---- */

static void the_hosts_loopback_is_not_reached(void **state)
{
    struct world w;
    struct run r;

    (void)state;
    world_open(&w, NULL, 0);
    scoped(mem_free) char *script =
        mem_format(GET "get 127.0.0.1 %1$d; get ::1 %1$d; get localhost %1$d; get 127.9.9.9 %1$d;"
                       "get 0.0.0.0 %1$d; get :: %1$d; get ::ffff:127.0.0.1 %1$d; get 127.0.0.1 1",
                   outside_loopback_port());
    run_script(&r, &w, script);
    assert_silent(&r, "answered");
    run_says(&r, "refused");
    assert_int_equal(outside_connections(), 0);
    run_done(&r);
    world_close(&w);
}

static void the_hosts_loopback_is_reached_where_it_is_allowed(void **state)
{
    scoped(mem_free) char *entry = mem_format("127.0.0.1:%d", outside_loopback_port());
    const char *const allow[] = { entry };
    struct world w;
    struct run r;

    (void)state;
    world_open(&w, allow, 1);
    scoped(mem_free) char *script =
        mem_format(GET "get 127.0.0.1 %1$d; get ::1 %1$d; get 127.0.0.1 80; get 127.0.0.2 %1$d",
                   outside_loopback_port());
    run_script(&r, &w, script);
    run_says(&r, "127.0.0.1: <title>");
    assert_silent(&r, "::1: <title>");
    assert_silent(&r, "127.0.0.2: <title>");
    assert_int_equal(outside_connections(), 1);
    assert_refused(&w, "127.0.0.1:80: loopback address");
    assert_refused(&w, "127.0.0.2");
    run_done(&r);
    world_close(&w);
}

/* A server on a port of the kernel's choice, and its client, in one box. */
#define SELF_SERVED                                                                    \
    "import socket\n"                                                                  \
    "for family, host in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')):\n" \
    "  s = socket.socket(family); s.bind((host, 0)); s.listen()\n"                     \
    "  c = socket.create_connection(s.getsockname()[:2])\n"                            \
    "  p, _ = s.accept(); p.sendall(b'hello'); print(c.recv(9), s.getsockname()[1])\n"

static void a_box_can_serve_itself(void **state)
{
    static const char *const opened[] = { "localhost" };
    long port;

    (void)state;
    for (size_t n = 0; n < 2; n++) {
        struct world w;
        struct run r;
        world_open(&w, opened, n);
        run_python(&r, &w, SELF_SERVED);
        assert_int_equal(strncmp(buf_str(&r.text), "b'hello' ", 9), 0);
        port = strtol(r.text.data + 9, NULL, 10);
        run_says(&r, "\nb'hello' ");
        assert_true(n == 0 || port >= 61000);
        assert_int_equal(outside_connections(), 0);
        assert_int_equal(w.refusals.n, 0);
        run_done(&r);
        world_close(&w);
    }
}

/* ---- lists and names ---- */

static void what_the_list_has_is_reached(void **state)
{
    static const char *const allow[] = { "192.168.7.0/24", "172.16.5.5:443", "fd99::2", OWN };
    struct world w;
    struct run r;

    (void)state;
    world_open(&w, allow, n_items(allow));
    run_script(&r, &w,
               GET "get 192.168.7.7 80; get 172.16.5.5 443; get fd99::2 80; get " OWN
                   " 80; get 172.16.5.5 80; get 10.9.0.2 80; get fd99::1 80");
    assert_int_equal(outside_connections(), 4);
    assert_true(outside_was_reached("192.168.7.7:80") && outside_was_reached("172.16.5.5:443"));
    assert_true(outside_was_reached("[fd99::2]:80") && outside_was_reached(OWN ":80"));
    run_done(&r);
    world_close(&w);
}

static void names_are_the_hosts(void **state)
{
    struct world w;
    struct run r;

    (void)state;
    world_open(&w, NULL, 0);
    run_script(
        &r, &w,
        "cat /etc/resolv.conf; for n in public.test PUBLIC.test six.test lan.test rebind.test "
        "meta.test own.test no.test localhost a.localhost; do echo $n: $(getent ahosts $n | "
        "grep STREAM | cut -d' ' -f1 | sort); done");
    run_says(&r, "nameserver 127.0.0.53");
    run_says(&r, "public.test: " PUBLIC6 " " PUBLIC "\n");
    run_says(&r, "PUBLIC.test: " PUBLIC6 " " PUBLIC "\n");
    run_says(&r, "six.test: " PUBLIC6 "\n");
    run_says(&r, "lan.test:\nrebind.test:\nmeta.test:\nown.test:\nno.test:\n");
    run_says(&r, "a.localhost: 127.0.0.1 ::1\n");
    assert_refused(&w, "lan.test (10.9.0.2): private address");
    assert_refused(&w, "rebind.test (127.0.0.1): loopback address");
    assert_refused(&w, "meta.test (169.254.169.254): link-local address");
    assert_refused(&w, "own.test (" OWN "): address of the host itself");
    run_done(&r);
    world_close(&w);
}

static void a_name_on_the_list_is_reached_by_what_it_means(void **state)
{
    static const char *const allow[] = { "shop.test:80" };
    struct world w;
    struct run r;

    (void)state;
    world_open(&w, allow, 1);
    run_script(&r, &w,
               GET "get 10.9.0.2 80; get shop.test 80; get shop.test 443; get meta.test 80");
    assert_int_equal(outside_connections(), 1); /* not before it was asked for */
    assert_refused(&w, "10.9.0.2:443: private address");
    run_done(&r);
    world_close(&w);
}

static void other_questions_have_empty_answers(void **state)
{
    static const char ask[] =
        "import socket, struct\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5)\n"
        "def ask(q):\n"
        "  s.sendto(q, ('127.0.0.53', 53)); print(s.recv(512).hex())\n"
        "q = b'\\x05local\\x09localhost\\0'\n"
        "for t in (1, 28, 15, 65, 255):\n"
        "  ask(struct.pack('>6H', 7, 256, 1, 0, 0, 0) + q + struct.pack('>2H', t, 1))\n"
        "ask(struct.pack('>6H', 7, 256, 1, 0, 0, 0) + b'\\xc0\\x0c\\0\\1\\0\\1')\n"
        "ask(struct.pack('>6H', 7, 256, 2, 0, 0, 0))\n"
        "ask(struct.pack('>6H', 7, 256, 1, 0, 0, 0) + b'\\x03a\\xffb\\0\\0\\1\\0\\1')\n"
        "s.sendto(b'short', ('127.0.0.53', 53)); s.settimeout(0.2)\n"
        "try: s.recv(512)\n"
        "except TimeoutError: print('nothing')\n";
    struct world w;
    struct run r;

    (void)state;
    world_open(&w, NULL, 0);
    run_python(&r, &w, ask);
    run_says(&r, "0007818000010001");       /* A, and then AAAA: one answer */
    run_says(&r, "00047f000001\n00078180"); /* 127.0.0.1 */
    run_says(&r, "0007818000010000");       /* the others: none */
    run_says(&r, "000781810000");           /* unreadable */
    run_says(&r, "0007818300010000");       /* a name that is none */
    run_says(&r, "nothing\n");
    run_done(&r);
    world_close(&w);
}

/* ---- no way around ---- */

static void the_cable_inside_leads_nowhere(void **state)
{
    static const char by_it[] =
        "import socket, struct\n"
        "for family, at in ((socket.AF_INET, ('10.9.0.2', 80)), (socket.AF_INET, ('192.0.0.8', 80)),\n"
        "    (socket.AF_INET6, ('fd99::2', 80, 0, 0)), (socket.AF_INET6, ('fe80::1', 80, 0, 2))):\n"
        "  for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):\n"
        "    s = socket.socket(family, kind); s.settimeout(0.5)\n"
        "    try:\n"
        "      s.setsockopt(socket.SOL_SOCKET, 25, b'net0\\0')\n" /* SO_BINDTODEVICE */
        "      s.connect(at); s.send(b'GET / HTTP/1.0\\r\\n\\r\\n'); print('answered' if s.recv(1) else 'ended')\n"
        "    except OSError as e: print(e)\n"
        "print('tried')\n";
    struct world w;
    struct run r;

    (void)state;
    outside_forget();
    world_open(&w, NULL, 0);
    run_python(&r, &w, by_it);
    run_says(&r, "tried\n");
    assert_silent(&r, "answered");
    assert_int_equal(outside_connections(), 0);
    run_done(&r);
    world_close(&w);
}

static void nobody_inside_has_rights_over_the_cage(void **state)
{
    struct world w;
    struct run r;

    (void)state;
    world_open(&w, NULL, 0);
    run_script(
        &r, &w,
        "for c in 'nft list ruleset' 'nft flush ruleset' 'ip link set lo down' "
        "'ip link add v type veth' 'ip link set net0 down' 'ip link del net0' "
        "'ip route add 10.9.0.0/24 dev net0' 'ip route flush table local' 'ip addr add 10.9.0.9/8 dev lo'"
        " 'ip rule add from all table 9' 'nsenter -t 1 -n true' 'unshare -Urn true' "
        "'tee /proc/sys/net/ipv4/ip_local_port_range' 'ping -c1 8.8.8.8'; do "
        "$c </dev/null >/dev/null 2>&1 && echo \"did $c\"; done; "
        "nft list ruleset 2>&1 | head -n 1; ip route flush table local 2>&1 | head -n 1; "
        "ls /sys/class/net 2>/dev/null; grep -c : /proc/net/dev");
    assert_silent(&r, "did ");
    run_says(&r, "not permitted");
    run_says(&r, "3\n"); /* the loopback, and a cable that ends in here */
    run_done(&r);
    world_close(&w);
}

static void in_a_browsers_box_more_namespaces_lead_nowhere(void **state)
{
    static const char script[] = GET
        "unshare -Urn bash -c 'echo nested; ip link set lo up; ip route add local default dev lo;"
        " (exec 3<>/dev/tcp/" PUBLIC "/80) && echo reached; nft list ruleset && echo ruled; "
        "nsenter -t $PPID -n true && echo entered'";
    struct world w;
    struct run r;

    (void)state;
    world_open(&w, NULL, 0);
    start(&r, &w, true, (const char *const[]){ "/usr/bin/bash", "-c", script, NULL });
    wait_for(&r, NULL);
    if (box_world_basic)
        assert_silent(&r, "nested");
    else
        run_says(&r, "nested");
    assert_silent(&r, "reached");
    assert_silent(&r, "ruled");
    assert_silent(&r, "entered");
    assert_int_equal(outside_connections(), 0);
    run_done(&r);
    world_close(&w);
}

static void datagrams_are_refused_at_once(void **state)
{
    static const char ask[] =
        "import socket\n"
        "for family, host, port in ((socket.AF_INET, '8.8.8.8', 53), (socket.AF_INET, '10.9.0.2', 7),"
        " (socket.AF_INET6, '2a00:45::10', 443)):\n"
        "  s = socket.socket(family, socket.SOCK_DGRAM); s.settimeout(5); s.connect((host, port))\n"
        "  try: s.send(b'x'); print(s.recv(9))\n"
        "  except OSError as e: print(type(e).__name__)\n"
        "a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); a.bind(('127.0.0.1', 0))\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.sendto(b'own', a.getsockname())\n"
        "print(a.recv(9))\n";
    struct world w;
    struct run r;

    (void)state;
    world_open(&w, NULL, 0);
    run_python(&r, &w, ask);
    assert_string_equal(buf_str(&r.text), "PermissionError\nPermissionError\nPermissionError\n"
                                          "b'own'\n");
    run_done(&r);
    world_close(&w);
}

/* ---- connections ---- */

static void much_passes_both_ways_until_each_end(void **state)
{
    static const char echo[] = "import socket, threading, hashlib, os\n"
                               "data = os.urandom(8 << 20)\n"
                               "def one():\n"
                               "  s = socket.create_connection(('" PUBLIC "', 7))\n"
                               "  def send(): s.sendall(data); s.shutdown(socket.SHUT_WR)\n"
                               "  t = threading.Thread(target=send); t.start()\n"
                               "  got = b''.join(iter(lambda: s.recv(1 << 16), b'')); t.join()\n"
                               "  print('same' if got == data else len(got))\n"
                               "all = [threading.Thread(target=one) for i in range(4)]\n"
                               "[t.start() for t in all]; [t.join() for t in all]\n";
    struct world w;
    struct run r;

    (void)state;
    world_open(&w, NULL, 0);
    run_python(&r, &w, echo);
    assert_string_equal(buf_str(&r.text), "same\nsame\nsame\nsame\n");
    run_done(&r);
    world_close(&w);
}

static void an_unreachable_target_is_a_reset_at_once(void **state)
{
    struct world w;
    struct run r;

    (void)state;
    world_open(&w, NULL, 0);
    run_script(&r, &w, GET "get " PUBLIC " 81");
    assert_silent(&r, "title");
    run_done(&r);
    world_close(&w);
}

static void a_cage_has_so_many_connections_and_no_more(void **state)
{
    static const char many[] =
        "import socket\n"
        "all = []\n"
        "def alive(s):\n"
        "  try: s.sendall(b'x'); return s.recv(9) == b'x'\n"
        "  except OSError: return False\n"
        "for i in range(600):\n"
        "  s = socket.create_connection(('" PUBLIC "', 7)); all.append(s)\n"
        "  if not alive(s): break\n"
        "print(i)\n"
        "for s in all: s.close()\n"
        "while not alive(socket.create_connection(('" PUBLIC "', 7))): pass\n"
        "print('again')\n";
    struct world w;
    struct run r;

    (void)state;
    world_open(&w, NULL, 0);
    run_python(&r, &w, many);
    assert_string_equal(buf_str(&r.text), "512\nagain\n");
    assert_refused(&w, PUBLIC ":7: too many connections at once");
    run_done(&r);
    world_close(&w);
}

/* ---- ends ---- */

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void turn(const struct world *w)
{
    (void)loop_timer(w->loop, 1, stop_loop, w->loop);
    loop_run(w->loop);
}

static void when_egress_dies_a_new_one_serves_new_cages(void **state)
{
    struct world w;
    struct run r, other;

    (void)state;
    world_open(&w, NULL, 0);
    start(&r, &w, false,
          (const char *const[]){ "/usr/bin/bash", "-c",
                                 GET "exec 3<>/dev/tcp/" PUBLIC "/7; echo hi >&3; read x <&3; "
                                     "echo up $x; read x <&3; echo cut; get " PUBLIC " 80",
                                 NULL });
    wait_for(&r, "up hi");
    pid_t old = egress_pid(w.egress);
    assert_int_equal(kill(old, SIGKILL), 0);
    wait_for(&r, NULL);
    run_says(&r, "cut\n");
    assert_silent(&r, "title");
    run_done(&r);

    while (egress_pid(w.egress) == old)
        turn(&w);
    run_script(&other, &w, GET "get " PUBLIC " 80");
    run_says(&other, "<title>");
    run_done(&other);
    world_close(&w);
}

/* Dead before it was ready, it is started after a pause, in which the loop may change. */
static void it_comes_back_on_the_loop_that_comes_next(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, NULL, 0);
    pid_t old = egress_pid(w.egress);
    assert_int_equal(kill(old, SIGKILL), 0);
    while (egress_pid(w.egress) == old)
        turn(&w);
    egress_attach(w.egress, NULL, NULL);
    egress_attach(w.egress, w.loop, &(struct egress_user){ on_refused, NULL, &w });
    while (egress_pid(w.egress) == 0)
        turn(&w);
    world_close(&w);
}

static void when_the_spawner_dies_the_new_one_makes_cages(void **state)
{
    struct world w;
    struct run r;

    (void)state;
    world_open(&w, NULL, 0);
    start(&r, &w, false,
          (const char *const[]){ "/usr/bin/bash", "-c", "echo up; sleep 1000", NULL });
    wait_for(&r, "up");
    assert_int_equal(kill(spawner_pid(w.spawner), SIGKILL), 0);
    r.until = NULL;
    loop_run(w.loop);
    assert_string_equal(r.step, "spawner");
    run_done(&r);
    run_script(&r, &w, GET "get 10.9.0.2 80");
    assert_refused(&w, "private address");
    run_done(&r);
    world_close(&w);
}

static int count_files(const char *folder)
{
    DIR *d = opendir(folder);
    int n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

static void with_the_box_its_connections_end(void **state)
{
    struct world w;
    struct run r;

    (void)state;
    world_open(&w, NULL, 0);
    scoped(mem_free) char *fds = mem_format("/proc/%d/fd", egress_pid(w.egress));
    run_script(&r, &w, "exit 0"); /* so that it is up */
    run_done(&r);
    int before = -1, after = -2;
    for (int i = 0; i < 20; i++) {
        start(&r, &w, false,
              (const char *const[]){ "/usr/bin/bash", "-c",
                                     "for i in 1 2 3 4; do exec {x}<>/dev/tcp/" PUBLIC
                                     "/7; echo hi >&$x; read y <&$x; done; echo up; cat <&$x",
                                     NULL });
        wait_for(&r, "up");
        child_kill(r.child);
        wait_for(&r, NULL);
        run_done(&r);
        if (geteuid() == 0)
            *(i == 0 ? &before : &after) = count_files(fds);
    }
    if (geteuid() == 0)
        assert_true(after <= before + 16); /* what the last one had may still be there */
    world_close(&w);
}

static void without_egress_a_cage_is_not_replaced_by_less(void **state)
{
    struct world w;
    struct run r;

    (void)state;
    world_open(&w, NULL, 0);
    egress_free(take(w.egress));
    start(&r, &w, false, (const char *const[]){ "/usr/bin/true", NULL });
    r.until = NULL;
    loop_run(w.loop);
    assert_string_equal(r.step, "network");
    run_done(&r);
    world_close(&w);
}

/* ---- the real thing ---- */

static void chromium_loads_a_page(void **state)
{
    const char *const browse[] = {
        "/usr/lib/chromium/chromium",
        "--headless",
        "--disable-gpu",
        "--disable-quic",
        box_world_basic ? "--no-sandbox" : "--disable-breakpad",
        "--user-data-dir=/work/tmp/p",
        "--timeout=20000",
        "--dump-dom",
        "http://public.test/",
        NULL,
    };
    struct world w;
    struct run r;

    (void)state;
    if (access(browse[0], X_OK) < 0)
        skip();
    world_open(&w, NULL, 0);
    start(&r, &w, true, browse);
    wait_for(&r, NULL);
    run_says(&r, "<p id=\"p\">reached</p>");
    run_done(&r);
    world_close(&w);
}

#define ANYWHERE                                                                                 \
    cmocka_unit_test(a_refusal_names_the_box), cmocka_unit_test(of_many_refusals_some_are_told), \
        cmocka_unit_test(the_hosts_loopback_is_not_reached),                                     \
        cmocka_unit_test(the_hosts_loopback_is_reached_where_it_is_allowed),                     \
        cmocka_unit_test(a_box_can_serve_itself),                                                \
        cmocka_unit_test(other_questions_have_empty_answers),                                    \
        cmocka_unit_test(nobody_inside_has_rights_over_the_cage),                                \
        cmocka_unit_test(the_cable_inside_leads_nowhere),                                        \
        cmocka_unit_test(in_a_browsers_box_more_namespaces_lead_nowhere),                        \
        cmocka_unit_test(datagrams_are_refused_at_once),                                         \
        cmocka_unit_test(it_comes_back_on_the_loop_that_comes_next),                             \
        cmocka_unit_test(when_the_spawner_dies_the_new_one_makes_cages),                         \
        cmocka_unit_test(without_egress_a_cage_is_not_replaced_by_less)

/* Only root can make an internet of its own; what that is for runs nowhere else. */
#define IN_THE_INTERNET                                                                        \
    cmocka_unit_test(the_internet_is_reached), cmocka_unit_test(nothing_else_is_reached),      \
        cmocka_unit_test(no_way_to_write_an_address_leads_to_it),                              \
        cmocka_unit_test(what_the_list_has_is_reached), cmocka_unit_test(names_are_the_hosts), \
        cmocka_unit_test(a_name_on_the_list_is_reached_by_what_it_means),                      \
        cmocka_unit_test(much_passes_both_ways_until_each_end),                                \
        cmocka_unit_test(an_unreachable_target_is_a_reset_at_once),                            \
        cmocka_unit_test(a_cage_has_so_many_connections_and_no_more),                          \
        cmocka_unit_test(when_egress_dies_a_new_one_serves_new_cages),                         \
        cmocka_unit_test(with_the_box_its_connections_end),                                    \
        cmocka_unit_test(chromium_loads_a_page)

int main(int argc, char **argv)
{
    if (exec_wanted(argv[0]))
        return exec_main(argc, argv);
    if (egress_wanted(argv[0]))
        return egress_main(argc, argv);

    box_world_basic = argc > 1 && strcmp(argv[1], "--basic") == 0;
    if (!box_world_can_be())
        return EXIT_SUCCESS;
    outside_begin();
    if (argc > 1 && strcmp(argv[1], "--as-user") == 0 && geteuid() == 0 &&
        (setgid(TEST_USER) < 0 || setuid(TEST_USER) < 0))
        return EXIT_FAILURE;
    const struct CMUnitTest all[] = { ANYWHERE, IN_THE_INTERNET };
    const struct CMUnitTest some[] = { ANYWHERE };
    int failed = outside_has_internet() ? cmocka_run_group_tests_name("egress", all, NULL, NULL)
                                        : cmocka_run_group_tests_name("egress", some, NULL, NULL);
    outside_end();
    return failed;
}
