/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/intake.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static int temp_fd(void)
{
    char path[] = "/tmp/intake-XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    (void)unlink(path);
    return fd;
}

static int give_fd(void *arg, struct err *e)
{
    (void)e;
    return *(int *)arg;
}

/* The empty gzip, as `gzip -n < /dev/null` makes it. */
static const char EMPTY_GZIP[] = "\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0";

static void bytes_are_counted_digested_and_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < 60; i++) {
        const size_t piece = i % 20 + 1, hold = (const size_t[]){ 3, 19, 20 }[i / 20];
        scoped(fd_close) int fd = temp_fd();
        scoped(intake_free) struct intake *in =
            intake_new(&(struct intake_options){ &disk_real, give_fd, &fd, hold, 20 });
        scoped(err_clear) struct err e = { 0 };
        struct intake_result r;
        char back[32];
        for (size_t at = 0; at < 20; at += piece)
            assert_int_equal(
                intake_write(in, EMPTY_GZIP + at, piece < 20 - at ? piece : 20 - at, &e), 0);
        assert_int_equal(intake_finish(in, &r, &e), 0);
        assert_int_equal(r.size, 20);
        assert_string_equal(r.sha256_text,
                            "59869db34853933b239f1e2219cf7d431da006aa919635478511fabbfc8849d2");
        const struct buf *held = intake_held(in);
        assert_int_equal(held != NULL, hold == 20);
        assert_int_equal(pread(fd, back, sizeof back, 0), held ? 0 : 20);
        assert_memory_equal(held ? held->data : back, EMPTY_GZIP, 20);
    }
}

static void what_is_not_gzip_is_named(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *message;
    } bad[] = {
        { "PK\3\4aaaaaaaaaaaaaaaa", 20,
          "source is not a gzip tarball but a zip file; make it with tar czf" },
        { "\xfd"
          "7zXZ",
          5, "source is not a gzip tarball but packed with xz; make it with tar czf" },
        { "package.json", 12,
          "source is not the base64 of a gzip tarball: decoded, it begins with 70 61 63" },
        { "\x1f\x8b\x07", 3,
          "source is not the base64 of a gzip tarball: decoded, it begins with 1f 8b 07" },
        { "", 0, "source is empty" },
        { "\x1f\x8b", 2, "source is not a gzip tarball: it has only 2 bytes" },
        { EMPTY_GZIP, 17, "source is not a gzip tarball: it has only 17 bytes" },
    };

    (void)state;
    for (size_t i = 0; i < n_items(bad); i++) {
        for (size_t piece = 1; piece < 21; piece += 19) {
            scoped(fd_close) int fd = temp_fd();
            scoped(intake_free) struct intake *in =
                intake_new(&(struct intake_options){ &disk_real, give_fd, &fd, 8, 0 });
            scoped(err_clear) struct err e = { 0 };
            struct intake_result out;
            int r = 0;
            for (size_t at = 0; at < bad[i].n && r == 0; at += piece)
                r = intake_write(in, bad[i].bytes + at,
                                 piece < bad[i].n - at ? piece : bad[i].n - at, &e);
            if (r == 0)
                r = intake_finish(in, &out, &e);
            assert_int_equal(r, -1);
            assert_int_equal(e.code, ERR_INPUT);
            assert_string_equal(e.msg, bad[i].message);
            if (bad[i].bytes[0] != '\x1f')
                assert_int_equal(lseek(fd, 0, SEEK_END), 0);
        }
    }
}

static void more_than_the_bound_is_refused(void **state)
{
    scoped(fd_close) int fd = temp_fd();
    scoped(intake_free) struct intake *in =
        intake_new(&(struct intake_options){ &disk_real, give_fd, &fd, 8, 19 });
    scoped(err_clear) struct err e = { 0 };

    (void)state;
    assert_int_equal(intake_write(in, EMPTY_GZIP, 19, &e), 0);
    assert_int_equal(intake_write(in, "x", 1, &e), -1);
    assert_int_equal(e.code, ERR_TOO_LARGE);
}

static void a_disk_that_fails_is_not_the_senders_fault(void **state)
{
    static const struct {
        int err_no;
        enum err_code code;
    } faults[] = { { EIO, ERR_IO }, { ENOSPC, ERR_UNAVAILABLE }, { EDQUOT, ERR_UNAVAILABLE } };

    (void)state;
    for (size_t i = 0; i < n_items(faults); i++) {
        struct disk_faulty disk;
        scoped(err_clear) struct err e = { 0 };
        disk_faulty_init(&disk);
        int fd = 0; /* never written to: the disk fails before */
        scoped(intake_free) struct intake *in =
            intake_new(&(struct intake_options){ &disk.disk, give_fd, &fd, 8, 0 });
        disk.nth = 1;
        disk.err_no = faults[i].err_no;
        assert_int_equal(intake_write(in, EMPTY_GZIP, 20, &e), -1);
        assert_int_equal(e.code, faults[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_counted_digested_and_written),
        cmocka_unit_test(what_is_not_gzip_is_named),
        cmocka_unit_test(more_than_the_bound_is_refused),
        cmocka_unit_test(a_disk_that_fails_is_not_the_senders_fault),
    };

    return cmocka_run_group_tests_name("intake", tests, NULL, NULL);
}
