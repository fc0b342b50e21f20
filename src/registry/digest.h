/* SPDX-License-Identifier: Apache-2.0
 *
 * The digest of a tarball as a registry names it: `dist.integrity`, or the older `dist.shasum`. As a
 * text it is "sha512-" and hex digits, which also serves as the name of a file.
 */
#ifndef REGISTRY_DIGEST_H
#define REGISTRY_DIGEST_H

#include "base/mem.h"

#include <stdbool.h>
#include <sys/types.h>

enum { DIGEST_TEXT = sizeof("sha512-") + 128 };

/* The strongest that is named. false: none that we know. Either may be NULL. */
bool digest_read(const char *integrity, const char *shasum, char out[DIGEST_TEXT]);

/* Computes the digest of the same kind as `like` from what it is given. */
struct digest;
struct digest *digest_new(const char *like);
void digest_add(struct digest *d, const void *data, size_t n);
/* Whether it has become `like`. Once. */
bool digest_is(struct digest *d);
void digest_text(struct digest *d, char out[DIGEST_TEXT]); /* instead of digest_is() */
void digest_free(struct digest *d);
DEFINE_SCOPED(struct digest, digest_free)

/* The whole file, from its beginning; what cannot be read is not it. */
bool digest_is_of_file(const char *like, int fd);

#endif
