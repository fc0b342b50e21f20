/* SPDX-License-Identifier: Apache-2.0 */
#include "store/blob.h"

#include "base/bounds.h"
#include "base/id.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct blobs {
    const struct env *env;
    char *root;
    char *temp;
    pthread_mutex_t folders; /* held while one is made: who finds it there may count on it */
};

struct blob {
    struct blobs *blobs;
    char *path;
    int fd;
};

static int make_dir(struct disk *disk, const char *path, const char *above, struct err *e)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_set_errno(e, ERR_IO, errno, "make the folder %s", path);
    if (disk_sync_dir(disk, above) < 0) /* also when a killed server made it */
        return err_set_errno(e, ERR_IO, errno, "make the folder %s durable", path);
    return 0;
}

/* What a killed server was writing is of no use to anyone. */
static void empty_dir(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;

    if (!dir)
        return;
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.')
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    (void)closedir(dir);
}

int blobs_open(const struct env *env, const char *data_dir, struct blobs **out, struct err *e)
{
    scoped(mem_free) char *root = mem_format("%s/blobs", data_dir);
    scoped(mem_free) char *temp = mem_format("%s/blobs/temp", data_dir);

    if (make_dir(env->disk, root, data_dir, e) < 0 || make_dir(env->disk, temp, root, e) < 0)
        return -1;
    empty_dir(temp);
    struct blobs *b = mem_new(sizeof *b);
    *b = (struct blobs){ env, take(root), take(temp), PTHREAD_MUTEX_INITIALIZER };
    *out = b;
    return 0;
}

void blobs_close(struct blobs *b)
{
    if (!b)
        return;
    pthread_mutex_destroy(&b->folders);
    mem_free(b->root);
    mem_free(b->temp);
    mem_free(b);
}

int blob_new(struct blobs *b, struct blob **out, struct err *e)
{
    struct disk *disk = b->env->disk;
    struct id id = id_new(b->env);
    scoped(mem_free) char *path = mem_format("%s/%s", b->temp, id.text);

    if (disk_check(disk, e) < 0)
        return -1;
    int fd = disk->open(disk, path, O_WRONLY | O_CREAT | O_EXCL, 0600);

    if (fd < 0)
        return err_set_errno(e, errno == ENOSPC ? ERR_UNAVAILABLE : ERR_IO, errno, "keep a file");
    struct blob *blob = mem_new(sizeof *blob);
    *blob = (struct blob){ b, take(path), fd };
    *out = blob;
    return 0;
}

int blob_fd(const struct blob *blob)
{
    return blob->fd;
}

void blob_free(struct blob *blob)
{
    if (!blob)
        return;
    fd_close(blob->fd);
    if (blob->path) {
        struct disk *disk = blob->blobs->env->disk;
        (void)disk->unlink(disk, blob->path);
    }
    mem_free(blob->path);
    mem_free(blob);
}

/* Makes the folders above `path`; each that is new is synced into the one above it. */
static int make_parents(struct disk *disk, char *path, size_t root)
{
    for (char *at = strchr(path + root + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        int made = mkdir(path, 0700);
        if (made < 0 && errno != EEXIST) {
            *at = '/';
            return -1;
        }
        if (made == 0) {
            char *above = strrchr(path, '/');
            *above = '\0';
            int synced = disk_sync_dir(disk, path);
            *above = '/';
            if (synced < 0) {
                *at = '/';
                return -1;
            }
        }
        *at = '/';
    }
    return 0;
}

static int make_folders(struct blobs *b, char *path)
{
    pthread_mutex_lock(&b->folders);
    int r = make_parents(b->env->disk, path, strlen(b->root));
    pthread_mutex_unlock(&b->folders);
    return r;
}

static char *key_path(const struct blobs *b, const char *key)
{
    assert(key[0] != '/' && !strstr(key, "..")); /* keys are ours, never a client's */
    return mem_format("%s/%s", b->root, key);
}

int blob_keep(struct blob *taken, const char *key, struct err *e)
{
    scoped(blob_free) struct blob *blob = taken;
    struct disk *disk = blob->blobs->env->disk;
    scoped(mem_free) char *path = key_path(blob->blobs, key);

    if (disk_sync(disk, blob->fd) < 0 || make_folders(blob->blobs, path) < 0 ||
        disk->rename(disk, blob->path, path) < 0)
        return err_set_errno(e, errno == ENOSPC ? ERR_UNAVAILABLE : ERR_IO, errno,
                             "make a file durable");
    mem_free(take(blob->path));
    *strrchr(path, '/') = '\0';
    if (disk_sync_dir(disk, path) < 0)
        return err_set_errno(e, ERR_IO, errno, "make a folder durable");
    return 0;
}

int blob_open(struct blobs *b, const char *key, struct err *e)
{
    struct disk *disk = b->env->disk;
    scoped(mem_free) char *path = key_path(b, key);
    int fd = disk->open(disk, path, O_RDONLY, 0);

    if (fd < 0)
        return err_set_errno(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "open %s", key);
    return fd;
}

int blob_read(struct blobs *b, const char *key, struct buf *out, struct err *e)
{
    enum { PIECE = 64 * 1024 };
    scoped(fd_close) int fd = blob_open(b, key, e);
    ssize_t n;

    if (fd < 0)
        return -1;
    while ((n = read(fd, buf_reserve(out, PIECE), PIECE)) > 0)
        buf_grew(out, (size_t)n);
    return n < 0 ? err_set_errno(e, ERR_IO, errno, "read %s", key) : 0;
}

void blob_delete(struct blobs *b, const char *key)
{
    struct disk *disk = b->env->disk;
    scoped(mem_free) char *path = key_path(b, key);

    (void)disk->unlink(disk, path);
    *strrchr(path, '/') = '\0';
    (void)rmdir(path); /* the folder of one deployment, when this was its last file */
}

struct walk {
    struct blobs *blobs;
    msec_t before;
    void (*old)(void *arg, const char *key);
    void *arg;
};

/* Keys are "<kind>/<id>/<name>", and `depth` says what `key` is of that: 0, nothing yet. */
static int walk(const struct walk *w, const char *key, int depth)
{
    scoped(mem_free) char *path = mem_format("%s/%s", w->blobs->root, key);
    DIR *dir = opendir(path);
    const struct dirent *entry;

    if (!dir)
        return errno == ENOENT || errno == ENOTDIR ? 0
                                                   : -1; /* gone meanwhile, or no blob of ours */
    int r = 0;
    while (r == 0 && (entry = readdir(dir)) != NULL) {
        scoped(mem_free) char *below = mem_format("%s%s%s", key, depth ? "/" : "", entry->d_name);
        struct stat st;
        if (entry->d_name[0] == '.' || strcmp(below, "temp") == 0)
            continue;
        if (depth < 2)
            r = walk(w, below, depth + 1);
        else if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                 (msec_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000 < w->before)
            w->old(w->arg, below);
    }
    (void)closedir(dir);
    return r;
}

int blobs_each_old(struct blobs *b, msec_t before, void (*old)(void *arg, const char *key),
                   void *arg, struct err *e)
{
    if (walk(&(struct walk){ b, before, old, arg }, "", 0) < 0)
        return err_set_errno(e, ERR_IO, errno, "look through the folders of blobs");
    return 0;
}

int blobs_check_space(struct blobs *b, struct err *e)
{
    struct statvfs fs;

    if (statvfs(b->root, &fs) < 0)
        return err_set_errno(e, ERR_IO, errno, "ask for the free space of %s", b->root);
    uint64_t left = (uint64_t)fs.f_bavail * fs.f_frsize, all = (uint64_t)fs.f_blocks * fs.f_frsize;
    if (left < DISK_RESERVE_LEAST || (left < all / DISK_RESERVE_SHARE && left < DISK_RESERVE_MOST))
        return err_set(e, ERR_UNAVAILABLE,
                       "The disk of the server is almost full: nothing new is accepted until its "
                       "operator makes room");
    return 0;
}
