/* SPDX-License-Identifier: Apache-2.0
 *
 * Version 2 against a folder that looks like it, as a machine has one version or the other; real
 * groups are met in spawner_test.c.
 */
#include "exec/cgroup.h"

#include "base/buf.h"
#include "base/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEST_USER = 60999 };

struct world {
    char root[64];
    char *mountinfo, *self;
    struct cgroup_source source;
};

static const struct plan_limits limits = {
    .memory_mib = 64, .pids = 30, .work_mib = 1, .cpu_percent = 150
};

static void put(const char *dir, const char *name, const char *text)
{
    scoped(mem_free) char *path = mem_format("%s/%s", dir, name);
    scoped(fd_close) int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void assert_holds(const char *dir, const char *name, const char *text)
{
    scoped(mem_free) char *path = mem_format("%s/%s", dir, name);
    scoped(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char held[256] = "";

    assert_true(fd >= 0);
    assert_true(read(fd, held, sizeof held - 1) >= 0);
    assert_string_equal(held, text);
}

/* The files that the kernel would make with a group. */
static void make_group(const char *dir)
{
    static const char *const files[] = { "cgroup.procs", "cgroup.subtree_control",
                                         "memory.max",   "memory.swap.max",
                                         "pids.max",     "cpu.max" };

    assert_true(mkdir(dir, 0700) == 0 || errno == EEXIST);
    for (size_t i = 0; i < n_items(files); i++)
        put(dir, files[i], "");
    put(dir, "cgroup.controllers", "cpuset cpu io memory pids\n");
    put(dir, "memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 2\noom_group_kill 0\n");
}

static int setup(void **state)
{
    struct world *w = mem_new(sizeof *w);

    (void)snprintf(w->root, sizeof w->root, "/tmp/cgroup-test-XXXXXX");
    assert_non_null(mkdtemp(w->root));
    make_group(w->root);
    w->mountinfo = mem_format("%s-mountinfo", w->root);
    w->self = mem_format("%s-self", w->root);
    w->source = (struct cgroup_source){ w->mountinfo, w->self };
    scoped(mem_free) char *mounts =
        mem_format("22 27 0:20 / /proc rw,nosuid shared:12 - proc proc rw\n"
                   "30 23 0:26 / %s rw,nosuid,nodev shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
                   w->root);
    put("/", w->mountinfo + 1, mounts);
    put("/", w->self + 1, "0::/unit.service\n");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    assert_int_equal(tree_remove(w->root), 0);
    (void)unlink(w->mountinfo);
    (void)unlink(w->self);
    mem_free(w->mountinfo);
    mem_free(w->self);
    mem_free(w);
    return 0;
}

/* Groups for boxes, below our own group, which is delegated to us. */
static void boxes_get_a_sibling_of_the_server(void **state)
{
    struct world *w = *state;
    scoped(mem_free) char *unit = mem_format("%s/unit.service", w->root);
    scoped(mem_free) char *server = mem_format("%s/impresario-server", unit);
    scoped(mem_free) char *ours = mem_format("%s/impresario-own", unit);
    scoped(mem_free) char *box = mem_format("%s/7-build", ours);
    struct cgroup g;

    make_group(unit);
    make_group(server);
    make_group(ours);
    make_group(box);
    put(unit, "cgroup.procs", "4242\n");
    /* The service manager's mark; a tmpfs has user attributes since Linux 6.6, for root others. */
    const char *mark = geteuid() == 0 ? "trusted.delegate" : "user.delegate";
    if (setxattr(unit, mark, "1", 1, 0) < 0 && errno == ENOTSUP)
        return;
    scoped(cgroups_close) struct cgroups *all = cgroups_open(&w->source, "own");
    for (int kind = 0; kind < CGROUP_KINDS; kind++)
        assert_null(cgroups_missing(all, kind));
    assert_holds(server, "cgroup.procs", "4242");
    assert_holds(unit, "cgroup.subtree_control", "+cpu"); /* the last that was asked for */
    assert_holds(ours, "cgroup.subtree_control", "+cpu");

    /* The kernel would have made these files with the folder. */
    make_group(box);
    assert_int_equal(cgroup_make(all, "7-build", &limits, &g), 0);
    assert_holds(box, "memory.max", "67108864");
    assert_holds(box, "memory.swap.max", "0");
    assert_holds(box, "pids.max", "33");
    assert_holds(box, "cpu.max", "150000 100000");
    assert_int_equal(cgroup_join(&g), 0);
    assert_holds(box, "cgroup.procs", "0");
    assert_int_equal(cgroup_oom_kills(&g), 2);
    cgroup_remove(all, &g);
}

static void a_server_that_has_stepped_down_does_not_do_so_again(void **state)
{
    struct world *w = *state;
    scoped(mem_free) char *unit = mem_format("%s/unit.service", w->root);
    scoped(mem_free) char *ours = mem_format("%s/impresario-own", unit);

    make_group(unit);
    make_group(ours);
    put("/", w->self + 1, "0::/unit.service/impresario-server\n");
    scoped(cgroups_close) struct cgroups *all = cgroups_open(&w->source, "own");
    assert_null(cgroups_missing(all, CGROUP_MEMORY));
    assert_holds(unit, "cgroup.subtree_control", "+cpu");
}

static void without_delegation_the_reason_is_told(void **state)
{
    struct world *w = *state;
    scoped(mem_free) char *unit = mem_format("%s/unit.service", w->root);

    /* Root would have the top of the tree. */
    bool root = geteuid() == 0;
    if (root)
        assert_int_equal(chown(w->root, TEST_USER, TEST_USER) | seteuid(TEST_USER), 0);
    make_group(unit);
    scoped(cgroups_close) struct cgroups *all = cgroups_open(&w->source, "own");
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_non_null(strstr(cgroups_missing(all, CGROUP_MEMORY), "is not delegated"));
}

static void a_controller_that_is_not_there_is_told(void **state)
{
    struct world *w = *state;

    put(w->root, "cgroup.controllers", "hugetlb\n");
    scoped(cgroups_close) struct cgroups *all = cgroups_open(&w->source, "own");
    assert_string_equal(cgroups_missing(all, CGROUP_PIDS), "the kernel offers no pids controller");
}

static void without_any_cgroups_the_reason_is_told(void **state)
{
    struct world *w = *state;

    put("/", w->mountinfo + 1, "22 27 0:20 / /proc rw - proc proc rw\n");
    scoped(cgroups_close) struct cgroups *all = cgroups_open(&w->source, "own");
    assert_string_equal(cgroups_missing(all, CGROUP_CPU), "no cgroup file system is mounted");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(boxes_get_a_sibling_of_the_server),
        TEST(a_server_that_has_stepped_down_does_not_do_so_again),
        TEST(without_delegation_the_reason_is_told),
        TEST(a_controller_that_is_not_there_is_told),
        TEST(without_any_cgroups_the_reason_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
