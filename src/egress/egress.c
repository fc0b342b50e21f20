/* SPDX-License-Identifier: Apache-2.0 */
#include "egress/egress.h"

#include "base/json.h"
#include "base/log.h"
#include "egress/egress_private.h"
#include "egress/policy.h"

struct egress {
    struct outpost *process;
    struct egress_user user;
};

static void on_said(void *arg, const char *what, const json_t *message)
{
    struct egress *g = arg;
    const struct egress_refusal refusal = { .child = json_int(message, "child", 0),
                                            .box = json_text(message, "box"),
                                            .target = json_text(message, "target"),
                                            .reason = json_text(message, "reason"),
                                            .untold = json_int(message, "untold", 0) };

    if (strcmp(what, "refused") != 0 || !refusal.box || !refusal.target || !refusal.reason)
        return;
    log_event(LOG_WARN, "egress.refused", F_INT("child", refusal.child), F_TEXT("box", refusal.box),
              F_TEXT("target", refusal.target), F_TEXT("reason", refusal.reason),
              F_INT("untold", refusal.untold));
    if (g->user.refused)
        g->user.refused(g->user.arg, &refusal);
}

static void on_died(void *arg)
{
    const struct egress *g = arg;

    if (g->user.died)
        g->user.died(g->user.arg);
}

int egress_start(const struct egress_options *o, struct egress **out, struct err *e)
{
    /* The host's resolver must not wait long for servers that are not there. */
    char patience[] = "RES_OPTIONS=timeout:2 attempts:2";
    char *const envp[] = { patience, NULL };
    uid_t own = o->uid ? o->uid : SPAWNER_SANDBOX_UID + SPAWNER_SANDBOX_UIDS;
    scoped(mem_free) char *uid = mem_format("%lu", (unsigned long)own);
    scoped(mem_free) const char **argv =
        mem_new_array(EGRESS_ARGS + o->n_allow + 1, sizeof(char *));
    scoped(policy_free) struct policy *p = NULL;

    /* A list that the process would not understand is refused here. */
    if (policy_new(o->allow, o->n_allow, &p, e) < 0)
        return err_wrap(e, "egress_allow");
    argv[EGRESS_ARG_NAME] = EGRESS_NAME;
    argv[EGRESS_ARG_UID] = uid;
    for (size_t i = 0; i < o->n_allow; i++)
        argv[EGRESS_ARGS + i] = o->allow[i];

    scoped(egress_free) struct egress *g = mem_new(sizeof *g);
    const struct outpost_options options = { .name = "egress",
                                             .argv = argv,
                                             .envp = envp,
                                             .folder = -1,
                                             .spawner = o->spawner,
                                             .kind = CAGE_WORLD,
                                             .loopback = policy_opens_loopback(p),
                                             .said = on_said,
                                             .died = on_died,
                                             .arg = g };
    if (outpost_start(&options, &g->process, e) < 0)
        return -1;
    *out = take(g);
    return 0;
}

pid_t egress_pid(const struct egress *g)
{
    return outpost_pid(g->process);
}

const struct confined *egress_walls(struct egress *g)
{
    return outpost_walls(g->process);
}

void egress_attach(struct egress *g, struct loop *loop, const struct egress_user *user)
{
    g->user = user ? *user : (struct egress_user){ 0 };
    outpost_attach(g->process, loop);
}

void egress_free(struct egress *g)
{
    if (!g)
        return;
    outpost_free(g->process);
    mem_free(g);
}
