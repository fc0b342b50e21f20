/* SPDX-License-Identifier: Apache-2.0
 *
 * Where may we make groups?
 *
 * Version 1: below our own group, in each hierarchy, so that the limits above us go on to hold.
 *
 * Version 2 wants processes in leaves only. Where the service manager has delegated our own group
 * to us (it marks it with an attribute), we step down into a leaf of it, "impresario-server", and
 * the boxes get a sibling. Root without delegation uses the top of the tree, which is exempt from
 * that rule. Everyone else has no place, and hears why.
 */
#include "exec/cgroup.h"

#include "base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

const char *const cgroup_names[CGROUP_KINDS] = { "memory", "pids", "cpu" };
const struct cgroup_source cgroup_source_proc = { "/proc/self/mountinfo", "/proc/self/cgroup" };

#define SERVER_LEAF "impresario-server"

enum {
    CPU_PERIOD_US = 100000,
    /* bubblewrap, outside and inside, and the first process of the box */
    OWN_PROCESSES = 3,
    SWEEP_MS = 5000,
    LAST_TRIES = 500, /* of 2 ms */
};

struct hierarchy {
    int version; /* 0: none */
    char *ours;  /* the group whose children are boxes; NULL: `why` not */
    char *why;
    const char *controller; /* version 2: what its children need to have enabled */
};

/* A group that the kernel did not let go of yet. */
struct leftover {
    char *dir;
    struct leftover *next;
};

struct cgroups {
    struct hierarchy of[CGROUP_KINDS];
    struct leftover *leftovers;
};

static int read_text(const char *path, struct buf *out)
{
    scoped(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return -1;
    while ((n = read(fd, buf_reserve(out, 4096), 4096)) > 0)
        buf_grew(out, (size_t)n);
    buf_char(out, '\0');
    return n < 0 ? -1 : 0;
}

static int write_text(const char *dir, const char *file, const char *text)
{
    scoped(mem_free) char *path = mem_format("%s/%s", dir, file);
    scoped(fd_close) int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

    return fd < 0 || write(fd, text, strlen(text)) < 0 ? -1 : 0;
}

static int write_number(const char *dir, const char *file, long long number)
{
    char text[32];

    (void)snprintf(text, sizeof text, "%lld", number);
    return write_text(dir, file, text);
}

/* Is `word` one of those in a list like "rw,cpu,cpuacct" or "cpuset cpu io"? */
static bool has_word(const char *list, const char *word, const char *separators)
{
    size_t n = strlen(word);

    for (const char *at = list; *at; at += strcspn(at, separators)) {
        at += strspn(at, separators);
        if (strncmp(at, word, n) == 0 && (!at[n] || strchr(separators, at[n])))
            return true;
    }
    return false;
}

/* Finds where a hierarchy is mounted: version 1 by its controller, version 2 by its type.
 * A line reads: 36 35 98:0 /root /mount/point rw,noatime shared:1 - type source options */
static char *find_mount(const char *mountinfo, const char *controller)
{
    scoped(mem_free) char *text = mem_text(mountinfo);
    char *rest = text, *line;

    while ((line = strsep(&rest, "\n"))) {
        char *tail = strstr(line, " - ");
        char type[32], options[512];
        char point[512];

        if (!tail || sscanf(tail, " - %31s %*s %511s", type, options) != 2 ||
            sscanf(line, "%*s %*s %*s %*s %511s", point) != 1)
            continue;
        if (controller ? strcmp(type, "cgroup") == 0 && has_word(options, controller, ",")
                       : strcmp(type, "cgroup2") == 0)
            return mem_text(point);
    }
    return NULL;
}

/* Our own path in a hierarchy. A line reads 4:memory:/path or, for version 2, 0::/path */
static char *find_own(const char *self, const char *controller)
{
    scoped(mem_free) char *text = mem_text(self);
    char *rest = text, *line;

    while ((line = strsep(&rest, "\n"))) {
        strsep(&line, ":");
        char *controllers = strsep(&line, ":");
        if (line && (controller ? has_word(controllers, controller, ",") : !*controllers))
            return mem_text(line);
    }
    return NULL;
}

static bool has_controller(const char *dir, const char *controller)
{
    scoped(buf_done) struct buf list = { 0 };
    scoped(mem_free) char *path = mem_format("%s/cgroup.controllers", dir);

    return read_text(path, &list) == 0 && has_word(list.data, controller, " \n");
}

static bool is_delegated(const char *dir)
{
    char value[8];

    return getxattr(dir, "trusted.delegate", value, sizeof value) > 0 ||
           getxattr(dir, "user.delegate", value, sizeof value) > 0;
}

/* Calls fn with each process in a group. */
static void each_process(const char *dir, void (*fn)(pid_t pid, void *arg), void *arg)
{
    scoped(mem_free) char *path = mem_format("%s/cgroup.procs", dir);
    scoped(buf_done) struct buf text = { 0 };

    if (read_text(path, &text) < 0)
        return;
    for (char *at = text.data, *end; *at; at = end + (*end == '\n')) {
        long pid = strtol(at, &end, 10);
        if (end == at)
            return;
        fn((pid_t)pid, arg);
    }
}

static void kill_and_wait(pid_t pid, void *arg)
{
    scoped(fd_close) int fd = pidfd_open(pid, 0);
    struct pollfd gone = { fd, POLLIN, 0 };

    (void)arg;
    if (fd >= 0 && pidfd_send_signal(fd, SIGKILL, NULL, 0) == 0)
        (void)poll(&gone, 1, SWEEP_MS);
}

static void move_there(pid_t pid, void *arg)
{
    (void)write_number(arg, "cgroup.procs", pid);
}

/* What a server that was killed has left. */
static void sweep(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *entry;

    while (d && (entry = readdir(d))) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        scoped(mem_free) char *path = mem_format("%s/%s", dir, entry->d_name);
        each_process(path, kill_and_wait, NULL);
        (void)rmdir(path);
    }
    if (d)
        closedir(d);
}

/* There may be one from before, which must be of use to us. */
static int make_own(const char *dir)
{
    return mkdir(dir, 0755) < 0 && errno != EEXIST ? -1 : access(dir, W_OK | X_OK);
}

static void open_v1(struct hierarchy *h, const char *mount, const char *own, const char *owner)
{
    h->version = 1;
    scoped(mem_free) char *ours =
        mem_format("%s%s/impresario-%s", mount, own && strcmp(own, "/") != 0 ? own : "", owner);

    if (make_own(ours) < 0) {
        *strrchr(ours, '/') = '\0';
        h->why = mem_format("no group may be made in %s: %s", ours, strerror(errno));
        return;
    }
    sweep(ours);
    h->ours = take(ours);
}

/* The group of version 2 below which we may make ours; NULL with a reason. */
static char *v2_parent(const char *mount, const char *own, char **why)
{
    scoped(mem_free) char *dir = mem_format("%s%s", mount, own && strcmp(own, "/") != 0 ? own : "");
    size_t n = strlen(dir), leaf = strlen("/" SERVER_LEAF);

    if (n > leaf && strcmp(dir + n - leaf, "/" SERVER_LEAF) == 0) {
        dir[n - leaf] = '\0'; /* we have stepped down before */
        return take(dir);
    }
    if (is_delegated(dir)) {
        scoped(mem_free) char *server = mem_format("%s/" SERVER_LEAF, dir);
        if (mkdir(server, 0755) < 0 && errno != EEXIST) {
            *why = mem_format("cannot make %s: %s", server, strerror(errno));
            return NULL;
        }
        each_process(dir, move_there, server);
        return take(dir);
    }
    if (geteuid() == 0)
        return mem_text(mount);
    *why = mem_format("%s is not delegated to us", dir);
    return NULL;
}

static void open_v2(struct hierarchy *h, const char *mount, const char *own, const char *owner,
                    const char *controller)
{
    scoped(mem_free) char *enable = mem_format("+%s", controller);

    h->version = 2;
    h->controller = controller;
    if (!has_controller(mount, controller)) {
        h->why = mem_format("the kernel offers no %s controller", controller);
        return;
    }
    scoped(mem_free) char *parent = v2_parent(mount, own, &h->why);
    if (!parent)
        return;
    scoped(mem_free) char *ours = mem_format("%s/impresario-%s", parent, owner);
    if (write_text(parent, "cgroup.subtree_control", enable) < 0 || make_own(ours) < 0 ||
        write_text(ours, "cgroup.subtree_control", enable) < 0) {
        h->why = mem_format("cannot use %s in %s: %s", controller, parent, strerror(errno));
        return;
    }
    sweep(ours);
    h->ours = take(ours);
}

struct cgroups *cgroups_open(const struct cgroup_source *source, const char *owner)
{
    struct cgroups *all = mem_new(sizeof *all);
    scoped(buf_done) struct buf mounts = { 0 };
    scoped(buf_done) struct buf self = { 0 };

    (void)read_text(source->mountinfo, &mounts);
    (void)read_text(source->self, &self);
    for (int kind = 0; kind < CGROUP_KINDS; kind++) {
        struct hierarchy *h = &all->of[kind];
        const char *name = cgroup_names[kind];
        scoped(mem_free) char *v1 = find_mount(buf_str(&mounts), name);
        scoped(mem_free) char *v2 = v1 ? NULL : find_mount(buf_str(&mounts), NULL);
        scoped(mem_free) char *own = find_own(buf_str(&self), v1 ? name : NULL);

        if (v1)
            open_v1(h, v1, own, owner);
        else if (v2)
            open_v2(h, v2, own, owner, name);
        else
            h->why = mem_text("no cgroup file system is mounted");
    }
    return all;
}

/* A process may still be counted a moment after it was reaped. What is not let go of now is tried
 * again with the next box, and at the end. */
static void remove_leftovers(struct cgroups *all)
{
    for (struct leftover **at = &all->leftovers; *at;) {
        struct leftover *l = *at;
        if (rmdir(l->dir) < 0 && errno == EBUSY) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        mem_free(l->dir);
        mem_free(l);
    }
}

/* Takes `dir`. */
/* NOLINTNEXTLINE(readability-non-const-parameter) */
static void remove_group(struct cgroups *all, char *dir)
{
    struct leftover *l = mem_new(sizeof *l);

    *l = (struct leftover){ dir, all->leftovers };
    all->leftovers = l;
}

static void remove_last_leftovers(struct cgroups *all)
{
    const struct timespec a_little = { .tv_nsec = 2 * 1000 * 1000 };

    remove_leftovers(all);
    for (int i = 0; all->leftovers && i < LAST_TRIES; i++) {
        (void)nanosleep(&a_little, NULL);
        remove_leftovers(all);
    }
    while (all->leftovers) { /* the next start sweeps them */
        struct leftover *l = all->leftovers;
        all->leftovers = l->next;
        mem_free(l->dir);
        mem_free(l);
    }
}

void cgroups_close(struct cgroups *all)
{
    if (!all)
        return;
    remove_last_leftovers(all);
    for (int kind = 0; kind < CGROUP_KINDS; kind++) {
        if (all->of[kind].ours)
            (void)rmdir(all->of[kind].ours);
        mem_free(all->of[kind].ours);
        mem_free(all->of[kind].why);
    }
    mem_free(all);
}

const char *cgroups_missing(const struct cgroups *all, enum cgroup_kind kind)
{
    return all->of[kind].ours ? NULL : all->of[kind].why;
}

/* A machine without swap has no file for it, and then there is nothing to limit. */
static int limit_swap(const char *dir, const char *file, long long bytes)
{
    return write_number(dir, file, bytes) < 0 && errno != ENOENT ? -1 : 0;
}

static int set_limit(enum cgroup_kind kind, int version, const char *dir,
                     const struct plan_limits *l)
{
    long long bytes = (long long)l->memory_mib << 20;
    long long quota = (long long)l->cpu_percent * CPU_PERIOD_US / 100;
    char text[64];

    switch (kind) {
    case CGROUP_MEMORY:
        if (version == 1)
            return write_number(dir, "memory.limit_in_bytes", bytes) < 0
                       ? -1
                       : limit_swap(dir, "memory.memsw.limit_in_bytes", bytes);
        return write_number(dir, "memory.max", bytes) < 0 ? -1
                                                          : limit_swap(dir, "memory.swap.max", 0);
    case CGROUP_PIDS: return write_number(dir, "pids.max", l->pids + OWN_PROCESSES);
    case CGROUP_CPU:
        if (l->cpu_percent == 0)
            return 0;
        if (version == 1)
            return write_number(dir, "cpu.cfs_period_us", CPU_PERIOD_US) < 0
                       ? -1
                       : write_number(dir, "cpu.cfs_quota_us", quota);
        (void)snprintf(text, sizeof text, "%lld %d", quota, CPU_PERIOD_US);
        return write_text(dir, "cpu.max", text);
    case CGROUP_KINDS: break;
    }
    abort();
}

/* A server that was killed leaves a spawner that ends a little later than its successor begins, and
 * takes the group of both with it: then it is made again. */
static int make_child(const struct hierarchy *h, const char *dir)
{
    if (mkdir(dir, 0755) == 0 || errno == EEXIST)
        return 0;
    if (errno != ENOENT || make_own(h->ours) < 0)
        return -1;
    if (h->version == 2) {
        scoped(mem_free) char *enable = mem_format("+%s", h->controller);
        if (write_text(h->ours, "cgroup.subtree_control", enable) < 0)
            return -1;
    }
    return mkdir(dir, 0755) < 0 && errno != EEXIST ? -1 : 0;
}

int cgroup_make(struct cgroups *all, const char *box, const struct plan_limits *limits,
                struct cgroup *out)
{
    struct cgroup g = { 0 };

    for (int kind = 0; kind < CGROUP_KINDS; kind++) {
        const struct hierarchy *h = &all->of[kind];
        if (!h->ours)
            continue;
        g.dirs[kind] = mem_format("%s/%s", h->ours, box);
        if (make_child(h, g.dirs[kind]) < 0 ||
            set_limit(kind, h->version, g.dirs[kind], limits) < 0) {
            int err_no = errno;
            cgroup_remove(all, &g);
            errno = err_no;
            return -1;
        }
    }
    *out = g;
    return 0;
}

int cgroup_join(const struct cgroup *g)
{
    for (int kind = 0; kind < CGROUP_KINDS; kind++) {
        if (g->dirs[kind] && write_text(g->dirs[kind], "cgroup.procs", "0") < 0)
            return -1;
    }
    return 0;
}

int cgroup_oom_kills(const struct cgroup *g)
{
    static const char *const files[] = { "memory.events", "memory.oom_control" };
    int kills = 0;

    for (size_t i = 0; g->dirs[CGROUP_MEMORY] && i < n_items(files); i++) {
        scoped(buf_done) struct buf text = { 0 };
        scoped(mem_free) char *path = mem_format("%s/%s", g->dirs[CGROUP_MEMORY], files[i]);
        const char *at;

        if (read_text(path, &text) == 0 && (at = strstr(text.data, "oom_kill ")))
            kills = (int)strtol(at + strlen("oom_kill "), NULL, 10);
    }
    return kills;
}

void cgroup_remove(struct cgroups *all, struct cgroup *g)
{
    for (int kind = 0; kind < CGROUP_KINDS; kind++) {
        if (g->dirs[kind])
            remove_group(all, take(g->dirs[kind]));
    }
    remove_leftovers(all);
}
