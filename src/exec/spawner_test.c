/* SPDX-License-Identifier: Apache-2.0
 *
 * Real boxes, built by a real spawner, which is this program started anew. With --as-user it first
 * becomes someone who is not root, so that both ways of building a box are tested on one machine. With
 * --basic there are no user namespaces (without_userns.c), and boxes are accepted as they are then.
 */
#include "exec/spawner.h"

#include "exec/box_testing.h"
#include "exec/exec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEST_USER = 60999, STUCK_MS = 20000 };

static const struct plan_limits plain = {
    .net = PLAN_NET_NONE, .memory_mib = 256, .pids = 64, .work_mib = 32, .file_mib = 16
};

static int setup(void **state)
{
    *state = box_world_open(true, STUCK_MS);
    return 0;
}

static struct plan *shell(const struct plan_limits *limits, const char *script)
{
    struct plan *p = plan_new("test", limits);

    plan_env_runtime(p);
    plan_arg(p, "/usr/bin/sh");
    plan_arg(p, "-c");
    plan_arg(p, script);
    return p;
}

/* ---- how boxes end ---- */

static void run_start_in(struct run *r, const struct box_world *w, struct plan *p)
{
    run_start(r, w->loop, w->spawner, p);
}

/* Runs a script to its end. */
static void run_script(struct run *r, void **state, const struct plan_limits *l, const char *script)
{
    run_start_in(r, *state, shell(l, script));
    run_wait(r, NULL);
}

static void assert_ended(const struct run *r, bool exited, int number)
{
    if (r->step[0])
        fail_msg("%s: %s", r->step, r->detail);
    assert_int_equal(r->how.exited, exited);
    assert_int_equal(exited ? r->how.status : r->how.signal, number);
}

static void an_exit_status_is_told(void **state)
{
    struct run r;

    run_script(&r, state, &plain, "echo one; echo two >&2; exit 7");
    assert_ended(&r, true, 7);
    assert_string_equal(r.text.data, "one\ntwo\n");
    run_done(&r);
}

static void a_death_by_signal_is_told_from_a_status(void **state)
{
    struct run r;

    run_script(&r, state, &plain, "kill -SEGV $$");
    assert_ended(&r, false, SIGSEGV);
    run_done(&r);
    run_script(&r, state, &plain, "exit 139");
    assert_ended(&r, true, 139);
    run_done(&r);
}

static void a_missing_program_is_named(void **state)
{
    struct plan *p = plan_new("test", &plain);
    struct run r;

    plan_arg(p, "/usr/bin/no-such-program");
    run_start_in(&r, *state, p);
    run_wait(&r, NULL);
    assert_false(r.how.exited);
    assert_string_equal(r.step, "program");
    assert_string_equal(r.detail, "No such file or directory");
    run_done(&r);
}

static void what_the_program_left_behind_ends_with_it(void **state)
{
    struct run r;

    /* They hold the pipe: its end proves theirs. */
    run_script(&r, state, &plain, "for i in 1 2 3; do (setsid sleep 1000 &); done; exit 0");
    assert_ended(&r, true, 0);
    run_done(&r);
}

#define MANY_CHILDREN                                                                             \
    "for i in 1 2 3 4 5 6 7 8 9 10; do (setsid sh -c 'trap \"\" TERM HUP; sleep 1000' &); done; " \
    "trap '' TERM; echo up; while :; do sleep 1000; done"

static void a_kill_leaves_nothing(void **state)
{
    struct run r;

    run_start_in(&r, *state, shell(&plain, MANY_CHILDREN));
    run_wait(&r, "up");
    child_kill(r.child);
    child_kill(r.child);
    run_wait(&r, NULL);
    assert_ended(&r, false, SIGKILL);
    run_done(&r);
}

static void a_kill_at_any_moment_of_the_birth_is_an_end(void **state)
{
    struct plan_limits l = plain;

    for (int i = 0; i < 30; i++) {
        struct run r, other;
        run_start_in(&r, *state, shell(&l, MANY_CHILDREN));
        /* Another box gives the first one a different head start each time. */
        if (i % 3 == 1)
            run_script(&other, state, &l, "exit 0");
        child_kill(r.child);
        run_wait(&r, NULL);
        assert_ended(&r, false, SIGKILL);
        run_done(&r);
        if (i % 3 == 1)
            run_done(&other);
    }
}

static void a_program_can_be_asked_to_end(void **state)
{
    struct run r;

    run_start_in(&r, *state,
                 shell(&plain, "trap 'echo bye; exit 3' TERM; echo up; sleep 1000 & wait"));
    run_wait(&r, "up");
    child_terminate(r.child);
    run_wait(&r, NULL);
    assert_ended(&r, true, 3);
    run_says(&r, "bye");
    run_done(&r);
}

static void a_freed_child_is_killed_and_not_heard_of_again(void **state)
{
    struct run r;

    run_start_in(&r, *state, shell(&plain, MANY_CHILDREN));
    run_wait(&r, "up");
    child_free(take(r.child));
    r.ended = true; /* so that the end of its output alone ends the wait */
    run_wait(&r, NULL);
    assert_null(r.watch);
    run_done(&r);
}

/* Waits for a process that need not be our child. */
static void assert_ends(int pidfd)
{
    struct pollfd gone = { pidfd, POLLIN, 0 };

    assert_int_equal(poll(&gone, 1, STUCK_MS), 1);
}

static void when_the_spawner_dies_so_do_the_boxes_and_a_new_one_comes(void **state)
{
    struct box_world *w = *state;
    struct run r;
    pid_t old = spawner_pid(w->spawner);

    run_start(&r, w->loop, w->spawner, shell(&plain, MANY_CHILDREN));
    run_wait(&r, "up");
    assert_int_equal(kill(old, SIGKILL), 0);
    run_wait(&r, NULL);
    assert_string_equal(r.step, "spawner");
    run_done(&r);

    assert_int_not_equal(spawner_pid(w->spawner), old);
    run_script(&r, state, &plain, "exit 5");
    assert_ended(&r, true, 5);
    run_done(&r);
}

/* What waits to be told goes over to the next loop, and nothing stays in the last one. */
static void a_loss_is_told_on_the_loop_that_comes_next(void **state)
{
    struct box_world *w = *state;
    scoped(fd_close) int gone = pidfd_open(spawner_pid(w->spawner), 0);
    struct run r;

    assert_int_equal(kill(spawner_pid(w->spawner), SIGKILL), 0);
    assert_ends(gone);
    run_start(&r, w->loop, w->spawner, shell(&plain, "exit 0")); /* nobody is there to build it */
    watch_free(take(r.watch));
    box_world_move(w, STUCK_MS);
    r.loop = w->loop;
    run_wait(&r, NULL);
    do { /* until there is a new one */
        assert_string_equal(r.step, "spawner");
        run_done(&r);
        run_script(&r, state, &plain, "exit 5");
    } while (r.step[0]);
    assert_ended(&r, true, 5);
    run_done(&r);
}

/* Each of them stays below what one process may have. With a control group the kernel ends one of
 * them, which is waited for; without one the whole box goes. */
static void processes_that_need_too_much_together_are_ended(void **state)
{
    struct run r;

    run_script(&r, state, &plain,
               "exec bash -c 'for i in 1 2 3 4 5 6 7 8; do"
               " dd if=/dev/zero of=/dev/null bs=48M count=1000000 2>/dev/null & done; wait -n'");
    assert_true(r.how.out_of_memory);
    run_done(&r);
}

static void where_walls_are_not_enough_nothing_is_built(void **state)
{
    struct box_world *w = *state;
    struct run r;

    run_script(&r, state, &plain, "exit 5");
    assert_ended(&r, true, 5);
    run_done(&r);
    spawner_refuse(w->spawner, "no cgroups");
    for (int i = 0; i < 2; i++) {
        run_script(&r, state, &plain, "exit 5");
        assert_string_equal(r.step, "walls");
        assert_string_equal(r.detail, "no cgroups");
        run_done(&r);
    }
}

static char group_name[64];

static int assert_not_our_group(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    if (strcmp(path + at->base, group_name) == 0)
        fail_msg("%s is left", path);
    return 0;
}

static void when_the_spawner_ends_no_control_group_is_left(void **state)
{
    struct box_world *w = *state;
    struct stat st;
    struct run r;

    assert_int_equal(stat(w->data_dir, &st), 0);
    (void)snprintf(group_name, sizeof group_name, "impresario-%llx-%llx",
                   (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    run_start(&r, w->loop, w->spawner, shell(&plain, MANY_CHILDREN));
    run_wait(&r, "up");
    watch_free(take(r.watch));
    spawner_free(take(w->spawner));
    (void)nftw("/sys/fs/cgroup", assert_not_our_group, 16, FTW_PHYS);
    run_done(&r);
}

static void signals_for_the_group_do_not_end_the_spawner(void **state)
{
    struct box_world *w = *state;
    struct run r;

    assert_int_equal(kill(spawner_pid(w->spawner), SIGTERM), 0);
    assert_int_equal(kill(spawner_pid(w->spawner), SIGINT), 0);
    run_script(&r, state, &plain, "exit 5");
    assert_ended(&r, true, 5);
    run_done(&r);
}

/* The bubblewrap of the only box. */
static pid_t find_bwrap(const struct box_world *w)
{
    pid_t spawner = spawner_pid(w->spawner);
    scoped(mem_free) char *path = mem_format("/proc/%d/task/%d/children", spawner, spawner);
    scoped(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[64] = "";

    assert_true(read(fd, text, sizeof text - 1) > 0);
    return (pid_t)strtol(text, NULL, 10);
}

static void when_bubblewrap_is_killed_nothing_is_left(void **state)
{
    struct run r;

    run_start_in(&r, *state, shell(&plain, MANY_CHILDREN));
    run_wait(&r, "up");
    assert_int_equal(kill(find_bwrap(*state), SIGKILL), 0);
    run_wait(&r, NULL);
    assert_ended(&r, false, SIGKILL);
    run_done(&r);
}

static void on_no_exit(void *arg, const struct child_exit *how)
{
    (void)arg;
    (void)how;
}

/* A server of its own, with one box whose output is ours; it tells its spawner's pid and stays. */
static _Noreturn void be_server(const struct box_world *w, int out, int tell)
{
    char *data_dir = mem_format("%s/its-own", w->data_dir);
    const struct spawner_options options = { .program = "/usr/bin/true",
                                             .data_dir = data_dir,
                                             .sandbox_uid = box_world_uid() };
    struct loop *loop = loop_new(&clock_real);
    struct spawner *s;
    struct err e = { 0 };
    struct plan *p = shell(&plain, MANY_CHILDREN);

    if (mkdir(data_dir, 0700) < 0 || spawner_start(&options, &s, &e) < 0)
        _exit(1);
    if (box_world_basic)
        spawner_accept_basic(s);
    spawner_attach(s, loop);
    plan_fd(p, out, 1);
    pid_t pid = spawner_pid(s);
    if (write(tell, &pid, sizeof pid) != sizeof pid)
        _exit(1);
    (void)child_start(s, p, on_no_exit, NULL);
    loop_run(loop);
    _exit(1);
}

static void when_the_server_is_killed_nothing_is_left(void **state)
{
    struct box_world *w = *state;
    int out[2], tell[2];
    char text[16];
    pid_t spawner;

    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
    pid_t server = fork();
    assert_true(server >= 0);
    if (server == 0)
        be_server(w, out[1], tell[1]);
    fd_close(out[1]);
    assert_int_equal(read(tell[0], &spawner, sizeof spawner), sizeof spawner);
    scoped(fd_close) int pidfd = pidfd_open(spawner, 0);
    assert_true(pidfd >= 0);
    assert_int_equal(read(out[0], text, sizeof text), 3); /* "up" */

    assert_int_equal(kill(server, SIGKILL), 0);
    assert_int_equal(waitpid(server, NULL, 0), server);
    assert_int_equal(read(out[0], text, sizeof text), 0); /* no one holds it any more */
    assert_ends(pidfd);
    fd_close(out[0]);
    fd_close(tell[0]);
    fd_close(tell[1]);
}

/* ---- what is inside ---- */

static void descriptors_have_their_numbers_and_there_are_no_others(void **state)
{
    struct box_world *w = *state;
    struct plan *p = shell(&plain, "n=0; while [ $n -lt 100 ]; do [ -e /proc/$$/fd/$n ] && echo $n;"
                                   " n=$((n+1)); done; cat <&5 >&3");
    int pair[2], pipe_ends[2];
    char text[16] = "";
    struct run r;

    int leak = open("/dev/null", O_RDONLY); /* inherited by all that is started carelessly */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
    assert_int_equal(write(pipe_ends[1], "hello", 5), 5);
    fd_close(pipe_ends[1]);
    plan_fd(p, pair[1], 3);
    plan_fd(p, pipe_ends[0], 5);
    run_start(&r, w->loop, w->spawner, p);
    run_wait(&r, NULL);
    assert_ended(&r, true, 0);
    assert_string_equal(r.text.data, "0\n1\n2\n3\n5\n");
    assert_int_equal(read(pair[0], text, sizeof text), 5);
    assert_string_equal(text, "hello");
    assert_int_equal(read(pair[0], text, sizeof text), 0);
    fd_close(pair[0]);
    fd_close(leak);
    run_done(&r);
}

static void nothing_of_the_servers_environment_is_inside(void **state)
{
    struct run r;

    run_script(&r, state, &plain, "env; cat /proc/[0-9]*/environ 2>/dev/null; echo end");
    run_says(&r, "TMPDIR=/work/tmp\n");
    assert_null(strstr(r.text.data, "MESSAGE_OUTPUT"));
    assert_null(strstr(r.text.data, "HOSTS_SECRET"));
    run_done(&r);
    run_script(&r, state, &plain, "cat /proc/1/environ /proc/1/maps; ls /proc/1/fd");
    assert_ended(&r, true, 2); /* the first process is closed to the others */
    run_done(&r);
}

static void only_the_boxs_own_processes_are_seen(void **state)
{
    struct run r;

    run_script(&r, state, &plain, "cd /proc; echo [0-9]*");
    assert_string_equal(r.text.data, "1 2\n");
    run_done(&r);
}

static void there_are_no_rights_left(void **state)
{
    struct run r;

    run_script(&r, state, &plain,
               "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; id -un;"
               "id -G; stat -c %U /work /work/app /work/home /work/tmp | uniq");
    scoped(mem_free) char *says = mem_format(
        "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
        "CapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"
        "sandbox\n%d\nsandbox\n",
        box_world_basic ? (int)BOX_WORLD_BASIC_UID : (int)PLAN_UID);
    assert_string_equal(buf_str(&r.text), says);
    run_done(&r);
}

static void no_device_is_made_and_files_move_as_ever(void **state)
{
    struct run r;

    run_script(&r, state, &plain,
               "mknod /work/tmp/device c 0 0; echo x >/work/tmp/a; mv /work/tmp/a /work/app/b;"
               "ln /work/app/b /work/home/c && cat /work/home/c; mkdir /work/app/d;"
               "mv -T /work/app/d /work/tmp/e && echo moved");
    run_says(&r, "/work/tmp/device: Permission denied");
    run_says(&r, "x\nmoved\n");
    run_done(&r);
}

/* Two at once, of which one looks around while the other is up. */
static void each_box_is_a_user_of_its_own(void **state)
{
    struct run first, second;

    run_start_in(&first, *state, shell(&plain, "id -u; read line"));
    run_wait(&first, "\n");
    run_script(&second, state, &plain,
               "id -u; for p in /proc/[0-9]*; do stat -c %u $p; done | sort -u");
    assert_string_not_equal(buf_str(&first.text), buf_str(&second.text));
    run_done(&first);
    run_done(&second);
}

/* The first process as well: the program is of the same user. */
static void the_first_process_has_no_rights_left(void **state)
{
    struct run r;

    run_script(&r, state, &plain,
               "grep -cE '^(Cap.*:.0000000000000000|Uid:(.615[0-9][0-9]){4})$' /proc/1/status;"
               "cat /proc/1/environ; : >/proc/1/mem");
    assert_null(strstr(buf_str(&r.text), "SECRET"));
    run_says(&r, "6\n");
    run_says(&r, "/proc/1/mem: Permission denied");
    run_done(&r);
}

static void without_user_namespaces_nothing_is_built_that_does_not_accept_it(void **state)
{
    struct run r;

    (void)state;
    box_world_basic = false;
    struct box_world *w = box_world_open(true, STUCK_MS);
    box_world_basic = true;
    assert_non_null(strstr(spawner_no_userns(w->spawner), "Operation not permitted"));
    run_start(&r, w->loop, w->spawner, shell(&plain, "echo ran"));
    run_wait(&r, NULL);
    assert_int_equal(r.text.n, 0);
    assert_string_equal(r.step, "namespaces");
    assert_non_null(strstr(r.detail, "user namespace"));
    run_done(&r);
    void *to_close = w;
    box_world_close(&to_close);
}

static void the_user_namespace_is_another(void **state)
{
    struct stat ours;
    struct run r;

    run_script(&r, state, &plain, "stat -Lc %i /proc/self/ns/user");
    assert_int_equal(stat("/proc/self/ns/user", &ours), 0);
    long inode = strtol(r.text.data, NULL, 10);
    assert_true(inode > 0 && (inode == (long)ours.st_ino) == box_world_basic);
    run_done(&r);
}

static void the_system_is_read_only(void **state)
{
    struct run r;

    run_script(
        &r, state, &plain,
        "for at in /x /dev/x /etc/x /usr/x /opt/x; do touch $at && echo wrote $at; done;"
        "touch /work/app/x /work/tmp/x /work/home/x /tmp/y /var/tmp/z /dev/shm/x && echo ok");
    assert_null(strstr(r.text.data, "wrote"));
    run_says(&r, "ok\n");
    run_done(&r);
}

static void namespaces_and_mounts_are_refused(void **state)
{
    struct run r;

    run_script(&r, state, &plain,
               "unshare -U true; echo $?; unshare -n true; echo $?; mount -t tmpfs x /work/tmp;"
               " echo $?");
    assert_null(strstr(r.text.data, "0\n"));
    run_done(&r);
}

static void a_browsers_box_can_nest_user_namespaces_but_not_mount(void **state)
{
    struct plan_limits l = plain;
    struct run r;

    l.browser = true;
    run_script(&r, state, &l, "unshare -Upnf true && echo nested; unshare -Um true || echo walled");
    if (box_world_basic) {
        assert_null(strstr(r.text.data, "nested"));
        run_says(&r, "walled\n");
        run_done(&r);
        return;
    }
    assert_string_equal(strstr(r.text.data, "nested"), "nested\nunshare: unshare failed: "
                                                       "Operation not permitted\nwalled\n");
    run_done(&r);
}

/* A listener on the host's loopback, and a script that tries to reach it. */
static void try_loopback(void **state, enum plan_net net, struct run *r)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof at;
    struct plan_limits l = plain;
    scoped(fd_close) int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listener, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &n), 0);
    scoped(mem_free) char *script =
        mem_format("(exec 3<>/dev/tcp/127.0.0.1/%d) && echo reached; tail -n +3 /proc/net/dev | "
                   "cut -d: -f1 | tr -d ' \\n'",
                   ntohs(at.sin_port));
    l.net = net;
    struct plan *p = plan_new("net", &l);
    plan_arg(p, "/usr/bin/bash");
    plan_arg(p, "-c");
    plan_arg(p, script);
    plan_env_runtime(p);
    run_start_in(r, *state, p);
    run_wait(r, NULL);
}

static void without_a_network_there_is_only_a_loopback_of_its_own(void **state)
{
    struct run r;

    try_loopback(state, PLAN_NET_NONE, &r);
    assert_null(strstr(r.text.data, "reached"));
    run_says(&r, "Connection refused");
    assert_string_equal(r.text.data + r.text.n - 3, "\nlo");
    run_done(&r);
}

static void with_the_hosts_network_names_and_hosts_are_reached(void **state)
{
    struct run r;

    try_loopback(state, PLAN_NET_HOST, &r);
    run_says(&r, "reached");
    run_done(&r);
}

static void a_cage_that_cannot_be_had_is_not_replaced_by_less(void **state)
{
    struct plan_limits l = plain;
    struct run r;

    l.net = PLAN_NET_CAGE;
    run_script(&r, state, &l, "exit 0");
    assert_string_equal(r.step, "network");
    run_done(&r);
}

/* ---- limits ---- */

static void the_work_folder_is_capped(void **state)
{
    struct run r;

    run_script(&r, state, &plain,
               "for i in 1 2 3 4; do head -c 10M /dev/zero >/work/app/$i || exit 9; done");
    assert_ended(&r, true, 9);
    run_says(&r, "No space left on device");
    run_done(&r);
}

static void a_file_is_capped(void **state)
{
    struct run r;

    run_script(&r, state, &plain, "head -c 20M /dev/zero >/work/app/x; stat -c %s /work/app/x");
    run_says(&r, "16777216");
    run_done(&r);
}

static void memory_is_capped(void **state)
{
    struct box_world *w = *state;
    struct run r;

    /* There is no newline in /dev/zero, so this keeps all of it. */
    run_script(&r, state, &plain, "tail -n 1 /dev/zero; echo ended with $?");
    run_says(&r, "ended with ");
    assert_null(strstr(r.text.data, "ended with 0"));
    assert_int_equal(r.how.out_of_memory, spawner_limits(w->spawner)->memory);
    run_done(&r);
}

static void processes_are_capped(void **state)
{
    struct run r;

    run_script(&r, state, &plain, "n=0; while sleep 1000 & do n=$((n+1)); echo $n; done");
    run_says(&r, "Cannot fork");
    run_says(&r, "\n50\n");
    assert_null(strstr(r.text.data, "\n64\n"));
    run_done(&r);
}

/* ---- what is bound ---- */

static void a_bind_shows_what_is_below_the_data_directory(void **state)
{
    struct box_world *w = *state;
    scoped(mem_free) char *in = mem_format("%s/in", w->data_dir);
    scoped(mem_free) char *out = mem_format("%s/out", w->data_dir);
    scoped(mem_free) char *file = mem_format("%s/file", in);
    scoped(mem_free) char *made = mem_format("%s/made", out);
    struct run r;

    assert_int_equal(mkdir(in, 0755) | mkdir(out, 0700), 0);
    fd_close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    struct plan *p = shell(&plain, "ls /work/node_modules; echo x >/out/made; "
                                   "touch /work/node_modules/file || echo fine; ls -l $PWD/link");
    plan_bind_ro(p, in, PLAN_MODULES);
    plan_bind_rw(p, out, "/out");
    plan_symlink(p, "../x", PLAN_APP "/link");
    run_start(&r, w->loop, w->spawner, p);
    run_wait(&r, NULL);
    run_says(&r, "file\n");
    run_says(&r, "fine\n");
    run_says(&r, "/work/app/link -> ../x");
    assert_int_equal(access(made, R_OK), 0);
    run_done(&r);
}

static void assert_not_bound(struct box_world *w, const char *host)
{
    struct plan *p = shell(&plain, "exit 0");
    struct run r;

    plan_bind_ro(p, host, "/in");
    run_start(&r, w->loop, w->spawner, p);
    run_wait(&r, NULL);
    if (strcmp(r.step, "binds") != 0)
        fail_msg("%s: %s: %s", host, r.step, r.detail);
    run_done(&r);
}

static void a_bind_leads_nowhere_else(void **state)
{
    struct box_world *w = *state;
    scoped(mem_free) char *link = mem_format("%s/link", w->data_dir);
    scoped(mem_free) char *through = mem_format("%s/link/ssl", w->data_dir);
    scoped(mem_free) char *missing = mem_format("%s/missing", w->data_dir);
    scoped(mem_free) char *beside = mem_format("%s-beside", w->data_dir);

    assert_int_equal(symlink("/etc", link), 0);
    assert_not_bound(w, link);
    assert_not_bound(w, through);
    assert_not_bound(w, missing);
    assert_not_bound(w, beside);
    assert_not_bound(w, w->data_dir);
    assert_not_bound(w, "/etc/ssl");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, box_world_close)

#define EVERYWHERE                                                                                \
    TEST(no_device_is_made_and_files_move_as_ever), TEST(an_exit_status_is_told),                 \
        TEST(a_death_by_signal_is_told_from_a_status), TEST(a_missing_program_is_named),          \
        TEST(what_the_program_left_behind_ends_with_it), TEST(a_kill_leaves_nothing),             \
        TEST(a_kill_at_any_moment_of_the_birth_is_an_end), TEST(a_program_can_be_asked_to_end),   \
        TEST(a_freed_child_is_killed_and_not_heard_of_again),                                     \
        TEST(when_the_spawner_dies_so_do_the_boxes_and_a_new_one_comes),                          \
        TEST(processes_that_need_too_much_together_are_ended),                                    \
        TEST(where_walls_are_not_enough_nothing_is_built),                                        \
        TEST(a_loss_is_told_on_the_loop_that_comes_next),                                         \
        TEST(when_the_spawner_ends_no_control_group_is_left),                                     \
        TEST(signals_for_the_group_do_not_end_the_spawner),                                       \
        TEST(when_bubblewrap_is_killed_nothing_is_left),                                          \
        TEST(when_the_server_is_killed_nothing_is_left),                                          \
        TEST(descriptors_have_their_numbers_and_there_are_no_others),                             \
        TEST(nothing_of_the_servers_environment_is_inside),                                       \
        TEST(only_the_boxs_own_processes_are_seen), TEST(there_are_no_rights_left),               \
        TEST(the_user_namespace_is_another), TEST(the_system_is_read_only),                       \
        TEST(namespaces_and_mounts_are_refused),                                                  \
        TEST(a_browsers_box_can_nest_user_namespaces_but_not_mount),                              \
        TEST(without_a_network_there_is_only_a_loopback_of_its_own),                              \
        TEST(with_the_hosts_network_names_and_hosts_are_reached),                                 \
        TEST(a_cage_that_cannot_be_had_is_not_replaced_by_less), TEST(the_work_folder_is_capped), \
        TEST(a_file_is_capped), TEST(memory_is_capped), TEST(processes_are_capped),               \
        TEST(a_bind_shows_what_is_below_the_data_directory), TEST(a_bind_leads_nowhere_else)

#define AT_BASIC                                                                        \
    cmocka_unit_test(without_user_namespaces_nothing_is_built_that_does_not_accept_it), \
        TEST(each_box_is_a_user_of_its_own), TEST(the_first_process_has_no_rights_left)

int main(int argc, char **argv)
{
    if (exec_wanted(argv[0]))
        return exec_main(argc, argv);
    (void)setenv("HOSTS_SECRET", "canary", 1);
    if (argc > 1 && strcmp(argv[1], "--as-user") == 0 && geteuid() == 0 &&
        (setgid(TEST_USER) < 0 || setuid(TEST_USER) < 0))
        return EXIT_FAILURE;
    box_world_basic = argc > 1 && strcmp(argv[1], "--basic") == 0;
    if (!box_world_can_be())
        return EXIT_SUCCESS;
    const struct CMUnitTest tests[] = { EVERYWHERE };
    const struct CMUnitTest basic[] = { EVERYWHERE, AT_BASIC };
    return box_world_basic ? cmocka_run_group_tests_name("spawner", basic, NULL, NULL)
                           : cmocka_run_group_tests_name("spawner", tests, NULL, NULL);
}
