/* SPDX-License-Identifier: Apache-2.0
 *
 * Packs a folder into a tar that depends on nothing but its content: the entries of each folder
 * sorted by the bytes of their names, no owners, no times, only the executable bit of the mode. The
 * same tree gives the same bytes on every machine (in gzip: with the same zlib and level).
 *
 * Links are kept as links and never followed. What is neither file, folder nor link (a socket, say)
 * is left out.
 */
#ifndef ARTIFACT_PACK_H
#define ARTIFACT_PACK_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PACK_NO_GZIP = -1 };

struct pack_options {
    int gzip_level;       /* 1 to 9, 0: 6; PACK_NO_GZIP: a plain tar */
    bool skip_heavy;      /* leave out node_modules, .git, .DS_Store and ._*, at any depth */
    uint64_t max_bytes;   /* of file contents; 0: no bound. Over it: ERR_TOO_LARGE */
    uint64_t max_entries; /* likewise */
};

struct pack_stats {
    uint64_t files, folders, links;
    uint64_t bytes;    /* file contents */
    uint64_t packed;   /* what went to the sink */
    uint64_t left_out; /* heavy things, and what is no file, folder or link */
};

typedef int (*pack_sink_fn)(void *arg, const void *data, size_t n, struct err *e);

/* `stats` may be NULL. A file that changes while it is read is a fault, not a broken archive. */
must_use int pack_directory(const char *dir, const struct pack_options *options, pack_sink_fn sink,
                            void *arg, struct pack_stats *stats, struct err *e);

/* impresario pack [--when-told] DIR: the plain tar of DIR on stdout, at once or when stdin ends. Status 0; 74 when it failed (stderr says
 * why); 64: wrong options. */
int pack_main(int argc, char **argv);

#endif
