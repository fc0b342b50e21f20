/* SPDX-License-Identifier: Apache-2.0
 *
 * One SQLite connection: opening it with the promises we make (WAL, FULL), prepared statements kept
 * by the address of their text, and the schema's migrations, which are compiled in.
 */
#include "store/store_private.h"

#include "base/buf.h"
#include "base/reserve.h"

#include "migrations.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { MOST_PARAMS = 20 }; /* the widest INSERT has 17 */

struct prepared {
    const struct stmt *stmt;
    sqlite3_stmt *handle;
    bool busy;
    struct prepared *next;
    int n_params;
    int at[MOST_PARAMS]; /* where SQLite has $1, $2 ...: it numbers them as it meets them */
};

struct topic {
    char *text;
    struct topic *next;
};

enum { STATEMENT_BUCKETS = 64, CHECKPOINT_PAGES = 1000 /* as SQLite does by itself: 4 MiB */ };

struct db {
    const struct env *env;
    sqlite3 *handle;
    bool read_only;
    size_t takes; /* of the reserve, when pages were given back, or the handle was opened */
    struct prepared *statements[STATEMENT_BUCKETS];
    struct topic *topics;      /* newest first */
    struct topic *kept_topics; /* topics when the savepoint was set */
    char *given_topic;
};

struct rows {
    struct db *db;
    struct prepared *p;
    const char *fault; /* of binding: reported by the first step */
};

/* ---- opening ---- */

static int fault(struct db *db, int r, const char *what, struct err *e)
{
    switch (r & 0xff) {
    case SQLITE_FULL: return err_set(e, ERR_UNAVAILABLE, "the disk of the data directory is full");
    case SQLITE_IOERR: return err_set(e, ERR_IO, "%s: %s", what, sqlite3_errmsg(db->handle));
    case SQLITE_BUSY:
        return err_set(e, ERR_UNAVAILABLE, "%s: another process holds the store", what);
    default: return err_set(e, ERR_INTERNAL, "%s: %s", what, sqlite3_errmsg(db->handle));
    }
}

static int exec(struct db *db, const char *sql, struct err *e)
{
    int r = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

    return r == SQLITE_OK ? 0 : fault(db, r, sql, e);
}

/* SQLite's own checkpoints forget how they went. One that the disk failed is as final as a commit; one
 * that a reader or a full disk stopped is tried again after the next commit. */
static int checkpoint(void *arg, sqlite3 *handle, const char *name, int pages)
{
    const struct db *db = arg;

    if (pages >= CHECKPOINT_PAGES) {
        int r = sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        if ((r & 0xff) == SQLITE_IOERR)
            disk_fail(db->env->disk, "move the log into the store");
    }
    return SQLITE_OK;
}

int db_open(const struct env *env, const char *path, bool read_only, struct db **out, struct err *e)
{
    struct db *db = mem_new(sizeof *db);
    int flags = SQLITE_OPEN_NOMUTEX |
                (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);

    db->env = env;
    db->read_only = read_only;
    db->takes = reserve_takes();
    int r = sqlite3_open_v2(path, &db->handle, flags, NULL);
    if (r != SQLITE_OK) {
        err_set(e, ERR_IO, "open the store %s: %s", path, sqlite3_errmsg(db->handle));
        db_close(db);
        return -1;
    }
    (void)sqlite3_busy_timeout(db->handle, 10000); /* `key create` beside a running server */
    if ((!read_only && exec(db,
                            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                            "PRAGMA secure_delete = ON;",
                            e) < 0) ||
        exec(db,
             "PRAGMA foreign_keys = ON; PRAGMA cache_size = -8192; PRAGMA mmap_size = 0;"
             /* Rows do not go to /var/tmp, where the server may not write either. */
             "PRAGMA temp_store = MEMORY;",
             e) < 0) {
        db_close(db);
        return -1;
    }
    if (!read_only)
        (void)sqlite3_wal_hook(db->handle, checkpoint, db);
    *out = db;
    return 0;
}

static void drop_topics(struct db *db, const struct topic *until)
{
    while (db->topics != until) {
        struct topic *t = db->topics;
        db->topics = t->next;
        mem_free(t->text);
        mem_free(t);
    }
}

void db_close(struct db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < STATEMENT_BUCKETS; i++) {
        while (db->statements[i]) {
            struct prepared *p = db->statements[i];
            db->statements[i] = p->next;
            (void)sqlite3_finalize(p->handle);
            mem_free(p);
        }
    }
    drop_topics(db, NULL);
    mem_free(db->given_topic);
    (void)sqlite3_close(db->handle);
    mem_free(db);
}

/* ---- migrations ---- */

int db_migrate(struct db *db, bool in_use, struct err *e)
{
    static const struct stmt VERSION = { "schema.version", "PRAGMA user_version" };
    int64_t have = 0;
    {
        scoped(rows_free) struct rows *r = db_query(db, &VERSION);
        if (rows_next(r, e) < 0)
            return -1;
        have = row_int(r, 0);
    }
    if (have > (int64_t)n_items(MIGRATIONS))
        return err_set(e, ERR_PRECONDITION,
                       "the store has schema %lld, this program knows %zu: run the newer version "
                       "that wrote it, or restore a backup made before the upgrade",
                       (long long)have, n_items(MIGRATIONS));
    if (in_use && have > 0 && have < (int64_t)n_items(MIGRATIONS))
        return err_set(
            e, ERR_PRECONDITION,
            "the store has schema %lld, this program makes it %zu, and a server uses it: restart "
            "the server with this version first, or use the version that it runs",
            (long long)have, n_items(MIGRATIONS));
    for (size_t i = (size_t)have; i < n_items(MIGRATIONS); i++) {
        scoped(mem_free) char *sql = mem_format("BEGIN IMMEDIATE; %s; PRAGMA user_version = %zu; "
                                                "COMMIT",
                                                MIGRATIONS[i].sql, i + 1);
        if (exec(db, sql, e) < 0) {
            db_rollback(db);
            return err_wrap(e, "bring the store to schema %s", MIGRATIONS[i].name);
        }
    }
    return 0;
}

/* ---- transactions ---- */

bool db_took_reserve(const struct db *db)
{
    return reserve_is_touched() && db->takes != reserve_takes();
}

int db_begin(struct db *db, struct err *e)
{
    static const struct stmt READ = { "BEGIN", "BEGIN" }, WRITE = { "BEGIN", "BEGIN IMMEDIATE" };

    if (db_took_reserve(db)) {
        db->takes = reserve_takes();
        (void)sqlite3_db_release_memory(db->handle);
    }
    return db_run(db, e, db->read_only ? &READ : &WRITE) < 0 ? -1 : 0;
}

int db_commit(struct db *db, struct err *e)
{
    static const struct stmt COMMIT = { "COMMIT", "COMMIT" };

    if (db_run(db, e, &COMMIT) >= 0)
        return 0;
    db_rollback(db);
    return -1;
}

bool db_is_open(const struct db *db)
{
    return !sqlite3_get_autocommit(db->handle);
}

void db_rollback(struct db *db)
{
    static const struct stmt ROLLBACK = { "ROLLBACK", "ROLLBACK" };

    scoped(err_clear) struct err unsaid = { 0 };

    if (db_is_open(db))
        (void)db_run(db, &unsaid, &ROLLBACK);
    drop_topics(db, NULL);
}

int db_savepoint(struct db *db, struct err *e)
{
    static const struct stmt SAVE = { "SAVEPOINT", "SAVEPOINT part" };

    db->kept_topics = db->topics;
    return db_run(db, e, &SAVE) < 0 ? -1 : 0;
}

int db_keep(struct db *db, struct err *e)
{
    static const struct stmt RELEASE = { "RELEASE", "RELEASE part" };

    return db_run(db, e, &RELEASE) < 0 ? -1 : 0;
}

void db_undo(struct db *db)
{
    (void)sqlite3_exec(db->handle, "ROLLBACK TO part; RELEASE part", NULL, NULL, NULL);
    drop_topics(db, db->kept_topics);
}

/* ---- copies ---- */

int store_copy(const struct env *env, const char *dir, const char *to, struct err *e)
{
    static const struct stmt COPY = { "store.copy", "VACUUM INTO $1" };
    scoped(mem_free) char *path = mem_format("%s/impresario.db", dir);
    struct db *db = NULL;

    if (access(path, R_OK) < 0)
        return err_set_errno(e, ERR_NOT_FOUND, errno, "read the store %s", path);
    if (db_open(env, path, true, &db, e) < 0)
        return -1;
    int r = db_run(db, e, &COPY, P_TEXT(to));
    db_close(db);
    return r < 0 ? err_wrap(e, "copy the store") : 0;
}

int store_look(const struct env *env, const char *path, store_fn fn, void *arg, struct err *e)
{
    struct db *db = NULL;

    if (db_open(env, path, true, &db, e) < 0)
        return -1;
    int r = db_begin(db, e);
    if (r == 0)
        r = fn(db, arg, e);
    db_close(db);
    return r;
}

/* ---- topics ---- */

void db_changed(struct db *db, const char *format, ...)
{
    scoped(buf_done) struct buf text = { 0 };
    va_list args;

    va_start(args, format);
    buf_vformat(&text, format, args);
    va_end(args);
    for (const struct topic *t = db->topics; t; t = t->next) {
        if (strcmp(t->text, buf_str(&text)) == 0)
            return;
    }
    struct topic *t = mem_new(sizeof *t);
    *t = (struct topic){ buf_take(&text), db->topics };
    db->topics = t;
}

const char *db_next_change(struct db *db)
{
    struct topic *t = db->topics;

    mem_free(take(db->given_topic));
    if (!t)
        return NULL;
    db->topics = t->next;
    db->given_topic = t->text;
    mem_free(t);
    return db->given_topic;
}

/* ---- statements ---- */

static struct prepared *prepared(struct db *db, const struct stmt *stmt)
{
    struct prepared **bucket = &db->statements[((uintptr_t)stmt >> 4) % STATEMENT_BUCKETS];

    for (struct prepared *p = *bucket; p; p = p->next) {
        if (p->stmt == stmt && !p->busy)
            return p;
    }
    struct prepared *p = mem_new(sizeof *p);
    p->stmt = stmt;
    if (sqlite3_prepare_v3(db->handle, stmt->sql, -1, SQLITE_PREPARE_PERSISTENT, &p->handle,
                           NULL) != SQLITE_OK) {
        mem_free(p);
        return NULL;
    }
    p->n_params = sqlite3_bind_parameter_count(p->handle);
    assert(p->n_params <= MOST_PARAMS);
    for (int i = 0; i < p->n_params; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "$%u", (unsigned)(i + 1) % 1000);
        p->at[i] = sqlite3_bind_parameter_index(p->handle, name);
    }
    p->next = *bucket;
    *bucket = p;
    return p;
}

static int bind(const struct prepared *to, const struct param *params)
{
    sqlite3_stmt *handle = to->handle;

    for (int i = 0; params[i].kind != PARAM_END; i++) {
        const struct param *p = &params[i];
        int at = i < to->n_params ? to->at[i] : 0;
        int r = SQLITE_OK;
        if (at == 0)
            return SQLITE_RANGE;
        if (p->kind == PARAM_INT)
            r = sqlite3_bind_int64(handle, at, p->number);
        else if (p->kind == PARAM_NULL || !p->data)
            r = sqlite3_bind_null(handle, at);
        else if (p->kind == PARAM_TEXT)
            r = sqlite3_bind_text(handle, at, p->data, -1, SQLITE_TRANSIENT);
        else
            r = sqlite3_bind_blob64(handle, at, p->data, p->n, SQLITE_TRANSIENT);
        if (r != SQLITE_OK)
            return r;
    }
    return SQLITE_OK;
}

struct rows *db_query_with(struct db *db, const struct stmt *stmt, const struct param *params)
{
    struct rows *r = mem_new(sizeof *r);

    r->db = db;
    r->p = prepared(db, stmt);
    if (!r->p) {
        r->fault = stmt->name;
        return r;
    }
    r->p->busy = true;
    if (bind(r->p, params) != SQLITE_OK)
        r->fault = stmt->name;
    return r;
}

int rows_next(struct rows *r, struct err *e)
{
    if (r->fault)
        return fault(r->db, SQLITE_ERROR, r->fault, e);
    int step = sqlite3_step(r->p->handle);
    if (step == SQLITE_ROW)
        return 1;
    return step == SQLITE_DONE ? 0 : fault(r->db, step, r->p->stmt->name, e);
}

void rows_free(struct rows *r)
{
    if (!r)
        return;
    if (r->p) {
        (void)sqlite3_reset(r->p->handle);
        (void)sqlite3_clear_bindings(r->p->handle);
        r->p->busy = false;
    }
    mem_free(r);
}

int db_run_with(struct db *db, struct err *e, const struct stmt *stmt, const struct param *params)
{
    scoped(rows_free) struct rows *r = db_query_with(db, stmt, params);
    int step;

    while ((step = rows_next(r, e)) > 0)
        continue;
    return step < 0 ? -1 : sqlite3_changes(db->handle);
}

const char *row_text(struct rows *r, int column)
{
    return (const char *)sqlite3_column_text(r->p->handle, column);
}

int64_t row_int(struct rows *r, int column)
{
    return sqlite3_column_int64(r->p->handle, column);
}

bool row_null(struct rows *r, int column)
{
    return sqlite3_column_type(r->p->handle, column) == SQLITE_NULL;
}

const void *row_blob(struct rows *r, int column, size_t *n)
{
    const void *data = sqlite3_column_blob(r->p->handle, column);

    *n = (size_t)sqlite3_column_bytes(r->p->handle, column);
    return data;
}

const struct env *db_env(const struct db *db)
{
    return db->env;
}

msec_t db_now(const struct db *db)
{
    return clock_wall(db->env->clock);
}
