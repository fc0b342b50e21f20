/* SPDX-License-Identifier: Apache-2.0
 *
 * libarchive, loaded when it is first needed (base/late.h): call archive_late() before anything of it.
 */
#ifndef ARTIFACT_LATE_ARCHIVE_H
#define ARTIFACT_LATE_ARCHIVE_H

#include "base/late.h"

#include <archive.h>
#include <archive_entry.h>

/* clang-format off */
#define ARCHIVE_CALLS(X) \
    X(archive_entry_copy_stat) \
    X(archive_entry_filetype) \
    X(archive_entry_free) \
    X(archive_entry_hardlink) \
    X(archive_entry_new) \
    X(archive_entry_pathname) \
    X(archive_entry_perm) \
    X(archive_entry_set_filetype) \
    X(archive_entry_set_mode) \
    X(archive_entry_set_mtime) \
    X(archive_entry_set_pathname) \
    X(archive_entry_set_perm) \
    X(archive_entry_set_size) \
    X(archive_entry_set_symlink) \
    X(archive_entry_size) \
    X(archive_entry_symlink) \
    X(archive_error_string) \
    X(archive_filter_bytes) \
    X(archive_format) \
    X(archive_free) \
    X(archive_read_data) \
    X(archive_read_data_block) \
    X(archive_read_free) \
    X(archive_read_new) \
    X(archive_read_next_header) \
    X(archive_read_open) \
    X(archive_read_open_filename) \
    X(archive_read_support_format_tar) \
    X(archive_set_error) \
    X(archive_write_add_filter_gzip) \
    X(archive_write_close) \
    X(archive_write_data) \
    X(archive_write_disk_new) \
    X(archive_write_disk_set_options) \
    X(archive_write_finish_entry) \
    X(archive_write_free) \
    X(archive_write_header) \
    X(archive_write_new) \
    X(archive_write_open) \
    X(archive_write_open_fd) \
    X(archive_write_set_bytes_in_last_block) \
    X(archive_write_set_bytes_per_block) \
    X(archive_write_set_filter_option) \
    X(archive_write_set_format_pax_restricted) \
    X(archive_write_set_options)
/* clang-format on */

struct archive_calls {
    ARCHIVE_CALLS(LATE_POINTER)
};
extern struct archive_calls archive_calls;

must_use int archive_late(struct err *e);

#define archive_entry_copy_stat               archive_calls.archive_entry_copy_stat_
#define archive_entry_filetype                archive_calls.archive_entry_filetype_
#define archive_entry_free                    archive_calls.archive_entry_free_
#define archive_entry_hardlink                archive_calls.archive_entry_hardlink_
#define archive_entry_new                     archive_calls.archive_entry_new_
#define archive_entry_pathname                archive_calls.archive_entry_pathname_
#define archive_entry_perm                    archive_calls.archive_entry_perm_
#define archive_entry_set_filetype            archive_calls.archive_entry_set_filetype_
#define archive_entry_set_mode                archive_calls.archive_entry_set_mode_
#define archive_entry_set_mtime               archive_calls.archive_entry_set_mtime_
#define archive_entry_set_pathname            archive_calls.archive_entry_set_pathname_
#define archive_entry_set_perm                archive_calls.archive_entry_set_perm_
#define archive_entry_set_size                archive_calls.archive_entry_set_size_
#define archive_entry_set_symlink             archive_calls.archive_entry_set_symlink_
#define archive_entry_size                    archive_calls.archive_entry_size_
#define archive_entry_symlink                 archive_calls.archive_entry_symlink_
#define archive_error_string                  archive_calls.archive_error_string_
#define archive_filter_bytes                  archive_calls.archive_filter_bytes_
#define archive_format                        archive_calls.archive_format_
#define archive_free                          archive_calls.archive_free_
#define archive_read_data                     archive_calls.archive_read_data_
#define archive_read_data_block               archive_calls.archive_read_data_block_
#define archive_read_free                     archive_calls.archive_read_free_
#define archive_read_new                      archive_calls.archive_read_new_
#define archive_read_next_header              archive_calls.archive_read_next_header_
#define archive_read_open                     archive_calls.archive_read_open_
#define archive_read_open_filename            archive_calls.archive_read_open_filename_
#define archive_read_support_format_tar       archive_calls.archive_read_support_format_tar_
#define archive_set_error                     archive_calls.archive_set_error_
#define archive_write_add_filter_gzip         archive_calls.archive_write_add_filter_gzip_
#define archive_write_close                   archive_calls.archive_write_close_
#define archive_write_data                    archive_calls.archive_write_data_
#define archive_write_disk_new                archive_calls.archive_write_disk_new_
#define archive_write_disk_set_options        archive_calls.archive_write_disk_set_options_
#define archive_write_finish_entry            archive_calls.archive_write_finish_entry_
#define archive_write_free                    archive_calls.archive_write_free_
#define archive_write_header                  archive_calls.archive_write_header_
#define archive_write_new                     archive_calls.archive_write_new_
#define archive_write_open                    archive_calls.archive_write_open_
#define archive_write_open_fd                 archive_calls.archive_write_open_fd_
#define archive_write_set_bytes_in_last_block archive_calls.archive_write_set_bytes_in_last_block_
#define archive_write_set_bytes_per_block     archive_calls.archive_write_set_bytes_per_block_
#define archive_write_set_filter_option       archive_calls.archive_write_set_filter_option_
#define archive_write_set_format_pax_restricted \
    archive_calls.archive_write_set_format_pax_restricted_
#define archive_write_set_options archive_calls.archive_write_set_options_

#endif
