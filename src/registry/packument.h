/* SPDX-License-Identifier: Apache-2.0
 *
 * What a registry says of a package: JSON that names, for each version, an address and a digest of its
 * tarball. It becomes what an install is told, in which each address is the proxy's own, and an index
 * of where the tarballs really are.
 */
#ifndef REGISTRY_PACKUMENT_H
#define REGISTRY_PACKUMENT_H

#include "base/buf.h"
#include "base/err.h"
#include "registry/digest.h"

/* `own` is the proxy's address, with a slash at its end. Adds to both, on success. ERR_INPUT: it is no
 * such JSON. */
must_use int packument_rewrite(const char *text, size_t n, const char *name, const char *own,
                               struct buf *body, struct buf *index, struct err *e);

struct tarball {
    char *url;                /* NULL: it has none that can be asked for */
    char digest[DIGEST_TEXT]; /* "": it has none that can be checked */
};
void tarball_done(struct tarball *t);

/* Whether the index, a text that ends with a NUL, has that version. */
bool packument_find(const char *index, const char *version, struct tarball *out);

#endif
