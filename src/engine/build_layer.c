/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/build_private.h"

#include "base/sha256.h"
#include "base/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* With its NUL, so that two texts never run into each other. */
static void digest_add(EVP_MD_CTX *ctx, const char *text)
{
    sha256_add(ctx, text, strlen(text) + 1);
}

json_t *layer_scripts(const struct settings *settings)
{
    json_t *names = json_array();

    for (size_t i = 0; i < settings->install_scripts.n; i++)
        json_array_append_new(names, json_string(settings->install_scripts.items[i]));
    return names;
}

json_t *layer_request(const struct building *b)
{
    return json_pack(
        "{s:O?, s:O?, s:O?, s:o}", "dependencies", json_object_get(b->prepared, "dependencies"),
        "overrides", json_object_get(b->prepared, "overrides"), "lockfile",
        json_object_get(b->prepared, "lockfile"), "scripts", layer_scripts(b->engine->settings));
}

/* Names what is installed together with what it is installed by and for: tenants that ask for the same share it. */
char *layer_digest(const struct building *b)
{
    unsigned char digest[SHA256_SIZE];
    char text[SHA256_TEXT_SIZE];
    scoped(json_decref) json_t *request = layer_request(b);
    scoped(mem_free) char *asked = json_print(request);
    scoped(mem_free) char *runner_path = mem_format("%s/package.json", b->engine->settings->runner);
    scoped(json_decref) json_t *runner = json_load_file(runner_path, 0, NULL);
    scoped(mem_free) char *tools = json_print(json_object_get(runner, "dependencies"));
    EVP_MD_CTX *ctx = sha256_begin();

    digest_add(ctx, "linux-x64");
    digest_add(ctx, tools);
    digest_add(ctx, asked);
    sha256_end(ctx, digest);
    hex_text(digest, sizeof digest, text);
    return mem_text(text);
}

static int find(struct db *db, void *arg, struct err *e)
{
    const struct building *b = arg;

    return layer_find(db, b->layer, e);
}

int layer_is_kept(struct building *b, struct err *e)
{
    return store_read(b->engine->store, find, b, e);
}

static int add(struct db *db, void *arg, struct err *e)
{
    struct building *b = arg;

    return layer_add(db, b->layer, json_int(b->report, "packages", 0),
                     json_int(b->report, "bytes", 0), json_text(b->report, "lockfile"), e);
}

/* ---- away with a folder ---- */

struct clearing {
    struct errand errand;
    char *path;
};

static struct clearing *clearing_of(struct errand *errand)
{
    return (struct clearing *)errand; /* its first member */
}

static void clear_run(struct errand *errand)
{
    (void)tree_remove(clearing_of(errand)->path);
}

static void clear_back(struct errand *errand)
{
    (void)errand;
}

static void clear_free(struct errand *errand)
{
    struct clearing *c = clearing_of(errand);

    mem_free(c->path);
    mem_free(c);
}

/* Under a name that the sweeper knows, too, should this server end before it is gone. */
void layer_clear(struct building *b, const char *path)
{
    struct id id = id_new(store_env(b->engine->store));
    scoped(mem_free) char *to =
        mem_format("%s/staging/gone-%s", b->engine->settings->data, id.text);

    if (rename(path, to) < 0)
        return; /* there is none, or whoever needs its place says why it cannot be had */
    struct clearing *c = mem_new(sizeof *c);
    *c = (struct clearing){ .errand = { .run = clear_run, .back = clear_back, .free = clear_free },
                            .path = take(to) };
    builder_run(b->builder, &c->errand);
}

/* ---- a layer is kept ---- */

/* staging -> layers. Between this and its row nobody else has a turn: the sweeper moves away what has
 * none. */
static int name_layer(struct building *b, struct err *e)
{
    struct disk *disk = store_env(b->engine->store)->disk;
    scoped(mem_free) char *layers = mem_format("%s/layers", b->engine->settings->data);
    scoped(mem_free) char *path = mem_format("%s/%s", layers, b->layer);

    layer_clear(b, path); /* of a server that ended before the row was kept */
    if (rename(b->staging, path) < 0)
        return err_set_errno(e, ERR_IO, errno, "keep the installed dependencies");
    if (disk_sync_dir(disk, layers) < 0)
        return err_set_errno(e, ERR_IO, errno, "sync the folder of installed dependencies");
    return 0;
}

/* Syncing what was installed takes as long as the disk wants, for whatever else is to be written, too. */
struct keeping {
    struct errand errand;
    struct building *building; /* NULL: it is gone */
    struct disk *disk;
    char *staging;
    struct err err;
};

static struct keeping *keeping_of(struct errand *errand)
{
    return (struct keeping *)errand; /* its first member */
}

static void keep_run(struct errand *errand)
{
    struct keeping *k = keeping_of(errand);
    scoped(fd_close) int dir = open(k->staging, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir >= 0 && syncfs(dir) == 0)
        return;
    (void)err_set_errno(&k->err, ERR_IO, errno, "sync the installed dependencies");
    if (dir >= 0)
        disk_fail(k->disk, k->err.msg); /* as any sync that failed */
}

static void keep_back(struct errand *errand)
{
    struct keeping *k = keeping_of(errand);
    struct building *b = k->building;

    if (!b)
        return;
    b->keeping = NULL;
    b->waited += building_now(b) - b->waits_since;
    bool kept = k->err.code == ERR_NONE && name_layer(b, &k->err) == 0 &&
                store_write(b->engine->store, add, b, &k->err) == 0;
    building_layer_kept(b, kept ? NULL : &k->err);
}

static void keep_free(struct errand *errand)
{
    struct keeping *k = keeping_of(errand);

    mem_free(k->staging);
    err_clear(&k->err);
    mem_free(k);
}

void layer_keep(struct building *b)
{
    struct keeping *k = mem_new(sizeof *k);

    *k = (struct keeping){ .errand = { .run = keep_run, .back = keep_back, .free = keep_free },
                           .building = b,
                           .disk = store_env(b->engine->store)->disk,
                           .staging = mem_text(b->staging) };
    b->keeping = k;
    b->waits_since = building_now(b); /* for the disk, and for others who use it */
    builder_run(b->builder, &k->errand);
}

void layer_abandon(struct building *b)
{
    if (b->keeping)
        b->keeping->building = NULL;
    if (b->staging)
        layer_clear(b, b->staging);
}
