/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls that a process may not make, as a BPF program for the kernel.
 */
#ifndef EXEC_SYSCALLS_H
#define EXEC_SYSCALLS_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

/* A sanitizer looks for leaks from a process of its own, which traces this one; where it does, ours
 * may be traced and make processes. */
#ifdef __SANITIZE_ADDRESS__
enum { SYSCALLS_SANITIZED = 1 };
#else
enum { SYSCALLS_SANITIZED = 0 };
#endif

/* Whose calls. With none of these it is a box without a browser. */
struct syscalls_of {
    bool browser; /* what Chromium's own sandbox is made of is let through */
    bool builder; /* what bubblewrap and nft need is let through; boxes get their own on top */
    bool own;     /* one of our own: it starts no program and no process, and signals nobody else */
    bool listens, connects; /* of our own */
};

must_use int syscalls_filter(const struct syscalls_of *who, struct buf *out, struct err *e);

/* Puts a filter on the calling thread, and on what it starts; nobody can take it off. */
must_use int syscalls_apply(const struct buf *filter, struct err *e);

#endif
