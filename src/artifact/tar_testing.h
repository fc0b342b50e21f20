/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of unpacking and packing share: tars made block by block, so that each can be as
 * wrong as a test needs it, and a folder to unpack them in, with a look at what came out.
 */
#ifndef ARTIFACT_TAR_TESTING_H
#define ARTIFACT_TAR_TESTING_H

#include "artifact/unpack.h"
#include "base/buf.h"

#include <sys/types.h>

struct member {
    const char *name;
    char type; /* 0: '0' */
    const char *link;
    const char *data; /* NULL: none */
    size_t n;         /* of data; 0: strlen */
    mode_t mode;      /* 0: 0644 */
    const char *size; /* the size field as it is written, 12 bytes; NULL: n */
    bool gnu;         /* GNU's format, not ustar */
};

void tar_add(struct buf *tar, const struct member *m);
void tar_file(struct buf *tar, const char *name, const char *text);
/* A pax header for the entry that follows ('x') or for all ('g'): keys and values in turn. */
#define tar_pax(tar, type, ...) tar_pax_list(tar, type, (const char *const[]){ __VA_ARGS__, NULL })
void tar_pax_list(struct buf *tar, char type, const char *const *list);
void tar_end(struct buf *tar);
/* The gzip of it, in place. */
void tar_gzip(struct buf *tar);

/* A folder of its own with a file beside the tree, which must still be alone after every case. */
struct place {
    char root[32];
    int tree; /* descriptor of root/tree */
};
void place_make(struct place *p);
void place_done(struct place *p); /* fails the test when something is beside the tree */

/* Unpacks into a fresh tree. The answer of unpack_archive(). */
int place_unpack(struct place *p, const struct buf *archive, const struct unpack_options *options,
                 struct err *e);
/* The tree as text: "a/", "a/b.js=text", "x*=..." when executable, "l -> target"; sorted, in lines. */
char *place_list(struct place *p);

int tar_fd(const struct buf *bytes); /* a descriptor that reads them */

#endif
