/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables first: calls that the filter refuses, paths that are not there, places that cannot be
 * written to. What needs more than a row is a function. An attempt answers whether it succeeded;
 * one that was stopped by something else than its wall has been stopped, and that is enough.
 */
#include "exec/walls.h"

#include "base/buf.h"
#include "exec/plan_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum wall {
    NAMESPACES,
    USER_NAMESPACES,
    LANDLOCK,
    FILES,
    PRIVILEGES,
    SYSTEM_CALLS,
    SECRETS,
    LIMITS,
    WALLS
};

const char *const wall_names[] = { "namespaces", WALL_USERNS,  WALL_LANDLOCK,
                                   "files",      "privileges", "system-calls",
                                   "secrets",    "limits",     NULL };

/* Of the namespaces, by their names in /proc/self/ns. */
static const char *const namespaces[] = { "pid", "mnt", "net", "ipc", "uts", "cgroup", "user" };

struct visit {
    bool browser; /* it is a browser's box */
    bool job;     /* there is a browser's box beside it */
    char **hosts; /* "user:[4026531837]" and so on */
    int n_hosts;
    int held[WALLS];
};

static void judge(struct visit *v, enum wall wall, const char *attempt, bool open)
{
    if (open)
        printf("open %s %s\n", wall_names[wall], attempt);
    else
        v->held[wall]++;
}

/* ---- calls ---- */

static char page[4096];

struct call {
    const char *name;
    long nr;
    long args[5];
};

/* clang-format off */
#define AT(pointer) (long)(pointer)
/* With arguments that would do nothing, or would fail later than at the wall. */
static const struct call calls[] = {
    { "ptrace", SYS_ptrace, { 0 } }, /* PTRACE_TRACEME */
    { "process_vm_readv", SYS_process_vm_readv, { 1 } },
    { "process_vm_writev", SYS_process_vm_writev, { 1 } },
    { "process_madvise", SYS_process_madvise, { -1 } },
    { "kcmp", SYS_kcmp, { 1, 1, 0, 0, 0 } },
    { "pidfd_getfd", SYS_pidfd_getfd, { -1 } },
    { "bpf", SYS_bpf, { 0 } },
    { "io_uring_setup", SYS_io_uring_setup, { 0 } },
    { "io_uring_enter", SYS_io_uring_enter, { -1 } },
    { "io_uring_register", SYS_io_uring_register, { -1 } },
    { "perf_event_open", SYS_perf_event_open, { 0 } },
    { "userfaultfd", SYS_userfaultfd, { ~0 } },
    { "vmsplice", SYS_vmsplice, { -1 } },
    { "memfd_secret", SYS_memfd_secret, { ~0 } },
    { "add_key", SYS_add_key, { 0 } },
    { "keyctl", SYS_keyctl, { 0, -3, 0 } }, /* KEYCTL_GET_KEYRING_ID of the session */
    { "request_key", SYS_request_key, { 0 } },
    { "mount", SYS_mount, { 0 } },
    { "umount2", SYS_umount2, { 0 } },
    { "pivot_root", SYS_pivot_root, { 0 } },
    { "move_mount", SYS_move_mount, { -1, 0, -1, 0, 0 } },
    { "open_tree", SYS_open_tree, { -1, 0, 0 } },
    { "fsopen", SYS_fsopen, { 0 } },
    { "fsconfig", SYS_fsconfig, { -1 } },
    { "fsmount", SYS_fsmount, { -1 } },
    { "fspick", SYS_fspick, { -1 } },
    { "mount_setattr", SYS_mount_setattr, { -1 } },
    { "statmount", 457, { 0 } },
    { "listmount", 458, { 0 } },
    { "open_tree_attr", 467, { -1 } },
    { "name_to_handle_at", SYS_name_to_handle_at, { -1 } },
    { "open_by_handle_at", SYS_open_by_handle_at, { -1 } },
    { "quotactl", SYS_quotactl, { 0 } },
    { "quotactl_fd", SYS_quotactl_fd, { -1 } },
    { "fanotify_init", SYS_fanotify_init, { 0 } },
    { "fanotify_mark", SYS_fanotify_mark, { -1 } },
    { "swapon", SYS_swapon, { 0 } },
    { "swapoff", SYS_swapoff, { 0 } },
    { "acct", SYS_acct, { 0 } },
    { "reboot", SYS_reboot, { 0 } }, /* without its magic numbers */
    { "kexec_load", SYS_kexec_load, { 0, 17 } },
    { "kexec_file_load", SYS_kexec_file_load, { -1 } },
    { "init_module", SYS_init_module, { 0 } },
    { "finit_module", SYS_finit_module, { -1 } },
    { "delete_module", SYS_delete_module, { 0 } },
    { "syslog", SYS_syslog, { 3, 0, 0 } },
    { "vhangup", SYS_vhangup, { 0 } },
    { "sethostname", SYS_sethostname, { 0, -1 } },
    { "setdomainname", SYS_setdomainname, { 0, -1 } },
    { "settimeofday", SYS_settimeofday, { 0, 0 } },
    { "clock_settime", SYS_clock_settime, { -1 } },
    { "mbind", SYS_mbind, { 0 } },
    { "migrate_pages", SYS_migrate_pages, { 0 } },
    { "move_pages", SYS_move_pages, { 0 } },
    { "set_mempolicy", SYS_set_mempolicy, { 0 } },
    { "setns", SYS_setns, { -1 } },
    { "clone3", SYS_clone3, { 0 } },
    { "unshare-mount", SYS_unshare, { CLONE_NEWNS } },
    { "unshare-ipc", SYS_unshare, { CLONE_NEWIPC } },
    { "unshare-uts", SYS_unshare, { CLONE_NEWUTS } },
    { "unshare-cgroup", SYS_unshare, { CLONE_NEWCGROUP } },
    { "socket-packet", SYS_socket, { AF_PACKET, SOCK_DGRAM, 0 } },
    { "socket-raw", SYS_socket, { AF_INET, SOCK_RAW, 1 } },
    { "socket-raw6", SYS_socket, { AF_INET6, SOCK_RAW, 58 } },
    { "socket-alg", SYS_socket, { AF_ALG, SOCK_SEQPACKET, 0 } },
    { "socket-vsock", SYS_socket, { AF_VSOCK, SOCK_STREAM, 0 } },
    { "socket-bluetooth", SYS_socket, { AF_BLUETOOTH, SOCK_RAW, 0 } },
    { "socket-can", SYS_socket, { AF_CAN, SOCK_RAW, 1 } },
    { "socket-tipc", SYS_socket, { AF_TIPC, SOCK_STREAM, 0 } },
    { "socket-rds", SYS_socket, { AF_RDS, SOCK_SEQPACKET, 0 } },
    { "socket-kcm", SYS_socket, { AF_KCM, SOCK_DGRAM, 0 } },
    { "socket-xdp", SYS_socket, { AF_XDP, SOCK_RAW, 0 } },
    { "netlink-nf_tables", SYS_socket, { AF_NETLINK, SOCK_RAW, 12 } },
    { "netlink-xfrm", SYS_socket, { AF_NETLINK, SOCK_RAW, 6 } },
    { "netlink-audit", SYS_socket, { AF_NETLINK, SOCK_RAW, 9 } },
    { "netlink-crypto", SYS_socket, { AF_NETLINK, SOCK_RAW, 21 } },
    { "netlink-diag", SYS_socket, { AF_NETLINK, SOCK_RAW, 4 } },
    { "terminal-typing", SYS_ioctl, { 0, TIOCSTI, AT(page) } },
    { "terminal-linux", SYS_ioctl, { 0, TIOCLINUX, AT(page) } },
    { "terminal-typing-64", SYS_ioctl, { 0, (long)(TIOCSTI | 1ul << 32), AT(page) } },
};

/* Only where there is no browser. */
static const struct call nesting[] = {
    { "unshare-user", SYS_unshare, { CLONE_NEWUSER } },
    { "unshare-process", SYS_unshare, { CLONE_NEWPID } },
    { "unshare-net", SYS_unshare, { CLONE_NEWNET } },
    { "chroot", SYS_chroot, { AT("/work") } },
};
/* clang-format on */

static bool is_refusal(int err_no)
{
    return err_no == EPERM || err_no == ENOSYS || err_no == EAFNOSUPPORT ||
           err_no == EPROTONOSUPPORT;
}

/* In a process of its own: some change who makes them. 0: refused. */
static bool makes_call(const struct call *c)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        long r = syscall(c->nr, c->args[0], c->args[1], c->args[2], c->args[3], c->args[4]);
        _exit(r < 0 && is_refusal(errno) ? 0 : 1);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid &&
           (!WIFEXITED(status) || WEXITSTATUS(status));
}

static void try_calls(struct visit *v)
{
    for (size_t i = 0; i < n_items(calls); i++)
        judge(v, SYSTEM_CALLS, calls[i].name, makes_call(&calls[i]));
    for (size_t i = 0; i < n_items(nesting) && !v->browser; i++)
        judge(v, SYSTEM_CALLS, nesting[i].name, makes_call(&nesting[i]));
}

/* ---- files ---- */

static const char *const absent[] = {
    "/root",
    "/home",
    "/boot",
    "/sys",
    "/run",
    "/srv",
    "/mnt",
    "/media",
    "/var/lib",
    "/var/log",
    "/etc/shadow",
    "/etc/ssh",
    "/etc/sudoers",
    "/etc/crontab",
    "/etc/systemd",
    "/etc/machine-id",
    "/var/run/docker.sock",
    "/dev/mem",
    "/dev/kmem",
    "/dev/kmsg",
    "/dev/port",
    "/dev/kvm",
    "/dev/fuse",
    "/dev/net",
    "/dev/sda",
    "/dev/vda",
    "/dev/nvme0",
    "/dev/loop-control",
    "/dev/mapper",
    "/dev/snd",
    "/dev/dri",
    "/dev/input",
    "/dev/uinput",
    "/dev/vhost-net",
};

static const char *const unwritable[] = {
    "/",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/etc",
    "/dev",
    "/opt",
    "/opt/impresario",
    "/opt/impresario/bin",
    "/var",
};

/* Files that are read by many, and changed by nobody in here. */
static const char *const fixed[] = {
    "/proc/sysrq-trigger",
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/hostname",
    "/proc/sys/vm/panic_on_oom",
    "/proc/sys/fs/binfmt_misc/register",
    "/proc/kcore",
    "/proc/kmsg",
    "/proc/timer_list",
    "/etc/passwd",
    "/etc/resolv.conf",
    "/etc/ld.so.preload",
    PLAN_PROGRAM,
    "/opt/impresario/bin/box",
    "/usr/bin/env",
};

static bool can_create(const char *folder)
{
    scoped(mem_free) char *path = mem_format("%s/walls", folder);
    scoped(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0)
        (void)unlink(path);
    return fd >= 0;
}

static bool can_write(const char *path)
{
    scoped(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);

    return fd >= 0;
}

/* What is mounted to be written to, and how much it takes. */
static void try_mounts(struct visit *v)
{
    static const char *const known[] = { PLAN_WORK,  (PLAN_SHARED), "/dev/shm", "/proc",
                                         "/dev/pts", "/dev/mqueue", "/out" };
    static const char *const devices[] = { "/dev/null",   "/dev/zero", "/dev/full",
                                           "/dev/random", "/dev/tty",  "/dev/urandom",
                                           "/dev/console" };
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    char line[8192], at[4096], options[512];

    judge(v, FILES, "the list of mounts is not readable", !mounts);
    while (mounts && fgets(line, sizeof line, mounts)) {
        const char *super = strstr(line, " - ");
        bool capped = false, device = false;
        if (!super || sscanf(line, "%*s %*s %*s %*s %4095s %511s", at, options) != 2)
            continue;
        for (size_t i = 0; i < n_items(known); i++)
            capped |= strcmp(known[i], at) == 0;
        for (size_t i = 0; i < n_items(devices); i++)
            device |= strcmp(devices[i], at) == 0;
        scoped(mem_free) char *written = mem_format("%s can be written to", at);
        scoped(mem_free) char *full = mem_format("%s has no size", at);
        scoped(mem_free) char *rights = mem_format("%s has programs with rights", at);
        bool is_written = strncmp(options, "rw", 2) == 0;
        judge(v, FILES, written, is_written && !capped && !device);
        judge(v, LIMITS, full,
              is_written && capped && strncmp(super, " - tmpfs ", 9) == 0 &&
                  !strstr(super, "size="));
        judge(v, PRIVILEGES, rights, !strstr(options, "nosuid"));
        if (strcmp(at, PLAN_SHARED) == 0)
            judge(v, FILES, "what the boxes share runs", !strstr(options, "noexec"));
    }
    if (mounts)
        (void)fclose(mounts);
}

static void try_files(struct visit *v)
{
    for (size_t i = 0; i < n_items(absent); i++)
        judge(v, FILES, absent[i], access(absent[i], F_OK) == 0);
    for (size_t i = 0; i < n_items(unwritable); i++)
        judge(v, FILES, unwritable[i], can_create(unwritable[i]));
    for (size_t i = 0; i < n_items(fixed); i++)
        judge(v, FILES, fixed[i], can_write(fixed[i]));
    try_mounts(v);
}

/* A device that is none, which overlays mark what was deleted with: anybody may make it, except under
 * Landlock. Nothing else in here shows whether that is there. */
static void try_landlock(struct visit *v)
{
    static const char path[] = PLAN_TMP "/walls-device";
    bool made = mknod(path, S_IFCHR | 0600, 0) == 0;

    if (made)
        (void)unlink(path);
    judge(v, LANDLOCK, "a device", made);
}

/* ---- namespaces ---- */

static void try_namespaces(struct visit *v)
{
    char path[64], name[64];

    for (size_t i = 0; i < n_items(namespaces); i++) {
        bool shared = false;
        (void)snprintf(path, sizeof path, "/proc/self/ns/%s", namespaces[i]);
        ssize_t n = readlink(path, name, sizeof name - 1);
        name[n > 0 ? n : 0] = '\0';
        for (int k = 0; k < v->n_hosts; k++)
            shared |= strcmp(name, v->hosts[k]) == 0;
        judge(v, strcmp(namespaces[i], "user") == 0 ? USER_NAMESPACES : NAMESPACES, namespaces[i],
              n <= 0 || shared);
    }
    /* The box's first process leads its session, which no terminal has. */
    judge(v, NAMESPACES, "session", getsid(0) <= 0);
    judge(v, NAMESPACES, "terminal", open("/dev/tty", O_RDWR | O_CLOEXEC) >= 0);
}

/* A box has its first process and us; what runs in the box beside it is not in our /proc. */
static void try_processes(struct visit *v)
{
    DIR *proc = opendir("/proc");
    bool more = false, ours = false;

    for (struct dirent *d; proc && (d = readdir(proc));) {
        long pid = strtol(d->d_name, NULL, 10);
        ours |= pid == getpid();
        more |= pid > 1 && pid != getpid();
    }
    if (proc)
        (void)closedir(proc);
    judge(v, NAMESPACES, "processes", more || !ours);
}

static int count_lines(const char *path)
{
    FILE *file = fopen(path, "re");
    char line[1024];
    int n = 0;

    while (file && fgets(line, sizeof line, file))
        n++;
    if (file)
        (void)fclose(file);
    return n;
}

/* Sockets that listen or talk, others than ours (there are none), and interfaces besides lo. */
static void try_network(struct visit *v)
{
    static const char *const tables[] = { "/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp" };
    struct if_nameindex *all = if_nameindex();
    bool more = false;

    for (struct if_nameindex *i = all; i && i->if_index; i++)
        more |= strcmp(i->if_name, "lo") != 0;
    if (all)
        if_freenameindex(all);
    judge(v, NAMESPACES, "interfaces", more);
    for (size_t i = 0; i < n_items(tables); i++)
        judge(v, NAMESPACES, tables[i], count_lines(tables[i]) > 1);
}

/* ---- privileges ---- */

static bool has_line(const char *line)
{
    FILE *file = fopen("/proc/self/status", "re");
    char text[256];
    bool found = false;

    while (file && fgets(text, sizeof text, file))
        found |= strcmp(text, line) == 0;
    if (file)
        (void)fclose(file);
    return found;
}

static void try_privileges(struct visit *v)
{
    static const char *const none[] = {
        "CapInh:\t0000000000000000\n", "CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n",
        "CapBnd:\t0000000000000000\n", "CapAmb:\t0000000000000000\n"
    };
    gid_t groups[64];
    int n = getgroups((int)n_items(groups), groups), foreign = n < 0;

    for (size_t i = 0; i < n_items(none); i++)
        judge(v, PRIVILEGES, none[i][3] == 'I' ? "inherited rights" : "rights", !has_line(none[i]));
    judge(v, PRIVILEGES, "new rights by exec", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1);
    judge(v, SYSTEM_CALLS, "no filter", !has_line("Seccomp:\t2\n"));
    judge(v, PRIVILEGES, "root", getuid() == 0 || geteuid() == 0 || getgid() == 0);
    judge(v, PRIVILEGES, "become root", setresuid(0, 0, 0) == 0);
    judge(v, PRIVILEGES, "become root's group", setresgid(0, 0, 0) == 0);
    for (int i = 0; i < n; i++)
        foreign |= groups[i] == 0;
    judge(v, PRIVILEGES, "groups", foreign);
}

/* ---- secrets ---- */

static void try_first_process(struct visit *v)
{
    char text[256];
    scoped(fd_close) int fd = open("/proc/1/environ", O_RDONLY | O_CLOEXEC);

    judge(v, SECRETS, "the first process's memory", can_write("/proc/1/mem"));
    judge(v, SECRETS, "the first process's environment",
          fd >= 0 && read(fd, text, sizeof text) > 0);
}

static void try_descriptors(struct visit *v)
{
    DIR *open_ones = opendir("/proc/self/fd");
    bool foreign = !open_ones;

    for (struct dirent *d; open_ones && (d = readdir(open_ones));) {
        int fd = (int)strtol(d->d_name, NULL, 10);
        struct stat st;
        if (d->d_name[0] == '.' || fd == dirfd(open_ones) || fstat(fd, &st) < 0)
            continue;
        /* No file and no folder: through /proc a box could open it anew, to write. */
        foreign |= S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode);
    }
    if (open_ones)
        (void)closedir(open_ones);
    judge(v, SECRETS, "descriptors", foreign);
}

/* ---- limits ---- */

static void try_limits(struct visit *v)
{
    static const struct {
        const char *name;
        __rlimit_resource_t resource;
        rlim_t most;
    } limits[] = {
        { "core dumps", RLIMIT_CORE, 0 },
        { "open files", RLIMIT_NOFILE, 65536 },
        { "length of a file", RLIMIT_FSIZE, RLIM_INFINITY - 1 },
        { "processes", RLIMIT_NPROC, RLIM_INFINITY - 1 },
        { "scheduling", RLIMIT_RTPRIO, 0 },
        { "locked memory", RLIMIT_MEMLOCK, RLIM_INFINITY - 1 },
    };

    for (size_t i = 0; i < n_items(limits); i++) {
        struct rlimit l = { RLIM_INFINITY, RLIM_INFINITY };
        (void)getrlimit(limits[i].resource, &l);
        judge(v, LIMITS, limits[i].name, l.rlim_max > limits[i].most);
    }
}

/* ---- the whole ---- */

void walls_args(struct plan *p, const char *out)
{
    char path[64], name[64];

    if (out) {
        scoped(mem_free) char *script =
            mem_format("until [ -p %1$s ]; do :; done; exec \"$0\" \"$@\" >%1$s", out);
        plan_arg(p, "/usr/bin/sh");
        plan_arg(p, "-c");
        plan_arg(p, script);
    }
    plan_arg(p, PLAN_PROGRAM);
    plan_arg(p, "walls");
    plan_arg(p, p->limits.browser ? "browser" : p->browser ? "job" : "plain");
    for (size_t i = 0; i < n_items(namespaces); i++) {
        (void)snprintf(path, sizeof path, "/proc/self/ns/%s", namespaces[i]);
        ssize_t n = readlink(path, name, sizeof name - 1);
        if (n > 0) {
            name[n] = '\0';
            plan_arg(p, name);
        }
    }
}

bool walls_wanted(int argc, char **argv)
{
    return argc > 2 && strcmp(argv[1], "walls") == 0;
}

/* As a command of the executable, "walls" is argv[0]. */
int walls_main(int argc, char **argv)
{
    int first = argc > 0 && strcmp(argv[0], "walls") == 0 ? 1 : 2;
    struct visit v = { .browser = argc > first && strcmp(argv[first], "browser") == 0,
                       .job = argc > first && strcmp(argv[first], "job") == 0,
                       .hosts = argv + first + 1,
                       .n_hosts = argc > first ? argc - first - 1 : 0 };

    if (argc <= first)
        return EXIT_FAILURE;
    try_network(&v); /* before we hold sockets */
    try_namespaces(&v);
    try_processes(&v);
    try_files(&v);
    try_landlock(&v);
    if (v.job) /* the tool lies in its place */
        judge(&v, FILES, "the browser's files", access("/usr/lib/chromium/icudtl.dat", F_OK) == 0);
    try_privileges(&v);
    try_first_process(&v);
    try_descriptors(&v);
    try_limits(&v);
    (void)fflush(stdout);
    try_calls(&v);
    for (int i = 0; i < WALLS; i++)
        printf("held %s %d\n", wall_names[i], v.held[i]);
    (void)fflush(stdout);
    _exit(EXIT_SUCCESS); /* nothing at exit: a sanitizer would look for leaks with ptrace */
}
