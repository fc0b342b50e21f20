/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes into a box: a pipe whose far end the box reads, filled from a file or from memory as fast as
 * the box takes it, without ever blocking. A box gets pipes, never files: a descriptor of a file
 * could be opened again for writing through /proc.
 */
#ifndef ENGINE_FEED_H
#define ENGINE_FEED_H

#include "base/err.h"
#include "base/loop.h"

struct feed;

/* `*read_end` is for the plan. */
must_use int feed_new(struct loop *loop, struct feed **out, int *read_end, struct err *e);
/* Once: the bytes of the file (taken), then end of file. */
void feed_file(struct feed *f, int fd);
/* Or this text (taken). */
void feed_text(struct feed *f, char *text, size_t n);
void feed_free(struct feed *f);

#endif
