/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/rights.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

int rights_keep(uint64_t rights)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

    /* Refused to those who have no right to, and they have nothing that it would take away. */
    for (unsigned long c = 0; c <= CAP_LAST_CAP; c++) {
        if (!(rights & RIGHT(c)))
            (void)prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
    }
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capget, &head, data) < 0)
        return -1;
    for (size_t i = 0; i < n_items(data); i++) {
        data[i].permitted &= (uint32_t)(rights >> (32 * i));
        data[i].effective &= data[i].permitted;
        data[i].inheritable = 0;
    }
    return (int)syscall(SYS_capset, &head, data);
}

static int write_file(const char *path, const char *text)
{
    scoped(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
}

int rights_enter(int flags)
{
    scoped(mem_free) char *users = mem_format("%1$u %1$u 1", geteuid());
    scoped(mem_free) char *groups = mem_format("%1$u %1$u 1", getegid());

    if (unshare(CLONE_NEWUSER | flags) < 0)
        return -1;
    /* Our files in /proc belong to root until we are an ordinary process again. */
    (void)prctl(PR_SET_DUMPABLE, 1);
    return write_file("/proc/self/setgroups", "deny") < 0 ||
                   write_file("/proc/self/uid_map", users) < 0 ||
                   write_file("/proc/self/gid_map", groups) < 0
               ? -1
               : 0;
}
