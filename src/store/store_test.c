/* SPDX-License-Identifier: Apache-2.0 */
#include "store/blob.h"
#include "store/store.h"
#include "store/store_private.h"

#include "base/buf.h"
#include "base/memory_fake.h"
#include "base/reserve.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    char dir[64];
    struct store *store;
    int heard;
};

static const struct stmt ADD = { "test.add",
                                 "INSERT INTO tenant (id, name, created_at) VALUES ($1, $2, $3)" };
static const struct stmt COUNT = { "test.count", "SELECT count(*) FROM tenant" };

static void hear(void *arg, const char *topic)
{
    struct world *w = arg;

    assert_string_equal(topic, "tenant/x");
    w->heard++;
}

static int open_world(void **state)
{
    struct world *w = mem_new(sizeof *w);
    struct err e = { 0 };

    strcpy(w->dir, "/tmp/impresario-store-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    assert_int_equal(store_open(&env_real, w->dir, &w->store, &e), 0);
    store_listen(w->store, hear, w);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    scoped(mem_free) char *command = mem_format("rm -rf %s", w->dir);

    store_close(w->store);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a path of our own */
    mem_free(w);
    return 0;
}

static int add(struct db *db, void *arg, struct err *e)
{
    const char *name = arg;

    if (db_run(db, e, &ADD, P_TEXT(name), P_TEXT(name), P_INT(1)) < 0)
        return -1;
    db_changed(db, "tenant/%s", "x");
    return strcmp(name, "refused") == 0 ? err_set(e, ERR_CONFLICT, "no such luck") : 0;
}

static int count(struct db *db, void *arg, struct err *e)
{
    scoped(rows_free) struct rows *r = db_query(db, &COUNT);
    int64_t *n = arg;

    if (rows_next(r, e) != 1)
        return -1;
    *n = row_int(r, 0);
    return 0;
}

static int64_t tenants(struct world *w)
{
    struct err e = { 0 };
    int64_t n = -1;

    assert_int_equal(store_read(w->store, count, &n, &e), 0);
    return n;
}

static void a_write_that_fails_leaves_nothing_and_says_nothing(void **state)
{
    struct world *w = *state;
    scoped(err_clear) struct err e = { 0 };
    char kept[] = "kept", refused[] = "refused";

    assert_int_equal(store_write(w->store, add, refused, &e), -1);
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_int_equal(w->heard, 0);
    assert_int_equal(store_write(w->store, add, kept, &e), 0);
    assert_int_equal(tenants(w), 1);
    assert_int_equal(store_write(w->store, add, kept, &e), -1); /* the name is taken */
    assert_int_equal(tenants(w), 1);
}

static void of_several_writes_each_is_kept_or_undone_by_itself(void **state)
{
    struct world *w = *state;
    char first[] = "first", refused[] = "refused", last[] = "last";
    struct err errs[3] = { 0 };
    struct store_part parts[] = { { add, first, &errs[0], 0 },
                                  { add, refused, &errs[1], 0 },
                                  { add, last, &errs[2], 0 } };

    store_write_all(w->store, parts, n_items(parts));
    assert_int_equal(parts[0].r, 0);
    assert_int_equal(parts[1].r, -1);
    assert_int_equal(errs[1].code, ERR_CONFLICT);
    assert_int_equal(parts[2].r, 0);
    assert_int_equal(tenants(w), 2);
    err_clear(&errs[1]);
}

/* Writes that are handed in while the writer is held, so that one group has them all. */
struct group {
    sem_t held, go;
    int told[3];
    struct err errors[3];
    int n;
};

static int hold(struct db *db, void *arg, struct err *e)
{
    struct group *g = arg;

    (void)db;
    (void)e;
    sem_post(&g->held);
    while (sem_wait(&g->go) < 0)
        continue;
    return 0;
}

static void held(void *arg, int r, const struct err *e)
{
    (void)arg;
    (void)e;
    assert_int_equal(r, 0);
}

static int add_one(struct db *db, void *arg, struct err *e)
{
    static char names[][8] = { "before", "large", "after" };
    static const struct stmt FULL = { "test.full", "PRAGMA max_page_count = 1" };
    static const struct stmt LARGE = { "test.large",
                                       "INSERT INTO tenant (id, name, created_at)"
                                       " VALUES ('large', hex(zeroblob(4000000)), 1)" };
    struct group *g = arg;
    int which = g->n++;

    if (which != 1)
        return add(db, names[which], e);
    struct rows *r = db_query(db, &FULL); /* as many pages as there are now */
    assert_int_equal(rows_next(r, e), 1);
    rows_free(r);
    return db_run(db, e, &LARGE) < 0 ? -1 : 0;
}

static void told(void *arg, int r, const struct err *e)
{
    struct group *g = arg;
    int i = 0;

    while (g->told[i])
        i++;
    g->told[i] = r < 0 ? -1 : 1;
    if (r < 0)
        err_set(&g->errors[i], e->code, "%s", e->msg);
    if (i == 2)
        sem_post(&g->held);
}

static void a_disk_that_is_full_keeps_nothing_that_was_said_to_fail(void **state)
{
    struct world *w = *state;
    struct group g = { 0 };

    assert_int_equal(sem_init(&g.held, 0, 0), 0);
    assert_int_equal(sem_init(&g.go, 0, 0), 0);
    store_submit(w->store, hold, held, &g);
    while (sem_wait(&g.held) < 0)
        continue;
    for (int i = 0; i < 3; i++)
        store_submit(w->store, add_one, told, &g);
    sem_post(&g.go);
    while (sem_wait(&g.held) < 0)
        continue;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(g.told[i], -1);
        assert_int_equal(g.errors[i].code, ERR_UNAVAILABLE);
        err_clear(&g.errors[i]);
    }
    assert_int_equal(tenants(w), 0);
    assert_int_equal(w->heard, 0);
    sem_destroy(&g.held);
    sem_destroy(&g.go);
}

static int write_with_files_of(rlim_t bytes, struct world *w, char *name, struct err *e)
{
    struct rlimit before, few;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    few = (struct rlimit){ bytes, before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
    int r = store_write(w->store, add, name, e);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    return r;
}

static void after_a_disk_that_failed_nothing_is_written_until_a_restart(void **state)
{
    struct world *w = *state;
    scoped(err_clear) struct err e = { 0 };
    char first[] = "first", lost[] = "lost", late[] = "late";
    struct disk_faulty disk, mended;
    const struct env env = { env_real.clock, env_real.rng, &disk.disk };
    const struct env again = { env_real.clock, env_real.rng, &mended.disk };

    disk_faulty_init(&disk);
    disk_faulty_init(&mended);
    store_close(take(w->store));
    assert_int_equal(store_open(&env, w->dir, &w->store, &e), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(store_write(w->store, add, first, &e), 0);
    assert_int_equal(store_check(w->store, &e), 0);
    assert_int_equal(write_with_files_of(4096, w, lost, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    err_clear(&e);
    assert_int_equal(store_write(w->store, add, late, &e), -1);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_int_equal(store_check(w->store, &e), -1);
    assert_int_equal(tenants(w), 1); /* what is there can be read */

    store_close(take(w->store));
    assert_int_equal(store_open(&again, w->dir, &w->store, &e), 0);
    assert_int_equal(store_check(w->store, &e), 0);
    assert_int_equal(store_write(w->store, add, late, &e), 0);
    assert_int_equal(tenants(w), 2);
    store_close(take(w->store)); /* the disk of this scene ends with it */
}

static void *write_many(void *arg)
{
    void **start = arg;
    struct world *w = start[0];
    const char *prefix = start[1];

    for (int i = 0; i < 50; i++) {
        scoped(err_clear) struct err e = { 0 };
        scoped(mem_free) char *name = mem_format("%s%d", prefix, i);
        assert_int_equal(store_write(w->store, add, name, &e), 0);
    }
    return NULL;
}

static void writes_of_many_threads_are_all_kept(void **state)
{
    static const char *const names[] = { "a", "b", "c", "d" };
    struct world *w = *state;
    pthread_t threads[n_items(names)];
    const void *starts[n_items(names)][2];

    for (size_t i = 0; i < n_items(names); i++) {
        starts[i][0] = w;
        starts[i][1] = names[i];
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, starts[i]), 0);
    }
    for (size_t i = 0; i < n_items(names); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(tenants(w), 200);
    store_close(take(w->store));
    struct err e = { 0 };
    assert_int_equal(store_open(&env_real, w->dir, &w->store, &e), 0);
    assert_int_equal(tenants(w), 200);
}

/* Fails the first disk call, then the second, and so on, until a run meets no fault at all. */
static void a_blob_is_kept_whole_or_not_at_all(void **state)
{
    struct world *w = *state;
    struct disk_faulty disk;
    const struct env env = { &clock_real, &rng_real, &disk.disk };
    scoped(err_clear) struct err e = { 0 };
    scoped(blobs_close) struct blobs *blobs = NULL;
    int r = -1;

    disk_faulty_init(&disk);
    assert_int_equal(blobs_open(&env, w->dir, &blobs, &e), 0);
    for (int nth = 1; r < 0; nth++) {
        struct blob *blob = NULL;
        disk.nth = nth;
        disk.err_no = ENOSPC;
        r = blob_new(blobs, &blob, &e);
        if (r == 0 && disk_write_all(&disk.disk, blob_fd(blob), "hello", 5) < 0) {
            blob_free(take(blob));
            r = -1;
        }
        if (r == 0)
            r = blob_keep(blob, "deployments/x/source.tar.gz", &e);
        disk.nth = 0;
        disk.disk.failed = false; /* as after a restart */
        assert_true(nth < 20);
    }
    char text[8] = "";
    int fd = blob_open(blobs, "deployments/x/source.tar.gz", &e);
    assert_int_equal(read(fd, text, sizeof text), 5);
    close(fd);
    blob_delete(blobs, "deployments/x/source.tar.gz");
    assert_int_equal(blob_open(blobs, "deployments/x/source.tar.gz", &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

static void a_failed_sync_ends_all_writing(void **state)
{
    struct world *w = *state;
    struct disk_faulty disk;
    const struct env env = { &clock_real, &rng_real, &disk.disk };
    scoped(err_clear) struct err e = { 0 };
    scoped(store_close) struct store *store = NULL;
    scoped(blobs_close) struct blobs *blobs = NULL;
    struct blob *blob = NULL;
    char first[] = "first", second[] = "second";
    int64_t n = 0;

    disk_faulty_init(&disk);
    store_close(take(w->store));
    assert_int_equal(store_open(&env, w->dir, &store, &e), 0);
    assert_int_equal(blobs_open(&env, w->dir, &blobs, &e), 0);
    assert_int_equal(store_write(store, add, first, &e), 0);
    assert_int_equal(blob_new(blobs, &blob, &e), 0);
    disk.nth = 1;
    assert_int_equal(blob_keep(blob, "deployments/x/source.tar.gz", &e), -1);
    assert_int_equal(e.code, ERR_IO);
    err_clear(&e);

    assert_int_equal(store_check(store, &e), -1); /* though the disk would say yes again */
    err_clear(&e);
    assert_int_equal(store_write(store, add, second, &e), -1);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    err_clear(&e);
    assert_int_equal(blob_new(blobs, &blob, &e), -1);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_int_equal(store_read(store, count, &n, &e), 0);
    assert_int_equal(n, 1);
}

static void a_reader_opened_without_memory_is_not_kept(void **state)
{
    struct world *w = *state;
    scoped(err_clear) struct err e = { 0 };
    size_t before = reserve_used();
    int64_t n = -1;

    memory_is_out = true;
    int r = store_read(w->store, count, &n, &e);
    memory_is_out = false;
    assert_int_equal(r, 0);
    assert_int_equal(n, 0);
    assert_int_equal(reserve_used(), before);
}

/* Its store is closed, and says that it has another schema. */
static void become(struct world *w, const struct stmt *version)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(mem_free) char *path = mem_format("%s/impresario.db", w->dir);
    struct db *db = NULL;

    store_close(take(w->store));
    assert_int_equal(db_open(&env_real, path, false, &db, &e), 0);
    assert_int_equal(db_run(db, &e, version), 0);
    db_close(db);
}

static void a_newer_store_is_refused(void **state)
{
    struct world *w = *state;
    scoped(err_clear) struct err e = { 0 };
    static const struct stmt NEWER = { "test.newer", "PRAGMA user_version = 1000" };

    become(w, &NEWER);
    assert_int_equal(store_open(&env_real, w->dir, &w->store, &e), -1);
    assert_int_equal(e.code, ERR_PRECONDITION);
    assert_non_null(strstr(e.msg, "schema 1000"));
    assert_non_null(strstr(e.msg, "newer version"));
}

static void an_older_store_in_use_is_left_as_it_is(void **state)
{
    struct world *w = *state;
    scoped(err_clear) struct err e = { 0 };
    static const struct stmt OLDER = { "test.older", "PRAGMA user_version = 1" };

    become(w, &OLDER);
    scoped(fd_close) int lock = store_lock(w->dir, &e);
    assert_true(lock >= 0);
    assert_int_equal(store_lock(w->dir, &e), -1);
    assert_int_equal(e.code, ERR_CONFLICT);
    assert_int_equal(store_join(&env_real, w->dir, &w->store, &e), -1);
    assert_int_equal(e.code, ERR_PRECONDITION);
    assert_non_null(strstr(e.msg, "restart the server with this version"));
}

static void a_copy_is_the_store_of_one_moment(void **state)
{
    struct world *w = *state;
    scoped(err_clear) struct err e = { 0 };
    scoped(mem_free) char *to = mem_format("%s/copy.db", w->dir);
    scoped(mem_free) char *nowhere = mem_format("%s/none", w->dir);
    char before[] = "before", after[] = "after";
    int64_t n = 0;

    assert_int_equal(store_write(w->store, add, before, &e), 0); /* still in the log */
    assert_int_equal(store_copy(&env_real, w->dir, to, &e), 0);
    assert_int_equal(store_write(w->store, add, after, &e), 0);
    assert_int_equal(store_look(&env_real, to, count, &n, &e), 0);
    assert_int_equal(n, 1);
    assert_int_equal(tenants(w), 2);
    assert_int_equal(store_copy(&env_real, w->dir, to, &e), -1); /* never over a file */
    err_clear(&e);
    assert_int_equal(store_copy(&env_real, nowhere, to, &e), -1);
    assert_int_equal(e.code, ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test_setup_teardown(a_write_that_fails_leaves_nothing_and_says_nothing,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(of_several_writes_each_is_kept_or_undone_by_itself,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(a_disk_that_is_full_keeps_nothing_that_was_said_to_fail,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(after_a_disk_that_failed_nothing_is_written_until_a_restart,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(writes_of_many_threads_are_all_kept, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(a_blob_is_kept_whole_or_not_at_all, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(a_failed_sync_ends_all_writing, open_world, close_world),
        cmocka_unit_test_setup_teardown(a_reader_opened_without_memory_is_not_kept, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(a_newer_store_is_refused, open_world, close_world),
        cmocka_unit_test_setup_teardown(an_older_store_in_use_is_left_as_it_is, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(a_copy_is_the_store_of_one_moment, open_world, close_world),
    };
    return cmocka_run_group_tests_name("store", promises, NULL, NULL);
}
