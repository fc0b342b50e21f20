/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/ai_build.h"
#include "domain/credential.h"
#include "domain/deployment.h"
#include "domain/job.h"
#include "domain/keyring.h"
#include "domain/log_line.h"
#include "domain/profile.h"
#include "domain/repeat.h"
#include "domain/retention.h"
#include "domain/workflow.h"

#include "base/bounds.h"
#include "base/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

struct world {
    char dir[64];
    struct clock_fake clock;
    struct rng_seeded rng;
    struct env env;
    struct store *store;
    struct sealer *sealer;
    struct id tenant, other;
    struct key key;
};

/* Each promise runs inside one write and looks at what it did. */
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

static void act(struct world *w, void (*scene)(struct world *w, struct db *db))
{
    scoped(err_clear) struct err e = { 0 };
    struct scene s = { w, scene };

    assert_int_equal(store_write(w->store, play, &s, &e), 0);
}

static void make_tenants(struct world *w, struct db *db)
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

static int open_world(void **state)
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

static int close_world(void **state)
{
    struct world *w = *state;

    store_close(w->store);
    sealer_close(w->sealer);
    assert_int_equal(tree_remove(w->dir), 0);
    mem_free(w);
    return 0;
}

#define PROMISE(name)                                         \
    static void name##_scene(struct world *w, struct db *db); \
    static void name(void **state)                            \
    {                                                         \
        act(*state, name##_scene);                            \
    }                                                         \
    static void name##_scene(struct world *w, struct db *db)

/* ---- helpers ---- */

static struct id deploy_of(const struct id *tenant, struct world *w, struct db *db)
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

static struct id deploy(struct world *w, struct db *db)
{
    return deploy_of(&w->tenant, w, db);
}

static struct build claim(struct world *w, struct db *db, int64_t epoch)
{
    scoped(err_clear) struct err e = { 0 };
    struct build b = { 0 };

    (void)w;
    assert_int_equal(build_claim(db, epoch, "", &b, &e), 1);
    return b;
}

static void ready(struct world *w, struct db *db, struct build *b, const char *workflows)
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

#define WORKFLOW(name)                                                     \
    "{\"name\":\"" name "\",\"input_schema\":null,\"output_schema\":null," \
    "\"credential_names\":[\"portal_user\"],\"auth_profile\":null}"

static void deploy_ready(struct world *w, struct db *db, const char *workflows)
{
    (void)deploy(w, db);
    struct build b = claim(w, db, 1);
    ready(w, db, &b, workflows);
}

static void keep_owner(void *arg, const struct workflow *found)
{
    snprintf(arg, ID_TEXT_SIZE, "%s", found->deployment_id);
}

static void assert_owner(struct world *w, struct db *db, const char *name, const struct id *owner)
{
    scoped(err_clear) struct err e = { 0 };
    char is[ID_TEXT_SIZE] = "";

    assert_int_equal(workflow_get(db, w->tenant.text, name, keep_owner, is, &e), 0);
    assert_string_equal(is, owner->text);
}

static int submit(const struct id *tenant, struct db *db, const char *nonce, const char *digest,
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

static struct id queued_job_of(const struct id *tenant, struct db *db)
{
    scoped(err_clear) struct err e = { 0 };
    struct id id;
    bool existing;

    assert_int_equal(submit(tenant, db, NULL, "d", &id, &existing, &e), 0);
    return id;
}

static struct id queued_job(struct world *w, struct db *db)
{
    return queued_job_of(&w->tenant, db);
}

static void keep_status(void *arg, const struct job *j)
{
    snprintf(arg, 24, "%s", j->status);
}

static void assert_status(struct world *w, struct db *db, const struct id *id, const char *status)
{
    scoped(err_clear) struct err e = { 0 };
    char is[24] = "";

    assert_int_equal(job_get(db, w->tenant.text, id->text, keep_status, is, &e), 0);
    assert_string_equal(is, status);
}

PROMISE(a_small_archive_stands_beside_its_row_until_its_code_goes)
{
    static const struct retention keep = { .log_days = 30, .artifact_days = 90, .code_days = 7 };
    scoped(err_clear) struct err e = { 0 };
    scoped(buf_done) struct buf source = { 0 };
    scoped(buf_done) struct buf again = { 0 };
    msec_t at;

    buf_add(&source, "\x1f\x8b\0x", 4);
    const struct deployment_spec spec = { .tenant = w->tenant.text,
                                          .id = id_new(&w->env),
                                          .entry_point = "index.ts",
                                          .source_key = "deployments/x/source.tar.gz",
                                          .source = &source,
                                          .source_size = 4,
                                          .source_digest = "d" };
    assert_int_equal(deployment_create(db, &spec, &at, &e), 0);
    struct build b = claim(w, db, 1);
    assert_int_equal(build_source(db, &b, &again, &e), 1);
    assert_int_equal(again.n, 4);
    assert_memory_equal(again.data, source.data, 4);

    assert_int_equal(build_failed(db, &b, "no", &e), 0);
    clock_fake_advance(&w->clock, 6 * RETENTION_DAY_MS);
    assert_int_equal(retention_apply(db, &keep, db_now(db), &e), 0);
    assert_int_equal(build_source(db, &b, &again, &e), 1);
    clock_fake_advance(&w->clock, 2 * RETENTION_DAY_MS);
    assert_int_equal(retention_apply(db, &keep, db_now(db), &e), 1);
    assert_int_equal(build_source(db, &b, &again, &e), 0);
    build_done(&b);
}

PROMISE(as_many_builds_as_wait_are_counted)
{
    scoped(err_clear) struct err e = { 0 };

    (void)deploy(w, db);
    (void)deploy(w, db);
    (void)deploy_of(&w->other, w, db);
    assert_int_equal(deployment_check_queue(db, w->tenant.text, 3, &e), 0);
    assert_int_equal(deployment_check_queue(db, w->tenant.text, 2, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);

    struct build b = claim(w, db, 1);
    assert_int_equal(build_failed(db, &b, "no", &e), 0);
    assert_int_equal(build_failed(db, &b, "and it does not fail twice", &e), 0);
    build_done(&b);
    assert_int_equal(deployment_check_queue(db, w->tenant.text, 1, &e), -1);
    b = claim(w, db, 1);
    ready(w, db, &b, "[" WORKFLOW("one") "]");
    assert_int_equal(deployment_check_queue(db, w->tenant.text, 1, &e), 0);
    assert_int_equal(deployment_check_queue(db, w->other.text, 1, &e), -1);
}

/* ---- keys ---- */

PROMISE(a_key_opens_its_tenant_until_it_is_revoked)
{
    scoped(err_clear) struct err e = { 0 };
    struct key_owner owner;
    struct id revoked;

    assert_string_not_equal(w->tenant.text, w->other.text);
    assert_int_equal(key_revoke(db, w->key.text, &revoked, &e), 0);
    assert_string_equal(revoked.text, w->key.id.text);
    assert_int_equal(key_check(db, w->key.text, &owner, &e), -1);
    assert_int_equal(e.code, ERR_AUTH);
    assert_int_equal(key_revoke(db, w->key.id.text, &revoked, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

PROMISE(a_key_with_one_wrong_character_is_nobody_s)
{
    struct key_owner owner;

    for (size_t i = 0; i < KEY_TEXT_SIZE - 1; i++) {
        scoped(err_clear) struct err e = { 0 };
        char wrong[KEY_TEXT_SIZE];
        memcpy(wrong, w->key.text, sizeof wrong);
        wrong[i] = wrong[i] == 'x' ? 'y' : 'x';
        assert_int_equal(key_check(db, wrong, &owner, &e), -1);
        assert_int_equal(e.code, ERR_AUTH);
    }
}

static void revoke(struct world *w, struct db *db)
{
    scoped(err_clear) struct err e = { 0 };
    struct id id;

    assert_int_equal(key_revoke(db, w->key.id.text, &id, &e), 0);
}

static void a_remembered_key_is_forgotten_when_it_is_revoked(void **state)
{
    struct world *w = *state;
    scoped(err_clear) struct err e = { 0 };
    scoped(keyring_close) struct keyring *told = NULL;
    scoped(keyring_close) struct keyring *alone = NULL;
    struct key_owner owner = { 0 };
    scoped(mem_free) char *nowhere = mem_format("%s/none", w->dir);

    assert_int_equal(keyring_open(w->store, w->dir, &told, &e), 0);
    assert_int_equal(keyring_check(told, "lbt_nobody", &owner, &e), -1);
    assert_int_equal(e.code, ERR_AUTH);
    assert_int_equal(keyring_check(told, w->key.text, &owner, &e), 0);
    assert_string_equal(owner.tenant.text, w->tenant.text);

    act(w, revoke);
    assert_int_equal(keyring_check(told, w->key.text, &owner, &e), 0); /* nobody said so yet */
    assert_int_equal(keyring_revoked(w->dir, &e), 0);
    assert_int_equal(keyring_check(told, w->key.text, &owner, &e), -1);
    assert_int_equal(e.code, ERR_AUTH);
    assert_int_equal(keyring_revoked(nowhere, &e), -1);

    /* And without a word of it, when its time is over. */
    act(w, make_tenants);
    assert_int_equal(keyring_open(w->store, w->dir, &alone, &e), 0);
    assert_int_equal(keyring_check(alone, w->key.text, &owner, &e), 0);
    act(w, revoke);
    clock_fake_advance(&w->clock, KEYRING_MS);
    assert_int_equal(keyring_check(alone, w->key.text, &owner, &e), -1);
}

PROMISE(a_tenant_s_name_is_checked)
{
    static const char *const bad[] = { "", "Acme", "a b", "a/b", "ä" };
    struct key key;

    (void)w;
    for (size_t i = 0; i < n_items(bad); i++) {
        scoped(err_clear) struct err e = { 0 };
        assert_int_equal(key_create(db, bad[i], "x", &key, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
    }
}

/* ---- deployments and names ---- */

PROMISE(the_newest_created_ready_deployment_owns_a_name)
{
    struct id first = deploy(w, db), second = deploy(w, db), third = deploy(w, db);
    struct build one = claim(w, db, 1), two = claim(w, db, 1), three = claim(w, db, 1);
    scoped(err_clear) struct err e = { 0 };

    ready(w, db, &two, "[" WORKFLOW("books") "]");
    assert_owner(w, db, "books", &second);
    /* An older build that ends later takes nothing back but what nobody else has. */
    ready(w, db, &one, "[" WORKFLOW("books") "," WORKFLOW("films") "]");
    assert_owner(w, db, "books", &second);
    assert_owner(w, db, "films", &first);
    /* A newer one that fails takes nothing. */
    assert_int_equal(build_failed(db, &three, "no", &e), 0);
    assert_owner(w, db, "books", &second);
    build_done(&three);
    (void)third;
}

PROMISE(a_build_is_claimed_once_an_epoch_and_three_times_in_all)
{
    scoped(err_clear) struct err e = { 0 };
    struct id id = deploy(w, db);
    struct build b = { 0 };

    for (int64_t epoch = 1; epoch <= BUILD_TRIES; epoch++) {
        b = claim(w, db, epoch);
        assert_string_equal(b.deployment.text, id.text);
        build_done(&b);
        assert_int_equal(build_claim(db, epoch, "", &b, &e), 0);
    }
    assert_int_equal(build_claim(db, BUILD_TRIES + 1, "", &b, &e), 0);
    assert_int_equal(build_claim(db, BUILD_TRIES + 2, "", &b, &e), 0);
}

static void keep_error(void *arg, const struct deployment *d)
{
    *(char **)arg = mem_text(d->build_error);
}

PROMISE(a_verdict_is_final_and_its_reason_bounded)
{
    scoped(err_clear) struct err e = { 0 };
    struct id id = deploy(w, db);
    struct build b = claim(w, db, 1);
    scoped(mem_free) char *why = mem_new(3 * LIMIT_BUILD_ERROR);
    scoped(mem_free) char *kept = NULL;

    for (size_t i = 0; i + 3 < 3 * LIMIT_BUILD_ERROR; i += 3) {
        why[i] = '\xe2'; /* never cut inside of a character */
        why[i + 1] = '\x82';
        why[i + 2] = '\xac';
    }
    assert_int_equal(build_failed(db, &b, why, &e), 0);
    assert_int_equal(deployment_get(db, w->tenant.text, id.text, keep_error, &kept, &e), 0);
    assert_true(strlen(kept) <= LIMIT_BUILD_ERROR);
    assert_non_null(strstr(kept, "\xe2\x82\xac\n(shortened"));
    struct bundle bundle = { .id = id_new(&w->env), .workflows = json_array() };
    assert_int_equal(build_ready(db, &b, &bundle, &e), -1);
    bundle_done(&bundle);
    build_done(&b);
}

PROMISE(versions_count_up_within_a_tenant)
{
    static const struct stmt VERSIONS = {
        "test.versions", "SELECT count(DISTINCT version), max(version) FROM deployment"
    };
    scoped(err_clear) struct err e = { 0 };

    for (int i = 0; i < 5; i++)
        (void)deploy(w, db);
    scoped(rows_free) struct rows *r = db_query(db, &VERSIONS);
    assert_int_equal(rows_next(r, &e), 1);
    assert_int_equal(row_int(r, 0), 5);
    assert_int_equal(row_int(r, 1), 5);
}

/* ---- jobs ---- */

PROMISE(a_job_runs_at_most_once_and_its_first_outcome_stays)
{
    scoped(err_clear) struct err e = { 0 };
    const struct job_outcome done = { .status = JOB_COMPLETED, .result = "null" };
    const struct job_outcome lost = { .status = JOB_FAILED, .error = "late" };

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    struct id id = queued_job(w, db);
    assert_int_equal(job_finish(db, id.text, &done, &e), 0); /* it has not begun */
    assert_int_equal(job_begin(db, id.text, 1, JOB_COLD, &e), 1);
    assert_status(w, db, &id, "starting_browser");
    assert_int_equal(job_begin(db, id.text, 1, JOB_WARM, &e), 1);
    assert_int_equal(job_begin(db, id.text, 1, JOB_WARM, &e), 0);
    assert_status(w, db, &id, "running");
    assert_int_equal(job_finish(db, id.text, &done, &e), 1);
    assert_int_equal(job_finish(db, id.text, &lost, &e), 0);
    assert_status(w, db, &id, "completed");
}

static int64_t queued_of(struct world *w, struct db *db)
{
    static const struct stmt QUEUED = { "test.queued", "SELECT queued FROM tenant WHERE id = $1" };
    scoped(err_clear) struct err e = { 0 };
    scoped(rows_free) struct rows *r = db_query(db, &QUEUED, P_TEXT(w->tenant.text));

    assert_int_equal(rows_next(r, &e), 1);
    return row_int(r, 0);
}

PROMISE(a_job_that_could_not_begin_waits_again_unless_its_end_was_asked_for)
{
    scoped(err_clear) struct err e = { 0 };
    const struct job_outcome ours = { .status = JOB_FAILED, .error = "no browser", .ours = true };
    char status[24];

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    struct id id = queued_job(w, db);
    for (int i = 1; i < LIMIT_JOB_STARTS; i++) {
        assert_int_equal(job_begin(db, id.text, 1, JOB_COLD, &e), 1);
        assert_int_equal(queued_of(w, db), 0);
        assert_int_equal(job_finish(db, id.text, &ours, &e), JOB_AGAIN);
        assert_status(w, db, &id, "queued");
        assert_int_equal(queued_of(w, db), 1);
    }
    assert_int_equal(job_begin(db, id.text, 1, JOB_COLD, &e), 1);
    assert_int_equal(job_finish(db, id.text, &ours, &e), JOB_SETTLED);
    assert_status(w, db, &id, "failed");

    id = queued_job(w, db);
    assert_int_equal(job_begin(db, id.text, 1, JOB_COLD, &e), 1);
    assert_true(job_cancel(db, w->tenant.text, id.text, status, &e) >= 0);
    assert_int_equal(job_finish(db, id.text, &ours, &e), JOB_SETTLED);

    id = queued_job(w, db);
    assert_int_equal(job_begin(db, id.text, 1, JOB_WARM, &e), 1);
    assert_int_equal(job_finish(db, id.text, &ours, &e), JOB_SETTLED); /* it ran */
}

PROMISE(a_restart_puts_every_job_right)
{
    scoped(err_clear) struct err e = { 0 };
    struct id id[5];
    char status[24];
    int64_t lost, requeued;

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    for (size_t i = 0; i < n_items(id); i++) {
        id[i] = queued_job(w, db);
        if (i > 0)
            assert_int_equal(job_begin(db, id[i].text, 1, i > 2 ? JOB_WARM : JOB_COLD, &e), 1);
    }
    assert_int_equal(job_cancel(db, w->tenant.text, id[2].text, status, &e), 1);
    assert_int_equal(job_cancel(db, w->tenant.text, id[4].text, status, &e), 1);
    assert_int_equal(job_recover(db, &lost, &requeued, &e), 0);
    assert_status(w, db, &id[0], "queued");
    assert_status(w, db, &id[1], "queued");
    assert_status(w, db, &id[2], "cancelled");
    assert_status(w, db, &id[3], "failed");
    assert_status(w, db, &id[4], "cancelled");
    assert_int_equal(lost, 2);
    assert_int_equal(requeued, 1);
}

PROMISE(cancelling_ends_what_waits_and_asks_what_runs)
{
    scoped(err_clear) struct err e = { 0 };
    char status[24];

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    struct id waits = queued_job(w, db), runs = queued_job(w, db);
    assert_int_equal(job_begin(db, runs.text, 1, JOB_WARM, &e), 1);
    assert_int_equal(job_cancel(db, w->tenant.text, waits.text, status, &e), 1);
    assert_status(w, db, &waits, "cancelled");
    assert_int_equal(job_cancel(db, w->tenant.text, runs.text, status, &e), 1);
    assert_status(w, db, &runs, "running");
    assert_int_equal(job_cancel(db, w->tenant.text, waits.text, status, &e), 0);
    assert_string_equal(status, "cancelled");
    assert_int_equal(job_cancel(db, w->other.text, runs.text, status, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

PROMISE(a_nonce_makes_one_job)
{
    scoped(err_clear) struct err e = { 0 };
    struct id first, second;
    bool existing;

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    assert_int_equal(submit(&w->tenant, db, "n1", "d1", &first, &existing, &e), 0);
    assert_false(existing);
    assert_int_equal(submit(&w->tenant, db, "n1", "d1", &second, &existing, &e), 0);
    assert_true(existing);
    assert_string_equal(first.text, second.text);
    assert_int_equal(submit(&w->tenant, db, "n1", "d2", &second, &existing, &e), -1);
    assert_int_equal(e.code, ERR_CONFLICT);
}

PROMISE(a_callback_secret_is_kept_sealed)
{
    static const struct stmt KEPT = { "test.kept",
                                      "SELECT callback_sealed, options FROM job WHERE id = $1" };
    static const char secret[] = "a secret that nobody reads";
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *empty = json_object();
    scoped(secret_free) char *opened = NULL;
    struct id id;
    bool existing;
    size_t n;

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    const struct job_spec spec = { .tenant = w->tenant.text,
                                   .workflow = "books",
                                   .params = empty,
                                   .launch = empty,
                                   .options = empty,
                                   .callback_secret = secret,
                                   .sealer = w->sealer,
                                   .timeout_ms = 1000,
                                   .queue_limit = 3 };
    assert_int_equal(job_create(db, &spec, &id, &existing, &e), 0);
    scoped(rows_free) struct rows *r = db_query(db, &KEPT, P_TEXT(id.text));
    assert_int_equal(rows_next(r, &e), 1);
    const void *sealed = row_blob(r, 0, &n);
    assert_null(memmem(sealed, n, secret, strlen(secret)));
    assert_string_equal(row_text(r, 1), "{}");
    assert_int_equal(unseal(w->sealer, w->tenant.text, id.text, sealed, n, &opened, &e), 0);
    assert_string_equal(opened, secret);
}

PROMISE(a_full_queue_says_so)
{
    scoped(err_clear) struct err e = { 0 };
    struct id id;
    bool existing;

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    for (int i = 0; i < 3; i++)
        (void)queued_job(w, db);
    assert_int_equal(submit(&w->tenant, db, NULL, "d", &id, &existing, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
}

static void assert_queued(struct world *w, struct db *db, int64_t n)
{
    static const struct stmt KEPT = { "test.queued", "SELECT queued, (SELECT count(*) FROM job j"
                                                     " WHERE j.tenant_id = t.id AND j.status ="
                                                     " 'queued') FROM tenant t WHERE t.id = $1" };
    scoped(err_clear) struct err e = { 0 };
    scoped(rows_free) struct rows *r = db_query(db, &KEPT, P_TEXT(w->tenant.text));

    assert_int_equal(rows_next(r, &e), 1);
    assert_int_equal(row_int(r, 0), n);
    assert_int_equal(row_int(r, 1), n);
}

PROMISE(as_many_jobs_as_wait_are_counted)
{
    scoped(err_clear) struct err e = { 0 };
    char status[24];
    int64_t lost, again;

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    struct id warm = queued_job(w, db), cold = queued_job(w, db), gone = queued_job(w, db);
    assert_queued(w, db, 3);
    assert_int_equal(job_begin(db, warm.text, 1, JOB_WARM, &e), 1);
    assert_int_equal(job_begin(db, warm.text, 1, JOB_WARM, &e), 0);
    assert_queued(w, db, 2);
    assert_int_equal(job_begin(db, cold.text, 1, JOB_COLD, &e), 1);
    assert_queued(w, db, 1);
    assert_int_equal(job_cancel(db, w->tenant.text, gone.text, status, &e), 1);
    assert_int_equal(job_cancel(db, w->tenant.text, gone.text, status, &e), 0);
    assert_queued(w, db, 0);
    assert_int_equal(job_recover(db, &lost, &again, &e), 0); /* `cold` waits again */
    assert_queued(w, db, 1);
    assert_int_equal(job_begin(db, cold.text, 2, JOB_COLD, &e), 1);
    assert_int_equal(job_begin(db, cold.text, 2, JOB_WARM, &e), 1);
    assert_queued(w, db, 0);
}

PROMISE(deleting_a_workflow_cancels_what_waits_and_a_later_one_is_another)
{
    scoped(err_clear) struct err e = { 0 };
    int64_t cancelled;

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    struct id waits = queued_job(w, db), runs = queued_job(w, db);
    assert_int_equal(job_begin(db, runs.text, 1, JOB_WARM, &e), 1);
    assert_int_equal(workflow_delete(db, w->other.text, "books", &cancelled, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_int_equal(workflow_delete(db, w->tenant.text, "books", &cancelled, &e), 0);
    assert_int_equal(cancelled, 1);
    assert_status(w, db, &waits, "cancelled");
    assert_status(w, db, &runs, "running");
    assert_int_equal(workflow_delete(db, w->tenant.text, "books", &cancelled, &e), -1);
    deploy_ready(w, db, "[" WORKFLOW("books") "]");
}

PROMISE(a_job_knows_what_to_run)
{
    scoped(err_clear) struct err e = { 0 };
    struct job_run run = { 0 };

    assert_int_equal(job_next(db, w->tenant.text, "", &run, &e), 0);
    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    struct id id = queued_job(w, db);
    (void)queued_job(w, db);
    assert_int_equal(job_next(db, w->tenant.text, "", &run, &e), 1);
    assert_string_equal(run.id.text, id.text);
    assert_string_equal(run.entry, "index.mjs");
    assert_null(run.layer);
    assert_int_equal(json_array_size(json_object_get(run.launch, "credential_names")), 1);
    job_run_done(&run);
}

static void keep_position(void *arg, const struct job *j)
{
    *(int64_t *)arg = j->queue_position;
}

static int64_t position(const struct id *tenant, struct db *db, const struct id *job)
{
    scoped(err_clear) struct err e = { 0 };
    int64_t is = -2;

    assert_int_equal(job_get(db, tenant->text, job->text, keep_position, &is, &e), 0);
    return is;
}

PROMISE(tenants_take_turns_however_many_jobs_one_has)
{
    scoped(err_clear) struct err e = { 0 };
    const struct id *const all[] = { &w->tenant, &w->other };
    struct id turn;

    assert_int_equal(job_turn(db, "", &turn, &e), 0);
    for (size_t i = 0; i < n_items(all); i++) {
        (void)deploy_of(all[i], w, db);
        struct build b = claim(w, db, 1);
        ready(w, db, &b, "[" WORKFLOW("books") "]");
    }
    struct id one = queued_job(w, db), two = queued_job(w, db), three = queued_job(w, db);
    struct id theirs = queued_job_of(&w->other, db);
    assert_int_equal(job_turn(db, "", &turn, &e), 1);
    assert_string_equal(turn.text, w->tenant.text);
    assert_int_equal(job_turn(db, turn.text, &turn, &e), 1);
    assert_string_equal(turn.text, w->other.text);
    assert_int_equal(job_turn(db, turn.text, &turn, &e), 1); /* round the end */
    assert_string_equal(turn.text, w->tenant.text);

    /* The last to come waits for one job of each tenant at most, not for all that came before. */
    assert_int_equal(position(&w->other, db, &theirs), 1);
    assert_int_equal(position(&w->tenant, db, &one), 1);
    assert_int_equal(position(&w->tenant, db, &two), 2);
    assert_int_equal(position(&w->tenant, db, &three), 3);
}

PROMISE(tenants_take_turns_with_builds)
{
    struct id first = deploy(w, db), second = deploy(w, db), theirs = deploy_of(&w->other, w, db);
    const struct id *const order[] = { &first, &theirs, &second };
    struct id last = { "" };

    for (size_t i = 0; i < n_items(order); i++) {
        scoped(err_clear) struct err e = { 0 };
        struct build b = { 0 };
        assert_int_equal(build_claim(db, 1, last.text, &b, &e), 1);
        assert_string_equal(b.deployment.text, order[i]->text);
        last = b.tenant;
        build_done(&b);
    }
}

/* ---- credentials ---- */

PROMISE(credentials_match_without_regard_to_case_and_open_only_in_their_row)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(secret_free) char *value = NULL;
    scoped(json_decref) json_t *declared = json_pack("[s,s]", "portal_user", "absent");
    scoped(json_decref) json_t *values = json_object();
    scoped(json_decref) json_t *missing = json_array();
    scoped(buf_done) struct buf sealed = { 0 };
    struct id id, again;
    bool overwritten;
    const char *acme = w->tenant.text;

    assert_int_equal(
        credential_put(db, w->sealer, acme, " Portal_User ", "ada", false, &id, &overwritten, &e),
        0);
    assert_int_equal(
        credential_put(db, w->sealer, acme, "PORTAL_USER", "x", false, &again, &overwritten, &e),
        -1);
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_int_equal(
        credential_put(db, w->sealer, acme, "PORTAL_USER", "bob", true, &again, &overwritten, &e),
        0);
    assert_true(overwritten);
    assert_int_equal(credential_get(db, w->sealer, acme, "portal_user", &id, &value, &e), 0);
    assert_string_equal(value, "bob");
    assert_int_equal(credential_collect(db, w->sealer, acme, declared, values, missing, &e), 0);
    assert_string_equal(json_text(values, "portal_user"), "bob");
    assert_string_equal(json_string_value(json_array_get(missing, 0)), "absent");

    seal(w->sealer, acme, id.text, "secret", &sealed);
    char *opened = NULL;
    assert_int_equal(unseal(w->sealer, w->other.text, id.text, sealed.data, sealed.n, &opened, &e),
                     -1);
    assert_int_equal(unseal(w->sealer, acme, "other row", sealed.data, sealed.n, &opened, &e), -1);
    for (size_t i = 0; i < sealed.n; i++) {
        sealed.data[i] ^= 1;
        assert_int_equal(unseal(w->sealer, acme, id.text, sealed.data, sealed.n, &opened, &e), -1);
        sealed.data[i] ^= 1;
    }
    assert_int_equal(unseal(w->sealer, acme, id.text, sealed.data, sealed.n, &opened, &e), 0);
    secret_free(opened);
}

PROMISE(a_credential_in_use_is_not_deleted)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *jobs = json_array();
    struct id id;
    bool overwritten;
    char status[24];

    assert_int_equal(credential_put(db, w->sealer, w->tenant.text, "portal_user", "ada", false, &id,
                                    &overwritten, &e),
                     0);
    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    struct id job = queued_job(w, db);
    assert_int_equal(credential_delete(db, w->tenant.text, id.text, jobs, &e), 0);
    assert_string_equal(json_string_value(json_array_get(jobs, 0)), job.text);
    assert_int_equal(job_cancel(db, w->tenant.text, job.text, status, &e), 1);
    json_array_clear(jobs);
    assert_int_equal(credential_delete(db, w->other.text, id.text, jobs, &e), -1);
    assert_int_equal(credential_delete(db, w->tenant.text, id.text, jobs, &e), 1);
}

PROMISE(profiles_have_names_that_are_safe_everywhere)
{
    static const char *const bad[] = { "", ".", "..", "a b", "a/b", "\xc3\xa4" };
    scoped(err_clear) struct err e = { 0 };
    struct id id, again;
    bool created;

    for (size_t i = 0; i < n_items(bad); i++)
        assert_false(profile_name_valid(bad[i]));
    assert_int_equal(profile_ensure(db, w->tenant.text, "acme-portal", &id, &created, &e), 0);
    assert_true(created);
    assert_int_equal(profile_ensure(db, w->tenant.text, "acme-portal", &again, &created, &e), 0);
    assert_false(created);
    assert_string_equal(id.text, again.text);
    assert_int_equal(profile_delete(db, w->other.text, "acme-portal", &e), 0);
    assert_int_equal(profile_delete(db, w->tenant.text, "acme-portal", &e), 1);
}

/* ---- logs and repeats ---- */

static void count_line(void *arg, const struct job_log *line)
{
    int *n = arg;

    assert_non_null(line->message);
    ++*n;
}

static void count_job(void *arg, const struct job *job)
{
    int *n = arg;

    assert_non_null(job->id);
    ++*n;
}

PROMISE(logs_can_be_paged_and_filtered)
{
    scoped(err_clear) struct err e = { 0 };
    int64_t stopped;
    int n = 0;

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    struct id job = queued_job(w, db); /* says one line itself */
    assert_int_equal(job_log_add(db, job.text, "warn", "careful", &e), 0);
    assert_int_equal(job_log_add(db, job.text, "error", "too late", &e), 0);
    struct job_log_filter filter = { .tenant = w->tenant.text, .job = job.text, .limit = 10 };
    assert_int_equal(job_log_each(db, &filter, count_line, &n, &stopped, &e), 0);
    assert_int_equal(n, 3);
    filter.level = "warn";
    n = 0;
    assert_int_equal(job_log_each(db, &filter, count_line, &n, &stopped, &e), 0);
    assert_int_equal(n, 1);
    filter.tenant = w->other.text;
    assert_int_equal(job_log_each(db, &filter, count_line, &n, &stopped, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
    clock_fake_advance(&w->clock, 1000);
}

/* One page looks at so many rows, whatever is asked for; the cursor goes on behind them. */
PROMISE(a_list_that_finds_little_stops_and_can_go_on)
{
    static const struct stmt LINES = {
        "test.lines", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)"
                      " INSERT INTO job_log (tenant_id, job_id, workflow, level, message, at)"
                      " SELECT tenant_id, id, workflow, 'info', 'x', 1 FROM job, n WHERE id = $1"
    };
    static const struct stmt JOBS = {
        "test.jobs", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)"
                     " INSERT INTO job (id, tenant_id, workflow_id, workflow, deployment_id,"
                     " deployment_version, status, launch, params, options, timeout_ms, created_at)"
                     " SELECT printf('f0000000-0000-7000-8000-%012x', i), tenant_id, workflow_id,"
                     " workflow, deployment_id, 1, 'completed', '{}', '{}', '{}', 1, 1"
                     " FROM job, n WHERE id = $1"
    };
    scoped(err_clear) struct err e = { 0 };
    char last[ID_TEXT_SIZE];
    int64_t stopped;
    int n = 0;

    deploy_ready(w, db, "[" WORKFLOW("books") "]");
    struct id job = queued_job(w, db);
    assert_int_equal(job_log_add(db, job.text, "warn", "the oldest", &e), 0);
    assert_int_equal(db_run(db, &e, &LINES, P_TEXT(job.text), P_INT(LIMIT_WALK)), LIMIT_WALK);
    struct job_log_filter lines = { .tenant = w->tenant.text, .level = "warn", .limit = 10 };
    assert_int_equal(job_log_each(db, &lines, count_line, &n, &stopped, &e), 0);
    assert_int_equal(n, 0);
    assert_true(stopped > 0);
    lines.cursor = stopped;
    assert_int_equal(job_log_each(db, &lines, count_line, &n, &stopped, &e), 0);
    assert_int_equal(n, 1);
    assert_int_equal(stopped, 0);

    assert_int_equal(db_run(db, &e, &JOBS, P_TEXT(job.text), P_INT(LIMIT_WALK)), LIMIT_WALK);
    struct job_filter jobs = { .tenant = w->tenant.text, .status = "queued", .limit = 10 };
    n = 0;
    assert_int_equal(job_each(db, &jobs, count_job, &n, last, &e), 0); /* has an index */
    assert_int_equal(n, 1);
    assert_string_equal(last, "");
    assert_true(job_begin(db, job.text, 1, JOB_WARM, &e) > 0);
    jobs.status = "running";
    n = 0;
    assert_int_equal(job_each(db, &jobs, count_job, &n, last, &e), 0);
    assert_int_equal(n, 0);
    jobs.cursor = last;
    char next[ID_TEXT_SIZE];
    assert_int_equal(job_each(db, &jobs, count_job, &n, next, &e), 0);
    assert_int_equal(n, 1);
    assert_string_equal(next, "");
    clock_fake_advance(&w->clock, 1000);
}

PROMISE(a_repeated_request_hears_its_first_answer)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *answer = json_pack("{s:s}", "id", "1");
    scoped(json_decref) json_t *kept = NULL;
    const char *route = "/v1/jobs/create";

    assert_int_equal(repeat_find(db, w->tenant.text, route, "k", "d", &kept, &e), 0);
    assert_int_equal(repeat_keep(db, w->tenant.text, route, "k", "d", answer, &e), 0);
    assert_int_equal(repeat_find(db, w->other.text, route, "k", "d", &kept, &e), 0);
    assert_int_equal(repeat_find(db, w->tenant.text, route, "k", "d", &kept, &e), 1);
    assert_true(json_equal(kept, answer));
    assert_int_equal(repeat_find(db, w->tenant.text, route, "k", "other", &kept, &e), -1);
    assert_int_equal(e.code, ERR_CONFLICT);
}

/* ---- the master key ---- */

static void a_master_key_is_kept_private(void **state)
{
    struct world *w = *state;
    scoped(err_clear) struct err e = { 0 };
    scoped(mem_free) char *path = mem_format("%s/master.key", w->dir);
    scoped(sealer_close) struct sealer *s = NULL;
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(sealer_open(&w->env, path, false, &s, &e), -1);
    assert_int_equal(e.code, ERR_PRECONDITION);
    scoped(mem_free) char *nowhere = mem_format("%s/none", w->dir);
    assert_int_equal(sealer_open(&w->env, nowhere, false, &s, &e), -1);
}

static void count_build(void *arg, const struct ai_build *b)
{
    (void)b;
    ++*(int *)arg;
}

static void count_step(void *arg, int64_t seq, const struct ai_step *s)
{
    assert_int_equal(seq, ++*(int *)arg);
    assert_string_equal(s->what, "Looked at the page");
}

static void ai_builds(struct world *w, struct db *db)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *descriptions = json_pack("[s]", "List the lamps");
    scoped(json_decref) json_t *params = json_object();
    const struct ai_build_spec spec = { .tenant = w->tenant.text,
                                        .descriptions = descriptions,
                                        .initial_url = "http://127.0.0.1/",
                                        .params = params,
                                        .entry_point = "index.ts" };
    const struct ai_step step = { .kind = "snapshot", .what = "Looked at the page", .ok = -1 };
    const struct ai_usage usage = { .steps = 1 };
    struct id first, second;
    struct ai_task task = { 0 };
    char status[24];
    int n = 0;

    assert_int_equal(ai_build_create(db, &spec, &first, &e), 0);
    assert_int_equal(ai_build_create(db, &spec, &second, &e), 0);

    /* one that waits is cancelled at once; another tenant's is unknown */
    assert_int_equal(ai_build_cancel(db, w->other.text, second.text, status, &e), -1);
    assert_int_equal(ai_build_cancel(db, w->tenant.text, second.text, status, &e), 1);
    assert_int_equal(ai_build_cancel(db, w->tenant.text, second.text, status, &e), 0);
    assert_string_equal(status, "failed");

    /* claimed once an epoch; a step's state is what the next epoch goes on from */
    assert_int_equal(ai_build_claim(db, 1, "", &task, &e), 1);
    assert_string_equal(task.id.text, first.text);
    assert_null(task.state);
    ai_task_done(&task);
    assert_int_equal(ai_build_claim(db, 1, "", &task, &e), 0);
    assert_int_equal(ai_build_step(db, first.text, &step, "{\"n\":1}", &usage, &e), 1);
    assert_int_equal(ai_build_step(db, first.text, &step, NULL, &usage, &e), 1);
    assert_int_equal(ai_step_each(db, first.text, count_step, &n, &e), 0);
    assert_int_equal(n, 2);
    assert_int_equal(ai_build_claim(db, 2, "", &task, &e), 1);
    assert_int_equal(json_int(task.state, "n", 0), 1);
    assert_int_equal(task.usage.steps, 1);
    ai_task_done(&task);

    /* three times without a step is enough */
    assert_int_equal(ai_build_claim(db, 3, "", &task, &e), 1);
    ai_task_done(&task);
    assert_int_equal(ai_build_claim(db, 4, "", &task, &e), 0);
    assert_int_equal(ai_build_step(db, first.text, &step, NULL, &usage, &e), 0);

    /* failed ones stay listed for a while */
    n = 0;
    assert_int_equal(ai_build_each(db, w->tenant.text, 0, count_build, &n, &e), 0);
    assert_int_equal(n, 2);
    n = 0;
    assert_int_equal(ai_build_each(db, w->tenant.text, db_now(db) + 1, count_build, &n, &e), 0);
    assert_int_equal(n, 0);
}

static void an_ai_build_goes_on_where_it_stopped(void **state)
{
    act(*state, ai_builds);
}

#define TOLD(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest promises[] = {
        TOLD(a_small_archive_stands_beside_its_row_until_its_code_goes),
        TOLD(as_many_builds_as_wait_are_counted),
        TOLD(a_key_opens_its_tenant_until_it_is_revoked),
        TOLD(a_key_with_one_wrong_character_is_nobody_s),
        TOLD(a_remembered_key_is_forgotten_when_it_is_revoked),
        TOLD(a_tenant_s_name_is_checked),
        TOLD(the_newest_created_ready_deployment_owns_a_name),
        TOLD(a_build_is_claimed_once_an_epoch_and_three_times_in_all),
        TOLD(a_verdict_is_final_and_its_reason_bounded),
        TOLD(versions_count_up_within_a_tenant),
        TOLD(a_job_runs_at_most_once_and_its_first_outcome_stays),
        TOLD(a_job_that_could_not_begin_waits_again_unless_its_end_was_asked_for),
        TOLD(a_restart_puts_every_job_right),
        TOLD(cancelling_ends_what_waits_and_asks_what_runs),
        TOLD(a_nonce_makes_one_job),
        TOLD(a_callback_secret_is_kept_sealed),
        TOLD(a_full_queue_says_so),
        TOLD(as_many_jobs_as_wait_are_counted),
        TOLD(deleting_a_workflow_cancels_what_waits_and_a_later_one_is_another),
        TOLD(a_job_knows_what_to_run),
        TOLD(tenants_take_turns_however_many_jobs_one_has),
        TOLD(tenants_take_turns_with_builds),
        TOLD(credentials_match_without_regard_to_case_and_open_only_in_their_row),
        TOLD(a_credential_in_use_is_not_deleted),
        TOLD(profiles_have_names_that_are_safe_everywhere),
        TOLD(logs_can_be_paged_and_filtered),
        TOLD(a_list_that_finds_little_stops_and_can_go_on),
        TOLD(a_repeated_request_hears_its_first_answer),
        TOLD(a_master_key_is_kept_private),
        TOLD(an_ai_build_goes_on_where_it_stopped),
    };
    return cmocka_run_group_tests_name("domain", promises, NULL, NULL);
}
