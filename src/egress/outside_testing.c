/* SPDX-License-Identifier: Apache-2.0 */
#include "egress/outside_testing.h"

#include "base/buf.h"
#include "egress/place.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOTES = 4096, HTTP = 80, ECHO = 7, OTHER = 443 };

/* What those outside have seen: "address:port\n" for every connection. */
struct notes {
    int n;
    char text[NOTES][PLACE_TEXT];
};

static struct {
    struct notes *notes;
    bool has_internet;
    pid_t servers[4];
    int n_servers;
    uint16_t loopback_port; /* of a server on the host's loopback, v4 and v6 */
    int life[2];            /* closed when the tests end: root's do not get a user's signals */
} outside;

/* ---- those outside ---- */

static void take_note(int client)
{
    struct sockaddr_storage at;
    socklen_t n = sizeof at;
    struct place p;
    int i = __atomic_fetch_add(&outside.notes->n, 1, __ATOMIC_SEQ_CST);

    if (i < NOTES && getsockname(client, (struct sockaddr *)&at, &n) == 0 &&
        place_of_sockaddr((struct sockaddr *)&at, &p)) {
        place_print(&p, outside.notes->text[i]);
    }
}

static void serve_page(int client)
{
    static const char page[] = "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n"
                               "<title>t</title><p id=p></p><script>"
                               "document.getElementById('p').textContent = 'rea' + 'ched'</script>"
                               "<!-- answered -->\n";
    char request[4096];

    if (read(client, request, sizeof request) <= 0)
        return;
    (void)!write(client, page, strlen(page));
    (void)shutdown(client, SHUT_WR);
    while (read(client, request, sizeof request) > 0) {
    }
}

static void serve_echo(int client)
{
    char data[65536];
    ssize_t n;

    while ((n = read(client, data, sizeof data)) > 0) {
        for (ssize_t done = 0, w; done < n; done += w) {
            w = write(client, data + done, (size_t)(n - done));
            if (w <= 0)
                return;
        }
    }
}

static int listen_on(bool v6, bool all, uint16_t port)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(all ? INADDR_ANY : INADDR_LOOPBACK) };
    struct sockaddr_in6 six = { .sin6_family = AF_INET6,
                                .sin6_port = htons(port),
                                .sin6_addr = all ? in6addr_any : in6addr_loopback };
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (v6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if ((v6 ? bind(fd, (struct sockaddr *)&six, sizeof six)
            : bind(fd, (struct sockaddr *)&v4, sizeof v4)) < 0 ||
        listen(fd, 1024) < 0)
        abort();
    return fd;
}

static _Noreturn void serve(const int *fds, size_t n)
{
    struct pollfd ready[9];

    (void)signal(SIGCHLD, SIG_IGN);
    fd_close(outside.life[1]);
    for (size_t i = 0; i < n; i++)
        ready[i] = (struct pollfd){ fds[i], POLLIN, 0 };
    ready[n] = (struct pollfd){ outside.life[0], POLLIN, 0 };
    for (;;) {
        if (poll(ready, n + 1, -1) < 0)
            continue;
        if (ready[n].revents)
            _exit(0);
        for (size_t i = 0; i < n; i++) {
            struct sockaddr_storage at;
            socklen_t n_at = sizeof at;
            struct place p;
            if (!ready[i].revents)
                continue;
            int client = accept4(fds[i], NULL, NULL, SOCK_CLOEXEC);
            if (client < 0)
                continue;
            take_note(client);
            if (fork() == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (getsockname(client, (struct sockaddr *)&at, &n_at) == 0 &&
                    place_of_sockaddr((struct sockaddr *)&at, &p) && p.port == ECHO)
                    serve_echo(client);
                else
                    serve_page(client);
                _exit(0);
            }
            fd_close(client);
        }
    }
}

static void command(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void command(const char *format, ...)
{
    scoped(buf_done) struct buf text = { 0 };
    va_list args;

    va_start(args, format);
    buf_vformat(&text, format, args);
    va_end(args);
    if (system(buf_str(&text)) != 0) { /* NOLINT(cert-env33-c): words of our own */
        (void)fprintf(stderr, "failed: %s\n", text.data);
        exit(EXIT_FAILURE);
    }
}

static _Noreturn void be_internet(int up, int cable)
{
    static const char addresses[] =
        "10.9.0.2/24 " PUBLIC " 169.254.169.254 168.63.129.16 192.168.7.7 "
        "172.16.5.5 100.64.1.1 192.0.2.1 203.0.113.10 198.18.0.1 45.45.46.10";
    static const char sixes[] = "fd99::2/64 " PUBLIC6 " 2001:db8:1::10 2002:a00:5::1 "
                                "64:ff9b::a00:5 fd00:ec2::254 2a00:46::10";
    int fds[8], n = 0;
    char go;

    if (unshare(CLONE_NEWNET) < 0 || write(up, "u", 1) != 1 || read(cable, &go, 1) != 1)
        _exit(1);
    command("ip link set lo up && for a in %s; do ip addr add $a dev vi || exit 1; done && "
            "for a in %s; do ip addr add $a dev vi nodad || exit 1; done && ip link set vi up",
            addresses, sixes);
    static const uint16_t ports[] = { HTTP, ECHO, OTHER, 25 };
    for (size_t i = 0; i < n_items(ports); i++) {
        fds[n++] = listen_on(false, true, ports[i]);
        fds[n++] = listen_on(true, true, ports[i]);
    }
    if (write(up, "r", 1) != 1)
        _exit(1);
    serve(fds, (size_t)n);
}

/* Names that only this process and its children know. */
static void bind_text(const char *text, const char *at)
{
    char path[] = "/tmp/egress-test-XXXXXX";
    int fd = mkstemp(path);

    if (fd < 0 || write(fd, text, strlen(text)) < 0 || fchmod(fd, 0644) < 0 ||
        mount(path, at, NULL, MS_BIND, NULL) < 0) {
        perror(at);
        exit(EXIT_FAILURE);
    }
    fd_close(fd);
    (void)unlink(path);
}

static void make_internet(void)
{
    int up[2], cable[2];
    char word;

    if (geteuid() != 0 || unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        (void)fprintf(stderr, "# not root: what needs an internet of its own does not run\n");
        return;
    }
    if (pipe2(up, O_CLOEXEC) < 0 || pipe2(cable, O_CLOEXEC) < 0)
        abort();
    pid_t pid = fork();
    if (pid == 0)
        be_internet(up[1], cable[0]);
    outside.servers[outside.n_servers++] = pid;
    fd_close(up[1]);
    if (read(up[0], &word, 1) != 1)
        exit(EXIT_FAILURE);
    command("ip link set lo up && ip link add vh type veth peer name vi netns %d && "
            "ip addr add 10.9.0.1/24 dev vh && ip addr add " OWN "/32 dev vh && "
            "ip addr add fd99::1/64 dev vh nodad && ip addr add 2a00:44::44/128 dev vh nodad && "
            "ip link set vh up && ip route add default via 10.9.0.2 && "
            "ip route add 45.45.46.0/24 dev vh && ip -6 route add 2a00:46::/64 dev vh && "
            "ip -6 route add default via fd99::2 src fd99::1",
            pid);
    if (write(cable[1], "g", 1) != 1 || read(up[0], &word, 1) != 1)
        exit(EXIT_FAILURE);
    /* The kernel takes its time to see that a cable has two ends. */
    command("until ip -6 route get 2a00:44::44 | grep -q ^local && ip -6 route get " PUBLIC6
            " | grep -q 'via fd99::2'; do sleep 0.02; done");
    bind_text("127.0.0.1 localhost\n" PUBLIC " public.test\n" PUBLIC6 " public.test six.test\n"
              "10.9.0.2 lan.test shop.test\n127.0.0.1 rebind.test\n169.254.169.254 meta.test\n" OWN
              " own.test\n",
              "/etc/hosts");
    bind_text("nameserver 127.0.0.1\n", "/etc/resolv.conf");
    outside.has_internet = true;
    fd_close(cable[0]);
    fd_close(cable[1]);
    fd_close(up[0]);
}

/* Services of the host itself. */
static void make_host_services(void)
{
    struct sockaddr_in at = { 0 };
    socklen_t n = sizeof at;
    int first = listen_on(false, false, 0);
    int fds[4] = { first }, n_fds = 1;

    if (getsockname(first, (struct sockaddr *)&at, &n) < 0)
        abort();
    outside.loopback_port = ntohs(at.sin_port);
    fds[n_fds++] = listen_on(true, false, outside.loopback_port);
    if (outside.has_internet) {
        fds[n_fds++] = listen_on(false, true, HTTP);
        fds[n_fds++] = listen_on(true, true, HTTP);
    }
    pid_t pid = fork();
    if (pid == 0)
        serve(fds, (size_t)n_fds);
    outside.servers[outside.n_servers++] = pid;
    for (int i = 0; i < n_fds; i++)
        fd_close(fds[i]);
}

bool outside_was_reached(const char *address)
{
    for (int i = 0; i < outside.notes->n && i < NOTES; i++) {
        if (strncmp(outside.notes->text[i], address, strlen(address)) == 0)
            return true;
    }
    return false;
}

void outside_begin(void)
{
    outside.notes = mmap(NULL, sizeof *outside.notes, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (outside.notes == MAP_FAILED || pipe2(outside.life, O_CLOEXEC) < 0)
        abort();
    make_internet();
    make_host_services();
}

void outside_end(void)
{
    fd_close(outside.life[1]);
    for (int i = 0; i < outside.n_servers; i++)
        (void)waitpid(outside.servers[i], NULL, 0);
}

void outside_forget(void)
{
    outside.notes->n = 0;
}

int outside_connections(void)
{
    return outside.notes->n;
}

bool outside_has_internet(void)
{
    return outside.has_internet;
}

uint16_t outside_loopback_port(void)
{
    return outside.loopback_port;
}
