/* SPDX-License-Identifier: Apache-2.0
 *
 * The disk as the blob store sees it: few calls, each of which can be made to fail by a test.
 * All return -1 with errno set, as the system calls do. (SQLite brings its own such layer, the VFS.)
 */
#ifndef BASE_DISK_H
#define BASE_DISK_H

#include "base/err.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

struct disk {
    int (*open)(struct disk *d, const char *path, int flags, mode_t mode);
    ssize_t (*write)(struct disk *d, int fd, const void *data, size_t n);
    int (*sync)(struct disk *d, int fd); /* fsync: files and directories */
    int (*rename)(struct disk *d, const char *from, const char *to);
    int (*unlink)(struct disk *d, const char *path);
    atomic_bool failed; /* see disk_fail() */
};

extern struct disk disk_real;

/* Fails the nth call (1 is the next) of any kind with `err_no`, then works again. */
struct disk_faulty {
    struct disk disk;
    int nth; /* counts down; 0 or less: no fault is armed */
    int err_no;
};
void disk_faulty_init(struct disk_faulty *d);

/* Something could not be made durable. The kernel may drop what it could not write and say yes the
 * next time, so nobody knows any more what is on the disk: from now on disk_check() refuses every
 * change, until a restart reads what is really there. Logs the first one. Any thread. */
void disk_fail(struct disk *d, const char *why);
/* 0 while the disk keeps what it is given, or -1 with ERR_UNAVAILABLE. */
must_use int disk_check(struct disk *d, struct err *e);
/* fsync; a failure is disk_fail(). 0, or -1 with errno. */
must_use int disk_sync(struct disk *d, int fd);
/* The same for the folder at `path`, so that the names in it are durable. */
must_use int disk_sync_dir(struct disk *d, const char *path);

/* Writes all of it. 0, or -1 with errno. */
int disk_write_all(struct disk *d, int fd, const void *data, size_t n);

#endif
