/* SPDX-License-Identifier: Apache-2.0
 *
 * Unpacks what a tenant sent. It runs inside the sandbox, never in the server: `impresario unpack`.
 *
 * What it makes: folders (0755), files (0644, or 0755 when any executable bit is set), and symbolic
 * links that stay inside the tree. Owners, times, extended attributes and all other bits are
 * dropped; a hard link becomes a copy. What it leaves out: AppleDouble twins (`._x`), anything
 * under `node_modules` or `.git` (with one note), and links under .libretto-share (with a note
 * each). Everything else it refuses, with a sentence that names the entry.
 */
#ifndef ARTIFACT_UNPACK_H
#define ARTIFACT_UNPACK_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct unpack_options {
    bool plain;           /* a tar as it is; otherwise a tar in gzip */
    uint64_t max_bytes;   /* of all entries, also of those left out; 0: LIMIT_UNPACKED_MIB */
    uint64_t max_entries; /* and folders; 0: LIMIT_ENTRIES */
    unsigned max_path;    /* bytes of one path; 0: LIMIT_PATH */
    /* Something was left out that its author may miss. May be NULL. */
    void (*note)(void *arg, const char *message);
    void *arg;
};

/* Reads the archive from `in` and makes its tree under the empty folder `into`. ERR_INPUT and
 * ERR_LIMIT: the archive is refused, for a reason its author can read; ERR_IO: our own fault. What
 * was made before a fault stays. */
must_use int unpack_archive(int in, int into, const struct unpack_options *options, struct err *e);

/* impresario unpack [--tar] --into DIR [--report FD] [--max-bytes N] [--max-entries N]
 *                   [--max-path N] [-- PROGRAM ARGUMENTS...]
 *
 * The archive is read from stdin; DIR is made if it is missing, and must be empty. On success
 * PROGRAM takes over the process (or the status is 0). Otherwise one line goes to FD,
 *     {"t":"fail","error":"..."}                       and the status is 65 (the archive's fault)
 *     {"t":"fail","error":"...","server_fault":true}   and the status is 74 (ours)
 * and notes go there as {"t":"log","stream":"system","message":"..."}. Without --report all of them
 * go to stderr as text. Status 64: wrong options. */
int unpack_main(int argc, char **argv);

#endif
