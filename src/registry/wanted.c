/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/wanted.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>

enum { PATH_MOST = WANTED_NAME * 2 + WANTED_VERSION + 32 };

static const char version_chars[] = "abcdefghijklmnopqrstuvwxyz"
                                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789-.+";

static bool is_version(const char *text, size_t n)
{
    return n > 0 && n <= WANTED_VERSION && strspn(text, version_chars) >= n;
}

/* Clients escape what need not be; false: it is too long, or no text. */
static bool decode(const char *path, char out[PATH_MOST])
{
    size_t n = 0;

    for (; *path && n + 1 < PATH_MOST; path++) {
        if (*path != '%') {
            out[n++] = *path;
            continue;
        }
        if (!isxdigit((unsigned char)path[1]) || !isxdigit((unsigned char)path[2]))
            return false;
        const char hex[] = { path[1], path[2], '\0' };
        out[n] = (char)strtol(hex, NULL, 16);
        if (!out[n++])
            return false;
        path += 2;
    }
    out[n] = '\0';
    return !*path;
}

/* "@types/node" -> "node" */
static const char *last_part(const char *name)
{
    const char *slash = strchr(name, '/');

    return slash ? slash + 1 : name;
}

static bool read_file(const char *file, struct wanted *out)
{
    const char *base = last_part(out->name);
    size_t n_base = strlen(base), n = strlen(file), n_end = strlen(".tgz");

    if (n <= n_base + 1 + n_end || strncmp(file, base, n_base) != 0 || file[n_base] != '-' ||
        strcmp(file + n - n_end, ".tgz") != 0)
        return false;
    n -= n_base + 1 + n_end;
    if (!is_version(file + n_base + 1, n))
        return false;
    memcpy(out->version, file + n_base + 1, n);
    return true;
}

void wanted_read(const char *path, struct wanted *out)
{
    char text[PATH_MOST];

    *out = (struct wanted){ .kind = WANTED_NOTHING };
    if (*path != '/' || !decode(path + 1, text))
        return;
    const char *rest = strstr(text, "/-/");
    size_t n = rest ? (size_t)(rest - text) : strlen(text);
    if (!text_is_package(text, n))
        return;
    memcpy(out->name, text, n);
    if (!rest)
        out->kind = WANTED_PACKUMENT;
    else if (read_file(rest + strlen("/-/"), out))
        out->kind = WANTED_TARBALL;
}

char *tarball_path(const char *name, const char *version)
{
    if (!is_version(version, strlen(version)))
        return NULL;
    return mem_format("%s/-/%s-%s.tgz", name, last_part(name), version);
}
