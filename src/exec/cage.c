/* SPDX-License-Identifier: Apache-2.0
 *
 * How a cage for the world works. The namespace has no interface that leads out, and a route that makes every
 * address in the world local to it ("AnyIP"): a connection to anywhere arrives on its loopback.
 * There netfilter redirects it to one of our listeners, which remembers where it was meant to go.
 * Whatever program it comes from, no proxy has to be configured, and there is nothing else to try:
 * no gateway, no neighbour, no interface that leads out. Datagrams are refused at once, so that
 * programs do not wait for answers; names are asked for at CAGE_RESOLVER.
 *
 * All of this is built with the rights of a user namespace that is made for it. They are dropped
 * before bubblewrap starts, which makes another user namespace inside of this one: nobody in the box
 * has a right over the rules, the routes or the interface. Where there are no user namespaces root
 * builds it; then nobody in the box has a right over anything.
 *
 * The redirect goes to port 1, which a box cannot take for itself: ports below 1024 need a right.
 */
#include "exec/cage.h"

#include "base/buf.h"
#include "exec/rights.h"
#include "exec/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/rtnetlink.h>

#define NFT_PROGRAM "/usr/sbin/nft"

#define OVER_NETWORKS (RIGHT(CAP_NET_ADMIN) | RIGHT(CAP_NET_BIND_SERVICE) | RIGHT(CAP_NET_RAW))

enum { CAGE_PORT = 1, BACKLOG = 512 };

/* Replies pass: they belong to what was let through. A datagram to elsewhere is dropped, and its
 * sender hears of that at once (EPERM). */
#define RULES                                                \
    "table inet cage {\n"                                    \
    "  chain way_out {\n"                                    \
    "    type nat hook output priority -100;\n"              \
    "    ip daddr " CAGE_RESOLVER " return\n"                \
    "    ip daddr 127.0.0.0/8 %1$s return\n"                 \
    "    ip6 daddr ::1 %1$s return\n"                        \
    "    meta l4proto tcp redirect to :%2$d\n"               \
    "  }\n"                                                  \
    "  chain rest {\n"                                       \
    "    type filter hook output priority 0; policy drop;\n" \
    "    ct direction reply accept\n"                        \
    "    ip daddr 127.0.0.0/8 accept\n"                      \
    "    ip6 daddr ::1 accept\n"                             \
    "  }\n"                                                  \
    "}\n"

/* ---- rights ---- */

static int write_file(const char *path, const char *text)
{
    scoped(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
}

/* nft is not started as root, as a rule, and gets its right over the network by inheritance. */
static int hand_down_right(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

    if (syscall(SYS_capget, &head, data) < 0)
        return -1;
    data[0].inheritable = 1u << CAP_NET_ADMIN;
    return syscall(SYS_capset, &head, data) < 0
               ? -1
               : prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0);
}

/* ---- the namespace ---- */

/* One question of netlink's, and its answer. */
static int ask_kernel(const struct nlmsghdr *question)
{
    struct {
        struct nlmsghdr head;
        struct nlmsgerr result;
        char more[128];
    } answer;
    scoped(fd_close) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd < 0 || send(fd, question, question->nlmsg_len, 0) < 0 ||
        recv(fd, &answer, sizeof answer, 0) < 0)
        return -1;
    errno = -answer.result.error;
    return answer.result.error ? -1 : 0;
}

static int change_interface(unsigned long what, struct ifreq *with)
{
    scoped(fd_close) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    return fd < 0 ? -1 : ioctl(fd, what, with);
}

static int raise_interface(const char *name)
{
    struct ifreq it = { .ifr_flags = IFF_UP | IFF_RUNNING };

    (void)snprintf(it.ifr_name, sizeof it.ifr_name, "%s", name);
    return change_interface(SIOCSIFFLAGS, &it);
}

static int give_address(const char *name, unsigned long what, const char *address)
{
    struct ifreq it = { 0 };
    struct sockaddr_in at = { .sin_family = AF_INET };

    (void)inet_pton(AF_INET, address, &at.sin_addr);
    (void)snprintf(it.ifr_name, sizeof it.ifr_name, "%s", name);
    memcpy(&it.ifr_addr, &at, sizeof at);
    return change_interface(what, &it);
}

/* A browser that sees no interface but a loopback takes itself to be offline: pages read so in
 * navigator.onLine, and names that are not there fail as if the cable were out. So there is one, a
 * cable that ends in here again, with the address for those that have none (RFC 7600, 192.0.0.8). No
 * route uses it. A kernel that cannot make it leaves the browser with what it believes. */
static void look_connected(void)
{
    static const char kind[] = "veth", name[] = "net0", other[] = "veth0"; /* the kernel's name */
    struct {
        struct nlmsghdr head;
        struct ifinfomsg link;
        struct rtattr name_is;
        char name[8];
        struct rtattr info;
        struct rtattr kind_is;
        char kind[4];
    } ask = {
        .head = { .nlmsg_len = sizeof ask,
                  .nlmsg_type = RTM_NEWLINK,
                  .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK },
        .name_is = { .rta_len = RTA_LENGTH(sizeof name), .rta_type = IFLA_IFNAME },
        .info = { .rta_len = RTA_LENGTH(RTA_SPACE(sizeof ask.kind)), .rta_type = IFLA_LINKINFO },
        .kind_is = { .rta_len = RTA_LENGTH(sizeof ask.kind), .rta_type = IFLA_INFO_KIND },
    };

    memcpy(ask.name, name, sizeof name);
    memcpy(ask.kind, kind, sizeof ask.kind);
    if (ask_kernel(&ask.head) == 0 && give_address(name, SIOCSIFADDR, "192.0.0.8") == 0 &&
        give_address(name, SIOCSIFNETMASK, "255.255.255.255") == 0 && raise_interface(other) == 0)
        (void)raise_interface(name);
}

/* ip route add local default dev lo */
static int make_all_local(unsigned char family)
{
    const unsigned loopback = 1; /* the first interface of every namespace */
    struct {
        struct nlmsghdr head;
        struct rtmsg route;
        struct rtattr attribute;
        unsigned device;
    } ask = {
        .head = { .nlmsg_len = sizeof ask,
                  .nlmsg_type = RTM_NEWROUTE,
                  .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK },
        .route = { .rtm_family = family,
                   .rtm_table = RT_TABLE_LOCAL,
                   .rtm_protocol = RTPROT_STATIC,
                   .rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE,
                   .rtm_type = RTN_LOCAL },
        .attribute = { .rta_len = RTA_LENGTH(sizeof loopback), .rta_type = RTA_OIF },
        .device = loopback,
    };

    return ask_kernel(&ask.head);
}

/* By the program, so that the rules can be read here and on any machine, and not by netlink. */
static int load_rules(bool loopback, int words)
{
    scoped(mem_free) char *own = mem_format("tcp dport >= %d", CAGE_OWN_PORTS);
    scoped(mem_free) char *rules = mem_format(RULES, loopback ? own : "", CAGE_PORT);
    scoped(fd_close) int input = memfd_create("rules", MFD_CLOEXEC);
    char name[] = "nft", option[] = "-f", from[] = "-";
    char *const argv[] = { name, option, from, NULL };
    char *const envp[] = { NULL };
    posix_spawn_file_actions_t actions;
    int failed, status = 0;
    pid_t pid = 0;

    if (input < 0 || write(input, rules, strlen(rules)) != (ssize_t)strlen(rules) ||
        lseek(input, 0, SEEK_SET) < 0 || posix_spawn_file_actions_init(&actions) != 0)
        return -1;
    (void)posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, words, STDOUT_FILENO);
    (void)posix_spawn_file_actions_adddup2(&actions, words, STDERR_FILENO);
    failed = posix_spawn(&pid, NFT_PROGRAM, &actions, NULL, argv, envp);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (failed) {
        (void)dprintf(words, NFT_PROGRAM " (package nftables) does not start");
        errno = failed;
        return -1;
    }
    if (waitpid(pid, &status, 0) < 0)
        return -1;
    errno = EPROTO;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* ---- the sockets ---- */

static int bound_socket(int type, const struct sockaddr *at, socklen_t n)
{
    int on = 1;
    scoped(fd_close) int fd = socket(at->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 ||
        (at->sa_family == AF_INET6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0) ||
        bind(fd, at, n) < 0 || (type == SOCK_STREAM && listen(fd, BACKLOG) < 0))
        return -1;
    return take_fd(&fd);
}

/* The number of descriptors, or -1. */
static int open_sockets(int fds[CAGE_FDS])
{
    struct sockaddr_in names = { .sin_family = AF_INET, .sin_port = htons(53) };
    struct sockaddr_in v4 = { .sin_family = AF_INET,
                              .sin_port = htons(CAGE_PORT),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
                               .sin6_port = htons(CAGE_PORT),
                               .sin6_addr = IN6ADDR_LOOPBACK_INIT };

    (void)inet_pton(AF_INET, CAGE_RESOLVER, &names.sin_addr);
    fds[CAGE_LIFE] = pidfd_open(getpid(), 0);
    fds[CAGE_DNS] = bound_socket(SOCK_DGRAM, (struct sockaddr *)&names, sizeof names);
    fds[CAGE_TCP4] = bound_socket(SOCK_STREAM, (struct sockaddr *)&v4, sizeof v4);
    if (fds[CAGE_LIFE] < 0 || fds[CAGE_DNS] < 0 || fds[CAGE_TCP4] < 0)
        return -1;
    fds[CAGE_TCP6] = bound_socket(SOCK_STREAM, (struct sockaddr *)&v6, sizeof v6);
    return fds[CAGE_TCP6] < 0 ? CAGE_TCP6 : CAGE_FDS;
}

static int hand_over(const struct cage_gate *gate, const struct cage_box *box, const int *fds,
                     size_t n)
{
    scoped(mem_free) char *text =
        mem_format("{\"id\":%lld,\"name\":\"%s\"}", (long long)box->id, box->name);

    /* They are close-on-exec, and the process goes on to exec or to die. */
    return wire_send(gate->fd, text, strlen(text), fds, n, true);
}

/* ---- the two kinds ---- */

static int enter_world(const struct cage_gate *gate, const struct cage_box *box, int words)
{
    scoped(mem_free) char *ports = mem_format("%d 65535", CAGE_OWN_PORTS);
    int fds[CAGE_FDS];

    if (hand_down_right() < 0 || raise_interface("lo") < 0 || make_all_local(AF_INET) < 0)
        return -1;
    /* Without IPv6 in the kernel there is nothing to guard. */
    if (make_all_local(AF_INET6) < 0 && errno != EAFNOSUPPORT && errno != EOPNOTSUPP)
        return -1;
    look_connected();
    if (gate->loopback && write_file("/proc/sys/net/ipv4/ip_local_port_range", ports) < 0) {
        (void)dprintf(words, "/proc/sys/net is read-only");
        return -1;
    }
    /* Nothing runs in here yet, so nothing can connect before the rules stand. */
    if (load_rules(gate->loopback, words) < 0)
        return -1;
    int n = open_sockets(fds);
    return n < 0 ? -1 : hand_over(gate, box, fds, (size_t)n);
}

/* No route but that to its own loopback, so no rules are needed either. */
static int enter_registry(const struct cage_gate *gate, const struct cage_box *box)
{
    const struct sockaddr_in at = { .sin_family = AF_INET,
                                    .sin_port = htons(CAGE_REGISTRY_PORT),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fds[CAGE_REGISTRY_FDS];

    if (raise_interface("lo") < 0)
        return -1;
    fds[CAGE_REGISTRY_LIFE] = pidfd_open(getpid(), 0);
    fds[CAGE_REGISTRY_TCP] = bound_socket(SOCK_STREAM, (const struct sockaddr *)&at, sizeof at);
    if (fds[CAGE_REGISTRY_LIFE] < 0 || fds[CAGE_REGISTRY_TCP] < 0)
        return -1;
    return hand_over(gate, box, fds, CAGE_REGISTRY_FDS);
}

int cage_enter(const struct cage_gate gates[CAGE_KINDS], const struct cage_box *box, int words)
{
    const struct cage_gate *gate = &gates[box->kind];

    if (gate->fd < 0) {
        (void)dprintf(words, box->kind == CAGE_WORLD ? "the process that makes connections is down"
                                                     : "the process that fetches packages is down");
        errno = ENOTCONN;
        return -1;
    }
    /* We stay an ordinary process: there is nothing to hide, we hold what the box is to get. */
    const bool root = geteuid() == 0;
    if ((root ? unshare(CLONE_NEWNET) : rights_enter(CLONE_NEWNET)) < 0)
        return -1;
    int r = box->kind == CAGE_WORLD ? enter_world(gate, box, words) : enter_registry(gate, box);
    return r < 0 ? -1 : rights_keep(root ? ~OVER_NETWORKS : 0);
}
