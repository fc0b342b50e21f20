/* SPDX-License-Identifier: Apache-2.0
 *
 * A list of what is refused, not of what is allowed: Node and Chromium change what they call with
 * every release, and a call that is missing from a list of allowed ones shows as a crash in a
 * stranger's workflow. What is refused are the parts of the kernel that a workflow has no use for
 * and that attackers have: other processes' memory, keys, mounts, programs loaded into the kernel,
 * odd kinds of sockets. The answers are errors that programs know how to live with.
 *
 * The filter is the second wall: the namespaces and the lack of any capability refuse most of this
 * already. It is there for the day on which the kernel gets one of these calls wrong.
 *
 * For our own processes the list is the same, and longer: docs/decisions/0007-walls-of-our-own.md.
 */
#include "exec/syscalls.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>

/* Since Linux 5.6; glibc 2.36 does not name it. */
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static const char *const refused[] = {
    /* other processes, and what they hold; ptrace is in refuse_by_name() */
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "kcmp",
    "pidfd_getfd",
    /* programs for the kernel, and its queues that run outside of this filter */
    "bpf",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "perf_event_open",
    "userfaultfd",
    "vmsplice",
    "memfd_secret",
    /* keyrings, which know no namespace */
    "add_key",
    "keyctl",
    "request_key",
    /* file systems */
    "umount",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "name_to_handle_at",
    "open_by_handle_at",
    "quotactl",
    "quotactl_fd",
    "fanotify_init",
    "fanotify_mark",
    "swapon",
    "swapoff",
    "acct",
    "lookup_dcookie",
    "nfsservctl",
    "sysfs",
    "ustat",
    "uselib",
    /* the machine itself */
    "reboot",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "create_module",
    "get_kernel_syms",
    "query_module",
    "syslog",
    "_sysctl",
    "iopl",
    "ioperm",
    "modify_ldt",
    "vm86",
    "vm86old",
    "vhangup",
    "setdomainname",
    "settimeofday",
    "stime",
    "clock_settime",
    "clock_settime64",
    "clock_adjtime",
    "clock_adjtime64",
    "adjtimex",
    /* where memory lies */
    "mbind",
    "migrate_pages",
    "move_pages",
    "set_mempolicy",
    "set_mempolicy_home_node",
    /* another namespace */
    "setns",
};

/* Who builds boxes needs these. */
static const char *const refused_but_to_builders[] = {
    "mount", "umount2", "pivot_root", "move_mount", "open_tree", "sethostname",
};

/* New programs, other processes, and who we are. */
static const char *const refused_to_our_own[] = {
    "execve",
    "execveat",
    "fork",
    "vfork",
    "unshare",
    "chroot",
    "mknod",
    "mknodat",
    "tkill",
    "personality",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "pidfd_send_signal",
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setgroups",
};

/* Newer than the list of names in Debian 12's libseccomp, which would leave them allowed. New
 * calls have the same number on all architectures. */
static const int refused_by_number[] = {
    457, /* statmount */
    458, /* listmount */
    467, /* open_tree_attr */
};

static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };

/* What Chromium makes for its renderers: user, process and network namespaces, nothing else. */
static const int browser_namespaces[] = { CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET };
static const int other_namespaces[] = { CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC };

struct filter {
    scmp_filter_ctx ctx;
    int err_no; /* of the first rule that could not be added */
};

static void note(struct filter *f, int result)
{
    if (result < 0 && !f->err_no)
        f->err_no = -result;
}

static void refuse(struct filter *f, int err_no, int nr)
{
    note(f, seccomp_rule_add_array(f->ctx, SCMP_ACT_ERRNO((unsigned)err_no), nr, 0, NULL));
}

static void refuse_when(struct filter *f, int err_no, int nr, struct scmp_arg_cmp is)
{
    note(f, seccomp_rule_add_array(f->ctx, SCMP_ACT_ERRNO((unsigned)err_no), nr, 1, &is));
}

static void refuse_when_both(struct filter *f, int err_no, int nr, struct scmp_arg_cmp is,
                             struct scmp_arg_cmp also)
{
    const struct scmp_arg_cmp all[] = { is, also };

    note(f, seccomp_rule_add_array(f->ctx, SCMP_ACT_ERRNO((unsigned)err_no), nr, 2, all));
}

static void refuse_names(struct filter *f, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int nr = seccomp_syscall_resolve_name(names[i]);
        if (nr >= 0) /* else this architecture, or this libseccomp, has none of that name */
            refuse(f, EPERM, nr);
    }
}

static void refuse_by_name(struct filter *f, const struct syscalls_of *who)
{
    refuse_names(f, refused, n_items(refused));
    if (!SYSCALLS_SANITIZED || (!who->own && !who->builder))
        refuse(f, EPERM, SCMP_SYS(ptrace));
    if (!who->builder)
        refuse_names(f, refused_but_to_builders, n_items(refused_but_to_builders));
    if (who->own)
        refuse_names(f, refused_to_our_own, n_items(refused_to_our_own));
    for (size_t i = 0; i < n_items(refused_by_number); i++)
        refuse(f, EPERM, refused_by_number[i]);
}

static void refuse_clone_flag(struct filter *f, int flag)
{
    scmp_datum_t bit = (scmp_datum_t)flag;

    refuse_when(f, EPERM, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit));
}

static void refuse_namespaces(struct filter *f, bool browser)
{
    /* clone3 takes its flags from memory, where no filter can look; programs fall back to clone. */
    refuse(f, ENOSYS, SCMP_SYS(clone3));
    for (size_t i = 0; i < n_items(other_namespaces); i++)
        refuse_clone_flag(f, other_namespaces[i]);

    if (!browser) {
        for (size_t i = 0; i < n_items(browser_namespaces); i++)
            refuse_clone_flag(f, browser_namespaces[i]);
        refuse(f, EPERM, SCMP_SYS(unshare));
        refuse(f, EPERM, SCMP_SYS(chroot));
        return;
    }
    for (size_t i = 0; i < n_items(other_namespaces); i++) {
        scmp_datum_t bit = (scmp_datum_t)other_namespaces[i];
        refuse_when(f, EPERM, SCMP_SYS(unshare), SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit));
    }
    refuse_when(f, EPERM, SCMP_SYS(unshare),
                SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWTIME, CLONE_NEWTIME));
}

/* Threads are let through. A signal to oneself is how abort() ends. */
static void refuse_processes(struct filter *f)
{
    scmp_datum_t self = (scmp_datum_t)getpid();

    refuse(f, ENOSYS, SCMP_SYS(clone3)); /* as for boxes: the library falls back to clone */
    if (!SYSCALLS_SANITIZED)
        refuse_when(f, EPERM, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    refuse_when(f, EPERM, SCMP_SYS(kill), SCMP_A0(SCMP_CMP_NE, self));
    refuse_when(f, EPERM, SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_NE, self));
}

static bool has_family(const struct syscalls_of *who, int family)
{
    bool known = false;

    for (size_t i = 0; i < n_items(families); i++)
        known |= family == families[i];
    /* What a path leads to may be anything, a container's manager too. Pairs are another call. */
    return known && !(who->own && family == AF_UNIX);
}

static void refuse_sockets(struct filter *f, const struct syscalls_of *who)
{
    enum { ALL_FAMILIES = 64, TYPE_BITS = 0xf };
    static const int raw[] = { SOCK_RAW, SOCK_RDM, SOCK_PACKET };

    for (int family = 0; family < ALL_FAMILIES; family++) {
        if (!has_family(who, family))
            refuse_when(f, EAFNOSUPPORT, SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, family));
    }
    refuse_when(f, EAFNOSUPPORT, SCMP_SYS(socket), SCMP_A0(SCMP_CMP_GE, ALL_FAMILIES));

    /* Netlink lists interfaces; through its other protocols it reaches nf_tables and more. */
    if (!who->builder)
        refuse_when_both(f, EPROTONOSUPPORT, SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, AF_NETLINK),
                         SCMP_A2(SCMP_CMP_NE, NETLINK_ROUTE));
    if (who->own && !who->connects)
        refuse(f, EPERM, SCMP_SYS(connect));
    if (who->own && !who->listens)
        refuse(f, EPERM, SCMP_SYS(listen));

    for (size_t i = 0; i < n_items(raw); i++) {
        refuse_when_both(f, EPERM, SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, AF_INET),
                         SCMP_A1(SCMP_CMP_MASKED_EQ, TYPE_BITS, raw[i]));
        refuse_when_both(f, EPERM, SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, AF_INET6),
                         SCMP_A1(SCMP_CMP_MASKED_EQ, TYPE_BITS, raw[i]));
    }
}

static void refuse_terminals(struct filter *f)
{
    static const unsigned long typing[] = { TIOCSTI, TIOCLINUX };

    /* They put words into a terminal's mouth. The kernel reads 32 bits of the number. */
    for (size_t i = 0; i < n_items(typing); i++)
        refuse_when(f, EPERM, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu, typing[i]));
}

static int export_filter(struct filter *f, struct buf *out, struct err *e)
{
    scoped(fd_close) int fd = memfd_create("filter", MFD_CLOEXEC);
    ssize_t n;

    if (fd < 0 || seccomp_export_bpf(f->ctx, fd) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return err_set_errno(e, ERR_INTERNAL, errno, "write the system call filter");
    while ((n = read(fd, buf_reserve(out, 4096), 4096)) > 0)
        buf_grew(out, (size_t)n);
    return 0;
}

int syscalls_filter(const struct syscalls_of *who, struct buf *out, struct err *e)
{
    struct filter f = { .ctx = seccomp_init(SCMP_ACT_ALLOW) };

    if (!f.ctx)
        return err_set(e, ERR_INTERNAL, "libseccomp does not start");
    /* A program of 32 bits would see other numbers for these calls: it does not run here. */
    note(&f, seccomp_attr_set(f.ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
    note(&f, seccomp_attr_set(f.ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2));
    refuse_by_name(&f, who);
    if (who->own)
        refuse_processes(&f);
    else if (!who->builder)
        refuse_namespaces(&f, who->browser);
    refuse_sockets(&f, who);
    refuse_terminals(&f);

    int result = f.err_no ? err_set_errno(e, ERR_INTERNAL, f.err_no, "make the system call filter")
                          : export_filter(&f, out, e);
    seccomp_release(f.ctx);
    return result;
}

int syscalls_apply(const struct buf *filter, struct err *e)
{
    struct sock_fprog program = { .len = (unsigned short)(filter->n / sizeof(struct sock_filter)),
                                  .filter = (struct sock_filter *)(void *)filter->data };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
        return err_set_errno(e, ERR_INTERNAL, errno, "put on the system call filter");
    return 0;
}
