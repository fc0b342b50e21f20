/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/sweep.h"

#include "base/tree.h"
#include "domain/deployment.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* ---- rows ---- */

struct part {
    const struct sweep *sweep;
    int changed;
};

static int apply(struct db *db, void *arg, struct err *e)
{
    struct part *p = arg;

    p->changed = retention_apply(db, &p->sweep->keep, db_now(db), e);
    return p->changed < 0 ? -1 : 0;
}

int sweep_rows(const struct sweep *s, struct err *e)
{
    struct part p = { s, 0 };

    return store_write(s->store, apply, &p, e) < 0 ? -1 : p.changed == RETENTION_PART;
}

/* ---- folders of dependencies ---- */

/* Calls `each` with the names in DATA/`folder`, until it gives something else than 0. */
static int each_name(const struct sweep *s, const char *folder,
                     int (*each)(const struct sweep *s, const char *path, const char *name,
                                 void *arg, struct err *e),
                     void *arg, struct err *e)
{
    scoped(mem_free) char *above = mem_format("%s/%s", s->data, folder);
    DIR *dir = opendir(above);
    const struct dirent *entry;
    int r = 0;

    if (!dir)
        return err_set_errno(e, ERR_IO, errno, "look through %s", above);
    while (r == 0 && (entry = readdir(dir)) != NULL) {
        scoped(mem_free) char *path = mem_format("%s/%s", above, entry->d_name);
        if (entry->d_name[0] != '.')
            r = each(s, path, entry->d_name, arg, e);
    }
    (void)closedir(dir);
    return r;
}

struct look {
    const char *what;
    int found;
};

static int find_layer(struct db *db, void *arg, struct err *e)
{
    struct look *l = arg;

    l->found = layer_find(db, l->what, e);
    return l->found < 0 ? -1 : 0;
}

struct gone {
    void (*fn)(void *arg, const char *digest);
    void *arg;
};

static int move_layer(const struct sweep *s, const char *path, const char *name, void *arg,
                      struct err *e)
{
    const struct gone *gone = arg;
    struct look l = { name, 0 };
    scoped(mem_free) char *to = mem_format("%s/staging/gone-%s", s->data, name);

    if (store_read(s->store, find_layer, &l, e) < 0)
        return -1;
    if (l.found)
        return 0;
    gone->fn(gone->arg, name);
    (void)tree_remove(to); /* of an earlier sweep that did not get far */
    if (rename(path, to) < 0)
        return err_set_errno(e, ERR_IO, errno, "move %s away", path);
    return 0;
}

int sweep_layers(const struct sweep *s, void (*gone)(void *arg, const char *digest), void *arg,
                 struct err *e)
{
    return each_name(s, "layers", move_layer, &(struct gone){ gone, arg }, e);
}

/* An install under way is minutes old. */
static int remove_staging(const struct sweep *s, const char *path, const char *name, void *arg,
                          struct err *e)
{
    msec_t before = store_now(s->store) - RETENTION_DAY_MS;
    struct stat st;

    (void)arg;
    (void)e;
    if (strncmp(name, "gone-", 5) == 0 ||
        (stat(path, &st) == 0 && (msec_t)st.st_mtim.tv_sec * 1000 < before))
        (void)tree_remove(path);
    return 0;
}

/* ---- blobs ---- */

struct orphans {
    const struct sweep *sweep;
    struct err *e;
    int n, failed;
};

static int find_namer(struct db *db, void *arg, struct err *e)
{
    struct look *l = arg;

    l->found = retention_names(db, l->what, e);
    return l->found < 0 ? -1 : 0;
}

static void on_old(void *arg, const char *key)
{
    struct orphans *o = arg;
    struct look l = { key, 0 };

    if (o->failed || store_read(o->sweep->store, find_namer, &l, o->e) < 0) {
        o->failed = 1;
    } else if (!l.found) {
        blob_delete(o->sweep->blobs, key);
        o->n++;
    }
}

int sweep_files(const struct sweep *s, int *n_blobs, struct err *e)
{
    struct orphans o = { s, e, 0, 0 };

    if (each_name(s, "staging", remove_staging, NULL, e) < 0 ||
        blobs_each_old(s->blobs, store_now(s->store) - RETENTION_DAY_MS, on_old, &o, e) < 0 ||
        o.failed)
        return -1;
    *n_blobs = o.n;
    return 0;
}
