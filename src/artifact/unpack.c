/* SPDX-License-Identifier: Apache-2.0
 *
 * libarchive reads the tar (its tar reader alone: no other format, no filter), and this file
 * decides about every entry. What keeps the rest of the machine out of reach:
 *
 * - Symbolic links are made last. Until then there is none under `into`, so no path can lead out
 *   through one; and an entry below the name of a link clashes with it (names.h).
 * - Every link must stay inside by its text, and once all are made, the kernel is asked to follow
 *   each one without leaving the tree (RESOLVE_BENEATH): links that go through other links fool any
 *   reading of their text.
 * - Everything counts before it costs: bytes that come out of gzip, bytes of headers, entries,
 *   folders that no entry names, and the size that an entry says it has.
 */
#include "artifact/unpack.h"

#include "artifact/inflow.h"
#include "artifact/late_archive.h"
#include "artifact/names.h"
#include "base/bounds.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    /* Of one entry's headers, long names and attributes: libarchive holds them in memory. */
    HEADERS_OF_ONE = 4 * 1024 * 1024,
    /* Of all headers and padding: three blocks of pax headers and two of padding, for each. */
    HEADERS_EACH = 2560,
    HEADERS_SPARE = 16 * 1024 * 1024,
    SPECIAL_BITS = S_ISUID | S_ISGID,
    LINK_NOTES = 20,
};

struct link {
    char *path, *target;
    struct link *next;
};

struct unpacking {
    const struct unpack_options *options;
    uint64_t max_bytes, max_entries;
    size_t max_path;
    char *too_much; /* what to say of more than max_bytes */
    int into;
    struct archive *archive;
    struct inflow *inflow;
    struct err fault;     /* of on_read() */
    bool in_header;       /* what is read now belongs to the headers of the next entry */
    uint64_t header_read; /* and is so much already */
    struct names *names;
    struct link *links; /* the last one first */
    struct buf path;    /* of the entry that is looked at, clean */
    uint64_t entries, bytes, files, heavy, link_notes;
};

/* --- words --------------------------------------------------------------------------------- */

static void note(const struct unpacking *u, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void note(const struct unpacking *u, const char *format, ...)
{
    struct buf text = { 0 };
    va_list args;

    if (!u->options->note)
        return;
    va_start(args, format);
    buf_vformat(&text, format, args);
    va_end(args);
    u->options->note(u->options->arg, buf_str(&text));
    buf_done(&text);
}

static int refuse(const struct unpacking *u, const char *why, struct err *e)
{
    scoped(mem_free) char *shown = name_shown(buf_str(&u->path));

    return err_set(e, ERR_INPUT, "the entry %s %s", shown, why);
}

/* A system call failed while something was made at `path`. */
static int cannot_make(const char *path, struct err *e)
{
    int err_no = errno;
    scoped(mem_free) char *shown = name_shown(path);

    if (err_no == ENOSPC || err_no == EDQUOT || err_no == EFBIG)
        return err_set(e, ERR_LIMIT,
                       "the archive does not fit into the space that a build has (at %s)", shown);
    return err_set_errno(e, ERR_IO, err_no, "make %s", shown);
}

static int damaged(const struct unpacking *u, const char *why, struct err *e)
{
    return err_set(e, ERR_INPUT,
                   "the archive is damaged at byte %llu%s: %s; pack and upload it again",
                   (unsigned long long)archive_filter_bytes(u->archive, 0),
                   u->options->plain ? "" : " of what is in the gzip", why);
}

/* libarchive gave up. */
static int not_readable(const struct unpacking *u, struct err *e)
{
    const char *why = archive_error_string(u->archive);

    if (u->fault.code != ERR_NONE)
        return err_set(e, u->fault.code, "%s", u->fault.msg);
    if (u->entries == 0 && inflow_out(u->inflow) == 0)
        return err_set(e, ERR_INPUT, "the archive is empty");
    if (archive_format(u->archive) == 0)
        return err_set(e, ERR_INPUT, "%s is not a tar; make it with tar czf",
                       u->options->plain ? "the archive" : "what is in the gzip");
    return damaged(u, why ? why : "it cannot be read", e);
}

/* --- making -------------------------------------------------------------------------------- */

/* The folders above `path`, and `path` too if it is to be one. There is no link to follow yet. */
static int make_folders(const struct unpacking *u, const char *path, bool itself, struct err *e)
{
    scoped(mem_free) char *at = mem_text(path);

    for (char *slash = at; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = '\0';
        if (mkdirat(u->into, at, 0755) < 0 && errno != EEXIST)
            return cannot_make(at, e);
    }
    if (itself && mkdirat(u->into, at, 0755) < 0 && errno != EEXIST)
        return cannot_make(at, e);
    return 0;
}

static int make_file(const struct unpacking *u, const char *path, bool executable, struct err *e)
{
    const int flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC;
    const mode_t mode = executable ? 0755 : 0644;
    int fd = openat(u->into, path, flags, mode);

    if (fd < 0 && errno == ENOENT) {
        if (make_folders(u, path, false, e) < 0)
            return -1;
        fd = openat(u->into, path, flags, mode);
    }
    return fd < 0 ? cannot_make(path, e) : fd;
}

static int write_at(const struct unpacking *u, int fd, const char *data, size_t n, int64_t at,
                    struct err *e)
{
    while (n > 0) {
        ssize_t wrote = pwrite(fd, data, n, at);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return cannot_make(buf_str(&u->path), e);
        data += wrote;
        at += wrote;
        n -= (size_t)wrote;
    }
    return 0;
}

static int count_bytes(struct unpacking *u, int64_t n, struct err *e)
{
    if (n < 0)
        return refuse(u, "has a size below zero", e);
    if ((uint64_t)n > u->max_bytes - u->bytes)
        return err_set(e, ERR_LIMIT, "%s", u->too_much);
    u->bytes += (uint64_t)n;
    return 0;
}

/* --- data ---------------------------------------------------------------------------------- */

/* Reads the entry's data to its end. Sparse files come as blocks with gaps between them. */
static int take_data(struct unpacking *u, int fd, int64_t size, struct err *e)
{
    const void *data;
    size_t n;
    int64_t at;
    int r;

    while ((r = archive_read_data_block(u->archive, &data, &n, &at)) == ARCHIVE_OK) {
        if (at < 0 || at > size || n > (uint64_t)(size - at))
            return refuse(u, "has more data than it says", e);
        if (fd >= 0 && write_at(u, fd, data, n, at, e) < 0)
            return -1;
    }
    return r == ARCHIVE_EOF ? 0 : not_readable(u, e);
}

static int drop_data(struct unpacking *u, struct err *e)
{
    return take_data(u, -1, INT64_MAX, e);
}

/* --- entries, by kind ---------------------------------------------------------------------- */

static int take_file(struct unpacking *u, struct archive_entry *entry, struct err *e)
{
    const char *path = buf_str(&u->path);
    int64_t size = archive_entry_size(entry);

    if (archive_entry_perm(entry) & SPECIAL_BITS)
        return refuse(u, "is a set-user-id or set-group-id file; clear that with chmod ug-s", e);
    if (count_bytes(u, size, e) < 0 || names_add(u->names, path, NAME_FILE, e) < 0)
        return -1;
    scoped(fd_close) int fd = make_file(u, path, archive_entry_perm(entry) & 0111, e);
    if (fd < 0 || take_data(u, fd, size, e) < 0)
        return -1;
    if (ftruncate(fd, size) < 0) /* the gap at the end of a sparse file */
        return cannot_make(path, e);
    u->files++;
    return 0;
}

static int take_folder(struct unpacking *u, struct err *e)
{
    const char *path = buf_str(&u->path);

    if (path[0] == '\0') /* "./" */
        return 0;
    if (names_add(u->names, path, NAME_FOLDER, e) < 0)
        return -1;
    return make_folders(u, path, true, e);
}

static int take_symlink(struct unpacking *u, const char *target, struct err *e)
{
    const char *path = buf_str(&u->path);

    if (!target || !*target || strlen(target) > u->max_path || !name_is_utf8(target))
        return refuse(u, "is a link whose target is empty, too long or not UTF-8", e);
    if (!name_link_stays(path, target))
        return refuse(u, "is a link out of the archive; put the file itself there", e);
    if (names_add(u->names, path, NAME_LINK, e) < 0)
        return -1;
    struct link *l = mem_new(sizeof *l);
    *l = (struct link){ mem_text(path), mem_text(target), u->links };
    u->links = l;
    return 0;
}

static int copy(struct unpacking *u, int from, int to, struct err *e)
{
    char block[64 * 1024];
    int64_t at = 0;
    ssize_t n;

    while ((n = read(from, block, sizeof block)) > 0) {
        if (write_at(u, to, block, (size_t)n, at, e) < 0)
            return -1;
        at += n;
    }
    return n < 0 ? cannot_make(buf_str(&u->path), e) : 0;
}

/* A second name of a file that came before becomes a copy of it. */
static int take_hard_link(struct unpacking *u, const char *target, struct err *e)
{
    const char *path = buf_str(&u->path);
    scoped(buf_done) struct buf first = { 0 };
    scoped(err_clear) struct err unfit = { 0 };
    struct stat st;

    if (name_clean(target, u->max_path, &first, &unfit) < 0)
        return refuse(u, "is a hard link out of the archive; put the file itself there", e);
    if (!names_has_file(u->names, buf_str(&first)))
        return refuse(u, "is a hard link to what is no file before it; put the file itself there",
                      e);
    scoped(fd_close) int from = openat(u->into, first.data, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0 || fstat(from, &st) < 0)
        return cannot_make(path, e);
    if (count_bytes(u, st.st_size, e) < 0 || names_add(u->names, path, NAME_FILE, e) < 0)
        return -1;
    scoped(fd_close) int to = make_file(u, path, st.st_mode & 0111, e);
    if (to < 0 || copy(u, from, to, e) < 0)
        return -1;
    u->files++;
    return drop_data(u, e);
}

/* The author's machine packs links under .libretto-share as they are, mostly to places that exist
 * on that machine alone. They are for people to read, and nothing is lost without them. */
static bool is_shared_link(struct unpacking *u, const char *target)
{
    const char *path = buf_str(&u->path);

    if (!target || strncmp(path, ".libretto-share/", 16) != 0)
        return false;
    if (u->link_notes++ < LINK_NOTES) {
        scoped(mem_free) char *shown = name_shown(path);
        scoped(mem_free) char *to = name_shown(target);
        note(u, "left out the link %s, which points to %s", shown, to);
    }
    return true;
}

static int take_other(const struct unpacking *u, unsigned type, struct err *e)
{
    switch (type) {
    case AE_IFCHR:
    case AE_IFBLK: return refuse(u, "is a device; leave it out", e);
    case AE_IFIFO: return refuse(u, "is a named pipe; leave it out", e);
    case AE_IFSOCK: return refuse(u, "is a socket; leave it out", e);
    }
    return refuse(u, "is neither a file nor a folder; leave it out", e);
}

static int take_entry(struct unpacking *u, struct archive_entry *entry, struct err *e)
{
    const char *name = archive_entry_pathname(entry);
    const char *hard = archive_entry_hardlink(entry), *soft = archive_entry_symlink(entry);
    unsigned type = archive_entry_filetype(entry);

    if (++u->entries > u->max_entries)
        return names_too_many(u->max_entries, e);
    if (name_clean(name ? name : "\xff", u->max_path, &u->path, e) < 0)
        return -1;
    bool heavy = name_has_part(buf_str(&u->path), "node_modules", false) ||
                 name_has_part(buf_str(&u->path), ".git", false);
    u->heavy += heavy;
    if (heavy || name_has_part(buf_str(&u->path), "._", true)) {
        if (type == AE_IFREG && !hard && count_bytes(u, archive_entry_size(entry), e) < 0)
            return -1;
        return drop_data(u, e);
    }
    if (is_shared_link(u, hard ? hard : soft))
        return drop_data(u, e);
    if (hard)
        return take_hard_link(u, hard, e);
    if (type == AE_IFREG)
        return take_file(u, entry, e);
    if (type != AE_IFDIR && type != AE_IFLNK)
        return take_other(u, type, e);
    if ((type == AE_IFDIR ? take_folder(u, e) : take_symlink(u, soft, e)) < 0)
        return -1;
    return drop_data(u, e);
}

/* --- links, at the end --------------------------------------------------------------------- */

static int make_links(const struct unpacking *u, struct err *e)
{
    for (const struct link *l = u->links; l; l = l->next) {
        int r = symlinkat(l->target, u->into, l->path);
        if (r < 0 && errno == ENOENT) {
            if (make_folders(u, l->path, false, e) < 0)
                return -1;
            r = symlinkat(l->target, u->into, l->path);
        }
        if (r < 0)
            return cannot_make(l->path, e);
    }
    return 0;
}

/* A link may lead to nothing, or in a circle: that harms no one but who follows it. */
static int check_links(struct unpacking *u, struct err *e)
{
    struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH };

    for (const struct link *l = u->links; l; l = l->next) {
        scoped(fd_close) int fd = (int)syscall(SYS_openat2, u->into, l->path, &how, sizeof how);
        if (fd >= 0 || errno == ENOENT || errno == ELOOP || errno == ENOTDIR)
            continue;
        if (errno != EXDEV)
            return cannot_make(l->path, e);
        buf_reset(&u->path);
        buf_text(&u->path, l->path);
        return refuse(u, "is a link that leads out of the archive through another one", e);
    }
    return 0;
}

/* --- the whole ----------------------------------------------------------------------------- */

static la_ssize_t on_read(struct archive *a, void *arg, const void **data)
{
    struct unpacking *u = arg;
    ssize_t n = inflow_next(u->inflow, data, &u->fault);

    u->header_read += n > 0 && u->in_header ? (uint64_t)n : 0;
    if (n >= 0 && u->header_read > HEADERS_OF_ONE)
        n = err_set(&u->fault, ERR_LIMIT, "an entry of the archive has more than %d MiB of headers",
                    HEADERS_OF_ONE >> 20);
    if (n < 0)
        archive_set_error(a, EIO, "%s", u->fault.msg);
    return n;
}

/* 1: there is one; 0: the end. */
static int next_entry(struct unpacking *u, struct archive_entry **entry, struct err *e)
{
    u->in_header = true;
    u->header_read = 0;
    int r = archive_read_next_header(u->archive, entry);
    u->in_header = false;
    if (r == ARCHIVE_EOF && u->fault.code == ERR_NONE)
        return 0;
    /* A warning means that a name or an attribute could not be read. What it is we need not know:
     * an archive made in good faith gives none. */
    return r == ARCHIVE_OK ? 1 : not_readable(u, e);
}

/* Reads what follows the last entry, so that a gzip's checksum is seen. A plain tar has none: its
 * only proof that nothing is missing is the block of zeros at its end. `last` is where that is. */
static int take_rest(struct unpacking *u, uint64_t last, struct err *e)
{
    const void *data;
    ssize_t n;

    while ((n = inflow_next(u->inflow, &data, e)) > 0)
        ;
    if (n < 0)
        return -1;
    if (inflow_out(u->inflow) == 0)
        return err_set(e, ERR_INPUT, "the archive is empty");
    if (u->options->plain && inflow_out(u->inflow) < last + 512)
        return damaged(u, "it ends too early", e);
    if (u->files == 0)
        return err_set(e, ERR_INPUT, "the archive holds no files%s",
                       u->heavy ? " but those in node_modules and .git" : "");
    return 0;
}

static int unpack(struct unpacking *u, struct err *e)
{
    struct archive_entry *entry;
    uint64_t last = 0;
    int r;

    if (archive_read_support_format_tar(u->archive) != ARCHIVE_OK)
        return err_set(e, ERR_IO, "libarchive does not start");
    if (archive_read_open(u->archive, u, NULL, on_read, NULL) != ARCHIVE_OK)
        return not_readable(u, e);
    while ((r = next_entry(u, &entry, e)) > 0) {
        if (take_entry(u, entry, e) < 0)
            return -1;
        last = (uint64_t)archive_filter_bytes(u->archive, 0);
    }
    if (r < 0 || take_rest(u, last, e) < 0 || make_links(u, e) < 0 || check_links(u, e) < 0)
        return -1;
    if (u->heavy > 0)
        note(u, "left out %llu entries in node_modules or .git", (unsigned long long)u->heavy);
    if (u->link_notes > LINK_NOTES)
        note(u, "left out %llu more links like these",
             (unsigned long long)(u->link_notes - LINK_NOTES));
    return 0;
}

static int unpack_in_utf8(struct unpacking *u, struct err *e)
{
    /* libarchive converts names to the locale's encoding; in C.UTF-8 they stay as they are. */
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!utf8)
        return err_set_errno(e, ERR_IO, errno, "use the locale C.UTF-8");
    locale_t before = uselocale(utf8);
    mode_t mask = umask(0);
    int r = unpack(u, e);
    (void)umask(mask);
    (void)uselocale(before);
    freelocale(utf8);
    return r;
}

int unpack_archive(int in, int into, const struct unpack_options *options, struct err *e)
{
    struct unpacking u = { .options = options, .into = into };

    if (archive_late(e) < 0)
        return -1;
    u.max_bytes = options->max_bytes ? options->max_bytes : (uint64_t)LIMIT_UNPACKED_MIB << 20;
    u.max_entries = options->max_entries ? options->max_entries : LIMIT_ENTRIES;
    u.max_path = options->max_path ? options->max_path : LIMIT_PATH;
    bool whole = u.max_bytes % (1 << 20) == 0;
    u.too_much = mem_format("the archive unpacks to more than %llu %s; leave out what "
                            "the workflows do not need",
                            (unsigned long long)(whole ? u.max_bytes >> 20 : u.max_bytes),
                            whole ? "MiB" : "bytes");
    u.names = names_new(u.max_entries);
    u.inflow = inflow_new(in, !options->plain,
                          u.max_bytes + u.max_entries * HEADERS_EACH + HEADERS_SPARE, u.too_much);
    u.archive = archive_read_new();
    if (!u.archive)
        abort(); /* out of memory, as mem.h has it */
    int r = unpack_in_utf8(&u, e);

    (void)archive_read_free(u.archive);
    inflow_free(u.inflow);
    names_free(u.names);
    while (u.links) {
        struct link *l = u.links;
        u.links = l->next;
        mem_free(l->path);
        mem_free(l->target);
        mem_free(l);
    }
    buf_done(&u.path);
    err_clear(&u.fault);
    mem_free(u.too_much);
    return r;
}
