/* SPDX-License-Identifier: Apache-2.0
 *
 * The store: one SQLite database (WAL, synchronous=FULL) behind one writer thread and any number of
 * readers. What is written together by several callers becomes durable with one commit; each
 * caller's part is all or nothing by itself, and nobody is told before it is on disk.
 *
 * Statements keep to the dialect that SQLite and PostgreSQL share, with `$1` parameters.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/env.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct store;
struct db; /* a connection in use by one thread, inside one transaction */

/* 0 keeps what fn wrote, -1 undoes it. */
typedef int (*store_fn)(struct db *db, void *arg, struct err *e);

/* Opens or creates DIR/impresario.db and brings its schema up to date. ERR_PRECONDITION when a newer
 * version of the program wrote it. */
must_use int store_open(const struct env *env, const char *dir, struct store **out, struct err *e);
/* The same beside a server that may be at work: the schema of a store that it uses stays as it is, and
 * ERR_PRECONDITION says so. */
must_use int store_join(const struct env *env, const char *dir, struct store **out, struct err *e);
/* Keeps other servers out of DIR for as long as the descriptor that it returns is open; -1 with ERR_CONFLICT
 * when one is in. */
must_use int store_lock(const char *dir, struct err *e);
void store_close(struct store *s);
DEFINE_SCOPED(struct store, store_close)

/* Writes a copy of DIR/impresario.db to the new file `to`, as it is at one moment, also while a server
 * uses it. Not synced. ERR_NOT_FOUND when there is no store. */
must_use int store_copy(const struct env *env, const char *dir, const char *to, struct err *e);
/* Calls fn with the file of a copy, or of a store that no one else uses, without changing its schema. */
must_use int store_look(const struct env *env, const char *path, store_fn fn, void *arg,
                        struct err *e);

const struct env *store_env(const struct store *s);
/* Milliseconds since 1970; what every row is stamped with. */
msec_t store_now(const struct store *s);

/* Called once the transaction is on disk (r == 0) or undone (r == -1, with the fault). */
typedef void (*store_done)(void *arg, int r, const struct err *e);

/* Runs fn on the writer thread and returns when it is durable. Any thread but the writer's. */
must_use int store_write(struct store *s, store_fn fn, void *arg, struct err *e);
/* Several at once, each kept or undone by itself, in one commit as far as one takes; returns when the
 * last one is. */
struct store_part {
    store_fn fn;
    void *arg;
    struct err *err; /* why r is -1 */
    int r;           /* 0 or -1, filled in */
};
void store_write_all(struct store *s, struct store_part *parts, size_t n);
/* One without waiting; done runs on the writer thread. */
void store_submit(struct store *s, store_fn fn, store_done done, void *arg);
/* Runs fn on this thread, on a connection that only reads, with one view of the data. */
must_use int store_read(struct store *s, store_fn fn, void *arg, struct err *e);

/* Whether it answers, and goes on to take writes: ERR_UNAVAILABLE once the disk failed to keep something.
 * Any thread; cheap. */
must_use int store_check(struct store *s, struct err *e);

/* A topic names what changed ("job/<id>", "queue"); listeners hear of it after the commit, on the
 * writer thread, and only pass it on. */
typedef void (*store_listener)(void *arg, const char *topic);
void store_listen(struct store *s, store_listener fn, void *arg);
/* When it returns, fn is not called any more. */
void store_unlisten(struct store *s, store_listener fn, void *arg);
void db_changed(struct db *db, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Statements. The name is what logs and errors call it. */
struct stmt {
    const char *name;
    const char *sql;
};

struct param {
    enum { PARAM_END, PARAM_NULL, PARAM_INT, PARAM_TEXT, PARAM_BLOB } kind;
    int64_t number;
    const void *data; /* NULL binds NULL */
    size_t n;
};
#define P_NULL                 \
    {                          \
        PARAM_NULL, 0, NULL, 0 \
    }
#define P_INT(value)                         \
    {                                        \
        PARAM_INT, (int64_t)(value), NULL, 0 \
    }
#define P_TEXT(value)           \
    {                           \
        PARAM_TEXT, 0, value, 0 \
    }
#define P_BLOB(value, size)        \
    {                              \
        PARAM_BLOB, 0, value, size \
    }
#define params_(...) (&((const struct param[]){ { 0 }, ##__VA_ARGS__, { 0 } })[1])

/* How many rows it changed, or -1. */
#define db_run(db, e, stmt, ...) db_run_with(db, e, stmt, params_(__VA_ARGS__))
int db_run_with(struct db *db, struct err *e, const struct stmt *stmt, const struct param *params);

/* Rows one by one; what row_text() and row_blob() give lives until the next step. */
struct rows;
#define db_query(db, stmt, ...) db_query_with(db, stmt, params_(__VA_ARGS__))
struct rows *db_query_with(struct db *db, const struct stmt *stmt, const struct param *params);
int rows_next(struct rows *r, struct err *e); /* 1, 0 at the end, or -1 */
void rows_free(struct rows *r);
DEFINE_SCOPED(struct rows, rows_free)

const char *row_text(struct rows *r, int column); /* NULL for NULL */
int64_t row_int(struct rows *r, int column);      /* 0 for NULL */
bool row_null(struct rows *r, int column);
const void *row_blob(struct rows *r, int column, size_t *n);

/* The store a connection belongs to, for its clock and chance. */
const struct env *db_env(const struct db *db);
msec_t db_now(const struct db *db);

#endif
