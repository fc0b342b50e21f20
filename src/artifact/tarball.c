/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/tarball.h"

#include "artifact/late_archive.h"

#include <stdlib.h>

static int add(struct archive *a, const char *path, const json_t *text)
{
    size_t n = json_string_length(text);
    struct archive_entry *entry = archive_entry_new();

    archive_entry_set_pathname(entry, path);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)n);
    archive_entry_set_mtime(entry, 0, 0);
    int r = archive_write_header(a, entry);
    archive_entry_free(entry);
    return r < ARCHIVE_WARN || archive_write_data(a, json_string_value(text), n) < 0 ? -1 : 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The paths in order: that in which they were added means nothing. */
static const char **sorted(const json_t *files)
{
    const char **paths = mem_new((json_object_size(files) + 1) * sizeof *paths);
    const char *path;
    json_t *text;
    size_t n = 0;

    json_object_foreach(json_shared(files), path, text)
        paths[n++] = path;
    qsort(paths, n, sizeof *paths, by_name);
    return paths;
}

int tarball_write(int fd, const json_t *files, struct err *e)
{
    if (archive_late(e) < 0)
        return -1;
    struct archive *a = archive_write_new();
    const char **paths = sorted(files);
    bool fine = archive_write_set_format_pax_restricted(a) == ARCHIVE_OK &&
                archive_write_add_filter_gzip(a) == ARCHIVE_OK &&
                archive_write_set_options(a, "gzip:!timestamp") == ARCHIVE_OK &&
                archive_write_open_fd(a, fd) == ARCHIVE_OK;

    for (size_t i = 0; fine && paths[i]; i++)
        fine = add(a, paths[i], json_object_get(files, paths[i])) == 0;
    fine = fine && archive_write_close(a) == ARCHIVE_OK;
    if (!fine)
        err_set(e, ERR_IO, "write an archive: %s", archive_error_string(a));
    archive_write_free(a);
    mem_free(paths);
    return fine ? 0 : -1;
}
