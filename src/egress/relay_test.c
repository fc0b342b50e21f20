/* SPDX-License-Identifier: Apache-2.0
 *
 * The relay between two real sockets of this process: a client, and a target on loopback.
 */
#include "egress/relay.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { BIG = 3 * 1024 * 1024 };

struct world {
    struct loop *loop;
    struct relay *relay;
    int listener;
    struct place target;
};

static const struct relay_limits generous = {
    .connections = 4, .connecting = 4, .connect_ms = 20000, .leave_ms = 20000
};

static int listener_at(struct place *at)
{
    struct sockaddr_in local = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof local;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&local, n), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&local, &n), 0);
    assert_true(place_of_sockaddr((struct sockaddr *)&local, at));
    return fd;
}

static void open_world(struct world *w, const struct relay_limits *limits)
{
    w->loop = loop_new(&clock_real);
    w->relay = relay_new(w->loop, limits);
    w->listener = listener_at(&w->target);
}

static void close_world(struct world *w)
{
    relay_free(w->relay);
    loop_free(w->loop);
    fd_close(w->listener);
}

/* A connected pair of TCP sockets: ours, and the one that a cage would have accepted. */
static int client_pair(int *inside)
{
    struct place at;
    struct sockaddr_storage to;
    scoped(fd_close) int listener = listener_at(&at);
    socklen_t n = place_to_sockaddr(&at, &to);
    int ours = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(ours, (struct sockaddr *)&to, n), 0);
    *inside = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(*inside >= 0);
    return ours;
}

static void stop(void *arg)
{
    loop_stop(arg);
}

/* Lets the relay work for a moment. */
static void turn(struct world *w)
{
    (void)loop_timer(w->loop, 1, stop, w->loop);
    loop_run(w->loop);
}

/* Reads with the relay at work: the number of bytes, 0 at the end, or -1 with errno. */
static ssize_t read_some(struct world *w, int fd, void *data, size_t n)
{
    ssize_t got;

    while ((got = recv(fd, data, n, MSG_DONTWAIT)) < 0 && errno == EAGAIN)
        turn(w);
    return got;
}

static int connect_pair(struct world *w, int *target)
{
    int inside, client = client_pair(&inside);

    assert_true(relay_connect(w->relay, inside, &w->target));
    *target = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(*target >= 0);
    return client;
}

/* Until something is there to be read, which is left there. */
static void wait_for_some(struct world *w, int fd)
{
    char c;

    while (recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0)
        turn(w);
}

static void wait_until_empty(struct world *w)
{
    while (relay_count(w->relay) > 0)
        turn(w);
}

static void bytes_pass_both_ways(void **state)
{
    struct world w;
    char text[8] = "";
    int target, client;

    (void)state;
    open_world(&w, &generous);
    client = connect_pair(&w, &target);
    assert_int_equal(send(client, "ask", 3, 0), 3);
    assert_int_equal(read_some(&w, target, text, sizeof text), 3);
    assert_memory_equal(text, "ask", 3);
    assert_int_equal(send(target, "told", 4, 0), 4);
    assert_int_equal(read_some(&w, client, text, sizeof text), 4);
    assert_memory_equal(text, "told", 4);
    fd_close(client);
    fd_close(target);
    wait_until_empty(&w);
    close_world(&w);
}

static void one_way_ends_and_the_other_goes_on(void **state)
{
    struct world w;
    char text[8] = "";
    int target, client;

    (void)state;
    open_world(&w, &generous);
    client = connect_pair(&w, &target);
    assert_int_equal(send(client, "last", 4, 0), 4);
    assert_int_equal(shutdown(client, SHUT_WR), 0);
    assert_int_equal(read_some(&w, target, text, sizeof text), 4);
    assert_int_equal(read_some(&w, target, text, sizeof text), 0);
    assert_int_equal(send(target, "still", 5, 0), 5);
    assert_int_equal(read_some(&w, client, text, sizeof text), 5);
    assert_int_equal(relay_count(w.relay), 1);
    fd_close(target);
    assert_int_equal(read_some(&w, client, text, sizeof text), 0);
    wait_until_empty(&w);
    fd_close(client);
    close_world(&w);
}

static double cpu_seconds(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* The kernel goes on to report what was closed; nothing may go on to listen. */
static void what_waits_costs_nothing(void **state)
{
    struct world w;
    char text[8];
    int target, client;

    (void)state;
    open_world(&w, &generous);
    client = connect_pair(&w, &target);
    assert_int_equal(shutdown(client, SHUT_WR), 0);
    assert_int_equal(read_some(&w, target, text, sizeof text), 0);
    double before = cpu_seconds();
    (void)loop_timer(w.loop, 300, stop, w.loop);
    loop_run(w.loop);
    assert_true(cpu_seconds() - before < 0.1);
    fd_close(client);
    fd_close(target);
    close_world(&w);
}

static void a_slow_reader_slows_its_writer_and_gets_it_all(void **state)
{
    struct world w;
    scoped(mem_free) char *data = mem_new(BIG);
    scoped(mem_free) char *got = mem_new(BIG);
    size_t sent = 0, read_n = 0;
    int target, client, quiet = 0;

    (void)state;
    for (size_t i = 0; i < BIG; i++)
        data[i] = (char)(i * 7 + i / 4093);
    open_world(&w, &generous);
    client = connect_pair(&w, &target);
    while (read_n < BIG) {
        ssize_t n = sent < BIG ? send(client, data + sent, BIG - sent, MSG_DONTWAIT) : 0;
        sent += n > 0 ? (size_t)n : 0;
        quiet = n > 0 ? 0 : quiet + 1;
        turn(&w);
        /* Nothing is read until nothing can be written any more. */
        if (quiet > 3) {
            n = recv(target, got + read_n, BIG - read_n, MSG_DONTWAIT);
            read_n += n > 0 ? (size_t)n : 0;
        }
    }
    assert_memory_equal(data, got, BIG);
    fd_close(client);
    fd_close(target);
    wait_until_empty(&w);
    close_world(&w);
}

/* The pipes of this process, and their bytes. */
static size_t count_pipes(size_t *bytes)
{
    enum { ENDS = 2 };
    size_t n_ends = 0, sum = 0;
    struct dirent *entry;
    DIR *all = opendir("/proc/self/fd");

    assert_non_null(all);
    while ((entry = readdir(all))) {
        int n = fcntl((int)strtol(entry->d_name, NULL, 10), F_GETPIPE_SZ);
        n_ends += n > 0;
        sum += n > 0 ? (size_t)n : 0;
    }
    closedir(all);
    *bytes = sum / ENDS;
    return n_ends / ENDS;
}

static void fill_up(int fd, size_t *sent)
{
    static const char data[65536];
    ssize_t n;

    while ((n = send(fd, data, sizeof data, MSG_DONTWAIT)) > 0)
        *sent += (size_t)n;
}

/* The kernel bounds what a user has of them, and the user is the same for all cages. */
static void what_nobody_reads_holds_few_pages_and_arrives(void **state)
{
    enum { LINKS = 24, LARGE = 32, LARGE_BYTES = 65536, SMALL_BYTES = 4096, FLOWS = 2 * LINKS };
    const struct relay_limits many = {
        .connections = LINKS, .connecting = LINKS, .connect_ms = 20000, .leave_ms = 20000
    };
    struct world w;
    int ends[FLOWS], least = 1;
    size_t sent[FLOWS] = { 0 }, others_bytes, bytes, others = count_pipes(&others_bytes);
    scoped(mem_free) char *data = mem_new(BIG);

    (void)state;
    open_world(&w, &many);
    for (int i = 0; i < FLOWS; i += 2)
        ends[i] = connect_pair(&w, &ends[i + 1]);
    for (int i = 0; i < FLOWS; i++)
        assert_int_equal(setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &least, sizeof least), 0);
    while (count_pipes(&bytes) < others + FLOWS) {
        for (int i = 0; i < FLOWS; i++)
            fill_up(ends[i], &sent[i]);
        turn(&w);
    }
    assert_in_range(bytes - others_bytes, FLOWS * SMALL_BYTES,
                    LARGE * LARGE_BYTES + (FLOWS - LARGE) * SMALL_BYTES);

    for (int i = 0; i < FLOWS; i++) {
        for (size_t got = 0; got < sent[i ^ 1];) {
            ssize_t n = read_some(&w, ends[i], data, BIG);
            assert_true(n > 0);
            got += (size_t)n;
        }
    }
    for (int i = 0; i < FLOWS; i++)
        fd_close(ends[i]);
    wait_until_empty(&w);
    close_world(&w);
    assert_int_equal(count_pipes(&bytes), others);
}

static void a_reset_is_passed_on(void **state)
{
    struct world w;
    char text[8];
    int target, client;

    (void)state;
    for (int from_client = 0; from_client < 2; from_client++) {
        open_world(&w, &generous);
        client = connect_pair(&w, &target);
        assert_int_equal(send(client, "x", 1, 0), 1);
        assert_int_equal(read_some(&w, target, text, sizeof text), 1);
        relay_reset(from_client ? client : target);
        assert_int_equal(read_some(&w, from_client ? target : client, text, sizeof text), -1);
        assert_int_equal(errno, ECONNRESET);
        assert_int_equal(relay_count(w.relay), 0);
        fd_close(from_client ? target : client);
        close_world(&w);
    }
}

static void wait_until_arrived(int fd)
{
    int left = 1;

    while (left > 0)
        assert_int_equal(ioctl(fd, SIOCOUTQ, &left), 0);
}

/* A server that has heard enough says so and closes while its client still sends: what follows the
 * answer is a reset. A client without a relay between reads the answer, and then the reset. */
static void answer_and_reset(struct world *w, int asking, int answering, const char *data, size_t n)
{
    assert_int_equal(send(asking, "ask", 3, 0), 3);
    wait_for_some(w, answering);
    assert_int_equal(send(asking, "more", 4, 0), 4);
    assert_int_equal(send(answering, data, n, 0), n);
    wait_until_arrived(answering);
    fd_close(answering); /* with something unread */
}

static void read_answer_and_reset(struct world *w, int fd, const char *data, size_t n)
{
    scoped(mem_free) char *got = mem_new(n + 1);
    size_t sum = 0;
    ssize_t some;

    while ((some = read_some(w, fd, got + sum, n + 1 - sum)) > 0)
        sum += (size_t)some;
    assert_int_equal(sum, n);
    assert_memory_equal(data, got, n);
    assert_int_equal(some, -1);
    assert_int_equal(errno, ECONNRESET);
    wait_until_empty(w);
}

static void what_was_said_before_a_reset_arrives(void **state)
{
    struct world w;
    int ends[2];

    (void)state;
    for (int asks = 0; asks < 2; asks++) {
        open_world(&w, &generous);
        ends[0] = connect_pair(&w, &ends[1]);
        answer_and_reset(&w, ends[asks], ends[!asks], "413", 3);
        read_answer_and_reset(&w, ends[asks], "413", 3);
        fd_close(ends[asks]);
        close_world(&w);
    }
}

/* More than a client takes that does not read. Returns the client. */
static int answer_much_and_reset(struct world *w, const char *data, size_t n)
{
    int target, client = connect_pair(w, &target), small = 2048;

    assert_int_equal(setsockopt(client, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    answer_and_reset(w, client, target, data, n);
    return client;
}

static void what_was_said_before_a_reset_waits_for_its_reader(void **state)
{
    enum { ANSWER = 40000 };
    struct world w;
    scoped(mem_free) char *data = mem_new(ANSWER);

    (void)state;
    for (int i = 0; i < ANSWER; i++)
        data[i] = (char)(i * 7 + i / 251);
    open_world(&w, &generous);
    int client = answer_much_and_reset(&w, data, ANSWER);
    for (int i = 0; i < 20; i++)
        turn(&w);
    assert_int_equal(relay_count(w.relay), 1);
    read_answer_and_reset(&w, client, data, ANSWER);
    fd_close(client);
    close_world(&w);
}

static void a_reset_waits_for_its_reader_so_long_and_no_longer(void **state)
{
    enum { ANSWER = 40000 };
    const struct relay_limits hasty = {
        .connections = 4, .connecting = 4, .connect_ms = 20000, .leave_ms = 50
    };
    struct world w;
    scoped(mem_free) char *data = mem_new(ANSWER);

    (void)state;
    open_world(&w, &hasty);
    int client = answer_much_and_reset(&w, data, ANSWER);
    wait_until_empty(&w);
    fd_close(client);
    close_world(&w);
}

static void a_target_that_refuses_is_a_reset(void **state)
{
    struct world w;
    char text[8];
    int inside, client;

    (void)state;
    open_world(&w, &generous);
    fd_close(take_fd(&w.listener));
    client = client_pair(&inside);
    assert_true(relay_connect(w.relay, inside, &w.target));
    assert_int_equal(read_some(&w, client, text, sizeof text), -1);
    assert_int_equal(errno, ECONNRESET);
    fd_close(client);
    close_world(&w);
}

static void a_target_that_never_answers_is_a_reset_in_time(void **state)
{
    const struct relay_limits hasty = { .connections = 64, .connecting = 64, .connect_ms = 50 };
    struct world w;
    struct sockaddr_storage to;
    char text[8];
    int fillers[8], inside, client;

    (void)state;
    open_world(&w, &hasty);
    /* A listener whose queue is full answers no one. */
    fd_close(w.listener);
    w.listener = listener_at(&w.target);
    assert_int_equal(listen(w.listener, 0), 0);
    socklen_t n = place_to_sockaddr(&w.target, &to);
    for (size_t i = 0; i < n_items(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&to, n);
    }
    client = client_pair(&inside);
    assert_true(relay_connect(w.relay, inside, &w.target));
    assert_int_equal(read_some(&w, client, text, sizeof text), -1);
    assert_int_equal(errno, ECONNRESET);
    fd_close(client);
    for (size_t i = 0; i < n_items(fillers); i++)
        fd_close(fillers[i]);
    close_world(&w);
}

static void there_are_so_many_and_no_more(void **state)
{
    struct world w;
    int targets[5], clients[5], inside;
    char text[8];

    (void)state;
    open_world(&w, &generous);
    for (size_t i = 0; i < generous.connections; i++)
        clients[i] = connect_pair(&w, &targets[i]);
    clients[4] = client_pair(&inside);
    assert_false(relay_connect(w.relay, inside, &w.target));
    assert_int_equal(read_some(&w, clients[4], text, sizeof text), -1);
    fd_close(clients[0]);
    fd_close(targets[0]);
    while (relay_count(w.relay) == generous.connections)
        turn(&w);
    clients[0] = connect_pair(&w, &targets[0]);
    relay_free(take(w.relay));
    for (size_t i = 0; i < generous.connections; i++) {
        assert_int_equal(recv(clients[i], text, sizeof text, 0), -1);
        fd_close(clients[i]);
        fd_close(targets[i]);
    }
    fd_close(clients[4]);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_pass_both_ways),
        cmocka_unit_test(one_way_ends_and_the_other_goes_on),
        cmocka_unit_test(what_waits_costs_nothing),
        cmocka_unit_test(a_slow_reader_slows_its_writer_and_gets_it_all),
        cmocka_unit_test(what_nobody_reads_holds_few_pages_and_arrives),
        cmocka_unit_test(a_reset_is_passed_on),
        cmocka_unit_test(what_was_said_before_a_reset_arrives),
        cmocka_unit_test(what_was_said_before_a_reset_waits_for_its_reader),
        cmocka_unit_test(a_reset_waits_for_its_reader_so_long_and_no_longer),
        cmocka_unit_test(a_target_that_refuses_is_a_reset),
        cmocka_unit_test(a_target_that_never_answers_is_a_reset_in_time),
        cmocka_unit_test(there_are_so_many_and_no_more),
    };
    (void)signal(SIGPIPE, SIG_IGN); /* as in the process that relays */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
