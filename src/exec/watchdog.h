/* SPDX-License-Identifier: Apache-2.0
 *
 * How much memory the processes of a box use together, for machines that limit it by no control
 * group: there each process has a limit of its own, and many below it take what no one may.
 */
#ifndef EXEC_WATCHDOG_H
#define EXEC_WATCHDOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { WATCHDOG_MS = 250 }; /* from one look to the next */

struct watched {
    pid_t first[2]; /* each and all that come from it; 0: none */
    int64_t most; /* bytes that they may have in memory; files and tmpfs, which have sizes, aside */
    bool over;    /* set by the look: they have more */
};

/* Looks at all of them at once. What ends meanwhile counts as nothing. */
void watchdog_look(struct watched *boxes, size_t n);

#endif
