/* SPDX-License-Identifier: Apache-2.0 */
#include "egress/dns.h"

#include "egress/dns_message.h"
#include "egress/route.h"

#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
    WAITING = 64, /* questions of one cage under way */
    SHARE = 4,    /* the resolver's threads that a cage leaves idle for each name it has there */
    AT_ONCE = 16, /* datagrams, before the others have their turn */
};

struct query {
    struct dns *dns;
    struct sockaddr_in from;
    struct dns_question question;
    bool asked;
    struct query *next;
};

struct dns {
    struct dns_options with;
    int fd;
    struct watch *watch;
    struct query *queries; /* the oldest first */
    size_t n, n_asked;
};

static void answer(const struct query *q, enum dns_code code, const struct place *at, size_t n_at)
{
    unsigned char out[DNS_ANSWER];
    size_t n = dns_write(&q->question, code, at, n_at, out);

    /* One that cannot be sent is asked for again. */
    (void)sendto(q->dns->fd, out, n, MSG_DONTWAIT, (const struct sockaddr *)&q->from,
                 sizeof q->from);
}

/* It is the box's own, whatever the host says. */
static bool is_localhost(const char *name)
{
    static const char localhost[] = "localhost";
    size_t n = strlen(name), end = strlen(localhost);

    return n >= end && strcasecmp(name + n - end, localhost) == 0 &&
           (n == end || name[n - end - 1] == '.');
}

static void answer_localhost(const struct query *q)
{
    struct place at[2];

    (void)place_parse("127.0.0.1", 0, &at[0]);
    (void)place_parse("::1", 0, &at[1]);
    answer(q, DNS_FINE, at, n_items(at));
}

static void ask_more(struct dns *d);

static void on_found(void *arg, const struct resolved *found)
{
    static const enum dns_code codes[] = { [RESOLVER_FOUND] = DNS_FINE,
                                           [RESOLVER_NO_NAME] = DNS_NO_NAME,
                                           [RESOLVER_FAILED] = DNS_FAILED };
    struct query *q = arg, **at_query = &q->dns->queries;
    struct dns *d = q->dns;
    const struct dns_options *o = &d->with;
    msec_t now = clock_steady(&clock_real);
    struct place fine[RESOLVER_PLACES];
    const char *reason = NULL;
    size_t n = 0;

    for (size_t i = 0; i < found->n; i++) {
        const struct place *at = &found->at[i];
        policy_learn(o->policy, q->question.name, at, now);
        const char *why = policy_judge(o->policy, at, route_to(at), now);
        if (why)
            reason = why;
        else
            fine[n++] = *at;
    }
    if (n == 0 && reason)
        o->refused(o->arg, q->question.name, &found->at[found->n - 1], reason);
    answer(q, codes[found->outcome], fine, n);

    while (*at_query != q)
        at_query = &(*at_query)->next;
    *at_query = q->next;
    d->n--;
    d->n_asked--;
    mem_free(q);
    ask_more(d);
}

/* The resolver serves all cages, and a name whose servers do not answer holds a thread for seconds.
 * So a cage asks for the fewer names at once the more are under way: alone it has seven, and with ten
 * that ask for as many as they may, the next still finds a thread. Where none is left, each cage waits
 * with one name, and they take turns. */
static bool may_ask(const struct dns *d)
{
    return d->n_asked * SHARE <= resolver_idle(d->with.resolver);
}

static struct query *next_query(const struct dns *d)
{
    struct query *q = d->queries;

    while (q && q->asked)
        q = q->next;
    return q;
}

/* An answer that is known comes at once, and asks for more itself. */
static void ask_more(struct dns *d)
{
    struct query *q;

    while (may_ask(d) && (q = next_query(d))) {
        q->asked = true;
        d->n_asked++;
        if (!resolver_find(d->with.resolver, q->question.name, on_found, q))
            on_found(q, &(struct resolved){ .outcome = RESOLVER_FAILED });
    }
}

static void resolve(struct dns *d, const struct query *asked)
{
    struct query *q = mem_new(sizeof *q), **end = &d->queries;

    *q = *asked;
    while (*end)
        end = &(*end)->next;
    *end = q;
    d->n++;
    ask_more(d);
}

static void take_question(struct dns *d, const struct query *q)
{
    const struct dns_question *question = &q->question;

    if (question->raw_n == 0)
        answer(q, DNS_BAD_FORM, NULL, 0);
    else if (question->class != 1)
        answer(q, DNS_REFUSED, NULL, 0);
    else if (question->type != DNS_A && question->type != DNS_AAAA)
        answer(q, DNS_FINE, NULL, 0);
    else if (!question->name[0])
        answer(q, DNS_NO_NAME, NULL, 0);
    else if (is_localhost(question->name))
        answer_localhost(q);
    else if (d->n >= WAITING)
        answer(q, DNS_FAILED, NULL, 0);
    else
        resolve(d, q);
}

static void on_question(void *arg, uint32_t events)
{
    struct dns *d = arg;
    unsigned char data[4096];

    (void)events;
    for (int i = 0; i < AT_ONCE; i++) {
        struct query q = { .dns = d };
        socklen_t n_from = sizeof q.from;
        ssize_t n =
            recvfrom(d->fd, data, sizeof data, MSG_DONTWAIT, (struct sockaddr *)&q.from, &n_from);
        if (n < 0)
            return;
        if (dns_read(data, (size_t)n, &q.question))
            take_question(d, &q);
    }
}

struct dns *dns_new(const struct dns_options *options, int fd)
{
    struct dns *d = mem_new(sizeof *d);

    *d = (struct dns){ .with = *options, .fd = fd };
    d->watch = loop_watch(options->loop, fd, EPOLLIN, on_question, d);
    return d;
}

void dns_free(struct dns *d)
{
    if (!d)
        return;
    while (d->queries) {
        struct query *q = d->queries;
        d->queries = q->next;
        resolver_forget(d->with.resolver, q);
        mem_free(q);
    }
    watch_free(d->watch);
    fd_close(d->fd);
    mem_free(d);
}
