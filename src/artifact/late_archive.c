/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/late_archive.h"

struct archive_calls archive_calls;

int archive_late(struct err *e)
{
#define CALL(function) { #function, &archive_calls.function##_ },
    static const struct late_call calls[] = { ARCHIVE_CALLS(CALL) };
#undef CALL
    static bool loaded;

    return late_load("libarchive.so.13", calls, n_items(calls), &loaded, e);
}
