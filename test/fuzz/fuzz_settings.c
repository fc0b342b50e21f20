/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"
#include "base/settings.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int load(int fd, struct settings *s, struct err *e)
{
    scoped(mem_free) char *path = mem_format("/proc/self/fd/%d", fd);
    char name[] = "impresario", flag[] = "--config";
    char *argv[] = { name, flag, path, NULL };
    char *environment[] = { NULL };
    int argc = 3;

    int r = settings_load(s, &argc, argv, environment, e);
    assert(r < 0 || argc == 1);
    return r;
}

/* The file of settings: what is taken is in its range, and what is refused is named. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    scoped(settings_done) struct settings s = { 0 };
    scoped(err_clear) struct err e = { 0 };
    static int fd = -1; /* one file for all runs: to make one costs more than to read it */

    if (fd < 0)
        fd = memfd_create("settings", MFD_CLOEXEC);
    if (ftruncate(fd, 0) < 0 || pwrite(fd, data, n, 0) != (ssize_t)n)
        abort();
    if (load(fd, &s, &e) < 0) {
        assert(e.code == ERR_INPUT && e.msg && *e.msg);
        return 0;
    }
    assert(s.data && s.data[0] == '/' && s.listen && strrchr(s.listen, ':'));
    assert(s.upload_mib >= 1 && s.build_workers >= 1 && s.drain_seconds >= 0);
    assert(strcmp(s.log_format, "auto") == 0 || strcmp(s.log_format, "json") == 0 ||
           strcmp(s.log_format, "text") == 0);
    for (size_t i = 0; i < s.egress_allow.n; i++)
        assert(s.egress_allow.items[i][0]);
    return 0;
}
