/* SPDX-License-Identifier: Apache-2.0 */
#include "base/disk.h"

#include "base/env.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int real_open(struct disk *d, const char *path, int flags, mode_t mode)
{
    (void)d;
    return open(path, flags | O_CLOEXEC, mode);
}

static ssize_t real_write(struct disk *d, int fd, const void *data, size_t n)
{
    (void)d;
    return write(fd, data, n);
}

static int real_sync(struct disk *d, int fd)
{
    (void)d;
    return fsync(fd);
}

static int real_rename(struct disk *d, const char *from, const char *to)
{
    (void)d;
    return rename(from, to);
}

static int real_unlink(struct disk *d, const char *path)
{
    (void)d;
    return unlink(path);
}

struct disk disk_real = { real_open, real_write, real_sync, real_rename, real_unlink, false };

const struct env env_real = { &clock_real, &rng_real, &disk_real };

static int fault(struct disk *d)
{
    struct disk_faulty *f = (struct disk_faulty *)(void *)d;

    if (f->nth <= 0 || --f->nth > 0)
        return 0;
    errno = f->err_no;
    return -1;
}

static int faulty_open(struct disk *d, const char *path, int flags, mode_t mode)
{
    return fault(d) < 0 ? -1 : real_open(d, path, flags, mode);
}

static ssize_t faulty_write(struct disk *d, int fd, const void *data, size_t n)
{
    return fault(d) < 0 ? -1 : real_write(d, fd, data, n);
}

static int faulty_sync(struct disk *d, int fd)
{
    return fault(d) < 0 ? -1 : real_sync(d, fd);
}

static int faulty_rename(struct disk *d, const char *from, const char *to)
{
    return fault(d) < 0 ? -1 : real_rename(d, from, to);
}

static int faulty_unlink(struct disk *d, const char *path)
{
    return fault(d) < 0 ? -1 : real_unlink(d, path);
}

void disk_faulty_init(struct disk_faulty *d)
{
    *d = (struct disk_faulty){
        { faulty_open, faulty_write, faulty_sync, faulty_rename, faulty_unlink, false }, 0, EIO
    };
}

void disk_fail(struct disk *d, const char *why)
{
    if (!atomic_exchange(&d->failed, true))
        log_event(LOG_ERROR, "disk.failed", F_TEXT("error", why),
                  F_TEXT("remedy", "mend the disk, then restart the server"));
}

int disk_check(struct disk *d, struct err *e)
{
    if (!atomic_load(&d->failed))
        return 0;
    return err_set(e, ERR_UNAVAILABLE,
                   "the disk failed while writing; the server must be restarted before it accepts "
                   "changes again");
}

int disk_sync(struct disk *d, int fd)
{
    int r = d->sync(d, fd);

    if (r < 0) {
        int err_no = errno;
        disk_fail(d, strerrordesc_np(err_no));
        errno = err_no;
    }
    return r;
}

int disk_sync_dir(struct disk *d, const char *path)
{
    scoped(fd_close) int fd = d->open(d, path, O_RDONLY | O_DIRECTORY, 0);

    return fd < 0 ? -1 : disk_sync(d, fd);
}

int disk_write_all(struct disk *d, int fd, const void *data, size_t n)
{
    const char *at = data;

    while (n > 0) {
        ssize_t wrote = d->write(d, fd, at, n);
        if (wrote < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        at += wrote;
        n -= (size_t)wrote;
    }
    return 0;
}
