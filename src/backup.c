/* SPDX-License-Identifier: Apache-2.0
 *
 * impresario backup and restore: everything that is kept, in one tar.
 *
 *     impresario.db     a copy of the store, as it was at one moment
 *     blobs/..          what its rows name, and only that
 *     layers/..         installed packages: files, folders and symbolic links
 *     master.key        only when asked for
 *     manifest.json     last: {"format": 1, "entries": {PATH: SHA-256 of a file, or "link:" and target}}
 *
 * The copy of the store comes first and files after it: a file that a row names is never changed, and
 * one that was deleted meanwhile means that the copy is too old, so that all begins again. A tar that
 * ends early has no manifest, and one with any byte changed has a digest that differs. Restoring builds
 * a folder beside the data directory, and renames it when all of it is checked and synced.
 */
#include "serve.h"

#include "artifact/late_archive.h"
#include "base/env.h"
#include "base/id.h"
#include "base/json.h"
#include "base/settings.h"
#include "base/sha256.h"
#include "base/tree.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "domain/audit.h"
#include "domain/sealed.h"
#include "domain/stored.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FORMAT = 1, BLOCK = 64 * 1024, ATTEMPTS = 3, MANIFEST_MOST = 256 * 1024 * 1024 };

#define STORE    "impresario.db"
#define KEY      "master.key"
#define MANIFEST "manifest.json"

DEFINE_SCOPED(struct archive_entry, archive_entry_free)
DEFINE_SCOPED(struct archive, archive_free)
DEFINE_SCOPED(FTS, fts_close)

static char *digest_end(EVP_MD_CTX *ctx)
{
    unsigned char sum[SHA256_SIZE];
    char text[SHA256_TEXT_SIZE];

    sha256_end(ctx, sum);
    hex_text(sum, sizeof sum, text);
    return mem_text(text);
}

static char *link_mark(const char *target)
{
    return mem_format("link:%s", target);
}

/* ---- backup ---- */

struct backup {
    const struct settings *settings;
    struct progress *progress;
    struct archive *tar;
    json_t *entries;
    uint64_t bytes;
};

static int put_header(const struct backup *b, struct archive_entry *entry, struct err *e)
{
    if (archive_write_header(b->tar, entry) == ARCHIVE_OK)
        return 0;
    return err_set(e, ERR_IO, "write the backup: %s", archive_error_string(b->tar));
}

static int put_data(struct backup *b, const char *name, int fd, int64_t size, struct err *e)
{
    EVP_MD_CTX *digest = sha256_begin();
    char block[BLOCK];
    ssize_t n;

    while ((n = read(fd, block, sizeof block)) > 0) {
        size -= n;
        sha256_add(digest, block, (size_t)n);
        b->bytes += (uint64_t)n;
        if (archive_write_data(b->tar, block, (size_t)n) != n)
            break;
    }
    scoped(mem_free) char *sum = digest_end(digest);
    json_object_set_new(b->entries, name, json_string(sum));
    if (n < 0)
        return err_set_errno(e, ERR_IO, errno, "read %s", name);
    if (n > 0)
        return err_set(e, ERR_IO, "write the backup: %s", archive_error_string(b->tar));
    return size == 0 ? 0 : err_set(e, ERR_CONFLICT, "%s changed while it was copied", name);
}

static int put_entry(struct backup *b, const char *path, const char *name, struct err *e)
{
    scoped(archive_entry_free) struct archive_entry *entry = archive_entry_new();
    struct stat st;

    if (lstat(path, &st) < 0)
        return err_set_errno(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "read %s", path);
    archive_entry_set_pathname(entry, name);
    archive_entry_copy_stat(entry, &st);
    if (S_ISLNK(st.st_mode)) {
        char target[PATH_MAX] = "";
        if (readlink(path, target, sizeof target - 1) < 0)
            return err_set_errno(e, ERR_IO, errno, "read %s", path);
        scoped(mem_free) char *mark = link_mark(target);
        archive_entry_set_symlink(entry, target);
        json_object_set_new(b->entries, name, json_string(mark));
    } else if (S_ISREG(st.st_mode)) {
        scoped(fd_close) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return err_set_errno(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open %s",
                                 path);
        progress_detail(b->progress, name);
        return put_header(b, entry, e) < 0 ? -1 : put_data(b, name, fd, st.st_size, e);
    } else if (!S_ISDIR(st.st_mode)) {
        return err_set(e, ERR_IO, "%s is no file, folder or symbolic link", path);
    }
    return put_header(b, entry, e);
}

/* What stands in the data directory at `name`, and all that is in it. ERR_NOT_FOUND when it went away. */
static int put(void *arg, const char *name, struct err *e)
{
    struct backup *b = arg;
    const char *data = b->settings->data;
    scoped(mem_free) char *path = mem_format("%s/%s", data, name);
    char *const roots[] = { path, NULL };
    scoped(fts_close) FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    const FTSENT *at;

    while (walk && (at = fts_read(walk)) != NULL) {
        if (at->fts_info == FTS_DP)
            continue;
        if (at->fts_info == FTS_DNR || at->fts_info == FTS_ERR)
            return err_set_errno(e, ERR_IO, at->fts_errno, "read %s", at->fts_path);
        if (put_entry(b, at->fts_path, at->fts_path + strlen(data) + 1, e) < 0)
            return -1;
    }
    return walk ? 0 : err_set_errno(e, ERR_IO, errno, "read %s", path);
}

/* The key itself, also where a link leads to it. */
static int put_key(struct backup *b, struct err *e)
{
    char *path = realpath(b->settings->master_key_file, NULL);
    scoped(mem_free) char *own = path;

    if (!path)
        return err_set_errno(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "read %s",
                             b->settings->master_key_file);
    return put_entry(b, path, KEY, e);
}

static int put_manifest(struct backup *b, struct err *e)
{
    scoped(archive_entry_free) struct archive_entry *entry = archive_entry_new();
    scoped(json_decref) json_t *manifest = json_pack("{s:i,s:s,s:O}", "format", FORMAT, "version",
                                                     IMPRESARIO_VERSION, "entries", b->entries);
    scoped(mem_free) char *text = json_print(manifest);
    size_t n = strlen(text);

    archive_entry_set_pathname(entry, MANIFEST);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0600);
    archive_entry_set_size(entry, (la_int64_t)n);
    if (put_header(b, entry, e) < 0)
        return -1;
    if (archive_write_data(b->tar, text, n) != (la_ssize_t)n ||
        archive_write_close(b->tar) != ARCHIVE_OK)
        return err_set(e, ERR_IO, "write the backup: %s", archive_error_string(b->tar));
    return 0;
}

static int name_stored(struct db *db, void *arg, struct err *e)
{
    return stored_each(db, put, arg, e);
}

/* Everything once, into `fd`, which is empty. `copy` is where the copy of the store may be made. */
static int write_all(struct backup *b, int fd, const char *copy, bool with_key, struct err *e)
{
    scoped(archive_free) struct archive *tar = archive_write_new();

    b->tar = tar;
    b->bytes = 0;
    json_object_clear(b->entries);
    if (archive_write_set_format_pax_restricted(tar) != ARCHIVE_OK ||
        archive_write_open_fd(tar, fd) != ARCHIVE_OK)
        return err_set(e, ERR_IO, "write the backup: %s", archive_error_string(tar));
    progress_begin(b->progress, "store");
    (void)unlink(copy);
    if (store_copy(&env_real, b->settings->data, copy, e) < 0 || put_entry(b, copy, STORE, e) < 0)
        return -1;
    progress_begin(b->progress, "files");
    if (store_look(&env_real, copy, name_stored, b, e) < 0 || (with_key && put_key(b, e) < 0) ||
        put_manifest(b, e) < 0)
        return -1;
    if (fsync(fd) < 0)
        return err_set_errno(e, ERR_IO, errno, "make the backup durable");
    return 0;
}

/* Again from the start when a file went away that the copy of the store still names. */
static int write_backup(struct backup *b, int fd, const char *copy, bool with_key, struct err *e)
{
    for (int attempt = 1;; attempt++) {
        if (write_all(b, fd, copy, with_key, e) == 0)
            return 0;
        if (e->code != ERR_NOT_FOUND || attempt == ATTEMPTS)
            return -1;
        err_clear(e);
        if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
            return err_set_errno(e, ERR_IO, errno, "write the backup");
    }
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return !slash          ? mem_text(".")
           : slash == path ? mem_text("/")
                           : mem_text_n(path, (size_t)(slash - path));
}

struct noted {
    const struct sealer *sealer;
    const char *file;
};

static int note_backup(struct db *db, void *arg, struct err *e)
{
    const struct noted *n = arg;

    return audit_add_host(db, n->sealer, "store.backed_up", n->file, NULL, e);
}

static int look_for_log(struct db *db, void *arg, struct err *e)
{
    (void)e;
    *(bool *)arg = audit_there(db);
    return 0;
}

/* A store of an older schema, which its own server may be using, stays as it is. */
static int note(const struct settings *settings, const char *copy, const char *file, struct err *e)
{
    scoped(sealer_close) struct sealer *sealer = NULL;
    scoped(store_close) struct store *store = NULL;
    bool there = false;

    if (store_look(&env_real, copy, look_for_log, &there, e) < 0)
        return -1;
    if (!there)
        return 0;
    if (store_join(&env_real, settings->data, &store, e) < 0 ||
        audit_open_key(store, settings->master_key_file, &sealer, e) < 0)
        return -1;
    return store_write(store, note_backup, &(struct noted){ sealer, file }, e);
}

/* Under a name of its own until it is whole; never over a file that is there. */
static int backup(struct backup *b, const char *file, bool with_key, struct err *e)
{
    scoped(mem_free) char *part = mem_format("%s.part", file);
    scoped(mem_free) char *copy = mem_format("%s.store", file);
    scoped(mem_free) char *folder = folder_of(file);

    if (access(file, F_OK) == 0)
        return err_set(e, ERR_CONFLICT, "%s is there already: name a new file", file);
    scoped(fd_close) int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set_errno(e, ERR_IO, errno, "write %s", part);
    int r = write_backup(b, fd, copy, with_key, e);
    if (r == 0)
        r = note(b->settings, copy, file, e);
    if (r == 0 && renameat2(AT_FDCWD, part, AT_FDCWD, file, RENAME_NOREPLACE) < 0)
        r = err_set_errno(e, ERR_IO, errno, "name the backup %s", file);
    if (r == 0 && disk_sync_dir(&disk_real, folder) < 0)
        r = err_set_errno(e, ERR_IO, errno, "make the backup durable");
    (void)unlink(copy);
    if (r < 0)
        (void)unlink(part);
    return r;
}

/* ---- restore ---- */

struct restore {
    const struct settings *settings;
    struct progress *progress;
    char *staging; /* becomes the data directory */
    json_t *entries;
    json_t *manifest;
    uint64_t bytes;
};

static int damaged(const char *what, const char *name, struct err *e)
{
    return err_set(e, ERR_INPUT, "the backup is damaged: %s %s", name, what);
}

/* Ours to begin with, but a backup may have been in any hands. */
static bool name_is_plain(const char *name)
{
    if (strcmp(name, STORE) == 0 || strcmp(name, KEY) == 0)
        return true;
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        size_t n = strcspn(part, "/");
        if (n == 0 || (n <= 2 && strncmp(part, "..", n) == 0))
            return false;
    }
    return strncmp(name, "blobs/", 6) == 0 || strncmp(name, "layers/", 7) == 0;
}

static int take_manifest(struct restore *r, struct archive *tar, struct archive_entry *entry,
                         struct err *e)
{
    scoped(buf_done) struct buf text = { 0 };
    la_int64_t size = archive_entry_size(entry);

    if (size < 0 || size > MANIFEST_MOST || r->manifest)
        return damaged("has an impossible size", MANIFEST, e);
    char *to = buf_reserve(&text, (size_t)size);
    if (archive_read_data(tar, to, (size_t)size) != size)
        return damaged("ends early", MANIFEST, e);
    buf_grew(&text, (size_t)size);
    r->manifest = json_loadb(text.data, text.n, 0, NULL);
    if (!r->manifest)
        return damaged("is not JSON", MANIFEST, e);
    if (json_int(r->manifest, "format", 0) != FORMAT)
        return err_set(e, ERR_PRECONDITION,
                       "the backup has format %lld, this program knows %d: restore it with the "
                       "version that wrote it, %s",
                       (long long)json_int(r->manifest, "format", 0), FORMAT,
                       json_text(r->manifest, "version"));
    return 0;
}

static int take_data(struct restore *r, struct archive *tar, struct archive *disk, const char *name,
                     struct err *e)
{
    EVP_MD_CTX *digest = sha256_begin();
    char block[BLOCK];
    la_ssize_t n;
    bool wrote = true;

    while (wrote && (n = archive_read_data(tar, block, sizeof block)) > 0) {
        sha256_add(digest, block, (size_t)n);
        r->bytes += (uint64_t)n;
        wrote = archive_write_data(disk, block, (size_t)n) == n;
    }
    scoped(mem_free) char *sum = digest_end(digest);
    if (!wrote)
        return err_set(e, ERR_IO, "write %s: %s", name, archive_error_string(disk));
    if (n < 0)
        return damaged(archive_error_string(tar), name, e);
    json_object_set_new(r->entries, name, json_string(sum));
    return 0;
}

static int take_entry(struct restore *r, struct archive *tar, struct archive *disk,
                      struct archive_entry *entry, struct err *e)
{
    scoped(mem_free) char *name = mem_text(archive_entry_pathname(entry));
    const char *link = archive_entry_symlink(entry);

    size_t n = strlen(name);
    if (n > 0 && name[n - 1] == '/')
        name[n - 1] = '\0'; /* of a folder */
    if (r->manifest)
        return damaged("stands behind the end", name, e);
    if (strcmp(name, MANIFEST) == 0)
        return take_manifest(r, tar, entry, e);
    if (!name_is_plain(name) || archive_entry_hardlink(entry) || json_object_get(r->entries, name))
        return damaged("is not a name that a backup has", name, e);
    scoped(mem_free) char *path = mem_format("%s/%s", r->staging, name);
    archive_entry_set_pathname(entry, path);
    progress_detail(r->progress, name);
    if (archive_write_header(disk, entry) < ARCHIVE_WARN)
        return err_set(e, ERR_IO, "write %s: %s", name, archive_error_string(disk));
    if (link) {
        scoped(mem_free) char *mark = link_mark(link);
        json_object_set_new(r->entries, name, json_string(mark));
    } else if (archive_entry_filetype(entry) == AE_IFREG && take_data(r, tar, disk, name, e) < 0) {
        return -1;
    } else if (archive_entry_filetype(entry) != AE_IFREG &&
               archive_entry_filetype(entry) != AE_IFDIR) {
        return damaged("is of a kind that a backup has not", name, e);
    }
    if (archive_write_finish_entry(disk) < ARCHIVE_WARN)
        return err_set(e, ERR_IO, "write %s: %s", name, archive_error_string(disk));
    return 0;
}

static int check_entries(const struct restore *r, struct err *e)
{
    const json_t *told = json_object_get(r->manifest, "entries");
    const char *name;
    json_t *value;

    if (!r->manifest)
        return err_set(e, ERR_INPUT, "the backup ends before its manifest: it is not whole");
    json_object_foreach(json_shared(told), name, value) {
        const json_t *have = json_object_get(r->entries, name);
        if (!have)
            return damaged("is missing", name, e);
        if (!json_equal(have, value))
            return damaged("has another digest than the manifest says", name, e);
    }
    if (json_object_size(r->entries) != json_object_size(told) || !json_object_get(told, STORE))
        return damaged("does not name what the backup holds", MANIFEST, e);
    return 0;
}

static int take_all(struct restore *r, const char *file, struct err *e)
{
    scoped(archive_free) struct archive *tar = archive_read_new();
    scoped(archive_free) struct archive *disk = archive_write_disk_new();
    int flags = ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_SECURE_SYMLINKS |
                ARCHIVE_EXTRACT_SECURE_NODOTDOT | (geteuid() == 0 ? ARCHIVE_EXTRACT_OWNER : 0);
    struct archive_entry *entry;
    int got;

    (void)archive_write_disk_set_options(disk, flags);
    if (archive_read_support_format_tar(tar) != ARCHIVE_OK ||
        archive_read_open_filename(tar, file, BLOCK) != ARCHIVE_OK)
        return err_set(e, ERR_INPUT, "read %s: %s", file, archive_error_string(tar));
    while ((got = archive_read_next_header(tar, &entry)) == ARCHIVE_OK) {
        if (take_entry(r, tar, disk, entry, e) < 0)
            return -1;
    }
    if (got != ARCHIVE_EOF)
        return damaged(archive_error_string(tar), file, e);
    if (archive_write_close(disk) < ARCHIVE_WARN)
        return err_set(e, ERR_IO, "write the last folders: %s", archive_error_string(disk));
    return check_entries(r, e);
}

static int note_restore(struct db *db, void *arg, struct err *e)
{
    return audit_add_host(db, arg, "store.restored", IMPRESARIO_VERSION, NULL, e);
}

/* What is sealed must open with the key that the server will use. The store's schema comes up to date. */
static int check_key(const struct restore *r, struct err *e)
{
    scoped(mem_free) char *own = mem_format("%s/" KEY, r->staging);
    scoped(mem_free) char *usual = mem_format("%s/" KEY, r->settings->data);
    const char *named = r->settings->master_key_file;
    const char *key = access(own, F_OK) == 0 || strcmp(named, usual) == 0 ? own : named;
    scoped(sealer_close) struct sealer *sealer = NULL;
    scoped(store_close) struct store *store = NULL;

    return store_open(&env_real, r->staging, &store, e) < 0 ||
                   sealed_open(store, key, &sealer, e) < 0 ||
                   store_write(store, note_restore, sealer, e) < 0
               ? -1
               : 0;
}

static int make_durable(const struct restore *r, struct err *e)
{
    scoped(mem_free) char *above = folder_of(r->settings->data);
    scoped(fd_close) int fd = open(r->staging, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || syncfs(fd) < 0)
        return err_set_errno(e, ERR_IO, errno, "make %s durable", r->staging);
    /* Onto an empty folder, or none; the kernel refuses any other. */
    if (rename(r->staging, r->settings->data) < 0)
        return err_set_errno(e, ERR_CONFLICT, errno,
                             "put it at %s, which must be empty or not there", r->settings->data);
    if (disk_sync_dir(&disk_real, above) < 0)
        return err_set_errno(e, ERR_IO, errno, "make %s durable", r->settings->data);
    return 0;
}

/* Empty, or not there. */
static bool is_free(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry = NULL;

    if (!dir)
        return errno == ENOENT;
    while ((entry = readdir(dir)) &&
           (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0))
        continue;
    (void)closedir(dir);
    return !entry;
}

static int restore(struct restore *r, const char *file, struct err *e)
{
    if (!is_free(r->settings->data))
        return err_set(e, ERR_CONFLICT,
                       "%s is not empty: choose a folder that is empty or not there with --data",
                       r->settings->data);
    (void)tree_remove(r->staging); /* of a restore that was interrupted */
    if (mkdir(r->staging, 0700) < 0)
        return err_set_errno(e, ERR_IO, errno, "make the folder %s", r->staging);
    progress_begin(r->progress, "files");
    int done = take_all(r, file, e);
    if (done == 0) {
        progress_begin(r->progress, "check");
        done = check_key(r, e);
    }
    if (done == 0)
        done = make_durable(r, e);
    if (done < 0)
        (void)tree_remove(r->staging);
    return done;
}

/* ---- the commands ---- */

struct asked {
    bool with_key;
};

static const struct flag backup_flags[] = {
    SWITCH(
        "with-key", 0, struct asked, with_key,
        "put the master key into the file too: whoever has the file can then open what is sealed"),
    { 0 },
};

static const struct args backup_args = {
    .operands = "FILE [--data DIR]",
    .least = 1,
    .most = 1,
    .flags = backup_flags,
    .more =
        "Copies the store and all files that it names into the new FILE, also while the server\n"
        "runs. Credentials stay sealed. Keep the master key (DATA/master.key, unless the server is\n"
        "told another place) somewhere else: without it they cannot be opened again.\n",
};

static const struct args restore_args = {
    .operands = "FILE [--data DIR] [--master-key-file KEY]",
    .least = 1,
    .most = 1,
    .more =
        "Makes the data directory DIR, which must be empty or not there, from a backup. Every file is\n"
        "checked against its digest, and the key against what is sealed; DIR appears when all is\n"
        "well, and whole. Start the server with the same --master-key-file.\n",
};

/* 0 when argv[1] is the file; else an exit code in *code. */
static int begin(const struct args *args, const char *name, int *argc, char **argv,
                 struct settings *settings, struct asked *asked, int *code)
{
    scoped(err_clear) struct err e = { 0 };

    if (args_ask_help(*argc, argv)) {
        args_print_help(args, name, stdout);
        *code = EXIT_FINE;
        return -1;
    }
    if (settings_load(settings, argc, argv, environ, &e) == 0) {
        --*argc; /* argv[0] is the command */
        if (args_read(args, argc, argv + 1, asked, &e) == 0 && archive_late(&e) == 0)
            return 0;
    }
    fprintf(stderr, "impresario: %s\n", e.msg);
    *code = EXIT_USAGE;
    return -1;
}

static int end(struct progress *p, int r, uint64_t bytes, const struct err *e)
{
    scoped(mem_free) char *size = text_bytes(bytes);

    if (r == 0) {
        progress_end(p, size);
        return EXIT_FINE;
    }
    progress_fail(p, NULL);
    fprintf(stderr, "impresario: %s\n", e->msg);
    return e->code == ERR_IO || e->code == ERR_INTERNAL ? EXIT_OUTCOME : EXIT_USAGE;
}

int backup_main(int argc, char **argv)
{
    scoped(settings_done) struct settings settings = { 0 };
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *entries = json_object();
    const struct screen screen = screen_standard();
    struct asked asked = { 0 };
    int code;

    if (begin(&backup_args, "impresario backup", &argc, argv, &settings, &asked, &code) < 0)
        return code;
    scoped(progress_free) struct progress *progress = progress_new(&screen.err, &clock_real);
    (void)umask(077); /* what tenants keep is in it */
    struct backup b = { .settings = &settings, .progress = progress, .entries = entries };
    int r = backup(&b, argv[1], asked.with_key, &e);
    return end(progress, r, b.bytes, &e);
}

int restore_main(int argc, char **argv)
{
    scoped(settings_done) struct settings settings = { 0 };
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *entries = json_object();
    const struct screen screen = screen_standard();
    struct asked asked = { 0 };
    int code;

    if (begin(&restore_args, "impresario restore", &argc, argv, &settings, &asked, &code) < 0)
        return code;
    scoped(mem_free) char *staging = mem_format("%s.restoring", settings.data);
    scoped(progress_free) struct progress *progress = progress_new(&screen.err, &clock_real);
    struct restore to = {
        .settings = &settings, .progress = progress, .staging = staging, .entries = entries
    };
    int r = restore(&to, argv[1], &e);
    json_decref(to.manifest);
    return end(progress, r, to.bytes, &e);
}
