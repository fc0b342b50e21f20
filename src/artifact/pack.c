/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/pack.h"

#include "artifact/late_archive.h"
#include "artifact/names.h"
#include "base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

enum { BLOCK = 64 * 1024 };

struct packing {
    const struct pack_options *options;
    pack_sink_fn sink;
    void *arg;
    struct archive *archive;
    struct pack_stats stats;
    struct err fault; /* of the sink */
    bool failed;      /* nothing more may reach the sink */
    struct buf path;  /* of what is packed now, from the folder down */
};

static int trouble(const struct packing *p, int err_no, const char *doing, struct err *e)
{
    scoped(mem_free) char *shown = name_shown(buf_str(&p->path));

    return err_set_errno(e, ERR_IO, err_no, "%s %s", doing, shown);
}

static bool sound(const struct packing *p, bool wrote)
{
    return wrote && p->fault.code == ERR_NONE;
}

static int not_writable(const struct packing *p, struct err *e)
{
    scoped(mem_free) char *shown = name_shown(buf_str(&p->path));

    if (p->fault.code != ERR_NONE)
        return err_set(e, p->fault.code, "%s", p->fault.msg);
    return err_set(e, ERR_IO, "pack %s: %s", shown, archive_error_string(p->archive));
}

/* --- one entry ----------------------------------------------------------------------------- */

static int write_entry(struct packing *p, mode_t mode, int64_t size, const char *target,
                       struct err *e)
{
    struct archive_entry *entry = archive_entry_new();

    if (!entry)
        abort(); /* out of memory, as mem.h has it */
    if (p->options->max_entries &&
        p->stats.files + p->stats.folders + p->stats.links > p->options->max_entries) {
        archive_entry_free(entry);
        return err_set(e, ERR_TOO_LARGE, "the folder has more than %llu entries",
                       (unsigned long long)p->options->max_entries);
    }
    archive_entry_set_pathname(entry, p->path.data);
    archive_entry_set_mode(entry, mode);
    archive_entry_set_size(entry, size);
    archive_entry_set_mtime(entry, 0, 0);
    if (target)
        archive_entry_set_symlink(entry, target);
    int r = archive_write_header(p->archive, entry);
    archive_entry_free(entry);
    return sound(p, r == ARCHIVE_OK) ? 0 : not_writable(p, e);
}

static int changed(const struct packing *p, struct err *e)
{
    scoped(mem_free) char *shown = name_shown(buf_str(&p->path));

    return err_set(e, ERR_IO, "%s changed while it was packed; try again", shown);
}

static int pack_data(struct packing *p, int fd, int64_t size, struct err *e)
{
    char block[BLOCK];
    ssize_t n;

    while ((n = read(fd, block, sizeof block)) > 0) {
        size -= n;
        if (size < 0)
            return changed(p, e);
        if (!sound(p, archive_write_data(p->archive, block, (size_t)n) == n))
            return not_writable(p, e);
    }
    if (n < 0)
        return trouble(p, errno, "read", e);
    return size == 0 ? 0 : changed(p, e);
}

static int pack_file(struct packing *p, int dir, const char *name, struct err *e)
{
    struct stat st;
    /* Without O_NONBLOCK a named pipe that took the file's place would hold us here for ever. */
    scoped(fd_close) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0)
        return trouble(p, errno, "read", e);
    if (!S_ISREG(st.st_mode))
        return changed(p, e);
    p->stats.files++;
    p->stats.bytes += (uint64_t)st.st_size;
    if (p->options->max_bytes && p->stats.bytes > p->options->max_bytes)
        return err_set(e, ERR_TOO_LARGE, "the folder has more than %llu bytes",
                       (unsigned long long)p->options->max_bytes);
    if (write_entry(p, S_IFREG | (st.st_mode & 0111 ? 0755 : 0644), st.st_size, NULL, e) < 0)
        return -1;
    return pack_data(p, fd, st.st_size, e);
}

static int pack_link(struct packing *p, int dir, const char *name, struct err *e)
{
    char target[4096];
    ssize_t n = readlinkat(dir, name, target, sizeof target - 1);

    if (n < 0)
        return trouble(p, errno, "read", e);
    target[n] = '\0';
    p->stats.links++;
    return write_entry(p, S_IFLNK | 0777, 0, target, e);
}

/* --- folders ------------------------------------------------------------------------------- */

static int pack_folder(struct packing *p, int dir, struct err *e);

static int pack_one(struct packing *p, int dir, const char *name, struct err *e)
{
    struct stat st;

    if (!name_is_utf8(name)) {
        scoped(mem_free) char *shown = name_shown(buf_str(&p->path));
        return err_set(e, ERR_INPUT, "the name %s is not UTF-8; rename it", shown);
    }
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return trouble(p, errno, "read", e);
    if (S_ISREG(st.st_mode))
        return pack_file(p, dir, name, e);
    if (S_ISLNK(st.st_mode))
        return pack_link(p, dir, name, e);
    if (!S_ISDIR(st.st_mode)) {
        p->stats.left_out++;
        return 0;
    }
    scoped(fd_close) int below = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below < 0)
        return trouble(p, errno, "open the folder", e);
    p->stats.folders++;
    if (write_entry(p, S_IFDIR | 0755, 0, NULL, e) < 0)
        return -1;
    return pack_folder(p, below, e);
}

static bool is_heavy(const char *name)
{
    return strcmp(name, "node_modules") == 0 || strcmp(name, ".git") == 0 ||
           strcmp(name, ".DS_Store") == 0 || strncmp(name, "._", 2) == 0;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct listing {
    char **names;
    size_t n;
};

static void listing_done_at(struct listing *l)
{
    for (size_t i = 0; i < l->n; i++)
        mem_free(l->names[i]);
    mem_free(l->names);
}

static int list(const struct packing *p, int dir, struct listing *out, struct err *e)
{
    const struct dirent *entry;
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* the stream takes one */
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);

    if (!stream) {
        int err_no = errno;
        fd_close(fd);
        return trouble(p, err_no, "list the folder", e);
    }
    while (errno = 0, (entry = readdir(stream))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if ((out->n & (out->n - 1)) == 0) /* full: at each power of two */
            out->names = mem_resize(out->names, (out->n ? out->n * 2 : 1) * sizeof(char *));
        out->names[out->n++] = mem_text(entry->d_name);
    }
    int err_no = errno;
    (void)closedir(stream);
    if (err_no != 0)
        return trouble(p, err_no, "list the folder", e);
    if (out->n > 0)
        qsort(out->names, out->n, sizeof *out->names, by_bytes);
    return 0;
}

static int pack_folder(struct packing *p, int dir, struct err *e)
{
    scoped(listing_done) struct listing here = { 0 };
    size_t above = p->path.n;

    if (list(p, dir, &here, e) < 0)
        return -1;
    for (size_t i = 0; i < here.n; i++) {
        if (p->options->skip_heavy && is_heavy(here.names[i])) {
            p->stats.left_out++;
            continue;
        }
        buf_format(&p->path, "%s%s", above ? "/" : "", here.names[i]);
        if (pack_one(p, dir, here.names[i], e) < 0)
            return -1;
        p->path.n = above;
        p->path.data[above] = '\0';
    }
    return 0;
}

/* --- the whole ----------------------------------------------------------------------------- */

/* Never fails: an archive that was told of a failure leaks what its filters hold (3.6.2). After a
 * fault, what it still writes is dropped here, and sound() tells the rest of this file. */
static la_ssize_t on_write(struct archive *a, void *arg, const void *data, size_t n)
{
    struct packing *p = arg;

    (void)a;
    if (!p->failed && p->sink(p->arg, data, n, &p->fault) < 0)
        p->failed = true;
    p->stats.packed += p->failed ? 0 : n;
    return (la_ssize_t)n;
}

static int open_archive(struct packing *p, struct err *e)
{
    char level[2] = { (char)('0' + (p->options->gzip_level > 0 ? p->options->gzip_level : 6)) };
    struct archive *a = p->archive;
    bool ok = archive_write_set_format_pax_restricted(a) == ARCHIVE_OK &&
              archive_write_set_bytes_per_block(a, BLOCK) == ARCHIVE_OK &&
              archive_write_set_bytes_in_last_block(a, 1) == ARCHIVE_OK;

    if (p->options->gzip_level != PACK_NO_GZIP)
        ok = ok && archive_write_add_filter_gzip(a) == ARCHIVE_OK &&
             archive_write_set_filter_option(a, "gzip", "compression-level", level) == ARCHIVE_OK &&
             archive_write_set_filter_option(a, "gzip", "timestamp", NULL) == ARCHIVE_OK;
    if (!ok || archive_write_open(a, p, NULL, on_write, NULL) != ARCHIVE_OK)
        return not_writable(p, e);
    return 0;
}

static int pack(struct packing *p, int dir, struct err *e)
{
    if (open_archive(p, e) < 0 || pack_folder(p, dir, e) < 0)
        return -1;
    return sound(p, archive_write_close(p->archive) == ARCHIVE_OK) ? 0 : not_writable(p, e);
}

int pack_directory(const char *dir, const struct pack_options *options, pack_sink_fn sink,
                   void *arg, struct pack_stats *stats, struct err *e)
{
    struct packing p = { .options = options, .sink = sink, .arg = arg };
    scoped(fd_close) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return err_set_errno(e, errno == ENOENT || errno == ENOTDIR ? ERR_INPUT : ERR_IO, errno,
                             "open the folder %s", dir);
    if (archive_late(e) < 0)
        return -1;
    /* As in unpack.c: libarchive shall leave names as they are. */
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!utf8)
        return err_set_errno(e, ERR_IO, errno, "use the locale C.UTF-8");
    locale_t before = uselocale(utf8);
    p.archive = archive_write_new();
    if (!p.archive)
        abort();
    int r = pack(&p, fd, e);

    p.failed = true;
    (void)archive_write_free(p.archive);
    (void)uselocale(before);
    freelocale(utf8);
    if (stats)
        *stats = p.stats;
    buf_done(&p.path);
    err_clear(&p.fault);
    return r;
}

/* --- the tool ------------------------------------------------------------------------------ */

static int to_stdout(void *arg, const void *data, size_t n, struct err *e)
{
    (void)arg;
    if (fwrite(data, 1, n, stdout) != n)
        return err_set_errno(e, ERR_IO, errno, "write the archive");
    return 0;
}

int pack_main(int argc, char **argv)
{
    const struct pack_options plain = { .gzip_level = PACK_NO_GZIP };
    scoped(err_clear) struct err e = { 0 };

    bool when_told = argc == 3 && strcmp(argv[1], "--when-told") == 0;
    if (argc != 2 && !when_told) {
        (void)fprintf(stderr, "usage: impresario pack [--when-told] DIR\n");
        return EX_USAGE;
    }
    while (when_told && getchar() != EOF)
        continue;
    argv += when_told;
    if (pack_directory(argv[1], &plain, to_stdout, NULL, NULL, &e) == 0 && fflush(stdout) == 0)
        return 0;
    (void)fprintf(stderr, "impresario pack: %s\n", e.msg ? e.msg : "write the archive: failed");
    return EX_IOERR;
}
