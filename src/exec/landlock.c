/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel's header on Debian 12 is older than many kernels that this runs on, so what newer ones
 * know is written down here; the version that is asked for at run time decides.
 */
#include "exec/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>

enum { TRUNCATES = 3, DEVICES = 5 }; /* versions that know of these, besides those in the header */

#define FS_TRUNCATE  (1ULL << 14)
#define FS_IOCTL_DEV (1ULL << 15)
#define NET_BIND_TCP (1ULL << 0)
#define SCOPE_ALL    3ULL /* abstract sockets, signals */
#define RULE_PORT    2

struct ruleset {
    uint64_t fs, net, scoped;
};

struct port_rule {
    uint64_t allowed, port;
};

#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define KEEPS                                                                                     \
    (READS | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                      \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | \
     LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE)
#define OF_FILES                                                                                 \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | \
     FS_TRUNCATE | FS_IOCTL_DEV)

static const uint64_t accesses[] = {
    [LANDLOCK_READ] = READS,
    [LANDLOCK_USE] = READS | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE,
    [LANDLOCK_KEEP] = KEEPS,
};

int landlock_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    return version < 0 ? LANDLOCK_NONE : (int)version;
}

static uint64_t known_accesses(int version)
{
    uint64_t all = LANDLOCK_ACCESS_FS_REFER * 2 - 1; /* it and all before it */

    return all | (version >= TRUNCATES ? FS_TRUNCATE : 0) | (version >= DEVICES ? FS_IOCTL_DEV : 0);
}

static int allow_file(int set, const struct landlock_rule *rule, uint64_t known, struct err *e)
{
    scoped(fd_close) int fd = open(rule->path, O_PATH | O_CLOEXEC);
    struct landlock_path_beneath_attr beneath = { .allowed_access = accesses[rule->access] & known,
                                                  .parent_fd = fd };
    struct stat st;

    if (fd < 0)
        return 0;
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        beneath.allowed_access &= OF_FILES;
    if (syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
        return err_set_errno(e, ERR_INTERNAL, errno, "allow %s", rule->path);
    return 0;
}

int landlock_restrict(const struct landlock_rules *rules, struct err *e)
{
    int version = landlock_version();
    bool ports = rules->ports && version >= LANDLOCK_PORTS;
    struct ruleset asked = { .fs = known_accesses(version),
                             .net = ports ? NET_BIND_TCP : 0,
                             .scoped = version >= LANDLOCK_SCOPES ? SCOPE_ALL : 0 };

    if (version == LANDLOCK_NONE)
        return err_set_errno(e, ERR_PRECONDITION, errno, "this kernel has no Landlock");
    if (version < LANDLOCK_FILES)
        return err_set(e, ERR_PRECONDITION, "this kernel's Landlock is too old (version %d)",
                       version);
    scoped(fd_close) int set = (int)syscall(SYS_landlock_create_ruleset, &asked, sizeof asked, 0);
    if (set < 0)
        return err_set_errno(e, ERR_INTERNAL, errno, "make Landlock rules");
    for (size_t i = 0; i < rules->n_files; i++) {
        if (allow_file(set, &rules->files[i], asked.fs, e) < 0)
            return -1;
    }
    const struct port_rule port = { NET_BIND_TCP, rules->port };
    if (ports && syscall(SYS_landlock_add_rule, set, RULE_PORT, &port, 0) < 0)
        return err_set_errno(e, ERR_INTERNAL, errno, "allow port %d", rules->port);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        syscall(SYS_landlock_restrict_self, set, 0) < 0)
        return err_set_errno(e, ERR_INTERNAL, errno, "put on Landlock rules");
    return 0;
}
