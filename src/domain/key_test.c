/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/domain_testing.h"

#include "domain/credential.h"
#include "domain/keyring.h"
#include "domain/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest promises[] = {
        TOLD(a_key_opens_its_tenant_until_it_is_revoked),
        TOLD(a_key_with_one_wrong_character_is_nobody_s),
        TOLD(a_remembered_key_is_forgotten_when_it_is_revoked),
        TOLD(a_tenant_s_name_is_checked),
        TOLD(credentials_match_without_regard_to_case_and_open_only_in_their_row),
        TOLD(a_credential_in_use_is_not_deleted),
        TOLD(profiles_have_names_that_are_safe_everywhere),
        TOLD(a_master_key_is_kept_private),
    };
    return cmocka_run_group_tests_name("key", promises, NULL, NULL);
}
