/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/tar_testing.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

/* --- tars ---------------------------------------------------------------------------------- */

static void pad(struct buf *tar)
{
    while (tar->n % 512 != 0)
        buf_char(tar, '\0');
}

/* Octal digits with a NUL behind them. */
static void octal(unsigned char *field, int digits, size_t value)
{
    field[digits] = '\0';
    for (int i = digits - 1; i >= 0; i--, value /= 8)
        field[i] = (unsigned char)('0' + value % 8);
}

void tar_add(struct buf *tar, const struct member *m)
{
    unsigned char h[512] = { 0 };
    size_t n = m->data ? m->n ? m->n : strlen(m->data) : 0, sum = 0;

    memcpy(h, m->name, strnlen(m->name, 100));
    octal(h + 100, 7, m->mode ? m->mode : 0644);
    octal(h + 108, 7, 1000);
    octal(h + 116, 7, 1000);
    octal(h + 124, 11, n);
    if (m->size)
        memcpy(h + 124, m->size, 12);
    octal(h + 136, 11, 1700000000);
    h[156] = (unsigned char)(m->type ? m->type : '0');
    if (m->link)
        memcpy(h + 157, m->link, strnlen(m->link, 100));
    memcpy(h + 257, m->gnu ? "ustar  " : "ustar\00000", 8);
    memset(h + 148, ' ', 8);
    for (size_t i = 0; i < sizeof h; i++)
        sum += h[i];
    octal(h + 148, 6, sum);
    buf_add(tar, h, sizeof h);
    if (n > 0)
        buf_add(tar, m->data, n);
    pad(tar);
}

void tar_file(struct buf *tar, const char *name, const char *text)
{
    tar_add(tar, &(struct member){ .name = name, .data = text });
}

static void pax_line(struct buf *out, const char *key, const char *value)
{
    size_t n = strlen(key) + strlen(value) + 3, digits = 1;

    while (snprintf(NULL, 0, "%zu", n + digits) > (int)digits)
        digits++;
    buf_format(out, "%zu %s=%s\n", n + digits, key, value);
}

void tar_pax_list(struct buf *tar, char type, const char *const *list)
{
    struct buf lines = { 0 };

    for (; list[0]; list += 2)
        pax_line(&lines, list[0], list[1]);
    tar_add(tar, &(struct member){ .name = "pax", .type = type, .data = lines.data, .n = lines.n });
    buf_done(&lines);
}

void tar_end(struct buf *tar)
{
    memset(buf_reserve(tar, 1024), 0, 1024);
    buf_grew(tar, 1024);
}

void tar_gzip(struct buf *tar)
{
    z_stream z = { 0 };
    struct buf out = { 0 };

    assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
    size_t most = deflateBound(&z, tar->n);
    z.next_in = (unsigned char *)tar->data;
    z.avail_in = (unsigned)tar->n;
    z.next_out = (unsigned char *)buf_reserve(&out, most);
    z.avail_out = (unsigned)most;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    buf_grew(&out, most - z.avail_out);
    (void)deflateEnd(&z);
    buf_done(tar);
    *tar = out;
}

int tar_fd(const struct buf *bytes)
{
    int fd = memfd_create("archive", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, buf_str(bytes), bytes->n), bytes->n);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* --- the place ----------------------------------------------------------------------------- */

static void remove_below(int dir, const char *name)
{
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fdopendir(fd);
    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d));) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_below(fd, entry->d_name);
    }
    (void)closedir(d);
    assert_int_equal(unlinkat(dir, name, AT_REMOVEDIR), 0);
}

void place_make(struct place *p)
{
    char path[64];

    strcpy(p->root, "/tmp/unpack-XXXXXX");
    assert_non_null(mkdtemp(p->root));
    (void)snprintf(path, sizeof path, "%s/beside", p->root);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "untouched", 9), 9);
    fd_close(fd);
    (void)snprintf(path, sizeof path, "%s/tree", p->root);
    assert_int_equal(mkdir(path, 0755), 0);
    p->tree = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(p->tree >= 0);
}

static void fresh_tree(struct place *p)
{
    int root = open(p->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    fd_close(p->tree);
    remove_below(root, "tree");
    assert_int_equal(mkdirat(root, "tree", 0755), 0);
    p->tree = openat(root, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(p->tree >= 0);
    fd_close(root);
}

static void alone(const struct place *p)
{
    struct stat st;
    char text[16] = "";
    int root = open(p->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = openat(root, "beside", O_RDONLY | O_CLOEXEC);
    DIR *d = fdopendir(root);
    size_t n = 0;

    while (readdir(d))
        n++;
    assert_int_equal(n, 4); /* ., .., beside, tree */
    (void)closedir(d);
    assert_int_equal(read(fd, text, sizeof text - 1), 9);
    assert_string_equal(text, "untouched");
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(st.st_mode & 07777, 0600);
    fd_close(fd);
}

void place_done(struct place *p)
{
    alone(p);
    fd_close(p->tree);
    remove_below(AT_FDCWD, p->root);
}

int place_unpack(struct place *p, const struct buf *archive, const struct unpack_options *options,
                 struct err *e)
{
    const struct unpack_options none = { 0 };

    fresh_tree(p);
    scoped(fd_close) int fd = tar_fd(archive);
    int r = unpack_archive(fd, p->tree, options ? options : &none, e);
    alone(p);
    return r;
}

static void list_below(int dir, const char *path, struct buf *out)
{
    struct dirent **entries;
    int n = scandirat(dir, ".", &entries, NULL, alphasort);

    assert_true(n >= 0);
    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        char text[256] = "";
        struct stat st;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
            assert_int_equal(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
            buf_format(out, "%s%s", path, name);
            if (S_ISDIR(st.st_mode)) {
                scoped(mem_free) char *below = mem_format("%s%s/", path, name);
                scoped(fd_close) int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                assert_int_equal(st.st_mode & 07777, 0755);
                buf_text(out, "/\n");
                list_below(fd, below, out);
            } else if (S_ISLNK(st.st_mode)) {
                assert_true(readlinkat(dir, name, text, sizeof text - 1) > 0);
                buf_format(out, " -> %s\n", text);
            } else {
                scoped(fd_close) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
                assert_true(S_ISREG(st.st_mode) && st.st_nlink == 1);
                assert_true((st.st_mode & 07777) == 0644 || (st.st_mode & 07777) == 0755);
                assert_true(read(fd, text, sizeof text - 1) >= 0);
                buf_format(out, "%s=%s\n", st.st_mode & 0111 ? "*" : "", text);
            }
        }
        free(entries[i]);
    }
    free(entries);
}

char *place_list(struct place *p)
{
    struct buf out = { 0 };

    list_below(p->tree, "", &out);
    return buf_take(&out);
}
