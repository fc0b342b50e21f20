/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registry.h"

#include "base/address.h"
#include "base/json.h"
#include "base/log.h"
#include "egress/policy.h"
#include "registry/registry_private.h"
#include "registry/supply.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define NPM_REGISTRY "https://registry.npmjs.org/" /* where npm goes by itself */

struct registry {
    struct outpost *process;
    int folder;
};

static const struct {
    const char *name;
    enum log_level level;
} events[SUPPLY_EVENTS] = {
    [SUPPLY_REFUSED] = { "registry.refused", LOG_WARN },
    [SUPPLY_MISMATCH] = { "registry.mismatch", LOG_ERROR },
    [SUPPLY_DAMAGED] = { "registry.damaged", LOG_WARN },
    [SUPPLY_STALE] = { "registry.stale", LOG_WARN },
    [SUPPLY_UNREACHABLE] = { "registry.unreachable", LOG_WARN },
};

static void on_said(void *arg, const char *what, const json_t *message)
{
    int64_t event = json_int(message, "event", -1);

    (void)arg;
    if (strcmp(what, "event") == 0 && event >= 0 && event < SUPPLY_EVENTS)
        log_event(events[event].level, events[event].name,
                  F_TEXT("package", json_text(message, "what")),
                  F_TEXT("reason", json_text(message, "reason")));
}

/* Its own, also when an earlier server ran as another user. */
static int open_folder(const char *data_dir, uid_t uid, int *out, struct err *e)
{
    scoped(mem_free) char *path = mem_format("%s/registry", data_dir);

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return err_set_errno(e, ERR_IO, errno, "make the folder %s", path);
    scoped(fd_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || (geteuid() == 0 && fchown(fd, uid, uid) < 0))
        return err_set_errno(e, ERR_IO, errno, "open the folder %s", path);
    *out = take_fd(&fd);
    return 0;
}

static int start_process(struct registry *r, const struct registry_options *o, uid_t uid,
                         struct err *e)
{
    /* The host's resolver must not wait long for servers that are not there. */
    char patience[] = "RES_OPTIONS=timeout:2 attempts:2";
    char *const envp[] = { patience, NULL };
    const char *url = o->url ? o->url : NPM_REGISTRY;
    bool slash = url[strlen(url) - 1] == '/';
    scoped(mem_free) char *whole = mem_format("%s%s", url, slash ? "" : "/");
    scoped(mem_free) char *address = address_of_url(url);
    scoped(mem_free) char *user = mem_format("%lu", (unsigned long)uid);
    scoped(mem_free) char *mib = mem_format("%lld", (long long)o->cache_mib);
    scoped(mem_free) const char **argv =
        mem_new_array(REGISTRY_ARGS + o->n_allow + 1, sizeof(char *));
    scoped(policy_free) struct policy *p = NULL;

    if (!address)
        return err_set(e, ERR_INPUT, "registry: \"%s\" has no host: write https://HOST[:PORT]/",
                       url);
    /* A list that the process would not understand is refused here. */
    if (policy_new(o->allow, o->n_allow, &p, e) < 0)
        return err_wrap(e, "registry_allow");
    argv[REGISTRY_ARG_NAME] = REGISTRY_NAME;
    argv[REGISTRY_ARG_UID] = user;
    argv[REGISTRY_ARG_URL] = whole;
    argv[REGISTRY_ARG_CACHE] = mib;
    argv[REGISTRY_ARG_ADDRESS] = address;
    for (size_t i = 0; i < o->n_allow; i++)
        argv[REGISTRY_ARGS + i] = o->allow[i];
    const struct outpost_options options = { .name = "registry",
                                             .argv = argv,
                                             .envp = envp,
                                             .folder = r->folder,
                                             .spawner = o->spawner,
                                             .kind = CAGE_REGISTRY,
                                             .said = on_said };
    return outpost_start(&options, &r->process, e);
}

int registry_start(const struct registry_options *o, struct registry **out, struct err *e)
{
    uid_t uid = o->uid ? o->uid : SPAWNER_SANDBOX_UID + SPAWNER_SANDBOX_UIDS + 1;
    scoped(registry_free) struct registry *r = mem_new(sizeof *r);

    r->folder = -1;
    if (open_folder(o->data_dir, uid, &r->folder, e) < 0 || start_process(r, o, uid, e) < 0)
        return -1;
    *out = take(r);
    return 0;
}

void registry_attach(struct registry *r, struct loop *loop)
{
    outpost_attach(r->process, loop);
}

pid_t registry_pid(const struct registry *r)
{
    return outpost_pid(r->process);
}

const struct confined *registry_walls(struct registry *r)
{
    return outpost_walls(r->process);
}

void registry_free(struct registry *r)
{
    if (!r)
        return;
    outpost_free(r->process);
    fd_close(r->folder);
    mem_free(r);
}
