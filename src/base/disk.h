/* SPDX-License-Identifier: Apache-2.0
 *
 * The disk as the blob store sees it: few calls, each of which can be made to fail by a test.
 * All return -1 with errno set, as the system calls do. (SQLite brings its own such layer, the VFS.)
 */
#ifndef BASE_DISK_H
#define BASE_DISK_H

#include <stddef.h>
#include <sys/types.h>

struct disk {
    int (*open)(struct disk *d, const char *path, int flags, mode_t mode);
    ssize_t (*write)(struct disk *d, int fd, const void *data, size_t n);
    int (*sync)(struct disk *d, int fd); /* fsync: files and directories */
    int (*rename)(struct disk *d, const char *from, const char *to);
    int (*unlink)(struct disk *d, const char *path);
};

extern struct disk disk_real;

/* Fails the nth call (1 is the next) of any kind with `err_no`, then works again. */
struct disk_faulty {
    struct disk disk;
    int nth; /* counts down; 0 or less: no fault is armed */
    int err_no;
};
void disk_faulty_init(struct disk_faulty *d);

/* Writes all of it. 0, or -1 with errno. */
int disk_write_all(struct disk *d, int fd, const void *data, size_t n);

#endif
