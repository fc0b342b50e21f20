/* SPDX-License-Identifier: Apache-2.0
 *
 * The capabilities of a process.
 */
#ifndef EXEC_RIGHTS_H
#define EXEC_RIGHTS_H

#include "base/mem.h"

#include <stdint.h>

#define RIGHT(capability) (1ULL << (capability))

/* Keeps these of those that it has, and gives up the others: what it starts does not get them back,
 * except in a user namespace of its own. 0, or -1 with errno. */
must_use int rights_keep(uint64_t rights);

/* Moves into new namespaces: a user namespace, in which it has all rights and stays who it is, and
 * those of `flags`. The caller has one thread, and is not root. 0, or -1 with errno. */
must_use int rights_enter(int flags);

#endif
