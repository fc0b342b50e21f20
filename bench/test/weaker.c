/* SPDX-License-Identifier: Apache-2.0
 *
 * Preloaded into a server, makes it promise less than it says. WEAKER=fsync: nothing is synced;
 * WEAKER=normal: SQLite syncs its log now and then, no longer at each commit. For the tests alone.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is(const char *what)
{
    const char *weaker = getenv("WEAKER");

    return weaker && strcmp(weaker, what) == 0;
}

int fsync(int fd)
{
    return is("fsync") ? 0 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return is("fsync") ? 0 : (int)syscall(SYS_fdatasync, fd);
}

typedef int (*exec_fn)(void *db, const char *sql, void *row, void *arg, char **fault);

int sqlite3_exec(void *db, const char *sql, void *row, void *arg, char **fault)
{
    exec_fn real = (exec_fn)dlsym(RTLD_NEXT, "sqlite3_exec");
    int r = real(db, sql, row, arg, fault);

    if (r == 0 && is("normal") && strstr(sql, "synchronous"))
        r = real(db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
    return r;
}
