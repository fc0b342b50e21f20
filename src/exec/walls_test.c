/* SPDX-License-Identifier: Apache-2.0
 *
 * The attempts of walls.c can succeed: here boxes are built as ever but for one wall, and that wall
 * has to be named, and no other. A launch is a value, so the wall is taken out of the value; nothing
 * in the program itself can leave one out. With --as-user by someone who is not root.
 */
#include "exec/walls.h"

#include "exec/bwrap.h"
#include "exec/plan_private.h"
#include "exec/syscalls.h"

#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEST_USER = 60999, BOX_USER = 60998, ARGS_FD = 3, FIRST_FILE = 4, WORK_MIB = 16 };

/* What is left out of a launch, and what has to be missed. */
struct ablation {
    const char *words[3]; /* arguments of bubblewrap that are taken out, one after the other */
    const char *instead;  /* of the first of them; NULL: nothing */
    bool unfiltered, unlimited, with_environment, with_file, with_folder;
    const char *wall, *open; /* NULL: nothing is missed */
};

/* clang-format off */
static const struct ablation ablations[] = {
    { .wall = NULL },
    { .words = { "--unshare-pid" }, .wall = "namespaces", .open = "pid" },
    { .words = { "--unshare-ipc" }, .wall = "namespaces", .open = "ipc" },
    { .words = { "--unshare-uts", "--hostname", "sandbox" }, .wall = "namespaces", .open = "uts" },
    { .words = { "--unshare-cgroup" }, .wall = "namespaces", .open = "cgroup" },
    { .words = { "--unshare-net" }, .wall = "namespaces", .open = "net" },
    { .words = { "--new-session" }, .wall = "namespaces", .open = "session" },
    { .unfiltered = true, .wall = "system-calls", .open = "no filter" },
    { .unlimited = true, .wall = "limits", .open = "core dumps" },
    { .with_environment = true, .wall = "secrets", .open = "the first process's environment" },
    { .with_file = true, .wall = "secrets", .open = "descriptors" },
    { .with_folder = true, .wall = "files", .open = "/srv" },
    { .words = { "--remount-ro", "/dev" }, .wall = "files", .open = "/dev" },
    { .words = { "--size", "16777216" }, .wall = "limits", .open = "/dev/shm has no size" },
    { .words = { "--ro-bind" }, .instead = "--bind", .wall = "files", .open = "/usr can be written to" },
};
/* clang-format on */

/* The first argument that says `word`, from `from` on. */
static size_t find_word(const struct buf *args, const char *word, size_t from)
{
    for (size_t at = from; at < args->n; at += strlen(args->data + at) + 1) {
        if (strcmp(args->data + at, word) == 0)
            return at;
    }
    fail_msg("there is no argument %s", word);
    return 0;
}

static void add_word(struct buf *args, const char *word)
{
    buf_add(args, word, strlen(word) + 1);
}

static void prepend(struct buf *args, const char *word)
{
    scoped(buf_done) struct buf rest = *args;

    *args = (struct buf){ 0 };
    add_word(args, word);
    buf_add(args, rest.data, rest.n);
}

/* Without the words, which follow each other or stand alone. */
static void take_out(struct buf *args, const struct ablation *a)
{
    for (size_t i = 0; i < n_items(a->words) && a->words[i]; i++) {
        scoped(buf_done) struct buf rest = { 0 };
        size_t at = find_word(args, a->words[i], 0);
        /* "--remount-ro /dev" is meant, and not "--dev /dev" before it. */
        if (i == 0 && a->words[1] && a->words[1][0] == '/') {
            while (strcmp(args->data + at + strlen(a->words[0]) + 1, a->words[1]) != 0)
                at = find_word(args, a->words[0], at + 1);
        } else if (i > 0 && a->words[i][0] == '/') {
            continue; /* it went with the option before it */
        }
        size_t after = at + strlen(a->words[i]) + 1;
        if (i == 0 && a->words[1] && a->words[1][0] == '/')
            after += strlen(a->words[1]) + 1;
        buf_add(&rest, args->data, at);
        if (i == 0 && a->instead)
            add_word(&rest, a->instead);
        buf_add(&rest, args->data + after, args->n - after);
        buf_reset(args);
        buf_add(args, rest.data, rest.n);
    }
}

static char own_program[4096];

static int fd_of(const struct buf *bytes)
{
    int fd = memfd_create("walls", 0);

    if (fd < 0 || write(fd, bytes->data, bytes->n) != (ssize_t)bytes->n ||
        lseek(fd, 0, SEEK_SET) < 0)
        _exit(100);
    return fd;
}

/* The limits that the first process of a box sets. */
static void set_limits(void)
{
    static const struct {
        __rlimit_resource_t resource;
        rlim_t most;
    } limits[] = { { RLIMIT_CORE, 0 },
                   { RLIMIT_NOFILE, 1024 },
                   { RLIMIT_FSIZE, 1 << 20 },
                   { RLIMIT_NPROC, 1000 } };

    for (size_t i = 0; i < n_items(limits); i++) {
        const struct rlimit l = { limits[i].most, limits[i].most };
        if (setrlimit(limits[i].resource, &l) < 0)
            _exit(101);
    }
}

static _Noreturn void become_box(const struct ablation *a, const struct plan *p, int out)
{
    const struct bwrap_sources from = { .program = own_program };
    struct bwrap_call call = { 0 };
    struct buf filter = { 0 }, box = { 0 }, none = { 0 };
    struct err e = { 0 };
    char name[] = "bwrap", args[] = "--args", args_fd[] = "3", end[] = "--";
    char *argv[32] = { name, args, args_fd, end }, secret[] = "SECRET=1";
    char *const envp[] = { a->with_environment ? secret : NULL, NULL };
    int fds[BWRAP_FILES + 1];

    if (syscalls_filter(&(struct syscalls_of){ .browser = p->limits.browser }, &filter, &e) < 0)
        _exit(102);
    buf_text(&box, "#!/bin/sh\n");
    bwrap_call(p, &from, &filter, &box, FIRST_FILE, &call);
    /* The first process is bubblewrap's here, and not ours, which speaks with a spawner. */
    take_out(&call.args, &(struct ablation){ .words = { "--as-pid-1" } });
    prepend(&call.args, "--new-session"); /* as ours does */
    take_out(&call.args, a);
    if (a->with_folder) { /* before the root becomes read-only */
        prepend(&call.args, "/srv");
        prepend(&call.args, "/srv");
        prepend(&call.args, "--ro-bind");
    }
    if (a->unfiltered) { /* the last two arguments, and the last file */
        size_t at = find_word(&call.args, "--seccomp", 0);
        buf_add(&none, call.args.data, at);
        call.args = none;
        call.n_files--;
    }
    fds[0] = fd_of(&call.args);
    for (size_t i = 0; i < call.n_files; i++)
        fds[i + 1] = fd_of(&call.files[i]);
    for (size_t i = 0; i < p->args.n && i < 26; i++)
        argv[4 + i] = p->args.items[i].a;
    for (size_t i = 0; i <= call.n_files; i++)
        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 40);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)dup2(a->with_file ? fd_of(&box) : null, 0);
    (void)dup2(out, 1);
    (void)dup2(out, 2);
    for (size_t i = 0; i <= call.n_files; i++)
        (void)dup2(fds[i], ARGS_FD + (int)i);
    (void)close_range(FIRST_FILE + (unsigned)call.n_files, ~0U, 0);
    /* As the spawner does, whose boxes are never root's. */
    if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(BOX_USER, BOX_USER, BOX_USER) < 0 ||
                           setresuid(BOX_USER, BOX_USER, BOX_USER) < 0))
        _exit(104);
    if (!a->unlimited)
        set_limits();
    execve(BWRAP_PROGRAM, argv, envp);
    _exit(103);
}

static void run_box(const struct ablation *a, bool browser, struct buf *text)
{
    const struct plan_limits limits = { .net = PLAN_NET_NONE,
                                        .memory_mib = 2 * WORK_MIB,
                                        .pids = 64,
                                        .work_mib = WORK_MIB,
                                        .browser = browser };
    scoped(plan_free) struct plan *p = plan_new("walls", &limits);
    int ends[2], status = 0;
    ssize_t n;

    walls_args(p, NULL);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0)
        become_box(a, p, ends[1]);
    fd_close(ends[1]);
    while ((n = read(ends[0], buf_reserve(text, 4096), 4096)) > 0)
        buf_grew(text, (size_t)n);
    fd_close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !strstr(buf_str(text), "held limits "))
        fail_msg("without %s %s the box ended with %x: %s", a->words[0] ? a->words[0] : "",
                 a->open ? a->open : "anything", (unsigned)status, buf_str(text));
}

/* Every success is at the wall that was left out, and the one that must be among them is. */
static void check(const struct ablation *a, struct buf *text)
{
    /* Bubblewrap's first process does not guard its memory, and puts on no rules for files, as ours
     * does (probe_test.c). */
    static const char *const of_ours[] = { "open secrets the first process's memory\n",
                                           "open landlock a device\n" };
    scoped(mem_free) char *wanted =
        a->wall ? mem_format("open %s %s\n", a->wall, a->open) : mem_text("held ");
    scoped(mem_free) char *wall = mem_format("open %s ", a->wall ? a->wall : "none");

    for (size_t i = 0; i < n_items(of_ours); i++) {
        char *known = strstr(buf_str(text), of_ours[i]);
        if (known)
            memset(known, '\n', strlen(of_ours[i]));
    }
    if (!strstr(buf_str(text), wanted))
        fail_msg("without \"%s\" there is no \"%s\" in:\n%s", a->open, wanted, buf_str(text));
    for (const char *at = buf_str(text); (at = strstr(at, "open ")); at++) {
        if ((at == text->data || at[-1] == '\n') && strncmp(at, wall, strlen(wall)) != 0)
            fail_msg("without \"%s\" another wall is missed:\n%s", a->open ? a->open : "",
                     buf_str(text));
    }
}

static void check_all(bool browser)
{
    for (size_t i = 0; i < n_items(ablations); i++) {
        scoped(buf_done) struct buf text = { 0 };
        run_box(&ablations[i], browser, &text);
        check(&ablations[i], &text);
    }
}

static void in_a_plain_box_the_missing_wall_is_named(void **state)
{
    (void)state;
    check_all(false);
}

static void in_a_browsers_box_the_missing_wall_is_named(void **state)
{
    (void)state;
    check_all(true);
}

static void there_are_enough_attempts(void **state)
{
    enum { AT_LEAST = 80 };

    (void)state;
    for (int browser = 0; browser < 2; browser++) {
        scoped(buf_done) struct buf text = { 0 };
        int held = 0;
        run_box(&ablations[0], browser, &text);
        for (size_t i = 0; wall_names[i]; i++) {
            scoped(mem_free) char *line = mem_format("held %s ", wall_names[i]);
            const char *at = strstr(buf_str(&text), line);
            assert_non_null(at);
            held += (int)strtol(at + strlen(line), NULL, 10);
        }
        assert_true(held >= AT_LEAST);
    }
}

int main(int argc, char **argv)
{
    if (walls_wanted(argc, argv))
        return walls_main(argc, argv);
    if (argc > 1 && strcmp(argv[1], "--as-user") == 0 && geteuid() == 0 &&
        (setgid(TEST_USER) < 0 || setuid(TEST_USER) < 0))
        return EXIT_FAILURE;
    if (readlink("/proc/self/exe", own_program, sizeof own_program - 1) < 0)
        return EXIT_FAILURE;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_a_plain_box_the_missing_wall_is_named),
        cmocka_unit_test(in_a_browsers_box_the_missing_wall_is_named),
        cmocka_unit_test(there_are_enough_attempts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
