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

/* Names a set of dependencies together with what they are installed by and for. */
char *layer_digest(const struct building *b)
{
    unsigned char digest[SHA256_SIZE];
    char text[SHA256_TEXT_SIZE];
    const char *lockfile = json_text(b->prepared, "lockfile");
    scoped(mem_free) char *set =
        json_print_as(json_object_get(b->prepared, "dependencies"), JSON_COMPACT | JSON_SORT_KEYS);
    scoped(mem_free) char *runner_path = mem_format("%s/package.json", b->engine->settings->runner);
    scoped(json_decref) json_t *runner = json_load_file(runner_path, 0, NULL);
    scoped(mem_free) char *tools = json_print(json_object_get(runner, "dependencies"));
    EVP_MD_CTX *ctx = sha256_begin();

    digest_add(ctx, "linux-x64");
    digest_add(ctx, tools);
    digest_add(ctx, set);
    digest_add(ctx, lockfile ? lockfile : "");
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

/* staging -> layers, durable before its row is. */
static int name_layer(struct building *b, struct err *e)
{
    scoped(mem_free) char *layers = mem_format("%s/layers", b->engine->settings->data);
    scoped(mem_free) char *path = mem_format("%s/%s", layers, b->layer);
    scoped(fd_close) int dir = open(layers, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)tree_remove(path); /* of a server that ended before the row was kept */
    if (dir < 0 || rename(b->staging, path) < 0)
        return err_set_errno(e, ERR_IO, errno, "keep the installed dependencies");
    if (syncfs(dir) < 0) {
        (void)err_set_errno(e, ERR_IO, errno, "sync the installed dependencies");
        disk_fail(store_env(b->engine->store)->disk, e->msg); /* as any sync that failed */
        return -1;
    }
    return 0;
}

int layer_keep(struct building *b, struct err *e)
{
    return name_layer(b, e) < 0 || store_write(b->engine->store, add, b, e) < 0 ? -1 : 0;
}
