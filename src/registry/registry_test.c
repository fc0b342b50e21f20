/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked for, what a registry says, digests and files: each by itself. What comes of them
 * together is in proxy_test.c and test/api/registry.test.mjs.
 */
#include "registry/cache.h"
#include "registry/digest.h"
#include "registry/packument.h"
#include "registry/wanted.h"

#include "base/bounds.h"
#include "base/json.h"
#include "base/tree.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- what may be asked for ---- */

static void packages_and_their_tarballs_may_be_asked_for(void **state)
{
    static const struct {
        const char *path;
        enum wanted_kind kind;
        const char *name, *version;
    } rows[] = {
        { "/react", WANTED_PACKUMENT, "react", "" },
        { "/JSONStream", WANTED_PACKUMENT, "JSONStream", "" },
        { "/@types%2fnode", WANTED_PACKUMENT, "@types/node", "" },
        { "/%40types%2Fnode", WANTED_PACKUMENT, "@types/node", "" },
        { "/@types/node", WANTED_PACKUMENT, "@types/node", "" },
        { "/react/-/react-1.2.3.tgz", WANTED_TARBALL, "react", "1.2.3" },
        { "/a-b/-/a-b-1.0.0-rc.1+x.5.tgz", WANTED_TARBALL, "a-b", "1.0.0-rc.1+x.5" },
        { "/@types/node/-/node-1.2.3.tgz", WANTED_TARBALL, "@types/node", "1.2.3" },
    };

    (void)state;
    for (size_t i = 0; i < n_items(rows); i++) {
        struct wanted w;
        wanted_read(rows[i].path, &w);
        if (w.kind != rows[i].kind)
            fail_msg("%s", rows[i].path);
        assert_string_equal(w.name, rows[i].name);
        assert_string_equal(w.version, rows[i].version);
    }
}

static void nothing_else_may_be_asked_for(void **state)
{
    static const char *const paths[] = {
        "",
        "/",
        "react",
        "//react",
        "/..",
        "/../react",
        "/.npmrc",
        "/_session",
        "/-/ping",
        "/-/npm/v1/security/audits/quick",
        "/-/npm/v1/security/advisories/bulk",
        "/-/v1/search",
        "/-/user/org.couchdb.user:a",
        "/-/package/react/dist-tags",
        "/react/latest",
        "/react/1.2.3",
        "/@types",
        "/@types/",
        "/@/node",
        "/@types/node/1.2.3",
        "/@a/b/c",
        "/@types%2fnode%2fx",
        "/re%00act",
        "/re%0dact",
        "/re%act",
        "/re%2",
        "/re act",
        "/r\xc3\xa4",
        "/react/-/",
        "/react/-/react-.tgz",
        "/react/-/other-1.2.3.tgz",
        "/react/-/react-1.2.3.zip",
        "/react/-/react-1/../2.tgz",
        "/react/-/react-1.2.3.tgz/x",
        "/react/-/react-1.2.3%2f.tgz",
        "/react?x",
    };
    struct wanted w;

    (void)state;
    for (size_t i = 0; i < n_items(paths); i++) {
        wanted_read(paths[i], &w);
        if (w.kind != WANTED_NOTHING)
            fail_msg("%s", paths[i]);
    }
    scoped(mem_free) char *long_name = mem_format("/%0*d", WANTED_NAME + 1, 1);
    wanted_read(long_name, &w);
    assert_int_equal(w.kind, WANTED_NOTHING);
    scoped(mem_free) char *longest = mem_format("/%0*d", WANTED_NAME, 1);
    wanted_read(longest, &w);
    assert_int_equal(w.kind, WANTED_PACKUMENT);
    scoped(mem_free) char *endless = mem_format("/a/-/a-%0*d.tgz", 4000, 1);
    wanted_read(endless, &w);
    assert_int_equal(w.kind, WANTED_NOTHING);
}

/* ---- digests ---- */

#define ABC_SHA1 "a9993e364706816aba3e25717850c26c9cd0d89d"
#define ABC_SHA512 \
    "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw=="
#define ABC_SHA512_HEX                                                 \
    "sha512-ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64" \
    "b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

static void the_strongest_digest_counts(void **state)
{
    static const struct {
        const char *integrity, *shasum, *text;
    } rows[] = {
        { ABC_SHA512, NULL, ABC_SHA512_HEX },
        { "sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J0=  " ABC_SHA512 "?a", ABC_SHA1, ABC_SHA512_HEX },
        { "md5-kAFQmDzST7DWlj99KOF/cg==", ABC_SHA1, "sha1-" ABC_SHA1 },
        { "sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", NULL, "sha1-" ABC_SHA1 },
        { NULL, ABC_SHA1, "sha1-" ABC_SHA1 },
        { "sha512-AAAA", ABC_SHA1, "sha1-" ABC_SHA1 },
        { NULL, NULL, NULL },
        { "", "", NULL },
        { "sha512-", "A9993E364706816ABA3E25717850C26C9CD0D89D", NULL },
        { "sha512-../../x", "../x", NULL },
        { "sha1-%Zk+NkcGgWq6PiVxeFDCbJzQ2J0=", NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < n_items(rows); i++) {
        char text[DIGEST_TEXT];
        bool known = digest_read(rows[i].integrity, rows[i].shasum, text);
        assert_int_equal(known, rows[i].text != NULL);
        if (known)
            assert_string_equal(text, rows[i].text);
    }
}

static void bytes_have_their_digest_and_no_other(void **state)
{
    scoped(digest_free) struct digest *same = digest_new(ABC_SHA512_HEX);
    scoped(digest_free) struct digest *other = digest_new("sha1-" ABC_SHA1);

    (void)state;
    digest_add(same, "a", 1);
    digest_add(same, "bc", 2);
    assert_true(digest_is(same));
    digest_add(other, "abd", 3);
    assert_false(digest_is(other));
}

/* ---- what a registry says ---- */

#define OWN "http://127.0.0.1:4873/"

static void tarballs_get_the_proxys_address_and_are_found_again(void **state)
{
    static const char said[] =
        "{\"name\":\"@s/p\",\"dist-tags\":{\"latest\":\"1.0.0\"},\"versions\":{"
        "\"1.0.0\":{\"dependencies\":{\"q\":\"^1\"},\"dist\":{\"tarball\":\"https://far.test/x?y=1\","
        "\"integrity\":\"" ABC_SHA512 "\",\"signatures\":[1]}},"
        "\"1.0.0-rc.1\":{\"dist\":{\"tarball\":\"http://far.test/rc\",\"shasum\":\"" ABC_SHA1
        "\"}},"
        "\"2.0.0\":{\"dist\":{\"tarball\":\"file:///etc/passwd\",\"shasum\":\"" ABC_SHA1 "\"}},"
        "\"3.0.0\":{\"dist\":{\"tarball\":\"http://far.test/3\"}},"
        "\"4.0.0\":{\"dist\":{\"tarball\":\"http://far.test/4\\n1.0.0 - http://evil.test/\"}},"
        "\"../5\":{\"dist\":{\"tarball\":\"http://far.test/5\"}},"
        "\"6 6\":{\"dist\":{}},\"7.0.0\":{},\"8.0.0\":3}}";
    scoped(buf_done) struct buf body = { 0 };
    scoped(buf_done) struct buf index = { 0 };
    scoped(err_clear) struct err e = { 0 };
    struct tarball t;

    (void)state;
    assert_int_equal(packument_rewrite(said, sizeof said - 1, "@s/p", OWN, &body, &index, &e), 0);
    scoped(json_decref) json_t *told = json_loads(buf_str(&body), 0, NULL);
    json_t *versions = json_object_get(told, "versions");
    assert_int_equal(json_object_size(versions), 5); /* those that can be asked for */
    json_t *dist = json_object_get(json_object_get(versions, "1.0.0"), "dist");
    assert_string_equal(json_text(dist, "tarball"), OWN "@s/p/-/p-1.0.0.tgz");
    assert_string_equal(json_text(dist, "integrity"), ABC_SHA512);
    assert_string_equal(json_text(json_object_get(told, "dist-tags"), "latest"), "1.0.0");
    assert_null(strstr(buf_str(&body), "far.test"));

    assert_true(packument_find(buf_str(&index), "1.0.0", &t));
    assert_string_equal(t.url, "https://far.test/x?y=1");
    assert_string_equal(t.digest, ABC_SHA512_HEX);
    tarball_done(&t);
    assert_true(packument_find(buf_str(&index), "1.0.0-rc.1", &t));
    assert_string_equal(t.url, "http://far.test/rc");
    assert_string_equal(t.digest, "sha1-" ABC_SHA1);
    tarball_done(&t);
    assert_true(packument_find(buf_str(&index), "2.0.0", &t));
    assert_null(t.url);
    assert_true(packument_find(buf_str(&index), "3.0.0", &t));
    assert_string_equal(t.digest, "");
    tarball_done(&t);
    assert_true(packument_find(buf_str(&index), "4.0.0", &t));
    assert_null(t.url);
    assert_false(packument_find(buf_str(&index), "1.0", &t));
    assert_false(packument_find(buf_str(&index), "../5", &t));
    assert_false(packument_find("", "1.0.0", &t));
}

static void what_is_no_packument_is_refused(void **state)
{
    static const char *const said[] = { "", "null", "[]", "{", "{\"versions\":[]}", "<html>" };

    (void)state;
    for (size_t i = 0; i < n_items(said); i++) {
        scoped(buf_done) struct buf body = { 0 };
        scoped(buf_done) struct buf index = { 0 };
        scoped(err_clear) struct err e = { 0 };
        if (packument_rewrite(said[i], strlen(said[i]), "p", OWN, &body, &index, &e) == 0)
            fail_msg("%s", said[i]);
        assert_int_equal(e.code, ERR_INPUT);
        assert_int_equal(body.n, 0);
    }
    scoped(buf_done) struct buf deep = { 0 };
    scoped(buf_done) struct buf unused = { 0 };
    scoped(err_clear) struct err e = { 0 };
    for (int i = 0; i < 100000; i++)
        buf_text(&deep, "{\"versions\":");
    assert_int_equal(packument_rewrite(deep.data, deep.n, "p", OWN, &unused, &unused, &e), -1);
}

/* ---- files ---- */

enum { KIB = 1024 };

struct world {
    char folder[32];
    int fd;
    struct clock_fake clock;
    struct cache *cache;
};

static void world_open(struct world *w, int64_t max_bytes)
{
    scoped(err_clear) struct err e = { 0 };

    *w = (struct world){ .folder = "/tmp/registry-test-XXXXXX" };
    assert_non_null(mkdtemp(w->folder));
    w->fd = open(w->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    clock_fake_init(&w->clock, 1700000000000);
    assert_int_equal(cache_open(w->fd, max_bytes, &w->clock.clock, &w->cache, &e), 0);
}

static void world_close(struct world *w)
{
    cache_close(w->cache);
    fd_close(w->fd);
    assert_int_equal(tree_remove(w->folder), 0);
}

/* Each is later than the one before. */
static void keep(struct world *w, const char *name, size_t n)
{
    scoped(cache_file_done) struct cache_file f = { .fd = -1 };
    scoped(err_clear) struct err e = { 0 };
    scoped(mem_free) char *data = mem_new(n);

    clock_fake_advance(&w->clock, 1000);
    assert_int_equal(cache_begin(w->cache, &f, &e), 0);
    assert_int_equal(write(f.fd, data, n), n);
    cache_keep(&f, name);
}

static bool has(struct world *w, const char *name)
{
    scoped(mem_free) char *path = mem_format("%s/%s", w->folder, name);

    return access(path, F_OK) == 0;
}

static void what_is_kept_is_found_until_it_is_removed(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, 1024 * KIB);
    keep(&w, "a", KIB);
    scoped(fd_close) int fd = cache_find(w.cache, "a");
    assert_true(fd >= 0);
    assert_int_equal(cache_find(w.cache, "b"), -1);
    cache_remove(w.cache, "a");
    assert_int_equal(cache_find(w.cache, "a"), -1);
    world_close(&w);
}

static void what_is_not_kept_leaves_nothing(void **state)
{
    scoped(err_clear) struct err e = { 0 };
    struct cache_file f;
    struct world w;

    (void)state;
    world_open(&w, 1024 * KIB);
    assert_int_equal(cache_begin(w.cache, &f, &e), 0);
    assert_true(has(&w, f.name));
    cache_file_done(&f);
    assert_int_equal(rmdir(w.folder), 0);
    assert_int_equal(mkdir(w.folder, 0700), 0);
    world_close(&w);
}

static void a_killed_process_leaves_nothing_half_written(void **state)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(cache_close) struct cache *next = NULL;
    struct cache_file f;
    struct world w;

    (void)state;
    world_open(&w, 1024 * KIB);
    keep(&w, "whole", KIB);
    assert_int_equal(cache_begin(w.cache, &f, &e), 0);
    assert_int_equal(cache_open(w.fd, 1024 * KIB, &w.clock.clock, &next, &e), 0);
    assert_false(has(&w, f.name));
    assert_true(has(&w, "whole"));
    cache_file_done(&f);
    world_close(&w);
}

static void with_too_much_the_least_used_goes(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, 400 * KIB);
    keep(&w, "a", 100 * KIB);
    keep(&w, "b", 100 * KIB);
    keep(&w, "c", 100 * KIB);
    clock_fake_advance(&w.clock, 1000);
    fd_close(cache_find(w.cache, "a"));
    keep(&w, "d", 100 * KIB);
    keep(&w, "e", 100 * KIB); /* there is no room for both */
    (void)cache_sweep(w.cache);
    assert_false(has(&w, "b"));
    assert_true(has(&w, "a") && has(&w, "d") && has(&w, "e"));
    keep(&w, "huge", 500 * KIB);
    assert_false(has(&w, "huge"));
    assert_true(has(&w, "e"));
    world_close(&w);
}

static void what_nobody_used_for_long_goes(void **state)
{
    const msec_t days = (msec_t)LIMIT_UNUSED_PACKAGE_DAYS * 24 * 3600 * 1000;
    struct world w;

    (void)state;
    world_open(&w, 1024 * KIB);
    keep(&w, "a", KIB);
    clock_fake_advance(&w.clock, days / 2);
    keep(&w, "b", KIB);
    clock_fake_advance(&w.clock, days / 2);
    assert_int_equal(cache_sweep(w.cache), 1);
    assert_true(!has(&w, "a") && has(&w, "b"));
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packages_and_their_tarballs_may_be_asked_for),
        cmocka_unit_test(nothing_else_may_be_asked_for),
        cmocka_unit_test(the_strongest_digest_counts),
        cmocka_unit_test(bytes_have_their_digest_and_no_other),
        cmocka_unit_test(tarballs_get_the_proxys_address_and_are_found_again),
        cmocka_unit_test(what_is_no_packument_is_refused),
        cmocka_unit_test(what_is_kept_is_found_until_it_is_removed),
        cmocka_unit_test(what_is_not_kept_leaves_nothing),
        cmocka_unit_test(a_killed_process_leaves_nothing_half_written),
        cmocka_unit_test(with_too_much_the_least_used_goes),
        cmocka_unit_test(what_nobody_used_for_long_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
