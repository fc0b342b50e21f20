/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer. Calls queue up while a commit is under way; the next transaction takes them all, each
 * inside a savepoint of its own, so that one that fails undoes itself alone. One fsync then serves
 * them all: a caller alone waits for one commit, 64 callers share it.
 *
 * A commit that fails leaves us without knowledge of what is on disk (PostgreSQL's lesson of 2018),
 * so after an I/O error no further write is tried (disk_fail()): reads go on, writes are refused, and
 * the operator restarts the server, which recovers from the log. A full disk is not such a case.
 *
 * SQLite undoes a whole transaction by itself when it meets some faults in the middle. Whoever is in
 * the group then fails, also those before, and none of those after is run outside of one.
 */
#include "store/store.h"

#include "base/buf.h"
#include "base/reserve.h"
#include "store/store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/file.h>

enum { COMMIT_GROUP = 256 }; /* bounds the time that the first of a group waits for the last */

struct call {
    store_fn fn;
    store_done done;
    void *arg;
    int r;
    struct err err;
    struct call *next;
};

struct reader {
    struct db *db;
    struct reader *next;
};

struct listener {
    store_listener fn;
    void *arg;
    struct listener *next;
};

struct store {
    const struct env *env;
    char *path;
    struct listener *listeners;

    pthread_t writer;
    pthread_mutex_t telling; /* guards `listeners`; held while they are told */
    pthread_mutex_t lock;    /* guards all below */
    pthread_cond_t work;
    struct call *first, **last;
    bool stopping;
    struct reader *idle_readers;
};

static void *write_loop(void *arg);

static int open_store(const struct env *env, const char *dir, bool in_use, struct store **out,
                      struct err *e)
{
    scoped(mem_free) char *path = mem_format("%s/impresario.db", dir);
    struct db *db = NULL;

    if (db_open(env, path, false, &db, e) < 0)
        return -1;
    if (db_migrate(db, in_use, e) < 0) {
        db_close(db);
        return -1;
    }

    struct store *s = mem_new(sizeof *s);
    s->env = env;
    s->path = take(path);
    s->last = &s->first;
    pthread_mutex_init(&s->telling, NULL);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work, NULL);
    void **start = mem_new_array(2, sizeof *start);
    start[0] = s;
    start[1] = db;
    if (pthread_create(&s->writer, NULL, write_loop, start) != 0)
        abort();
    *out = s;
    return 0;
}

int store_open(const struct env *env, const char *dir, struct store **out, struct err *e)
{
    return open_store(env, dir, false, out, e);
}

int store_join(const struct env *env, const char *dir, struct store **out, struct err *e)
{
    scoped(err_clear) struct err in_use = { 0 };
    int lock = store_lock(dir, &in_use);

    fd_close(lock); /* at once: a server that starts now shall not find it taken */
    return open_store(env, dir, lock < 0 && in_use.code == ERR_CONFLICT, out, e);
}

int store_lock(const char *dir, struct err *e)
{
    scoped(mem_free) char *path = mem_format("%s/lock", dir);
    scoped(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return err_set_errno(e, ERR_IO, errno, "open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return err_set(e, ERR_CONFLICT,
                       "another server uses the data directory %s: stop it, or choose another one "
                       "with --data",
                       dir);
    return take_fd(&fd);
}

static void reader_free(struct reader *r)
{
    db_close(r->db);
    mem_free(r);
}

void store_close(struct store *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->writer, NULL);
    while (s->idle_readers) {
        struct reader *r = s->idle_readers;
        s->idle_readers = r->next;
        reader_free(r);
    }
    while (s->listeners) {
        struct listener *l = s->listeners;
        s->listeners = l->next;
        mem_free(l);
    }
    pthread_mutex_destroy(&s->telling);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->work);
    mem_free(s->path);
    mem_free(s);
}

const struct env *store_env(const struct store *s)
{
    return s->env;
}

msec_t store_now(const struct store *s)
{
    return clock_wall(s->env->clock);
}

void store_listen(struct store *s, store_listener fn, void *arg)
{
    struct listener *l = mem_new(sizeof *l);

    pthread_mutex_lock(&s->telling);
    *l = (struct listener){ fn, arg, s->listeners };
    s->listeners = l;
    pthread_mutex_unlock(&s->telling);
}

void store_unlisten(struct store *s, store_listener fn, void *arg)
{
    pthread_mutex_lock(&s->telling);
    for (struct listener **at = &s->listeners; *at; at = &(*at)->next) {
        struct listener *l = *at;
        if (l->fn == fn && l->arg == arg) {
            *at = l->next;
            mem_free(l);
            break;
        }
    }
    pthread_mutex_unlock(&s->telling);
}

static void tell(struct store *s, const char *topic)
{
    pthread_mutex_lock(&s->telling);
    for (struct listener *l = s->listeners; l; l = l->next)
        l->fn(l->arg, topic);
    pthread_mutex_unlock(&s->telling);
}

/* ---- the writer ---- */

static struct call *next_group(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->first && !s->stopping)
        pthread_cond_wait(&s->work, &s->lock);
    struct call *group = s->first;
    struct call **end = &group;
    for (int n = 0; *end && n < COMMIT_GROUP; n++)
        end = &(*end)->next;
    s->first = *end;
    if (!s->first)
        s->last = &s->first;
    *end = NULL;
    pthread_mutex_unlock(&s->lock);
    return group;
}

/* False when the call undid more than its own part. */
static bool run_one(struct db *db, struct call *c)
{
    if (db_savepoint(db, &c->err) < 0) {
        c->r = -1;
        return db_is_open(db);
    }
    c->r = c->fn(db, c->arg, &c->err);
    if (c->r == 0 && db_is_open(db))
        c->r = db_keep(db, &c->err);
    else
        db_undo(db);
    return db_is_open(db);
}

/* A full disk, or one that fails, undoes all that the group has written so far; what came after that
 * would be kept part by part. So the others are not run, and nothing of the group is kept. */
static int run_all(struct db *db, struct call *group, struct err *why)
{
    for (struct call *c = group; c; c = c->next) {
        if (!run_one(db, c))
            return c->r < 0 ? err_set(why, c->err.code, "%s", c->err.msg)
                            : err_set(why, ERR_UNAVAILABLE, "the write was undone by the store");
    }
    return 0;
}

static void fail_all(struct call *group, const struct err *why)
{
    for (struct call *c = group; c; c = c->next) {
        if (c->r < 0)
            continue;
        c->r = -1;
        err_set(&c->err, why->code, "%s", why->msg);
    }
}

static void run_group(struct store *s, struct db *db, struct call *group)
{
    scoped(err_clear) struct err why = { 0 };
    bool kept = false;

    if (disk_check(s->env->disk, &why) == 0 && db_begin(db, &why) == 0) {
        if (run_all(db, group, &why) < 0) {
            db_rollback(db);
        } else if (db_commit(db, &why) == 0) {
            kept = true;
        } else if (why.code == ERR_IO) {
            disk_fail(s->env->disk, why.msg);
        }
    }
    if (!kept)
        fail_all(group, &why);

    while (group) {
        struct call *c = group;
        group = c->next;
        c->done(c->arg, c->r, &c->err);
        err_clear(&c->err);
        mem_free(c);
    }
    const char *topic;
    while ((topic = db_next_change(db)) != NULL) {
        if (kept)
            tell(s, topic);
    }
}

static void *write_loop(void *arg)
{
    void **start = arg;
    struct store *s = start[0];
    struct db *db = start[1];
    struct call *group;

    mem_free(start);
    while ((group = next_group(s)) != NULL)
        run_group(s, db, group);
    db_close(db);
    return NULL;
}

/* With the lock held. */
static void submit(struct store *s, store_fn fn, store_done done, void *arg)
{
    struct call *c = mem_new(sizeof *c);

    *c = (struct call){ fn, done, arg, 0, { 0 }, NULL };
    *s->last = c;
    s->last = &c->next;
    pthread_cond_signal(&s->work);
}

void store_submit(struct store *s, store_fn fn, store_done done, void *arg)
{
    pthread_mutex_lock(&s->lock);
    submit(s, fn, done, arg);
    pthread_mutex_unlock(&s->lock);
}

/* Who waits for some parts. */
struct latch {
    pthread_mutex_t lock;
    pthread_cond_t done;
    size_t left;
};

struct waited {
    struct store_part *part;
    struct latch *latch;
};

static int waited_fn(struct db *db, void *arg, struct err *e)
{
    const struct waited *w = arg;

    return w->part->fn(db, w->part->arg, e);
}

static void waited_done(void *arg, int r, const struct err *e)
{
    struct waited *w = arg;
    struct latch *latch = w->latch;

    w->part->r = r;
    if (r < 0)
        err_set(w->part->err, e->code, "%s", e->msg ? e->msg : "no reason given");
    mem_free(w);
    pthread_mutex_lock(&latch->lock);
    if (--latch->left == 0)
        pthread_cond_signal(&latch->done);
    pthread_mutex_unlock(&latch->lock);
}

void store_write_all(struct store *s, struct store_part *parts, size_t n)
{
    struct latch latch = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, n };

    pthread_mutex_lock(&s->lock); /* the writer finds all of them, or none */
    for (size_t i = 0; i < n; i++) {
        struct waited *w = mem_new(sizeof *w);
        *w = (struct waited){ &parts[i], &latch };
        submit(s, waited_fn, waited_done, w);
    }
    pthread_mutex_unlock(&s->lock);
    pthread_mutex_lock(&latch.lock);
    while (latch.left > 0)
        pthread_cond_wait(&latch.done, &latch.lock);
    pthread_mutex_unlock(&latch.lock);
    pthread_mutex_destroy(&latch.lock);
    pthread_cond_destroy(&latch.done);
}

int store_write(struct store *s, store_fn fn, void *arg, struct err *e)
{
    struct store_part part = { fn, arg, e, 0 };

    store_write_all(s, &part, 1);
    return part.r;
}

/* ---- readers ---- */

static struct reader *reader_get(struct store *s, struct err *e)
{
    pthread_mutex_lock(&s->lock);
    struct reader *r = s->idle_readers;
    if (r)
        s->idle_readers = r->next;
    pthread_mutex_unlock(&s->lock);
    if (r)
        return r;

    struct db *db = NULL;
    if (db_open(s->env, s->path, true, &db, e) < 0)
        return NULL;
    r = mem_new(sizeof *r);
    r->db = db;
    return r;
}

static void reader_put(struct store *s, struct reader *r)
{
    /* Made without memory, or grown without: what it has would stay in the reserve. */
    if (reserve_has(r) || db_took_reserve(r->db)) {
        reader_free(r);
        return;
    }
    pthread_mutex_lock(&s->lock);
    r->next = s->idle_readers;
    s->idle_readers = r;
    pthread_mutex_unlock(&s->lock);
}

int store_read(struct store *s, store_fn fn, void *arg, struct err *e)
{
    struct reader *reader = reader_get(s, e);

    if (!reader)
        return -1;
    int r = db_begin(reader->db, e);
    if (r == 0) {
        r = fn(reader->db, arg, e);
        db_rollback(reader->db);
    }
    reader_put(s, reader);
    return r;
}

static int ask_epoch(struct db *db, void *arg, struct err *e)
{
    static const struct stmt EPOCH = { "server.look", "SELECT epoch FROM server WHERE id = 1" };
    scoped(rows_free) struct rows *r = db_query(db, &EPOCH);

    (void)arg;
    return rows_next(r, e) < 0 ? -1 : 0;
}

int store_check(struct store *s, struct err *e)
{
    return disk_check(s->env->disk, e) < 0 ? -1 : store_read(s, ask_epoch, NULL, e);
}
