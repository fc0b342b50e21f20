/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/pack.h"
#include "artifact/tar_testing.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct place place; /* what is packed */
    struct buf packed;
    struct pack_stats stats;
    struct err e;
    char *dir;
};

static int setup(void **state)
{
    struct fixture *f = mem_new(sizeof *f);

    place_make(&f->place);
    f->dir = mem_format("%s/tree", f->place.root);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    place_done(&f->place);
    buf_done(&f->packed);
    err_clear(&f->e);
    mem_free(f->dir);
    mem_free(f);
    return 0;
}

static void put(struct fixture *f, const char *path, const char *text, mode_t mode)
{
    scoped(mem_free) char *folder = mem_text(path);

    for (char *slash = folder; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        (void)mkdirat(f->place.tree, folder, 0700);
    }
    scoped(fd_close) int fd =
        openat(f->place.tree, path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static int keep(void *arg, const void *data, size_t n, struct err *e)
{
    struct fixture *f = arg;

    (void)e;
    buf_add(&f->packed, data, n);
    return 0;
}

static int pack(struct fixture *f, const struct pack_options *options)
{
    buf_reset(&f->packed);
    return pack_directory(f->dir, options, keep, f, &f->stats, &f->e);
}

static const struct pack_options plain = { .gzip_level = PACK_NO_GZIP };

static void sample(struct fixture *f)
{
    put(f, "b.js", "b", 0640);
    put(f, "a/z.sh", "z", 0750);
    put(f, "a/B", "B", 0600);
    put(f, "\xd0\xb6/\xe6\x97\xa5\xe6\x9c\xac.js", "wide", 0644);
    assert_int_equal(mkdirat(f->place.tree, "empty", 0711), 0);
    assert_int_equal(symlinkat("../b.js", f->place.tree, "a/link"), 0);
    assert_int_equal(symlinkat("/nowhere", f->place.tree, "away"), 0);
}

static void what_was_packed_unpacks_to_the_same(void **state)
{
    struct fixture *f = *state;
    struct place back;
    const struct unpack_options options = { .plain = true };

    sample(f);
    assert_int_equal(unlinkat(f->place.tree, "away", 0), 0); /* unpacking refuses it */
    if (pack(f, &plain) < 0)
        fail_msg("%s", f->e.msg);
    place_make(&back);
    if (place_unpack(&back, &f->packed, &options, &f->e) < 0)
        fail_msg("%s", f->e.msg);
    scoped(mem_free) char *got = place_list(&back);
    assert_string_equal(got, "a/\na/B=B\na/link -> ../b.js\na/z.sh*=z\nb.js=b\nempty/\n\xd0\xb6/\n"
                             "\xd0\xb6/\xe6\x97\xa5\xe6\x9c\xac.js=wide\n");
    place_done(&back);
    assert_int_equal(f->stats.files, 4);
    assert_int_equal(f->stats.folders, 3);
    assert_int_equal(f->stats.links, 1);
    assert_int_equal(f->stats.bytes, 7);
    assert_int_equal(f->stats.packed, f->packed.n);
}

/* Other times, other modes, another order of creation, another umask: the same bytes. */
static void the_same_tree_gives_the_same_bytes(void **state)
{
    struct fixture *f = *state;

    for (int level = PACK_NO_GZIP; level < 2; level += 2) {
        const struct pack_options options = { .gzip_level = level };
        struct fixture *other;
        void *other_state;
        if (level == PACK_NO_GZIP)
            sample(f);
        assert_int_equal(pack(f, &options), 0);
        mode_t mask = umask(077);
        (void)setup(&other_state);
        other = other_state;
        assert_int_equal(symlinkat("/nowhere", other->place.tree, "away"), 0);
        put(other, "\xd0\xb6/\xe6\x97\xa5\xe6\x9c\xac.js", "wide", 0666);
        assert_int_equal(mkdirat(other->place.tree, "empty", 0755), 0);
        put(other, "a/B", "B", 0666);
        assert_int_equal(symlinkat("../b.js", other->place.tree, "a/link"), 0);
        put(other, "a/z.sh", "z", 0777);
        put(other, "b.js", "b", 0666);
        const struct timespec times[2] = { { 1, 2 }, { 3, 4 } };
        assert_int_equal(utimensat(other->place.tree, "b.js", times, 0), 0);
        umask(mask);
        assert_int_equal(pack(other, &options), 0);
        assert_int_equal(other->packed.n, f->packed.n);
        assert_memory_equal(other->packed.data, f->packed.data, f->packed.n);
        (void)teardown(&other_state);
    }
}

static void heavy_things_stay_at_home(void **state)
{
    struct fixture *f = *state;
    const struct pack_options light = { .gzip_level = PACK_NO_GZIP, .skip_heavy = true };

    put(f, "index.js", "1", 0644);
    put(f, "node_modules/x/index.js", "2", 0644);
    put(f, "a/node_modules/y.js", "3", 0644);
    put(f, ".git/HEAD", "4", 0644);
    put(f, ".DS_Store", "5", 0644);
    put(f, "._index.js", "6", 0644);
    assert_int_equal(mkfifoat(f->place.tree, "pipe", 0600), 0);
    assert_int_equal(pack(f, &light), 0);
    assert_int_equal(f->stats.files, 1);
    assert_int_equal(f->stats.folders, 1);
    assert_int_equal(f->stats.left_out, 6);
    assert_int_equal(pack(f, &plain), 0);
    assert_int_equal(f->stats.files, 6);
    assert_int_equal(f->stats.left_out, 1);
}

static void limits_are_told(void **state)
{
    struct fixture *f = *state;

    put(f, "a", "12345", 0644);
    put(f, "b", "12345", 0644);
    assert_int_equal(pack(f, &(struct pack_options){ .max_bytes = 10, .max_entries = 2 }), 0);
    assert_int_equal(pack(f, &(struct pack_options){ .max_bytes = 9 }), -1);
    assert_int_equal(f->e.code, ERR_TOO_LARGE);
    assert_string_equal(f->e.msg, "the folder has more than 9 bytes");
    err_clear(&f->e);
    assert_int_equal(pack(f, &(struct pack_options){ .max_entries = 1 }), -1);
    assert_string_equal(f->e.msg, "the folder has more than 1 entries");
}

static int refuse(void *arg, const void *data, size_t n, struct err *e)
{
    size_t *calls = arg;

    (void)data;
    (void)n;
    ++*calls;
    return err_set(e, ERR_IO, "the sink is full");
}

static void faults_are_named_and_end_it(void **state)
{
    struct fixture *f = *state;
    size_t calls = 0;

    put(f, "deep/b\xff", "1", 0644);
    assert_int_equal(pack(f, &plain), -1);
    assert_string_equal(f->e.msg, "the name \"deep/b\\xff\" is not UTF-8; rename it");
    err_clear(&f->e);
    assert_int_equal(unlinkat(f->place.tree, "deep/b\xff", 0), 0);
    assert_int_equal(pack_directory(f->dir, &plain, refuse, &calls, NULL, &f->e), -1);
    assert_string_equal(f->e.msg, "the sink is full");
    assert_int_equal(calls, 1);
    err_clear(&f->e);
    assert_int_equal(pack_directory("/no/such", &plain, refuse, &calls, NULL, &f->e), -1);
    assert_int_equal(f->e.code, ERR_INPUT);
    assert_string_equal(f->e.msg, "open the folder /no/such: No such file or directory");
}

static void the_tool_writes_a_plain_tar(void **state)
{
    struct fixture *f = *state;
    int status, pipes[2];
    char text[65536];
    char *argv[] = { mem_text("pack"), f->dir, NULL };
    struct buf got = { 0 };
    ssize_t n;

    sample(f);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(dup2(pipes[1], STDOUT_FILENO) < 0 ? 99 : pack_main(2, argv));
    fd_close(pipes[1]);
    while ((n = read(pipes[0], text, sizeof text)) > 0)
        buf_add(&got, text, (size_t)n);
    fd_close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(pack(f, &plain), 0);
    assert_int_equal(got.n, f->packed.n);
    assert_memory_equal(got.data, f->packed.data, got.n);
    buf_done(&got);
    mem_free(argv[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(what_was_packed_unpacks_to_the_same), T(the_same_tree_gives_the_same_bytes),
        T(heavy_things_stay_at_home),           T(limits_are_told),
        T(faults_are_named_and_end_it),         T(the_tool_writes_a_plain_tar),
    };

    return cmocka_run_group_tests_name("pack", tests, NULL, NULL);
}
