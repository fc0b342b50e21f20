/* SPDX-License-Identifier: Apache-2.0
 *
 * The system calls that a box may not make, as a BPF program for the kernel.
 */
#ifndef EXEC_SYSCALLS_H
#define EXEC_SYSCALLS_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

/* With `browser`, what Chromium's own sandbox is made of is let through. */
must_use int syscalls_filter(bool browser, struct buf *out, struct err *e);

#endif
