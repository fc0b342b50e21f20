/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"
#include "registry/packument.h"
#include "registry/wanted.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define OWN "http://127.0.0.1:4873/"

/* What was understood is the one way to write it, and is understood the same again. */
static void read_path(const char *path)
{
    struct wanted w, again;

    wanted_read(path, &w);
    if (w.kind == WANTED_NOTHING)
        return;
    assert(*w.name && strspn(w.name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789-._~@/") == strlen(w.name));
    assert(!strstr(w.name, "..") || *w.name != '.');
    scoped(mem_free) char *file =
        w.kind == WANTED_TARBALL ? tarball_path(w.name, w.version) : mem_text(w.name);
    scoped(mem_free) char *whole = mem_format("/%s", file);
    wanted_read(whole, &again);
    assert(again.kind == w.kind && strcmp(again.name, w.name) == 0 &&
           strcmp(again.version, w.version) == 0);
}

/* Each version that is told of can be asked for, and is found by what is then asked for. */
static void check_version(const char *version, const json_t *said, const char *index)
{
    const char *address = json_text(json_object_get(said, "dist"), "tarball");
    struct tarball t = { 0 };
    struct wanted w;

    assert(address && strncmp(address, OWN, strlen(OWN)) == 0);
    wanted_read(address + strlen(OWN) - 1, &w);
    assert(w.kind == WANTED_TARBALL && strcmp(w.name, "@s/p") == 0 &&
           strcmp(w.version, version) == 0);
    assert(packument_find(index, version, &t));
    assert(!t.url || strncmp(t.url, "http", 4) == 0);
    assert(strspn(t.digest, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(t.digest));
    tarball_done(&t);
}

static void read_packument(const char *text, size_t n)
{
    scoped(buf_done) struct buf body = { 0 };
    scoped(buf_done) struct buf index = { 0 };
    scoped(err_clear) struct err e = { 0 };
    const char *version;
    json_t *said;

    if (packument_rewrite(text, n, "@s/p", OWN, &body, &index, &e) < 0) {
        assert(e.code == ERR_INPUT && body.n == 0);
        return;
    }
    scoped(json_decref) json_t *told = json_loadb(body.data, body.n, 0, NULL);
    assert(told);
    json_object_foreach(json_object_get(told, "versions"), version, said)
        check_version(version, said, buf_str(&index));
}

/* First byte: even, the path of a request; odd, what a registry says of a package. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    scoped(mem_free) char *text = mem_text_n((const char *)data + 1, n - 1);
    if (data[0] % 2)
        read_packument(text, n - 1);
    else
        read_path(text);
    return 0;
}
