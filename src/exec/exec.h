/* SPDX-License-Identifier: Apache-2.0
 *
 * The other lives of our executable, told apart by argv[0]. main() asks here before anything else.
 */
#ifndef EXEC_EXEC_H
#define EXEC_EXEC_H

#include <stdbool.h>

#define EXEC_SPAWNER "impresario-spawn"

/* True when this process was started to be one of them. */
bool exec_wanted(const char *argv0);

/* Runs it; the exit status is for main() to return. */
int exec_main(int argc, char **argv);

#endif
