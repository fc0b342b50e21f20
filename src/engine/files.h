/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of a workflow that is being written: an object, path to text, of which there are few and
 * short ones.
 */
#ifndef ENGINE_FILES_H
#define ENGINE_FILES_H

#include "base/json.h"

enum {
    FILES_MOST = 100,
    FILE_BYTES = 512 * 1024,
};

/* Relative, of printable ASCII without blanks, and with no part that is empty, made of dots or below
 * node_modules: what every archive and every box takes. */
bool file_path_valid(const char *path);
bool files_valid(const json_t *files);

#endif
