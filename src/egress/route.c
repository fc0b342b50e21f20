/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of a host's addresses would not be enough: whole networks can be local, addresses come
 * and go, and a broadcast address is none of them. The routing table knows, and it is what decides.
 */
#include "egress/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

struct question {
    struct nlmsghdr head;
    struct rtmsg route;
    struct rtattr attribute;
    unsigned char ip[16];
};

static void ask(const struct place *p, struct question *q)
{
    unsigned short n = p->v6 ? 16 : 4;

    *q = (struct question){
        .head = { .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST },
        .route = { .rtm_family = p->v6 ? AF_INET6 : AF_INET,
                   .rtm_dst_len = (unsigned char)(n * 8) },
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

enum route route_to(const struct place *p)
{
    _Alignas(struct nlmsghdr) char answer[1024];
    scoped(fd_close) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct question q;

    ask(p, &q);
    if (fd < 0 || send(fd, &q, q.head.nlmsg_len, 0) < 0)
        return ROUTE_OWN;
    return read_answer(answer, recv(fd, answer, sizeof answer, MSG_DONTWAIT));
}
