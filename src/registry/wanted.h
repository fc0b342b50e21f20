/* SPDX-License-Identifier: Apache-2.0
 *
 * What an install may ask the package proxy for, read from the path of a request: what the registry
 * says of a package, or a version's tarball under the name that the proxy gave it (tarball_path()).
 */
#ifndef REGISTRY_WANTED_H
#define REGISTRY_WANTED_H

#include "base/address.h"
#include "base/mem.h"

enum {
    WANTED_NAME = PACKAGE_NAME_MOST,
    WANTED_VERSION = 256,
};

/* How much of what the registry says; the long form has the times of publishing. */
enum wanted_form { WANTED_SHORT, WANTED_LONG };

enum wanted_kind { WANTED_NOTHING, WANTED_PACKUMENT, WANTED_TARBALL };

struct wanted {
    enum wanted_kind kind;
    enum wanted_form form;            /* of a packument; wanted_read() leaves it WANTED_SHORT */
    char name[WANTED_NAME + 1];       /* "react", "@types/node" */
    char version[WANTED_VERSION + 1]; /* of a tarball */
};

/* "/react", "/@types%2fnode", "/@types/node/-/node-1.2.3.tgz"; all else is WANTED_NOTHING. */
void wanted_read(const char *path, struct wanted *out);

/* NULL: a version that no path can name. The caller frees it: "@types/node/-/node-1.2.3.tgz". */
char *tarball_path(const char *name, const char *version);

#endif
