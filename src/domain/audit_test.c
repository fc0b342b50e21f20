/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/audit.h"
#include "domain/credential.h"
#include "domain/deployment.h"
#include "domain/job.h"
#include "domain/key.h"
#include "domain/sealed.h"

#include "base/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS = 5 };

/* A store with a log of five rows. */
struct world {
    char dir[64], key_path[96];
    struct clock_fake clock;
    struct rng_seeded rng;
    struct env env;
    struct store *store;
    struct sealer *sealer;
    struct audit_head head;
};

static int add_rows(struct db *db, void *arg, struct err *e)
{
    const struct world *w = arg;

    for (int i = 0; i < ROWS; i++) {
        scoped(mem_free) char *subject = mem_format("job %d", i);
        const struct audit_event event = { "key k", i % 2 ? "acme" : NULL, "job.created", subject,
                                           i % 3 ? "books" : NULL };
        if (audit_add(db, w->sealer, &event, e) < 0)
            return -1;
    }
    return 0;
}

struct question {
    const struct sealer *sealer;
    const struct audit_head *noted;
    struct audit_verdict verdict;
    int good;
};

static int ask(struct db *db, void *arg, struct err *e)
{
    struct question *q = arg;

    q->good = audit_verify(db, q->sealer, q->noted, &q->verdict, e);
    return q->good < 0 ? -1 : 0;
}

static struct question verdict(struct world *w, const struct audit_head *noted)
{
    scoped(err_clear) struct err e = { 0 };
    struct question q = { .sealer = w->sealer, .noted = noted };

    assert_int_equal(store_read(w->store, ask, &q, &e), 0);
    return q;
}

static void assert_whole(struct world *w, const struct audit_head *noted, int64_t rows)
{
    struct question q = verdict(w, noted);

    assert_string_equal(q.verdict.why, "");
    assert_int_equal(q.good, 1);
    assert_int_equal(q.verdict.head.seq, rows);
}

static void assert_broken(struct world *w, const struct audit_head *noted, const char *why)
{
    struct question q = verdict(w, noted);

    assert_int_equal(q.good, 0);
    if (!strstr(q.verdict.why, why))
        fail_msg("no \"%s\" in: %s", why, q.verdict.why);
}

static int open_world(void **state)
{
    struct world *w = mem_new(sizeof *w);
    scoped(err_clear) struct err e = { 0 };

    strcpy(w->dir, "/tmp/impresario-audit-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    (void)snprintf(w->key_path, sizeof w->key_path, "%s/master.key", w->dir);
    clock_fake_init(&w->clock, 1800000000000);
    rng_seeded_init(&w->rng, 5);
    w->env = (struct env){ &w->clock.clock, &w->rng.rng, &disk_real };
    assert_int_equal(store_open(&w->env, w->dir, &w->store, &e), 0);
    assert_int_equal(sealed_open(w->store, w->key_path, &w->sealer, &e), 0);
    assert_int_equal(store_write(w->store, add_rows, w, &e), 0);
    w->head = verdict(w, NULL).verdict.head;
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

struct change {
    const struct stmt *stmt;
    int64_t seq;
};

static int change(struct db *db, void *arg, struct err *e)
{
    const struct change *c = arg;

    return db_run(db, e, c->stmt, P_INT(c->seq)) < 0 ? -1 : 0;
}

/* Somebody writes into the store past the program. */
static void change_by(struct world *w, const struct stmt *stmt, int64_t seq)
{
    scoped(err_clear) struct err e = { 0 };
    struct change c = { stmt, seq };

    if (store_write(w->store, change, &c, &e) < 0)
        fail_msg("%s", e.msg);
}

#define tamper(w, sql, seq)                                      \
    do {                                                         \
        static const struct stmt stmt_ = { "test.tamper", sql }; \
        change_by(w, &stmt_, seq);                               \
    } while (0)

static void a_log_that_nobody_touched_is_whole(void **state)
{
    struct world *w = *state;

    assert_whole(w, NULL, ROWS);
    assert_whole(w, &w->head, ROWS);
}

static void a_change_of_any_field_is_named(void **state)
{
    static const struct stmt changes[] = {
        { "test.change", "UPDATE audit SET at = at + 1 WHERE seq = $1" },
        { "test.change", "UPDATE audit SET actor = 'key j' WHERE seq = $1" },
        { "test.change", "UPDATE audit SET tenant_id = 'evil' WHERE seq = $1" },
        { "test.change", "UPDATE audit SET action = 'job.cancelled' WHERE seq = $1" },
        { "test.change", "UPDATE audit SET subject = subject || '!' WHERE seq = $1" },
        { "test.change", "UPDATE audit SET detail = detail || '!' WHERE seq = $1" },
        { "test.change", "UPDATE audit SET digest = '00' WHERE seq = $1" },
        /* The same letters, another field. */
        { "test.change",
          "UPDATE audit SET actor = 'key ', tenant_id = 'k' || coalesce(tenant_id, '') WHERE seq = $1" },
    };

    for (int seq = 1; seq <= ROWS; seq++) {
        for (size_t i = 0; i < n_items(changes); i++) {
            struct world *w = NULL;
            char named[32];
            (void)state;
            assert_int_equal(open_world((void **)&w), 0);
            change_by(w, &changes[i], seq);
            (void)snprintf(named, sizeof named, "row %d was changed", seq);
            assert_broken(w, NULL, named);
            assert_int_equal(close_world((void **)&w), 0);
        }
    }
}

static void a_row_that_is_gone_is_named(void **state)
{
    for (int seq = 1; seq <= ROWS; seq++) {
        struct world *w = NULL;
        char named[32];
        (void)state;
        assert_int_equal(open_world((void **)&w), 0);
        tamper(w, "DELETE FROM audit WHERE seq = $1", seq);
        (void)snprintf(named, sizeof named, "row %d is missing", seq);
        assert_broken(w, NULL, named);
        assert_int_equal(close_world((void **)&w), 0);
    }
}

static void two_rows_that_changed_places_are_found(void **state)
{
    struct world *w = *state;

    tamper(w, "UPDATE audit SET seq = 99 WHERE seq = $1", 2);
    tamper(w, "UPDATE audit SET seq = 2 WHERE seq = $1", 3);
    tamper(w, "UPDATE audit SET seq = 3 WHERE seq = $1", 99);
    assert_broken(w, NULL, "row 2 was changed");
}

static void a_cut_tail_is_missed(void **state)
{
    struct world *w = *state;

    tamper(w, "DELETE FROM audit WHERE seq > $1", 3);
    assert_broken(w, NULL, "row 4 is missing: the log was cut off");
    /* The head follows, but its signature cannot. */
    tamper(w, "UPDATE audit_head SET seq = $1, digest = (SELECT digest FROM audit WHERE seq = $1)",
           3);
    assert_broken(w, NULL, "not signed with this master key");
}

static void a_log_that_was_emptied_is_not_whole(void **state)
{
    struct world *w = *state;

    tamper(w, "DELETE FROM audit WHERE seq > $1", 0);
    assert_broken(w, NULL, "row 1 is missing");
    tamper(w, "DELETE FROM audit_head WHERE one > $1", 0);
    assert_broken(w, NULL, "empty");
}

/* Whatever was done to the end, the program that goes on writing does not heal it. */
static void what_follows_on_a_cut_tail_does_not_hide_it(void **state)
{
    static const struct stmt cuts[] = {
        { "test.cut", "DELETE FROM audit WHERE seq > $1" },
        { "test.cut", "DELETE FROM audit_head WHERE one < $1" },
        { "test.cut", "UPDATE audit_head SET seq = $1" },
        { "test.cut", "UPDATE audit_head SET mac = digest WHERE seq > $1" },
    };

    for (size_t i = 0; i < n_items(cuts); i++) {
        struct world *w = NULL;
        scoped(err_clear) struct err e = { 0 };
        (void)state;
        assert_int_equal(open_world((void **)&w), 0);
        change_by(w, &cuts[i], 3);
        assert_int_equal(store_write(w->store, add_rows, w, &e), 0);
        assert_broken(w, NULL, i == 0 ? "row 4: what was before" : "row 6: what was before");
        assert_int_equal(close_world((void **)&w), 0);
    }
}

/* With the master key, or with an older copy of it all, a shorter log can be signed: what helps is a head
 * that was noted elsewhere. */
static void a_shorter_log_that_is_signed_again_lacks_the_noted_head(void **state)
{
    struct world *w = *state;
    scoped(err_clear) struct err e = { 0 };

    tamper(w, "DELETE FROM audit WHERE seq > $1", 0);
    tamper(w, "DELETE FROM audit_head WHERE one > $1", 0);
    clock_fake_advance(&w->clock, 1);
    assert_int_equal(store_write(w->store, add_rows, w, &e), 0);
    assert_whole(w, NULL, ROWS);
    assert_broken(w, &w->head, "not what it was when its head was noted");
    tamper(w, "DELETE FROM audit WHERE seq > $1", 0);
    tamper(w, "DELETE FROM audit_head WHERE one > $1", 0);
    assert_int_equal(store_write(w->store, add_rows, w, &e), 0);
    struct audit_head later = { ROWS + 2, "" };
    memcpy(later.digest, w->head.digest, sizeof later.digest);
    assert_broken(w, &later, "the log had come to row 7");
}

static void a_row_that_was_put_in_is_found(void **state)
{
    struct world *w = *state;

    tamper(w,
           "INSERT INTO audit SELECT seq + 1, at, actor, tenant_id, action, subject, detail, digest"
           " FROM audit WHERE seq = $1",
           ROWS);
    assert_broken(w, NULL, "row 6 was changed");
}

static void a_noted_head_is_read_back(void **state)
{
    struct world *w = *state;
    struct audit_head head;
    scoped(mem_free) char *text = mem_format("5:%s", w->head.digest);
    scoped(mem_free) char *longer = mem_format("5:%s0", w->head.digest);

    assert_true(audit_head_parse(text, &head));
    assert_int_equal(head.seq, 5);
    assert_string_equal(head.digest, w->head.digest);
    assert_false(audit_head_parse(longer, &head) || audit_head_parse("5:", &head) ||
                 audit_head_parse("", &head) || audit_head_parse(text + 1, &head));
}

/* ---- what is sealed ---- */

static int deploy(struct db *db, const struct world *w, const char *tenant, struct err *e)
{
    const struct deployment_spec spec = { .tenant = tenant,
                                          .id = id_new(&w->env),
                                          .entry_point = "index.ts",
                                          .source_key = "deployments/x/source.tar.gz",
                                          .source_size = 7,
                                          .source_digest = "d" };
    struct bundle bundle = { .id = id_new(&w->env),
                             .blob_key = mem_text("bundles/x/bundle.tar"),
                             .kind = mem_text("plain"),
                             .entry = mem_text("index.mjs"),
                             .workflows =
                                 json_loads("[{\"name\":\"books\",\"input_schema\":null,"
                                            "\"output_schema\":null,\"credential_names\":[],"
                                            "\"auth_profile\":null}]",
                                            0, NULL) };
    struct build b = { 0 };
    msec_t at;

    bool done = deployment_create(db, &spec, &at, e) == 0 && build_claim(db, 1, "", &b, e) == 1 &&
                bundle_add(db, tenant, bundle.id.text, &bundle, e) == 0 &&
                build_ready(db, &b, &bundle, e) == 0;
    bundle_done(&bundle);
    build_done(&b);
    return done ? 0 : -1;
}

/* A job with a callback's secret, and no credential. */
static int add_callback(struct db *db, void *arg, struct err *e)
{
    const struct world *w = arg;
    scoped(json_decref) json_t *empty = json_object();
    struct key key;
    struct key_owner owner;
    struct id id;
    bool existing;

    if (key_create(db, "acme", "one", &key, e) < 0 || key_check(db, key.text, &owner, e) < 0 ||
        deploy(db, w, owner.tenant.text, e) < 0)
        return -1;
    const struct job_spec spec = { .tenant = owner.tenant.text,
                                   .workflow = "books",
                                   .params = empty,
                                   .launch = empty,
                                   .options = empty,
                                   .callback_secret = "of a callback",
                                   .sealer = w->sealer,
                                   .request_digest = "d",
                                   .timeout_ms = 1000,
                                   .queue_limit = 3 };
    return job_create(db, &spec, &id, &existing, e);
}

static int add_credential(struct db *db, void *arg, struct err *e)
{
    const struct world *w = arg;
    struct key key;
    struct key_owner owner;
    struct id id;
    bool overwritten;

    return key_create(db, "acme", "one", &key, e) < 0 || key_check(db, key.text, &owner, e) < 0
               ? -1
               : credential_put(db, w->sealer, owner.tenant.text, "shop", "secret", false, &id,
                                &overwritten, e);
}

static void every_kind_of_secret_asks_for_the_key_it_was_sealed_under(void **state)
{
    static const store_fn kinds[] = { add_callback, add_credential };

    for (size_t i = 0; i < n_items(kinds); i++) {
        scoped(err_clear) struct err e = { 0 };
        struct sealer *sealer = NULL;
        struct world *w = NULL;
        (void)state;
        assert_int_equal(open_world((void **)&w), 0);
        scoped(mem_free) char *elsewhere = mem_format("%s/elsewhere", w->dir);
        if (store_write(w->store, kinds[i], w, &e) < 0)
            fail_msg("%s", e.msg);
        assert_int_equal(sealed_open(w->store, w->key_path, &sealer, &e), 0);
        sealer_close(sealer);
        /* No new key is made for what another one has sealed, and another one is refused. */
        assert_int_equal(sealed_open(w->store, elsewhere, &sealer, &e), -1);
        assert_non_null(strstr(e.msg, "stored secrets are sealed under a key that is needed"));
        assert_int_equal(access(elsewhere, F_OK), -1);
        struct sealer *other = NULL;
        assert_int_equal(sealer_open(&w->env, elsewhere, true, &other, &e), 0);
        sealer_close(other);
        assert_int_equal(sealed_open(w->store, elsewhere, &sealer, &e), -1);
        assert_int_equal(e.code, ERR_PRECONDITION);
        assert_non_null(strstr(e.msg, "the master key is not the one"));
        assert_int_equal(close_world((void **)&w), 0);
    }
}

#define TOLD(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest promises[] = {
        TOLD(a_log_that_nobody_touched_is_whole),
        cmocka_unit_test(a_change_of_any_field_is_named),
        cmocka_unit_test(a_row_that_is_gone_is_named),
        TOLD(two_rows_that_changed_places_are_found),
        TOLD(a_cut_tail_is_missed),
        TOLD(a_log_that_was_emptied_is_not_whole),
        cmocka_unit_test(what_follows_on_a_cut_tail_does_not_hide_it),
        TOLD(a_shorter_log_that_is_signed_again_lacks_the_noted_head),
        TOLD(a_row_that_was_put_in_is_found),
        TOLD(a_noted_head_is_read_back),
        cmocka_unit_test(every_kind_of_secret_asks_for_the_key_it_was_sealed_under),
    };
    return cmocka_run_group_tests_name("audit", promises, NULL, NULL);
}
