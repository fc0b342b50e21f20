/* SPDX-License-Identifier: Apache-2.0
 *
 * What is behind these arguments, where it is not plain (bubblewrap 0.8):
 *
 * --unshare-all would be shorter, and is not used: it means "try" for the user and the cgroup
 * namespace, and goes on without them. Each one is named here, so that a missing one is a failure.
 *
 * --clearenv would be too late: the environment that bubblewrap was started with stays readable in
 * /proc/1/environ. It is started with none.
 *
 * --as-pid-1 makes our own small program the first process, which can say how the program ended and
 * puts limits on it that bubblewrap knows nothing of.
 *
 * --disable-userns keeps programs inside from making user namespaces, in which they would be root
 * over parts of the kernel that have seen few attackers. Chromium's own sandbox is made of them, so
 * a browser's box goes without, and relies on the system call filter for the kinds that it allows;
 * what runs in it is Chromium and our proxy, and none of a tenant's programs.
 *
 * Where there are no user namespaces, bubblewrap makes the others with the rights of root, and leaves
 * the box's first process those that it needs to become the user of the box (box_main.c). Nothing
 * else of the box is ever root. Chromium has no sandbox of its own there, so that its box gets the
 * filter of any other.
 *
 * The root and /dev are small tmpfs that nobody caps, so they end read-only.
 */
#include "exec/bwrap.h"

#include "exec/box.h"
#include "exec/cage.h"
#include "exec/plan_private.h"

#include <assert.h>
#include <libgen.h>

enum { SHM_MIB = 16, MIB = 1024 * 1024 };

#define PASSWD                                            \
    "root:x:0:0:root:/root:/usr/sbin/nologin\n"           \
    "sandbox:x:%1$u:%1$u:sandbox:" PLAN_HOME ":/bin/sh\n" \
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
#define GROUP "root:x:0:\nsandbox:x:%1$u:\nnogroup:x:65534:\n"
static const char hosts_text[] = "127.0.0.1 localhost\n::1 localhost\n";
static const char resolv_text[] = "nameserver " CAGE_RESOLVER "\n";
static const char nsswitch_text[] = "passwd: files\ngroup: files\nhosts: files dns\n"
                                    "services: files\nprotocols: files\n";

/* The host's, where it has them. */
static const char *const etc_always[] = { "/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache",
                                          "/etc/ssl/certs", "/etc/ssl/openssl.cnf" };
static const char *const etc_network[] = { "/etc/hosts", "/etc/resolv.conf", "/etc/services" };

static const char *const folders[] = {
    "/etc", "/etc/ssl", "/opt", "/opt/impresario", "/opt/impresario/bin", "/var"
};

struct writer {
    struct bwrap_call *call;
    int first_fd;
};

static void add(struct buf *args, const char *text)
{
    buf_add(args, text, strlen(text) + 1);
}

static void add_words(struct buf *args, const char *const *words)
{
    for (; *words; words++)
        add(args, *words);
}

#define add_all(args, ...) add_words(args, (const char *const[]){ __VA_ARGS__, NULL })

static void add_number(struct buf *args, long long number)
{
    buf_format(args, "%lld", number);
    buf_char(args, '\0');
}

/* The descriptor from which bubblewrap reads these bytes. */
static void add_file(struct writer *w, const void *data, size_t n)
{
    struct bwrap_call *c = w->call;

    assert(c->n_files < BWRAP_FILES);
    add_number(&c->args, w->first_fd + (int)c->n_files);
    buf_add(&c->files[c->n_files++], data, n);
}

static void add_text_file(struct writer *w, const char *text, const char *at)
{
    add_all(&w->call->args, "--perms", "0444", "--file");
    add_file(w, text, strlen(text));
    add(&w->call->args, at);
}

static void add_tmpfs(struct buf *args, const char *perms, int mib, const char *at)
{
    add_all(args, "--perms", perms, "--size");
    add_number(args, (long long)mib * MIB);
    add_all(args, "--tmpfs", at);
}

static void add_user_namespace(struct buf *args, bool nesting)
{
    add(args, "--unshare-user");
    if (!nesting)
        add(args, "--disable-userns");
    add(args, "--uid");
    add_number(args, PLAN_UID);
    add(args, "--gid");
    add_number(args, PLAN_UID);
}

static void add_namespaces(struct buf *args, const struct plan_limits *l, bool basic)
{
    if (!basic)
        add_user_namespace(args, l->browser);
    add_all(args, "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup");
    if (l->net == PLAN_NET_NONE)
        add(args, "--unshare-net");
    add_all(args, "--hostname", "sandbox", "--die-with-parent", "--as-pid-1", "--cap-drop", "ALL");
    if (basic)
        add_all(args, "--cap-add", "CAP_CHOWN", "--cap-add", "CAP_SETGID", "--cap-add",
                "CAP_SETUID", "--cap-add", "CAP_SETPCAP");
}

static void add_system(struct writer *w, const struct plan_limits *l, uid_t uid)
{
    struct buf *args = &w->call->args;
    scoped(mem_free) char *passwd = mem_format(PASSWD, uid);
    scoped(mem_free) char *group = mem_format(GROUP, uid);

    /* Else root would make them for itself alone, on the way to what is in them. */
    for (size_t i = 0; i < n_items(folders); i++)
        add_all(args, "--perms", "0755", "--dir", folders[i]);
    add_all(args, "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink",
            "usr/sbin", "/sbin", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64",
            "/lib64");
    for (size_t i = 0; i < n_items(etc_always); i++)
        add_all(args, "--ro-bind-try", etc_always[i], etc_always[i]);
    add_text_file(w, passwd, "/etc/passwd");
    add_text_file(w, group, "/etc/group");
    add_text_file(w, nsswitch_text, "/etc/nsswitch.conf");
    if (l->net == PLAN_NET_HOST) {
        for (size_t i = 0; i < n_items(etc_network); i++)
            add_all(args, "--ro-bind-try", etc_network[i], etc_network[i]);
    } else {
        add_text_file(w, hosts_text, "/etc/hosts");
    }
    if (l->net == PLAN_NET_CAGE) {
        add_text_file(w, resolv_text, "/etc/resolv.conf");
        add_all(args, "--ro-bind-try", "/etc/services", "/etc/services");
    }
    add_all(args, "--proc", "/proc", "--dev", "/dev");
    /* Chromium keeps what its processes share here. */
    add_tmpfs(args, "1777", l->browser ? l->memory_mib / 2 : SHM_MIB, "/dev/shm");
    add_all(args, "--symlink", PLAN_TMP, "/tmp", "--symlink", PLAN_TMP, "/var/tmp");
}

/* The job that a browser belongs to has none of its own, nor any of its files. */
static void add_tool(struct buf *args, const struct bwrap_sources *from)
{
    scoped(mem_free) char *path = mem_text(PLAN_CHROMIUM);
    const char *folder = dirname(path);

    add_tmpfs(args, "0755", 1, folder);
    add_all(args, "--ro-bind", from->program, PLAN_CHROMIUM, "--remount-ro", folder);
}

static void add_work(struct buf *args, const struct plan *p, bool has_runner)
{
    bool own_modules = false;

    add_tmpfs(args, "0755", p->limits.work_mib, PLAN_WORK);
    add_all(args, "--dir", PLAN_APP, "--perms", "0700", "--dir", PLAN_HOME, "--perms", "1777",
            "--dir", PLAN_TMP);
    for (size_t i = 0; i < p->binds.n; i++)
        own_modules |= plan_covers(p->binds.items[i].b, PLAN_MODULES);
    if (has_runner && !own_modules)
        add_all(args, "--symlink", PLAN_RUNNER "/node_modules/playwright",
                PLAN_MODULES "/playwright", "--symlink",
                PLAN_RUNNER "/node_modules/playwright-core", PLAN_MODULES "/playwright-core");
}

void bwrap_call(const struct plan *p, const struct bwrap_sources *from, const struct buf *filter,
                const struct buf *box, int first_fd, struct bwrap_call *out)
{
    struct writer w = { out, first_fd };
    struct buf *args = &out->args;

    add_namespaces(args, &p->limits, from->basic_uid != 0);
    add_system(&w, &p->limits, from->basic_uid ? from->basic_uid : PLAN_UID);
    add_all(args, "--ro-bind", from->program, PLAN_PROGRAM);
    if (from->runner)
        add_all(args, "--ro-bind", from->runner, PLAN_RUNNER);
    add_all(args, "--perms", "0555", "--file");
    add_file(&w, box->data, box->n);
    add(args, BOX_PROGRAM);

    add_work(args, p, from->runner != NULL);
    for (size_t i = 0; i < p->binds.n; i++)
        add_all(args, p->binds.items[i].write ? "--bind" : "--ro-bind", from->binds[i],
                p->binds.items[i].b);
    if (from->shared)
        add_all(args, "--bind", from->shared, PLAN_SHARED);
    if (from->hides_chromium)
        add_tool(args, from);
    for (size_t i = 0; i < p->links.n; i++)
        add_all(args, "--symlink", p->links.items[i].a, p->links.items[i].b);

    add_all(args, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--seccomp");
    add_file(&w, filter->data, filter->n);
}

void bwrap_call_done(struct bwrap_call *call)
{
    buf_done(&call->args);
    for (size_t i = 0; i < call->n_files; i++)
        buf_done(&call->files[i]);
}
