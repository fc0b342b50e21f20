/* SPDX-License-Identifier: Apache-2.0
 *
 * What each process reads and writes is known by looking at it (strace), and stands in tables here.
 *
 * The spawner cannot have Landlock for its files: what it starts inherits that, and a process under
 * such rules may mount nothing, which is how boxes are made; rules without files would be in the way of
 * those that boxes put on (box_main.c). In its own mount namespace the store is
 * covered instead, and its network namespace has nothing in it. For a normal user both need a user
 * namespace, as the boxes do.
 */
#include "exec/confine.h"

#include "base/buf.h"
#include "base/json.h"
#include "exec/landlock.h"
#include "exec/plan_private.h"
#include "exec/rights.h"
#include "exec/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/capability.h>

const char *const confine_names[CONFINE_PROCESSES][CONFINE_WALLS] = {
    [CONFINE_SERVER] = { "server-files", NULL, "server-system-calls" },
    [CONFINE_SPAWNER] = { "spawner-files", "spawner-network", "spawner-system-calls" },
    [CONFINE_EGRESS] = { "egress-files", NULL, "egress-system-calls" },
    [CONFINE_REGISTRY] = { "registry-files", NULL, "registry-system-calls" },
};

static const char *const wall_keys[CONFINE_WALLS] = { "files", "network", "system-calls" };

enum { MAX_RULES = 32 };

/* What the C library and OpenSSL read when names are looked up and certificates checked. Most are
 * files of their own, because root can read what else is in /etc. */
static const char *const etc_files[] = {
    "/etc/resolv.conf",     "/etc/hosts",     "/etc/nsswitch.conf", "/etc/gai.conf",
    "/etc/host.conf",       "/etc/services",  "/etc/ld.so.cache",   "/etc/localtime",
    "/etc/ssl/openssl.cnf", "/etc/ssl/certs", "/etc/pki/tls/certs",
};
static const char *const shared_files[] = {
    "/usr",
    "/proc", /* of other processes only what everybody may see: Landlock forbids the rest */
    "/proc/self/exe", /* a sanitizer reads names from it */
    "/sys/devices/system/cpu",
    /* where resolv.conf may lead */
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
};
static const char *const devices[] = { "/dev/null", "/dev/urandom", "/dev/random" };

/* Of root's rights. The server's data holds what boxes, who are other users, have left there. */
#define OF_SERVER                                                                                  \
    (RIGHT(CAP_CHOWN) | RIGHT(CAP_DAC_OVERRIDE) | RIGHT(CAP_DAC_READ_SEARCH) | RIGHT(CAP_FOWNER) | \
     RIGHT(CAP_FSETID) | RIGHT(CAP_NET_BIND_SERVICE))
#define OF_SPAWNER                                                                                 \
    (RIGHT(CAP_CHOWN) | RIGHT(CAP_DAC_OVERRIDE) | RIGHT(CAP_DAC_READ_SEARCH) | RIGHT(CAP_FOWNER) | \
     RIGHT(CAP_KILL) | RIGHT(CAP_SETUID) | RIGHT(CAP_SETGID) | RIGHT(CAP_SYS_ADMIN))
/* Where the namespaces of a box are made by root, and its first process drops what it has. */
#define OF_BASIC_SPAWNER \
    (OF_SPAWNER | RIGHT(CAP_NET_ADMIN) | RIGHT(CAP_NET_BIND_SERVICE) | RIGHT(CAP_SETPCAP))

/* ---- what is told ---- */

void confined_done(struct confined *c)
{
    for (int i = 0; i < CONFINE_WALLS; i++)
        mem_free(take(c->why[i]));
}

json_t *confined_to_json(const struct confined *c)
{
    json_t *out = json_object();

    for (int i = 0; i < CONFINE_WALLS; i++)
        json_object_set_new(out, wall_keys[i], json_or_null(c->why[i]));
    return out;
}

void confined_from_json(const json_t *value, struct confined *out)
{
    confined_done(out);
    for (int i = 0; i < CONFINE_WALLS; i++) {
        const json_t *why = json_object_get(value, wall_keys[i]);
        if (!json_is_null(why))
            out->why[i] =
                mem_text(json_is_string(why) ? json_string_value(why) : "the process has not told");
    }
}

/* ---- Landlock ---- */

struct rule_list {
    struct landlock_rule items[MAX_RULES];
    size_t n;
};

static void allow(struct rule_list *l, enum landlock_access access, const char *path)
{
    if (path)
        l->items[l->n++] = (struct landlock_rule){ path, access };
}

static void allow_all(struct rule_list *l, enum landlock_access access, const char *const *paths,
                      size_t n)
{
    for (size_t i = 0; i < n; i++)
        allow(l, access, paths[i]);
}

static int restrict_files(const struct confine_options *o, struct err *e)
{
    struct rule_list l = { .n = 0 };
    scoped(mem_free) char *key_folder = o->key_file ? mem_text(o->key_file) : NULL;
    char *slash = key_folder ? strrchr(key_folder, '/') : NULL;

    allow_all(&l, LANDLOCK_READ, shared_files, n_items(shared_files));
    allow_all(&l, LANDLOCK_USE, devices, n_items(devices));
    /* Files there are replaced when the network changes, and then have no rule of their own. Who is
     * not root may read all of it that is anybody's. */
    if (geteuid() != 0)
        allow(&l, LANDLOCK_READ, "/etc");
    else
        allow_all(&l, LANDLOCK_READ, etc_files, n_items(etc_files));
    if (o->who == CONFINE_REGISTRY)
        allow(&l, LANDLOCK_KEEP, o->data_dir);
    if (o->who == CONFINE_SERVER) {
        allow(&l, LANDLOCK_KEEP, o->data_dir);
        allow(&l, LANDLOCK_READ, o->runner_dir);
        allow(&l, LANDLOCK_READ, o->key_file);
        if (slash && slash > key_folder && access(o->key_file, F_OK) < 0) {
            *slash = '\0';
            allow(&l, LANDLOCK_KEEP, key_folder);
        }
    }
    const struct landlock_rules rules = {
        .files = l.items, .n_files = l.n, .ports = true, .port = o->port
    };
    return landlock_restrict(&rules, e);
}

/* ---- the spawner's namespaces ---- */

static int enter_namespaces(bool with_network, struct err *e)
{
    int flags = CLONE_NEWNS | (with_network ? CLONE_NEWNET : 0);

    if ((geteuid() == 0 ? unshare(flags) : rights_enter(flags)) < 0)
        return err_set_errno(e, ERR_PRECONDITION, errno, "namespaces of the spawner's own");
    (void)prctl(PR_SET_DUMPABLE, 0);
    /* What is unmounted elsewhere shall not live on in here. */
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return err_set_errno(e, ERR_PRECONDITION, errno, "mounts of the spawner's own");
    return 0;
}

/* The folder as it is, taken before the data directory is covered. */
static int take_folder(const char *path)
{
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return -1;
    return open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
}

static int cover(const char *data_dir, const int *trees, char *const *paths, size_t n)
{
    static const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

    if (mount("tmpfs", data_dir, "tmpfs", flags, "mode=0700,size=64k") < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (mkdir(paths[i], 0700) < 0 ||
            move_mount(trees[i], "", AT_FDCWD, paths[i], MOVE_MOUNT_F_EMPTY_PATH) < 0)
            return -1;
    }
    return mount(NULL, data_dir, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL);
}

static int hide_store(const struct confine_options *o, struct err *e)
{
    char *paths[MAX_RULES] = { NULL };
    int trees[MAX_RULES];
    size_t n = 0;
    bool taken = true;

    if (plan_covers(o->data_dir, o->program) ||
        (o->runner_dir && plan_covers(o->data_dir, o->runner_dir)))
        return err_set(e, ERR_PRECONDITION, "the program or its runner lies in the data directory");
    for (; n < MAX_RULES && o->folders[n] && taken; n++) {
        paths[n] = mem_format("%s/%s", o->data_dir, o->folders[n]);
        trees[n] = take_folder(paths[n]);
        taken = trees[n] >= 0;
    }
    bool covered = taken && cover(o->data_dir, trees, paths, n) == 0;
    int err_no = errno;
    for (size_t i = 0; i < n; i++) {
        fd_close(trees[i]);
        mem_free(paths[i]);
    }
    return covered ? 0 : err_set_errno(e, ERR_PRECONDITION, err_no, "cover %s", o->data_dir);
}

/* ---- the whole ---- */

/* What is in the way of a wall, once. */
static void miss(struct confined *out, enum confine_wall wall, const char *why)
{
    if (!out->why[wall])
        out->why[wall] = mem_text(why);
}

static void confine_spawner(const struct confine_options *o, struct confined *out)
{
    scoped(err_clear) struct err e = { 0 };

    if (o->host_network)
        miss(out, CONFINE_NETWORK, "boxes are given the host's network, as it was chosen");
    if (enter_namespaces(!out->why[CONFINE_NETWORK], &e) < 0) {
        miss(out, CONFINE_FILES, e.msg);
        miss(out, CONFINE_NETWORK, e.msg);
    } else if (o->folders && !out->why[CONFINE_FILES] && hide_store(o, &e) < 0) {
        miss(out, CONFINE_FILES, e.msg);
    }
}

static int give_up_rights(const struct confine_options *o, struct err *e)
{
    uint64_t kept = geteuid() != 0              ? 0
                    : o->who != CONFINE_SPAWNER ? OF_SERVER
                    : o->no_userns              ? OF_BASIC_SPAWNER
                                                : OF_SPAWNER;

    return rights_keep(kept) < 0 ? err_set_errno(e, ERR_INTERNAL, errno, "give up rights") : 0;
}

static int refuse_calls(const struct syscalls_of *who, struct err *e)
{
    scoped(buf_done) struct buf filter = { 0 };

    return syscalls_filter(who, &filter, e) < 0 ? -1 : syscalls_apply(&filter, e);
}

void confine(const struct confine_options *o, struct confined *out)
{
    static const struct syscalls_of calls[CONFINE_PROCESSES] = {
        [CONFINE_SERVER] = { .own = true, .listens = true },
        [CONFINE_SPAWNER] = { .builder = true },
        [CONFINE_EGRESS] = { .own = true, .connects = true },
        [CONFINE_REGISTRY] = { .own = true, .connects = true },
    };
    struct syscalls_of who = calls[o->who];
    scoped(err_clear) struct err e = { 0 };

    who.connects |= o->connects;
    *out = (struct confined){ 0 };
    for (int wall = 0; wall < CONFINE_WALLS; wall++) {
        if (o->without & (1u << wall))
            miss(out, wall, "left out");
    }
    if (o->who == CONFINE_SPAWNER)
        confine_spawner(o, out);
    else if (!out->why[CONFINE_FILES] && restrict_files(o, &e) < 0)
        miss(out, CONFINE_FILES, e.msg);
    err_clear(&e);
    if (!out->why[CONFINE_CALLS] && (give_up_rights(o, &e) < 0 || refuse_calls(&who, &e) < 0))
        miss(out, CONFINE_CALLS, e.msg);
}

void confine_starter(void)
{
    scoped(err_clear) struct err e = { 0 };

    /* What it starts has this too, and tells of its own. */
    (void)!refuse_calls(&(struct syscalls_of){ .builder = true }, &e);
}
