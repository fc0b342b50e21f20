/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of a host's addresses would not be enough: whole networks can be local, addresses come
 * and go, and a broadcast address is none of them. The routing table knows, and it is what decides.
 *
 * A neighbour is who is reached without a gateway, on a link where others can be. A tunnel has no
 * others, and a route to nearly everything (the default, or its halves as VPNs have them, or all of
 * 2000::/3) is the internet, whoever answers for it on the link.
 */
#include "egress/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NEARLY_ALL_BITS = 3, ANSWER_BYTES = 1024 };

struct question {
    struct nlmsghdr head;
    struct rtmsg route;
    struct rtattr attribute;
    unsigned char ip[16];
};

static void put(const struct place *p, unsigned flags, struct question *q)
{
    unsigned short n = p->v6 ? 16 : 4;

    *q = (struct question){
        .head = { .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST },
        .route = { .rtm_family = p->v6 ? AF_INET6 : AF_INET,
                   .rtm_dst_len = (unsigned char)(n * 8),
                   .rtm_flags = flags },
        .attribute = { .rta_type = RTA_DST, .rta_len = (unsigned short)RTA_LENGTH(n) },
    };
    memcpy(q->ip, p->ip, n);
    q->head.nlmsg_len = (uint32_t)(offsetof(struct question, ip) + n);
}

static enum route read_answer(const void *data, ssize_t n)
{
    struct nlmsghdr head;
    struct nlmsgerr failed;
    struct rtmsg route;

    if (n < (ssize_t)NLMSG_LENGTH(sizeof route))
        return ROUTE_OWN;
    memcpy(&head, data, sizeof head);
    if (head.nlmsg_type == NLMSG_ERROR && n >= (ssize_t)NLMSG_LENGTH(sizeof failed)) {
        memcpy(&failed, (const char *)data + NLMSG_HDRLEN, sizeof failed);
        return failed.error == -ENETUNREACH || failed.error == -EHOSTUNREACH ||
                       failed.error == -EACCES || failed.error == -EINVAL
                   ? ROUTE_NONE
                   : ROUTE_OWN;
    }
    if (head.nlmsg_type != RTM_NEWROUTE)
        return ROUTE_OWN;
    memcpy(&route, (const char *)data + NLMSG_HDRLEN, sizeof route);
    switch (route.rtm_type) {
    case RTN_UNICAST: return ROUTE_OUT;
    case RTN_UNREACHABLE:
    case RTN_BLACKHOLE:
    case RTN_PROHIBIT: return ROUTE_NONE;
    default: return ROUTE_OWN;
    }
}

/* The answer's length, or -1. */
static ssize_t ask(int fd, const void *question, size_t n, char answer[ANSWER_BYTES])
{
    return send(fd, question, n, 0) < 0 ? -1 : recv(fd, answer, ANSWER_BYTES, MSG_DONTWAIT);
}

static ssize_t ask_route(int fd, const struct place *p, unsigned flags, char answer[ANSWER_BYTES])
{
    struct question q;

    put(p, flags, &q);
    return ask(fd, &q, q.head.nlmsg_len, answer);
}

/* Without a gateway: the link, else 0. */
static int link_of(const char *answer, ssize_t n)
{
    int link = 0;

    for (size_t at = NLMSG_LENGTH(sizeof(struct rtmsg)); at + RTA_LENGTH(0) <= (size_t)n;) {
        struct rtattr a;
        memcpy(&a, answer + at, sizeof a);
        if (a.rta_len < RTA_LENGTH(0) || a.rta_len > (size_t)n - at)
            break;
        if (a.rta_type == RTA_GATEWAY || a.rta_type == RTA_VIA)
            return 0;
        if (a.rta_type == RTA_OIF && a.rta_len == RTA_LENGTH(sizeof link))
            memcpy(&link, answer + at + RTA_LENGTH(0), sizeof link);
        at += RTA_ALIGN(a.rta_len);
    }
    return link;
}

static bool has_neighbours(int fd, int link)
{
    _Alignas(struct nlmsghdr) char answer[ANSWER_BYTES]; /* its head is enough */
    struct {
        struct nlmsghdr head;
        struct ifinfomsg link;
    } q = {
        .head = { .nlmsg_len = sizeof q, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST },
        .link = { .ifi_index = link }
    };
    struct nlmsghdr head;
    struct ifinfomsg is;

    if (ask(fd, &q, sizeof q, answer) < (ssize_t)NLMSG_LENGTH(sizeof is))
        return true;
    memcpy(&head, answer, sizeof head);
    memcpy(&is, answer + NLMSG_HDRLEN, sizeof is);
    return head.nlmsg_type != RTM_NEWLINK || !(is.ifi_flags & IFF_POINTOPOINT);
}

/* The route as it stands in the table, which the first answer does not tell. */
static bool is_to_nearly_all(int fd, const struct place *p)
{
    _Alignas(struct nlmsghdr) char answer[ANSWER_BYTES];
    struct nlmsghdr head;
    struct rtmsg route;

    if (ask_route(fd, p, RTM_F_FIB_MATCH, answer) < (ssize_t)NLMSG_LENGTH(sizeof route))
        return false;
    memcpy(&head, answer, sizeof head);
    memcpy(&route, answer + NLMSG_HDRLEN, sizeof route);
    return head.nlmsg_type == RTM_NEWROUTE && route.rtm_dst_len <= NEARLY_ALL_BITS;
}

enum route route_to(const struct place *p)
{
    _Alignas(struct nlmsghdr) char answer[ANSWER_BYTES];
    scoped(fd_close) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    ssize_t n = fd < 0 ? -1 : ask_route(fd, p, 0, answer);
    enum route r = read_answer(answer, n);
    int link = r == ROUTE_OUT ? link_of(answer, n) : 0;

    return link && has_neighbours(fd, link) && !is_to_nearly_all(fd, p) ? ROUTE_NEAR : r;
}
