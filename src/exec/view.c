/* SPDX-License-Identifier: Apache-2.0
 *
 * A server that runs as root builds its boxes as other users, and those cannot go where root keeps
 * things: the data directory is closed to everyone else, and the program may lie in root's home. So
 * each box is built in a mount namespace of its own, in which exactly what it binds appears below
 * /tmp: what is not in the plan is out of the builder's reach as well, and nothing has to be
 * unmounted, because the namespace ends with the box.
 *
 * The mounts are taken first (open_tree) and set down later (move_mount), so that it does not
 * matter whether one of them comes from below /tmp itself.
 *
 * What lies in the data directory was in part written by boxes. A symbolic link that one of them
 * has left there would lead root anywhere, so none is followed on the way.
 */
#include "exec/view.h"

#include "exec/plan_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

#define VIEW_AT "/tmp"

void view_init(struct view *v, const struct view_options *o, const struct plan *p)
{
    size_t n = 0;

    *v = (struct view){ .paths = mem_new_array(p->binds.n + 2, sizeof(char *)),
                        .n = p->binds.n + 2 };
    for (size_t i = 0; i < v->n; i++)
        v->paths[i] = o->as_root ? mem_format(VIEW_AT "/%zu", i)
                      : i == 0   ? mem_text(o->program)
                      : i == 1   ? mem_text(o->runner_dir)
                                 : mem_text(p->binds.items[i - 2].a);
    v->from.program = v->paths[n++];
    v->from.runner = o->runner_dir ? v->paths[n] : NULL;
    v->from.binds = (const char *const *)v->paths + 2;
    if (p->shares)
        v->from.shared = VIEW_SHARED;
    if (p->shares && !p->browser) /* nothing runs there but Chromium */
        v->from.runner = NULL;
    v->from.hides_chromium = p->browser && access(PLAN_CHROMIUM, F_OK) == 0;
}

static int open_below(const char *data_dir, const char *path)
{
    struct open_how how = { .flags = O_PATH | O_CLOEXEC,
                            .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
    scoped(fd_close) int base = open(data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (base < 0)
        return -1;
    if (!plan_covers(data_dir, path) || strlen(path) <= strlen(data_dir) + 1) {
        errno = EXDEV;
        return -1;
    }
    return (int)syscall(SYS_openat2, base, path + strlen(data_dir) + 1, &how, sizeof how);
}

/* What is bound, by number: the program, the runner, then what the plan names. */
static const char *source(const struct view_options *o, const struct plan *p, size_t i)
{
    return i == 0 ? o->program : i == 1 ? o->runner_dir : p->binds.items[i - 2].a;
}

static bool is_written(const struct plan *p, size_t i)
{
    return i >= 2 && p->binds.items[i - 2].write;
}

static int open_source(const struct view_options *o, const struct plan *p, size_t i)
{
    const char *path = source(o, p, i);

    return i < 2 ? open(path, O_PATH | O_CLOEXEC) : open_below(o->data_dir, path);
}

static int give_to(int fd, uid_t uid)
{
    /* The descriptor is a bare path: no such call takes it but by its name in /proc. */
    scoped(mem_free) char *path = mem_format("/proc/self/fd/%d", fd);

    return chown(path, uid, uid) < 0 ? -1 : chmod(path, 0755);
}

/* A mount of the source alone, set down at number i. */
static int set_down(int tree, size_t i, bool is_folder)
{
    scoped(mem_free) char *at = mem_format(VIEW_AT "/%zu", i);
    scoped(fd_close) int file = -1;

    if (is_folder) {
        if (mkdir(at, 0755) < 0)
            return -1;
    } else {
        file = open(at, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);
        if (file < 0)
            return -1;
    }
    return move_mount(tree, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH);
}

struct tree {
    int fd; /* a mount that is nowhere yet; -1: none */
    bool folder;
};

static int take_tree(int fd, struct tree *out)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -1;
    out->folder = S_ISDIR(st.st_mode);
    out->fd = open_tree(fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    return out->fd < 0 ? -1 : 0;
}

/* Opens each source; for root, also takes it. */
static int visit_sources(const struct view_options *o, const struct plan *p, uid_t uid,
                         struct tree *trees, size_t n, const char **about)
{
    for (size_t i = 0; i < n; i++) {
        trees[i].fd = -1;
        *about = source(o, p, i);
        if (!*about) /* no runner */
            continue;
        scoped(fd_close) int fd = open_source(o, p, i);
        if (fd < 0)
            return -1;
        if (o->as_root &&
            ((is_written(p, i) && give_to(fd, uid) < 0) || take_tree(fd, &trees[i]) < 0))
            return -1;
    }
    return 0;
}

static int set_all_down(const struct tree *trees, size_t n)
{
    if (mount("tmpfs", VIEW_AT, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (trees[i].fd >= 0 && set_down(trees[i].fd, i, trees[i].folder) < 0)
            return -1;
    }
    return 0;
}

int view_enter(const struct view_options *o, const struct plan *p, uid_t uid, const char **about)
{
    size_t n = p->binds.n + 2;
    scoped(mem_free) struct tree *trees = mem_new_array(n, sizeof *trees);

    *about = "mount namespace";
    if (o->as_root &&
        (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
        return -1;
    if (visit_sources(o, p, uid, trees, n, about) < 0)
        return -1;
    *about = VIEW_AT;
    /* The descriptors of the trees end with this process, or at its exec. */
    return o->as_root ? set_all_down(trees, n) : 0;
}

/* Over a place that every machine has, where nobody keeps what a box could bind, and that no box sees. */
int view_share(uid_t uid, gid_t gid, int mib)
{
    scoped(mem_free) char *options = mem_format("mode=0700,uid=%u,gid=%u,size=%dm", uid, gid, mib);

    return mount("tmpfs", VIEW_SHARED, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options);
}
