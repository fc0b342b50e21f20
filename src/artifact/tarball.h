/* SPDX-License-Identifier: Apache-2.0
 *
 * A gzip archive of texts that the server itself wrote: the same texts give the same bytes.
 */
#ifndef ARTIFACT_TARBALL_H
#define ARTIFACT_TARBALL_H

#include "base/json.h"

/* `files` is an object, path to text. */
must_use int tarball_write(int fd, const json_t *files, struct err *e);

#endif
