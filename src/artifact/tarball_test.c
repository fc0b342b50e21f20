/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/tarball.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static int temporary(void)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    int fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3);
    assert_int_equal(fclose(file), 0);
    assert_true(fd >= 0);
    return fd;
}

static int written(const json_t *files)
{
    scoped(err_clear) struct err e = { 0 };
    int fd = temporary();

    if (tarball_write(fd, files, &e) < 0)
        fail_msg("%s", e.msg);
    return fd;
}

static void what_is_written_can_be_read(void **state)
{
    scoped(json_decref) json_t *files =
        json_pack("{s:s,s:s,s:s}", "index.ts", "export {};\n", "lib/deep/a.ts", "", "package.json",
                  "{\"a\":\"caf\xc3\xa9\"}");
    scoped(fd_close) int fd = written(files);
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    int n = 0;

    (void)state;
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(archive_read_support_filter_gzip(a), ARCHIVE_OK);
    assert_int_equal(archive_read_support_format_tar(a), ARCHIVE_OK);
    assert_int_equal(archive_read_open_fd(a, fd, 4096), ARCHIVE_OK);
    for (; archive_read_next_header(a, &entry) == ARCHIVE_OK; n++) {
        char text[64] = "";
        const char *expected = json_text(files, archive_entry_pathname(entry));
        assert_non_null(expected);
        assert_true(archive_read_data(a, text, sizeof text - 1) >= 0);
        assert_string_equal(text, expected);
        assert_int_equal(archive_entry_perm(entry), 0644);
    }
    assert_int_equal(n, 3);
    archive_read_free(a);
}

static void the_same_texts_give_the_same_bytes(void **state)
{
    scoped(json_decref) json_t *files = json_pack("{s:s,s:s}", "a.ts", "1", "b.ts", "2");
    scoped(json_decref) json_t *turned = json_pack("{s:s,s:s}", "b.ts", "2", "a.ts", "1");
    scoped(fd_close) int one = written(files);
    scoped(fd_close) int other = written(turned);
    char bytes[2][4096];
    ssize_t n = pread(one, bytes[0], sizeof bytes[0], 0);

    (void)state;
    assert_true(n > 0);
    assert_int_equal(pread(other, bytes[1], sizeof bytes[1], 0), n);
    assert_memory_equal(bytes[0], bytes[1], (size_t)n);
}

static void a_disk_that_takes_nothing_is_told(void **state)
{
    scoped(json_decref) json_t *files = json_pack("{s:s}", "a.ts", "1");
    scoped(err_clear) struct err e = { 0 };
    scoped(fd_close) int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(tarball_write(full, files, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    assert_non_null(strstr(e.msg, "write an archive"));
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(what_is_written_can_be_read),
        cmocka_unit_test(the_same_texts_give_the_same_bytes),
        cmocka_unit_test(a_disk_that_takes_nothing_is_told),
    };
    return cmocka_run_group_tests_name("tarball", promises, NULL, NULL);
}
