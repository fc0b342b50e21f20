/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/tarball.h"
#include "base/log.h"
#include "base/sha256.h"
#include "domain/audit.h"
#include "engine/agent_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOOK_AGAIN_MS = 1000 }; /* after the store could not be read */

static void digest_file(int fd, char out[static 65], int64_t *size)
{
    unsigned char part[64 * 1024], digest[SHA256_SIZE];
    EVP_MD_CTX *ctx = sha256_begin();
    ssize_t n;

    *size = 0;
    while ((n = pread(fd, part, sizeof part, *size)) > 0) {
        sha256_add(ctx, part, (size_t)n);
        *size += n;
    }
    sha256_end(ctx, digest);
    hex_text(digest, sizeof digest, out);
}

struct deploy {
    const struct agent *a;
    struct deployment_spec spec;
};

static int keep_deployment(struct db *db, void *arg, struct err *e)
{
    const struct deploy *d = arg;

    scoped(mem_free) char *detail = mem_format("of AI build %s", d->a->task.id.text);
    const struct audit_event event = { "server", d->spec.tenant, "deployment.created",
                                       d->spec.id.text, detail };

    return ai_build_deploy(db, d->a->task.id.text, &d->spec, d->a->workflow_name, d->a->summary,
                           e) < 0 ||
                   audit_add(db, d->a->engine->with.sealer, &event, e) < 0
               ? -1
               : 0;
}

static int deploy(struct agent *a, struct err *e)
{
    struct id id = id_new(store_env(a->engine->store));
    scoped(mem_free) char *key = mem_format("deployments/%s/source.tar.gz", id.text);
    scoped(mem_free) char *description = text_start(a->summary ? a->summary : "", 1900);
    scoped(blob_free) struct blob *blob = NULL;
    char digest[65];
    struct deploy d = { a,
                        { .tenant = a->task.tenant.text,
                          .id = id,
                          .entry_point = a->task.entry_point,
                          .description = description,
                          .source_key = key,
                          .source_digest = digest } };

    if (blob_new(a->engine->with.blobs, &blob, e) < 0 ||
        tarball_write(blob_fd(blob), a->files, e) < 0)
        return -1;
    digest_file(blob_fd(blob), digest, &d.spec.source_size);
    if (blob_keep(take(blob), key, e) < 0 ||
        store_write(a->engine->store, keep_deployment, &d, e) < 0)
        return -1;
    a->task.deployment = id;
    a->task.deploying = true;
    return 0;
}

void agent_deploy(void *arg)
{
    struct agent *a = arg;
    scoped(err_clear) struct err e = { 0 };

    a->later = NULL;
    if (a->ended)
        return;
    if (deploy(a, &e) == 0) {
        timer_free(take(a->deadline)); /* from here on the deployment has its own */
        return;
    }
    scoped(mem_free) char *why = mem_format("The proven workflow could not be deployed: %s", e.msg);
    if (e.code == ERR_CONFLICT) /* it was cancelled at the last moment */
        agent_end(a, why);
    else
        agent_fault(a, why, agent_deploy);
}

struct look {
    const struct agent *a;
    char status[16];
    char *error;
};

static void keep_status(void *arg, const struct deployment *d)
{
    struct look *l = arg;

    snprintf(l->status, sizeof l->status, "%s", d->status);
    l->error = mem_text(d->build_error);
}

static int read_status(struct db *db, void *arg, struct err *e)
{
    struct look *l = arg;

    return deployment_get(db, l->a->task.tenant.text, l->a->task.deployment.text, keep_status, l,
                          e);
}

static void look(void *arg)
{
    struct agent *a = arg;

    a->later = NULL;
    agent_look(a);
}

void agent_look(struct agent *a)
{
    scoped(err_clear) struct err e = { 0 };
    struct look l = { .a = a };

    if (store_read(a->engine->store, read_status, &l, &e) < 0 && e.code != ERR_NOT_FOUND) {
        /* It is there, and becomes ready or not; only what came of it could not be read. */
        log_event(LOG_ERROR, "ai_build.not_looked", F_TEXT("build", a->task.id.text),
                  F_TEXT("error", e.msg));
        timer_free(a->later);
        a->later = loop_timer(a->engine->loop, LOOK_AGAIN_MS, look, a);
    } else if (e.code == ERR_NOT_FOUND) {
        scoped(mem_free) char *why = mem_format("The deployment was lost: %s", e.msg);
        agent_end(a, why);
    } else if (strcmp(l.status, "ready") == 0) {
        agent_end(a, NULL);
    } else if (strcmp(l.status, "failed") == 0) {
        scoped(mem_free) char *why =
            mem_format("The proven workflow could not be deployed: %s", l.error ? l.error : "");
        agent_end(a, why);
    }
    mem_free(l.error);
}
