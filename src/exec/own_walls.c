/* SPDX-License-Identifier: Apache-2.0
 *
 * An attempt answers whether it succeeded. None does harm where it does: what is made is removed, and
 * calls are made with arguments that mean nothing.
 */
#include "exec/own_walls.h"

#include "exec/helper.h"
#include "exec/spawner.h"
#include "exec/syscalls.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#define NAME "own-walls"

/* In the data directory: what only the server may see. */
static const char *const store[] = { "impresario.db", "master.key" };

enum { ARG_WHO = 1, ARG_DATA, ARG_WITHOUT, ARGS };

struct attempts {
    enum confine_who who;
    const char *data_dir, *folder; /* of the one that keeps packages: its own */
    int listener;                  /* outside of the walls */
    struct sockaddr_in at;
    int held[CONFINE_WALLS];
};

static void judge(struct attempts *a, enum confine_wall wall, const char *attempt, bool succeeded)
{
    if (succeeded)
        printf("open %s %s\n", confine_names[a->who][wall], attempt);
    else
        a->held[wall]++;
}

/* ---- files ---- */

static bool can_read(const char *path)
{
    scoped(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char byte;

    return fd >= 0 && read(fd, &byte, 1) >= 0;
}

static bool can_list(const char *path)
{
    DIR *d = opendir(path);

    if (d)
        (void)closedir(d);
    return d;
}

static bool can_make(const char *folder, int kind)
{
    scoped(mem_free) char *path = mem_format("%s/impresario-own-walls", folder);
    scoped(fd_close) int file = -1;
    bool made;

    if (kind == S_IFREG) {
        file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        made = file >= 0;
    } else {
        made = (kind == S_IFDIR ? mkdir(path, 0700) : symlink("/", path)) == 0;
    }
    if (made)
        (void)(kind == S_IFDIR ? rmdir(path) : unlink(path));
    return made;
}

static void try_store(struct attempts *a)
{
    for (size_t i = 0; i < n_items(store); i++) {
        scoped(mem_free) char *path = mem_format("%s/%s", a->data_dir, store[i]);
        judge(a, CONFINE_FILES, store[i], can_read(path));
    }
    judge(a, CONFINE_FILES, "a new file in the store", can_make(a->data_dir, S_IFREG));
}

static void try_files(struct attempts *a)
{
    static const char *const secret[] = { "/etc/shadow", "/etc/gshadow", "/etc/ssh/sshd_config",
                                          "/root/.profile", "/var/log/dpkg.log" };
    static const char *const listed[] = { "/", "/root", "/home", "/var/lib", "/var/log", "/tmp" };
    static const char *const places[] = {
        "/tmp", "/var/tmp", "/dev/shm", "/run", "/etc", "/usr/lib"
    };

    if (a->who != CONFINE_SERVER)
        try_store(a);
    if (a->who == CONFINE_SPAWNER) /* the rest of its files is kept by no wall of its own */
        return;
    for (size_t i = 0; i < n_items(secret); i++)
        judge(a, CONFINE_FILES, secret[i], can_read(secret[i]));
    for (size_t i = 0; i < n_items(listed); i++)
        judge(a, CONFINE_FILES, listed[i], can_list(listed[i]));
    for (size_t i = 0; i < n_items(places); i++) {
        scoped(mem_free) char *file = mem_format("a file in %s", places[i]);
        scoped(mem_free) char *folder = mem_format("a folder in %s", places[i]);
        judge(a, CONFINE_FILES, file, can_make(places[i], S_IFREG));
        judge(a, CONFINE_FILES, folder, can_make(places[i], S_IFDIR));
    }
    judge(a, CONFINE_FILES, "a link in the data directory", can_make(a->data_dir, S_IFLNK));
    if (a->who == CONFINE_REGISTRY)
        judge(a, CONFINE_FILES, "a link in its folder", can_make(a->folder, S_IFLNK));
}

/* What its work needs must go on to work: a wall that stops everything is none. */
static void try_work(const struct attempts *a)
{
    scoped(mem_free) char *folder = mem_format("%s/layers", a->data_dir);

    if (a->who == CONFINE_SERVER && !can_make(a->data_dir, S_IFDIR))
        printf("stopped its work: a new folder in the data directory\n");
    if (a->who == CONFINE_SPAWNER && !can_make(folder, S_IFDIR))
        printf("stopped its work: a new folder in layers\n");
    if (a->who != CONFINE_SPAWNER && !can_read("/etc/nsswitch.conf") && errno != ENOENT)
        printf("stopped its work: how names are looked up\n");
    if (a->who == CONFINE_REGISTRY && !can_make(a->folder, S_IFREG))
        printf("stopped its work: a new file in its folder\n");
    if (a->who == CONFINE_REGISTRY && !can_list("/etc/ssl/certs") && errno != ENOENT)
        printf("stopped its work: certificates\n");
    if ((a->who == CONFINE_EGRESS || a->who == CONFINE_REGISTRY) &&
        socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0)
        printf("stopped its work: a socket\n");
}

/* ---- network ---- */

static bool can_connect(const struct attempts *a)
{
    scoped(fd_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return fd >= 0 && connect(fd, (const struct sockaddr *)&a->at, sizeof a->at) == 0;
}

static bool can_send(const struct attempts *a)
{
    scoped(fd_close) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    return fd >= 0 && sendto(fd, "", 1, 0, (const struct sockaddr *)&a->at, sizeof a->at) == 1;
}

static void try_network(struct attempts *a)
{
    judge(a, CONFINE_NETWORK, "a connection", can_connect(a));
    judge(a, CONFINE_NETWORK, "a datagram", can_send(a));
}

/* ---- calls ---- */

static bool can_run(void)
{
    char name[] = "true", *const argv[] = { name, NULL }, *const envp[] = { NULL };
    int status = 0;
    pid_t pid;

    return posix_spawn(&pid, "/usr/bin/true", NULL, NULL, argv, envp) == 0 &&
           waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool can_fork(void)
{
    pid_t pid = _Fork();

    if (pid == 0)
        _exit(0);
    return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

/* Whether the filter lets a call through: what it refuses is EPERM, or that there is no such thing.
 * The kernel itself minds these arguments, each in another way. */
static bool is_let_through(long nr, long a, long b, long c)
{
    long r = syscall(nr, a, b, c, -1L, -1L);

    return r >= 0 ||
           (errno != EPERM && errno != ENOSYS && errno != EAFNOSUPPORT && errno != EPROTONOSUPPORT);
}

struct call {
    const char *name;
    long nr, args[3];
};

/* clang-format off */
static const struct call for_nobody[] = {
    { "process_vm_readv", SYS_process_vm_readv, { 0, 0, 0 } },
    { "process_vm_writev", SYS_process_vm_writev, { 0, 0, 0 } },
    { "kcmp", SYS_kcmp, { 0, 0, 99 } },
    { "pidfd_getfd", SYS_pidfd_getfd, { -1, 0, 0 } },
    { "bpf", SYS_bpf, { -1, 0, 0 } },
    { "perf_event_open", SYS_perf_event_open, { 0, 0, -1 } },
    { "io_uring_setup", SYS_io_uring_setup, { 0, 0, 0 } },
    { "userfaultfd", SYS_userfaultfd, { -1, 0, 0 } },
    { "add_key", SYS_add_key, { 0, 0, 0 } },
    { "keyctl", SYS_keyctl, { -1, 0, 0 } },
    { "request_key", SYS_request_key, { 0, 0, 0 } },
    { "setns", SYS_setns, { -1, 0, 0 } },
    { "open_by_handle_at", SYS_open_by_handle_at, { -1, 0, 0 } },
    { "fsopen", SYS_fsopen, { 0, 0, 0 } },
    { "fsmount", SYS_fsmount, { -1, 0, 0 } },
    { "init_module", SYS_init_module, { 0, 0, 0 } },
    { "finit_module", SYS_finit_module, { -1, 0, 0 } },
    { "kexec_file_load", SYS_kexec_file_load, { -1, -1, 0 } },
    { "fanotify_init", SYS_fanotify_init, { -1, 0, 0 } },
    { "raw socket", SYS_socket, { AF_INET, SOCK_RAW, 1 } },
    { "packets", SYS_socket, { AF_PACKET, SOCK_DGRAM, 0 } },
    { "vsock", SYS_socket, { AF_VSOCK, SOCK_STREAM, 0 } },
    { "the kernel's cryptography", SYS_socket, { AF_ALG, SOCK_SEQPACKET, 0 } },
};

static const struct call for_builders[] = {
    { "mount", SYS_mount, { 0, 0, 0 } },
    { "umount2", SYS_umount2, { 0, -1, 0 } },
    { "pivot_root", SYS_pivot_root, { 0, 0, 0 } },
    { "open_tree", SYS_open_tree, { -1, 0, 0 } },
    { "move_mount", SYS_move_mount, { -1, 0, -1 } },
    { "unshare", SYS_unshare, { 1, 0, 0 } },
    { "chroot", SYS_chroot, { 0, 0, 0 } },
    { "execve", SYS_execve, { 0, 0, 0 } },
    { "execveat", SYS_execveat, { -1, 0, 0 } },
    { "personality", SYS_personality, { 0xffffffff, 0, 0 } },
    { "rt_sigqueueinfo", SYS_rt_sigqueueinfo, { 0, 0, 0 } },
    { "pidfd_send_signal", SYS_pidfd_send_signal, { -1, 0, 0 } },
    { "local sockets", SYS_socket, { AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0 } },
    { "netfilter", SYS_socket, { AF_NETLINK, SOCK_RAW, 12 } },
};
/* clang-format on */

static void try_table(struct attempts *a, const struct call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++)
        judge(a, CONFINE_CALLS, calls[i].name,
              is_let_through(calls[i].nr, calls[i].args[0], calls[i].args[1], calls[i].args[2]));
}

static bool can_listen(void)
{
    scoped(fd_close) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    return fd >= 0 && listen(fd, 1) == 0;
}

/* Those of root that none of ours needs; others have none that they could use. */
static bool has_rights(void)
{
    return geteuid() == 0 && prctl(PR_CAPBSET_READ, CAP_SYS_MODULE, 0, 0, 0) == 1;
}

static void try_calls(struct attempts *a)
{
    try_table(a, for_nobody, n_items(for_nobody));
    judge(a, CONFINE_CALLS, "more rights by a program",
          prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1);
    judge(a, CONFINE_CALLS, "root's rights", has_rights());
    if (!SYSCALLS_SANITIZED)
        judge(a, CONFINE_CALLS, "ptrace", is_let_through(SYS_ptrace, PTRACE_PEEKDATA, 0, 0));
    if (a->who == CONFINE_SPAWNER)
        return;
    try_table(a, for_builders, n_items(for_builders));
    judge(a, CONFINE_CALLS, "a signal to the parent", kill(getppid(), 0) == 0);
    judge(a, CONFINE_CALLS, "a program", can_run());
    if (!SYSCALLS_SANITIZED)
        judge(a, CONFINE_CALLS, "a process", can_fork());
    if (a->who == CONFINE_SERVER)
        judge(a, CONFINE_CALLS, "a connection", can_connect(a));
    else
        judge(a, CONFINE_CALLS, "a listener", can_listen());
}

/* ---- the whole ---- */

/* Outside of the walls, as other programs on this machine have theirs. */
static void open_outside(struct attempts *a)
{
    socklen_t n = sizeof a->at;

    a->at =
        (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    a->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (a->listener < 0 || bind(a->listener, (struct sockaddr *)&a->at, sizeof a->at) < 0 ||
        listen(a->listener, 16) < 0 || getsockname(a->listener, (struct sockaddr *)&a->at, &n) < 0)
        printf("stopped its work: a listener outside of it\n");
    for (size_t i = 0; i < n_items(store); i++) {
        scoped(mem_free) char *path = mem_format("%s/%s", a->data_dir, store[i]);
        fd_close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
}

/* Egress and the one that keeps packages are other users. The latter gets its folder open: the way
 * to it is closed to its user. */
static bool become(struct attempts *a, char folder[PATH_MAX])
{
    uid_t uid = SPAWNER_SANDBOX_UID + SPAWNER_SANDBOX_UIDS + (a->who == CONFINE_REGISTRY);

    if (a->who == CONFINE_REGISTRY) {
        scoped(mem_free) char *path = mem_format("%s/registry", a->data_dir);
        (void)mkdir(path, 0700);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || (geteuid() == 0 && fchown(fd, uid, uid) < 0))
            return false;
        (void)snprintf(folder, PATH_MAX, "/proc/self/fd/%d", fd);
        a->folder = folder;
    }
    return a->who < CONFINE_EGRESS || helper_become(uid) == 0;
}

bool own_walls_wanted(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], NAME) == 0;
}

/* As a command of the executable, its name is argv[0]. */
int own_walls_main(int argc, char **argv)
{
    static const char *const folders[] = { "layers", "staging", NULL };
    int first = argc > 0 && strcmp(argv[0], NAME) == 0 ? 0 : 1;
    struct confined walls;
    char path[PATH_MAX];

    if (argc - first != ARGS)
        return EXIT_FAILURE;
    argv += first;
    struct attempts a = { .who = (enum confine_who)strtol(argv[ARG_WHO], NULL, 10),
                          .data_dir = argv[ARG_DATA] };
    struct confine_options options = {
        .who = a.who,
        .data_dir = a.data_dir,
        .program = "/proc/self/exe",
        .folders = folders,
        .without = (unsigned)strtoul(argv[ARG_WITHOUT], NULL, 10),
    };
    if (a.who >= CONFINE_PROCESSES)
        return EXIT_FAILURE;
    open_outside(&a);
    if (!become(&a, path))
        return EXIT_FAILURE;
    if (a.folder)
        options.data_dir = a.folder;
    confine(&options, &walls);
    for (int i = 0; i < CONFINE_WALLS; i++) {
        if (confine_names[a.who][i] && walls.why[i])
            printf("missing %s %s\n", confine_names[a.who][i], walls.why[i]);
    }
    try_work(&a);
    try_files(&a);
    if (a.who == CONFINE_SPAWNER)
        try_network(&a);
    (void)fflush(stdout);
    try_calls(&a);
    for (int i = 0; i < CONFINE_WALLS; i++) {
        if (confine_names[a.who][i])
            printf("held %s %d\n", confine_names[a.who][i], a.held[i]);
    }
    (void)fflush(stdout);
    _exit(EXIT_SUCCESS);
}

int own_walls_try(enum confine_who who, const char *data_dir, unsigned without, struct buf *out,
                  struct err *e)
{
    scoped(mem_free) char *number = mem_format("%d", (int)who);
    scoped(mem_free) char *bits = mem_format("%u", without);
    scoped(mem_free) char *folder = mem_text(data_dir);
    char self[] = "impresario", name[] = NAME;
    char *const argv[] = { self, name, number, folder, bits, NULL }, *const envp[] = { NULL };
    posix_spawn_file_actions_t actions;
    int ends[2], status = 0;
    pid_t pid;
    ssize_t n;

    if (pipe2(ends, O_CLOEXEC) < 0 || posix_spawn_file_actions_init(&actions) != 0)
        return err_set_errno(e, ERR_IO, errno, "make a pipe");
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    int failed = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, envp);
    (void)posix_spawn_file_actions_destroy(&actions);
    fd_close(ends[1]);
    scoped(fd_close) int said = ends[0];
    if (failed)
        return err_set_errno(e, ERR_IO, failed, "start " NAME);
    while ((n = read(said, buf_reserve(out, 4096), 4096)) > 0)
        buf_grew(out, (size_t)n);
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return err_set(e, ERR_INTERNAL, NAME " ended with status %x", (unsigned)status);
    return 0;
}

static void note(const char *text, const char *word, const char *name, char **out)
{
    scoped(mem_free) char *line = mem_format("%s %s ", word, name);

    for (const char *at = text; !*out && *at; at += strcspn(at, "\n"), at += *at == '\n') {
        if (strncmp(at, line, strlen(line)) == 0)
            *out = mem_text_n(at + strlen(line), strcspn(at, "\n") - strlen(line));
    }
}

void own_walls_look(enum confine_who who, const char *data_dir, struct confined *out)
{
    scoped(buf_done) struct buf text = { 0 };
    scoped(err_clear) struct err e = { 0 };
    int tried = own_walls_try(who, data_dir, 0, &text, &e);

    *out = (struct confined){ 0 };
    for (int i = 0; i < CONFINE_WALLS; i++) {
        const char *name = confine_names[who][i];
        char *open = NULL;
        if (!name)
            continue;
        note(buf_str(&text), "missing", name, &out->why[i]);
        note(buf_str(&text), "open", name, &open);
        if (tried < 0)
            out->why[i] = mem_text(e.msg);
        else if (open && !out->why[i])
            out->why[i] = mem_format("not stopped: %s", open);
        mem_free(open);
    }
}
