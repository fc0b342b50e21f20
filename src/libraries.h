/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBRARIES_H
#define LIBRARIES_H

/* Has jansson, SQLite and OpenSSL take their memory from mem.h, and with it from the reserve: the first would
 * leave out of an answer what it has no memory for, the second say NULL for a text. Before any is used. */
void libraries_share_memory(void);

#endif
