/* SPDX-License-Identifier: Apache-2.0
 *
 * Ctrl-C while a command waits for the server: what was begun there goes on, and whoever leaves
 * should know that, and how to look.
 */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

/* From now on an interrupt (or SIGTERM) writes this text to stderr before it ends the process. */
void interrupt_says(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
