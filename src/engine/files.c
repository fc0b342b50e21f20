/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/files.h"

#include <string.h>

bool file_path_valid(const char *path)
{
    size_t all = strlen(path);

    if (all == 0 || all > 200)
        return false;
    for (const char *at = path;; at++) {
        size_t n = strcspn(at, "/");
        bool modules = n == 12 && memcmp(at, "node_modules", n) == 0;
        if (n == 0 || strspn(at, ".") == n || modules)
            return false;
        for (size_t i = 0; i < n; i++) {
            if ((unsigned char)at[i] <= 0x20 || at[i] == '\\' || (unsigned char)at[i] >= 0x7f)
                return false;
        }
        at += n;
        if (*at == '\0')
            return true;
    }
}

bool files_valid(const json_t *files)
{
    const char *path;
    json_t *text;

    if (!json_is_object(files) || json_object_size(files) == 0 ||
        json_object_size(files) > FILES_MOST)
        return false;
    json_object_foreach(json_shared(files), path, text) {
        if (!file_path_valid(path) || !json_is_string(text) ||
            json_string_length(text) > FILE_BYTES)
            return false;
    }
    return true;
}
