/* SPDX-License-Identifier: Apache-2.0
 *
 * What is taken, and how it comes out. What is refused: unpack_hostile_test.c.
 */
#include "artifact/tar_testing.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct place place;
    struct buf tar, notes;
    struct err e;
};

static int setup(void **state)
{
    struct fixture *f = mem_new(sizeof *f);

    place_make(&f->place);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    place_done(&f->place);
    buf_done(&f->tar);
    buf_done(&f->notes);
    err_clear(&f->e);
    mem_free(f);
    return 0;
}

static void keep_note(void *arg, const char *message)
{
    struct fixture *f = arg;

    buf_format(&f->notes, "%s\n", message);
}

/* Unpacks the tar as it is and in gzip; both give the same tree. */
static void expect(struct fixture *f, const char *tree)
{
    struct unpack_options options = { .plain = true, .note = keep_note, .arg = f };

    for (int gzip = 0; gzip < 2; gzip++) {
        if (gzip)
            tar_gzip(&f->tar);
        options.plain = !gzip;
        buf_reset(&f->notes);
        if (place_unpack(&f->place, &f->tar, &options, &f->e) < 0)
            fail_msg("%s", f->e.msg);
        scoped(mem_free) char *got = place_list(&f->place);
        assert_string_equal(got, tree);
    }
}

static void an_archive_as_the_client_makes_it(void **state)
{
    struct fixture *f = *state;

    tar_add(&f->tar, &(struct member){ .name = "./", .type = '5', .mode = 0700 });
    tar_file(&f->tar, "./index.js", "code");
    tar_file(&f->tar, "./package.json", "{}");
    tar_add(&f->tar, &(struct member){ .name = "./.libretto-share/", .type = '5', .mode = 0755 });
    tar_add(&f->tar, &(struct member){ .name = "./.libretto-share/source/", .type = '5' });
    tar_file(&f->tar, "./.libretto-share/source/index.ts", "source");
    tar_end(&f->tar);
    expect(f, ".libretto-share/\n.libretto-share/source/\n.libretto-share/source/index.ts=source\n"
              "index.js=code\npackage.json={}\n");
    assert_int_equal(f->notes.n, 0);
}

static void names_may_be_long_and_of_any_language(void **state)
{
    struct fixture *f = *state;
    char folder[151], longest[256], tree[1024];

    memset(folder, 'd', 150);
    folder[150] = '\0';
    memset(longest, 'f', 255);
    longest[255] = '\0';
    scoped(mem_free) char *gnu = mem_format("%s/gnu", folder);
    scoped(mem_free) char *pax = mem_format("%s/%s", folder, longest);
    tar_add(&f->tar, &(struct member){
                         .name = "././@LongLink", .type = 'L', .data = gnu, .n = strlen(gnu) + 1 });
    tar_file(&f->tar, "cut", "1");
    tar_pax(&f->tar, 'x', "path", pax);
    tar_file(&f->tar, "cut", "2");
    tar_pax(&f->tar, 'x', "path", "\xe6\x97\xa5\xe6\x9c\xac/\xd1\x84.js");
    tar_file(&f->tar, "cut", "3");
    tar_file(&f->tar, "\xc3\xa9.js", "4"); /* as GNU tar writes it */
    tar_end(&f->tar);
    (void)snprintf(tree, sizeof tree,
                   "%s/\n%s/%s=2\n%s/gnu=1\n\xc3\xa9.js=4\n\xe6\x97\xa5\xe6\x9c\xac/\n"
                   "\xe6\x97\xa5\xe6\x9c\xac/\xd1\x84.js=3\n",
                   folder, folder, longest, folder);
    expect(f, tree);
}

static void of_the_mode_only_the_executable_bit_stays(void **state)
{
    struct fixture *f = *state;

    tar_add(&f->tar, &(struct member){ .name = "a", .data = "1", .mode = 0666 });
    tar_add(&f->tar, &(struct member){ .name = "b", .data = "2", .mode = 0100 });
    tar_add(&f->tar, &(struct member){ .name = "c", .data = "3", .mode = 0000 });
    tar_add(&f->tar, &(struct member){ .name = "d", .data = "4", .mode = 01777 });
    tar_add(&f->tar, &(struct member){ .name = "e", .type = '5', .mode = 02770 });
    tar_end(&f->tar);
    expect(f, "a=1\nb*=2\nc=3\nd*=4\ne/\n");
}

static void an_archive_may_name_no_folders_or_name_them_twice(void **state)
{
    struct fixture *f = *state;

    tar_file(&f->tar, "a/b/c.js", "1");
    tar_add(&f->tar, &(struct member){ .name = "a/", .type = '5' });
    tar_add(&f->tar, &(struct member){ .name = "./a/b", .type = '5' });
    tar_file(&f->tar, "a//./b/d.js", "2");
    tar_add(&f->tar, &(struct member){ .name = "a", .type = '5' });
    tar_add(&f->tar, &(struct member){ .name = "old-style-folder/" });
    tar_end(&f->tar);
    expect(f, "a/\na/b/\na/b/c.js=1\na/b/d.js=2\nold-style-folder/\n");
}

static void links_inside_are_made_and_hard_ones_copied(void **state)
{
    struct fixture *f = *state;

    tar_add(&f->tar, &(struct member){ .name = "a/to-b", .type = '2', .link = "../b.js" });
    tar_add(&f->tar, &(struct member){ .name = "to-a", .type = '2', .link = "./a" });
    tar_add(&f->tar, &(struct member){ .name = "to-nothing", .type = '2', .link = "x/y" });
    tar_add(&f->tar, &(struct member){ .name = "to-itself", .type = '2', .link = "to-itself" });
    tar_add(&f->tar, &(struct member){ .name = "b.js", .data = "b", .mode = 0755 });
    tar_add(&f->tar, &(struct member){ .name = "c.js", .type = '1', .link = "./b.js" });
    tar_end(&f->tar);
    expect(f, "a/\na/to-b -> ../b.js\nb.js*=b\nc.js*=b\nto-a -> ./a\nto-itself -> to-itself\n"
              "to-nothing -> x/y\n");
}

static void what_no_workflow_needs_is_left_out(void **state)
{
    struct fixture *f = *state;

    tar_file(&f->tar, "./._index.js", "AppleDouble");
    tar_file(&f->tar, "index.js", "1");
    tar_file(&f->tar, "node_modules/x/index.js", "2");
    tar_add(&f->tar, &(struct member){ .name = "node_modules/.bin/x", .type = '2', .link = "/x" });
    tar_file(&f->tar, "deep/node_modules/y.js", "3");
    tar_add(&f->tar, &(struct member){ .name = ".git/fifo", .type = '6' });
    tar_file(&f->tar, "my_node_modules/z.js", "4");
    tar_add(&f->tar, &(struct member){ .name = ".libretto-share/source/index.ts",
                                       .type = '2',
                                       .link = "/Users/someone/index.ts" });
    tar_add(&f->tar, &(struct member){ .name = ".libretto-share/b", .type = '1', .link = "../b" });
    tar_end(&f->tar);
    expect(f, "index.js=1\nmy_node_modules/\nmy_node_modules/z.js=4\n");
    assert_string_equal(buf_str(&f->notes),
                        "left out the link \".libretto-share/source/index.ts\", which points to "
                        "\"/Users/someone/index.ts\"\n"
                        "left out the link \".libretto-share/b\", which points to \"../b\"\n"
                        "left out 4 entries in node_modules or .git\n");
}

static void sparse_files_have_their_gaps(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    tar_pax(&f->tar, 'x', "GNU.sparse.major", "1", "GNU.sparse.minor", "0", "GNU.sparse.name",
            "holes", "GNU.sparse.realsize", "100000");
    struct buf data = { 0 };
    buf_text(&data, "2\n0\n1\n50000\n1\n"); /* two pieces of one byte */
    memset(buf_reserve(&data, 512), 0, 512);
    buf_grew(&data, 512 - data.n);
    buf_text(&data, "AB");
    tar_add(&f->tar, &(struct member){ .name = "x", .data = data.data, .n = data.n });
    tar_end(&f->tar);
    buf_done(&data);
    expect(f, "holes=A\n");
    assert_int_equal(fstatat(f->place.tree, "holes", &st, 0), 0);
    assert_int_equal(st.st_size, 100000);
    scoped(fd_close) int fd = openat(f->place.tree, "holes", O_RDONLY | O_CLOEXEC);
    char c = 0;
    assert_int_equal(pread(fd, &c, 1, 50000), 1);
    assert_int_equal(c, 'B');
}

static void gzip_may_come_in_members_and_be_padded(void **state)
{
    struct fixture *f = *state;
    struct buf second = { 0 };
    const struct unpack_options options = { 0 };

    tar_file(&f->tar, "a", "1");
    tar_file(&second, "b", "2");
    tar_end(&second);
    tar_gzip(&f->tar);
    tar_gzip(&second);
    buf_add(&f->tar, second.data, second.n);
    memset(buf_reserve(&f->tar, 1000), 0, 1000);
    buf_grew(&f->tar, 1000);
    buf_done(&second);
    if (place_unpack(&f->place, &f->tar, &options, &f->e) < 0)
        fail_msg("%s", f->e.msg);
    scoped(mem_free) char *got = place_list(&f->place);
    assert_string_equal(got, "a=1\nb=2\n");
}

/* The checksum of gzip proves that nothing is missing; some writers leave the last blocks out. */
static void in_gzip_the_end_mark_may_be_missing(void **state)
{
    struct fixture *f = *state;
    const struct unpack_options options = { 0 };

    tar_file(&f->tar, "a", "1");
    tar_gzip(&f->tar);
    assert_int_equal(place_unpack(&f->place, &f->tar, &options, &f->e), 0);
}

/* --- the tool ------------------------------------------------------------------------------ */

/* Runs it with the archive on stdin; what it reports and what its program prints come back. */
static int run_tool(struct fixture *f, const char *const *words, struct buf *report)
{
    int pipes[2], status, argc = 0;
    char text[4096], *argv[16] = { 0 };
    ssize_t n;

    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    scoped(fd_close) int in = tar_fd(&f->tar);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (; words[argc]; argc++)
            argv[argc] = mem_text(words[argc]);
        if (dup2(in, STDIN_FILENO) < 0 || dup2(pipes[1], 3) < 0 || dup2(pipes[1], 1) < 0)
            _exit(99);
        _exit(unpack_main(argc, argv));
    }
    fd_close(pipes[1]);
    buf_reset(report);
    while ((n = read(pipes[0], text, sizeof text)) > 0)
        buf_add(report, text, (size_t)n);
    fd_close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void the_tool_unpacks_and_becomes_its_program(void **state)
{
    struct fixture *f = *state;
    scoped(buf_done) struct buf report = { 0 };
    scoped(mem_free) char *into = mem_format("%s/tree", f->place.root);
    const char *const argv[] = { "unpack",   "--into", into,
                                 "--report", "3",      "--",
                                 "sh",       "-c",     "echo started with $1",
                                 "sh",       "one",    NULL };

    tar_file(&f->tar, "a", "1");
    tar_file(&f->tar, ".git/x", "2");
    tar_end(&f->tar);
    tar_gzip(&f->tar);
    assert_int_equal(run_tool(f, argv, &report), 0);
    assert_string_equal(buf_str(&report), "{\"t\":\"log\",\"stream\":\"system\",\"message\":"
                                          "\"left out 1 entries in node_modules or .git\"}\n"
                                          "started with one\n");
    scoped(mem_free) char *got = place_list(&f->place);
    assert_string_equal(got, "a=1\n");
}

static void the_tool_tells_whose_fault_it_is(void **state)
{
    struct fixture *f = *state;
    scoped(buf_done) struct buf report = { 0 };
    scoped(mem_free) char *into = mem_format("%s/tree", f->place.root);
    const char *const plain[] = { "unpack", "--tar", "--into", into, "--report", "3", NULL };
    const char *const missing[] = { "unpack", "--tar", "--into",           into, "--report",
                                    "3",      "--",    "/no/such/program", NULL };
    const char *const limited[] = { "unpack", "--tar",       "--into", into, "--report",
                                    "3",      "--max-bytes", "2",      NULL };
    const char *const wrong[] = { "unpack", "--tar", "--report", "3", NULL };
    const char *const nonsense[] = { "unpack", "--into", into, "--max-bytes", "many", NULL };

    tar_file(&f->tar, "../a", "123");
    tar_end(&f->tar);
    assert_int_equal(run_tool(f, plain, &report), 65);
    assert_string_equal(
        buf_str(&report),
        "{\"t\":\"fail\",\"error\":\"the entry \\\"../a\\\" leads out of its folder "
        "with ..; pack the folder itself\"}\n");
    buf_reset(&f->tar);
    tar_file(&f->tar, "a", "123");
    tar_end(&f->tar);
    assert_int_equal(run_tool(f, limited, &report), 65);
    assert_non_null(strstr(buf_str(&report), "more than 2 bytes"));
    assert_int_equal(run_tool(f, missing, &report), 74);
    assert_string_equal(buf_str(&report),
                        "{\"t\":\"fail\",\"error\":\"start /no/such/program: No such file or "
                        "directory\",\"server_fault\":true}\n");
    assert_int_equal(run_tool(f, plain, &report), 74); /* the folder is no longer empty */
    assert_non_null(strstr(buf_str(&report), "is not empty"));
    assert_int_equal(run_tool(f, wrong, &report), 64);
    assert_int_equal(run_tool(f, nonsense, &report), 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(an_archive_as_the_client_makes_it),
        T(names_may_be_long_and_of_any_language),
        T(of_the_mode_only_the_executable_bit_stays),
        T(an_archive_may_name_no_folders_or_name_them_twice),
        T(links_inside_are_made_and_hard_ones_copied),
        T(what_no_workflow_needs_is_left_out),
        T(sparse_files_have_their_gaps),
        T(gzip_may_come_in_members_and_be_padded),
        T(in_gzip_the_end_mark_may_be_missing),
        T(the_tool_unpacks_and_becomes_its_program),
        T(the_tool_tells_whose_fault_it_is),
    };

    return cmocka_run_group_tests_name("unpack", tests, NULL, NULL);
}
