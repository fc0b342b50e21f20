/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages with descriptors over a SEQPACKET socket: what is sent arrives whole or not at all.
 */
#ifndef EXEC_WIRE_H
#define EXEC_WIRE_H

#include "base/buf.h"

#include <stdbool.h>

enum {
    WIRE_MAX = 160 * 1024, /* below what the kernel allows an unprivileged socket to hold */
    WIRE_MAX_FDS = 16,
};

/* A connected pair, close-on-exec. 0, or -1 with errno. */
must_use int wire_pair(int ends[2]);

/* 0, or -1 with errno: EAGAIN when it would wait, or the kernel has no memory for it now, and `wait` is
 * false; EPIPE when no one is there. */
int wire_send(int fd, const void *data, size_t n, const int *fds, size_t n_fds, bool wait);

struct wire_message {
    char data[WIRE_MAX + 1]; /* a NUL follows the n bytes */
    size_t n;
    int fds[WIRE_MAX_FDS]; /* the caller closes them, or sets them to -1 */
    size_t n_fds;
    bool lost_fds; /* it had more, for which we have no descriptors left */
    int sender;    /* its process id, where the socket has SO_PASSCRED; else 0 */
};

/* 1: a message; 0: the other end is closed; -1 with errno, EAGAIN as for wire_send(). */
must_use int wire_recv(int fd, struct wire_message *m, bool wait);

#endif
