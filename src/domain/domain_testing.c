/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/domain_testing.h"

#include "base/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct scene {
    struct world *w;
    void (*play)(struct world *w, struct db *db);
};

static int play(struct db *db, void *arg, struct err *e)
{
    const struct scene *s = arg;

    (void)e;
    s->play(s->w, db);
    return 0;
}

void act(struct world *w, void (*scene)(struct world *w, struct db *db))
{
    scoped(err_clear) struct err e = { 0 };
    struct scene s = { w, scene };

    assert_int_equal(store_write(w->store, play, &s, &e), 0);
}

void make_tenants(struct world *w, struct db *db)
{
    scoped(err_clear) struct err e = { 0 };
    struct key other;
    struct key_owner owner;

    assert_int_equal(key_create(db, "acme", "one", &w->key, &e), 0);
    assert_int_equal(key_create(db, "globex", "two", &other, &e), 0);
    assert_int_equal(key_check(db, w->key.text, &owner, &e), 0);
    assert_string_equal(owner.key.text, w->key.id.text);
    w->tenant = owner.tenant;
    assert_int_equal(key_check(db, other.text, &owner, &e), 0);
    w->other = owner.tenant;
}

int world_open(void **state)
{
    struct world *w = mem_new(sizeof *w);
    scoped(err_clear) struct err e = { 0 };

    strcpy(w->dir, "/tmp/impresario-domain-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    clock_fake_init(&w->clock, 1800000000000);
    rng_seeded_init(&w->rng, 11);
    w->env = (struct env){ &w->clock.clock, &w->rng.rng, &disk_real };
    assert_int_equal(store_open(&w->env, w->dir, &w->store, &e), 0);
    scoped(mem_free) char *path = mem_format("%s/master.key", w->dir);
    assert_int_equal(sealer_open(&w->env, path, true, &w->sealer, &e), 0);
    act(w, make_tenants);
    *state = w;
    return 0;
}

int world_close(void **state)
{
    struct world *w = *state;

    store_close(w->store);
    sealer_close(w->sealer);
    assert_int_equal(tree_remove(w->dir), 0);
    mem_free(w);
    return 0;
}

struct id deploy_of(const struct id *tenant, struct world *w, struct db *db)
{
    scoped(err_clear) struct err e = { 0 };
    const struct deployment_spec spec = { .tenant = tenant->text,
                                          .id = id_new(&w->env),
                                          .entry_point = "index.ts",
                                          .source_key = "deployments/x/source.tar.gz",
                                          .source_size = 7,
                                          .source_digest = "d" };
    msec_t at;

    assert_int_equal(deployment_create(db, &spec, &at, &e), 0);
    return spec.id;
}

struct id deploy(struct world *w, struct db *db)
{
    return deploy_of(&w->tenant, w, db);
}

struct build claim(struct db *db, int64_t epoch)
{
    scoped(err_clear) struct err e = { 0 };
    struct build b = { 0 };

    assert_int_equal(build_claim(db, epoch, "", &b, &e), 1);
    return b;
}

void ready(struct world *w, struct db *db, struct build *b, const char *workflows)
{
    scoped(err_clear) struct err e = { 0 };
    struct bundle bundle = { .id = id_new(&w->env),
                             .blob_key = mem_text("bundles/x/bundle.tar"),
                             .kind = mem_text("plain"),
                             .entry = mem_text("index.mjs"),
                             .workflows = json_loads(workflows, 0, NULL) };

    assert_int_equal(bundle_add(db, b->tenant.text, bundle.id.text, &bundle, &e), 0);
    assert_int_equal(build_ready(db, b, &bundle, &e), 0);
    bundle_done(&bundle);
    build_done(b);
}

void deploy_ready(struct world *w, struct db *db, const char *workflows)
{
    (void)deploy(w, db);
    struct build b = claim(db, 1);
    ready(w, db, &b, workflows);
}

int submit(const struct id *tenant, struct db *db, const char *nonce, const char *digest,
           struct id *id, bool *existing, struct err *e)
{
    scoped(json_decref) json_t *empty = json_object();
    const struct job_spec spec = { .tenant = tenant->text,
                                   .workflow = "books",
                                   .params = empty,
                                   .launch = empty,
                                   .options = empty,
                                   .nonce = nonce,
                                   .request_digest = digest,
                                   .timeout_ms = 1000,
                                   .queue_limit = 3 };

    return job_create(db, &spec, id, existing, e);
}

struct id queued_job_of(const struct id *tenant, struct db *db)
{
    scoped(err_clear) struct err e = { 0 };
    struct id id;
    bool existing;

    assert_int_equal(submit(tenant, db, NULL, "d", &id, &existing, &e), 0);
    return id;
}

struct id queued_job(struct world *w, struct db *db)
{
    return queued_job_of(&w->tenant, db);
}
