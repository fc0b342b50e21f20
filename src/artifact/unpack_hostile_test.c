/* SPDX-License-Identifier: Apache-2.0
 *
 * Archives written by an enemy, or by accident. Whatever they are, nothing beside the tree is
 * touched (tar_testing.c looks after each), and the refusal says what, where and what to do.
 */
#include "artifact/tar_testing.h"

#include "base/rng.h"

#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct place place;

static int make_place(void **state)
{
    (void)state;
    place_make(&place);
    return 0;
}

static int end_place(void **state)
{
    (void)state;
    place_done(&place);
    return 0;
}

static const struct unpack_options plain = { .plain = true };

static void expect_refusal(const struct buf *archive, const struct unpack_options *options,
                           enum err_code code, const char *message)
{
    scoped(err_clear) struct err e = { 0 };

    if (place_unpack(&place, archive, options, &e) == 0)
        fail_msg("taken, not refused with: %s", message);
    if (e.code != code || !strstr(e.msg, message))
        fail_msg("refused with: %s\n                 not with: %s", e.msg, message);
}

/* --- entries that are refused by themselves ------------------------------------------------ */

#define NAME_100 \
    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
#define OUT      "is a link out of the archive; put the file itself there"
#define HARD_OUT "is a hard link out of the archive; put the file itself there"
#define NO_FILE  "is a hard link to what is no file before it; put the file itself there"

static const struct {
    struct member entry[3];
    const char *message;
} entries[] = {
    /* names */
    { { { .name = "/etc/passwd", .data = "x" } }, "\"/etc/passwd\" has an absolute path" },
    { { { .name = "//x", .data = "x" } }, "\"//x\" has an absolute path" },
    { { { .name = "../x", .data = "x" } }, "\"../x\" leads out of its folder with .." },
    { { { .name = "a/../../x", .data = "x" } }, "\"a/../../x\" leads out of its folder" },
    { { { .name = "a/..", .type = '5' } }, "\"a/..\" leads out of its folder" },
    { { { .name = "a/../b", .data = "x" } }, "\"a/../b\" leads out of its folder" },
    { { { .name = "./../beside", .data = "x" } }, "\"./../beside\" leads out" },
    { { { .name = "", .data = "x" } }, "the entry \"\" has no name" },
    { { { .name = "caf\xe9.js", .data = "x" } }, "\"caf\\xe9.js\" has a name that is not UTF-8" },
    { { { .name = "a\xed\xa0\x80", .data = "x" } }, "has a name that is not UTF-8" },
    { { { .name = "a\n\x1b[2Jb/../c", .data = "x" } }, "\"a\\x0a\\x1b[2Jb/../c\" leads out" },
    /* two names for one place */
    { { { .name = "a", .data = "1" }, { .name = "a", .data = "2" } },
      "the entry \"a\" is in the archive twice" },
    { { { .name = "a", .data = "1" }, { .name = "./a", .data = "2" } },
      "the entry \"a\" is in the archive twice" },
    { { { .name = "README.md", .data = "1" }, { .name = "readme.md", .data = "2" } },
      "\"README.md\" and \"readme.md\" differ only in case" },
    { { { .name = "\xc3\xa9", .data = "1" }, { .name = "e\xcc\x81", .data = "2" } },
      "differ only in case or in the Unicode form of a letter" },
    { { { .name = "stra\xc3\x9f"
                  "e",
          .data = "1" },
        { .name = "STRASSE", .data = "2" } },
      "differ only in case" },
    { { { .name = "Lib/x", .data = "1" }, { .name = "lib/y", .data = "2" } },
      "\"Lib\" and \"lib\" differ only in case" },
    { { { .name = "a", .data = "1" }, { .name = "a/b", .data = "2" } },
      "\"a\" is a file and a folder at once" },
    { { { .name = "a/b", .data = "1" }, { .name = "a", .data = "2" } },
      "\"a\" is a folder and a file at once" },
    { { { .name = "a", .type = '5' }, { .name = "A", .type = '5' } }, "differ only in case" },
    { { { .name = "a", .type = '2', .link = "." }, { .name = "a/b", .data = "2" } },
      "\"a\" is a link and a folder at once" },
    { { { .name = "a/b", .data = "2" }, { .name = "a", .type = '2', .link = "x" } },
      "\"a\" is a folder and a link at once" },
    { { { .name = "a", .type = '2', .link = "x" }, { .name = "a", .type = '2', .link = "y" } },
      "\"a\" is in the archive twice" },
    { { { .name = "a", .type = '2', .link = "x" }, { .name = "a", .data = "y" } },
      "\"a\" is a link and a file at once" },
    /* links */
    { { { .name = "l", .type = '2', .link = "/etc/passwd" } }, "\"l\" " OUT },
    { { { .name = "l", .type = '2', .link = ".." } }, "\"l\" " OUT },
    { { { .name = "l", .type = '2', .link = "../beside" } }, "\"l\" " OUT },
    { { { .name = "d/l", .type = '2', .link = "../../beside" } }, "\"d/l\" " OUT },
    { { { .name = "l", .type = '2', .link = "a/../../beside" } }, "\"l\" " OUT },
    { { { .name = "l", .type = '2', .link = "" } }, "\"l\" is a link whose target is empty" },
    { { { .name = "l", .type = '2', .link = "caf\xe9" } }, "\"l\" is a link whose target is" },
    { { { .name = "h", .type = '1', .link = "/etc/passwd" } }, "\"h\" " HARD_OUT },
    { { { .name = "h", .type = '1', .link = "../beside" } }, "\"h\" " HARD_OUT },
    { { { .name = "h", .type = '1', .link = "later" }, { .name = "later", .data = "x" } },
      "\"h\" " NO_FILE },
    { { { .name = "h", .type = '1', .link = "h" } }, "\"h\" " NO_FILE },
    { { { .name = "d", .type = '5' }, { .name = "h", .type = '1', .link = "d" } },
      "\"h\" " NO_FILE },
    { { { .name = "s", .type = '2', .link = "x" }, { .name = "h", .type = '1', .link = "s" } },
      "\"h\" " NO_FILE },
    { { { .name = "a", .data = "x" }, { .name = "A", .type = '1', .link = "a" } },
      "\"a\" and \"A\" differ only in case" },
    /* kinds */
    { { { .name = "c", .type = '3' } }, "\"c\" is a device; leave it out" },
    { { { .name = "b", .type = '4' } }, "\"b\" is a device; leave it out" },
    { { { .name = "p", .type = '6' } }, "\"p\" is a named pipe; leave it out" },
    { { { .name = "u", .data = "x", .mode = 04755 } }, "\"u\" is a set-user-id or set-group-id" },
    { { { .name = "g", .data = "x", .mode = 02755 } }, "\"g\" is a set-user-id or set-group-id" },
};

static void each_hostile_entry_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_items(entries); i++) {
        scoped(buf_done) struct buf tar = { 0 };
        tar_file(&tar, "before", "x");
        for (size_t k = 0; k < 3 && entries[i].entry[k].name; k++)
            tar_add(&tar, &entries[i].entry[k]);
        tar_end(&tar);
        expect_refusal(&tar, &plain, ERR_INPUT, entries[i].message);
    }
}

static void links_that_go_through_others_are_followed_by_the_kernel(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        scoped(buf_done) struct buf tar = { 0 };
        const struct member links[] = {
            { .name = "a/b/up", .type = '2', .link = "../.." }, /* the tree itself */
            { .name = "out", .type = '2', .link = "a/b/up/../beside" },
        };
        tar_file(&tar, "a/b/x", "x");
        tar_add(&tar, &links[order]);
        tar_add(&tar, &links[!order]);
        tar_end(&tar);
        expect_refusal(&tar, &plain, ERR_INPUT,
                       "\"out\" is a link that leads out of the archive through another one");
    }
}

static void names_in_pax_headers_are_held_to_the_same_rules(void **state)
{
    static const char *const cases[][3] = {
        { "path", "/abs", "\"/abs\" has an absolute path" },
        { "path", "a/../../x", "leads out of its folder" },
        { "path", "caf\xe9", "damaged" },
        { "linkpath", "/etc/passwd", "is a link out of the archive" },
        { "size", "-5", "damaged" },
        { "size", "99999999999999999999999", "damaged" },
        { "size", "99999999999", "more than 512 MiB" },
        { "GNU.sparse.name", "../x", "leads out of its folder" },
    };

    (void)state;
    for (size_t i = 0; i < n_items(cases); i++) {
        scoped(buf_done) struct buf tar = { 0 };
        bool link = strcmp(cases[i][0], "linkpath") == 0;
        scoped(err_clear) struct err e = { 0 };
        tar_pax(&tar, 'x', cases[i][0], cases[i][1]);
        tar_add(&tar, &(struct member){ .name = "x",
                                        .type = link ? '2' : '0',
                                        .link = "y",
                                        .data = link ? NULL : "data" });
        tar_end(&tar);
        if (place_unpack(&place, &tar, &plain, &e) == 0 || !strstr(e.msg, cases[i][2]))
            fail_msg("%s=%s: %s", cases[i][0], cases[i][1], e.msg ? e.msg : "taken");
    }
}

/* --- limits -------------------------------------------------------------------------------- */

static void limits_hold_and_are_named(void **state)
{
    const struct unpack_options small = {
        .plain = true, .max_bytes = 1000, .max_entries = 10, .max_path = 50
    };
    static char thousand[1001];
    char name[64];

    (void)state;
    memset(thousand, 'x', 1000);
    { /* bytes, over several files; what is left out counts */
        scoped(buf_done) struct buf tar = { 0 };
        tar_file(&tar, "a", thousand);
        tar_end(&tar);
        scoped(err_clear) struct err e = { 0 };
        assert_int_equal(place_unpack(&place, &tar, &small, &e), 0);
        buf_reset(&tar);
        tar_file(&tar, "node_modules/a", thousand);
        tar_file(&tar, "b", "y");
        tar_end(&tar);
        expect_refusal(&tar, &small, ERR_LIMIT, "the archive unpacks to more than 1000 bytes");
        buf_reset(&tar);
        tar_file(&tar, "a", thousand);
        tar_add(&tar, &(struct member){ .name = "h", .type = '1', .link = "a" });
        tar_end(&tar);
        expect_refusal(&tar, &small, ERR_LIMIT, "the archive unpacks to more than 1000 bytes");
    }
    { /* entries; folders that none names count too */
        scoped(buf_done) struct buf tar = { 0 };
        for (int i = 0; i < 11; i++) {
            (void)snprintf(name, sizeof name, "f%d", i);
            tar_file(&tar, name, "");
        }
        expect_refusal(&tar, &small, ERR_LIMIT, "the archive has more than 10 entries");
        buf_reset(&tar);
        tar_file(&tar, "a/b/c/d/e/f/g/h/i/j", "");
        tar_file(&tar, "k", "");
        expect_refusal(&tar, &small, ERR_LIMIT, "the archive has more than 10 entries");
        buf_reset(&tar);
        for (int i = 0; i < 11; i++)
            tar_file(&tar, "node_modules/x", "");
        expect_refusal(&tar, &small, ERR_LIMIT, "the archive has more than 10 entries");
    }
    { /* paths and their parts */
        scoped(buf_done) struct buf tar = { 0 };
        scoped(mem_free) char *part = mem_format(NAME_100 NAME_100 NAME_100);
        tar_file(&tar, "aaaaaaaaaaaaaaaaaaaaaaaaa/aaaaaaaaaaaaaaaaaaaaaaaaa", "");
        expect_refusal(&tar, &small, ERR_LIMIT, "has a path of more than 50 bytes; shorten it");
        buf_reset(&tar);
        tar_pax(&tar, 'x', "path", part);
        tar_file(&tar, "x", "");
        expect_refusal(&tar, &plain, ERR_INPUT, "nnn...nnn");
        expect_refusal(&tar, &plain, ERR_INPUT, "has a name of more than 255 bytes");
    }
    { /* sizes that are only claimed */
        scoped(buf_done) struct buf tar = { 0 };
        tar_add(&tar, &(struct member){ .name = "big", .data = "x", .size = "77777777777" });
        expect_refusal(&tar, &plain, ERR_LIMIT, "the archive unpacks to more than 512 MiB");
        buf_reset(&tar);
        tar_add(&tar,
                &(struct member){ .name = "neg",
                                  .data = "x",
                                  .size = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xf0" });
        expect_refusal(&tar, &plain, ERR_INPUT, "damaged");
        buf_reset(&tar);
        tar_add(&tar,
                &(struct member){ .name = "huge",
                                  .data = "x",
                                  .size = "\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff" });
        expect_refusal(&tar, &plain, ERR_INPUT, "damaged");
        buf_reset(&tar);
        tar_pax(&tar, 'x', "GNU.sparse.major", "1", "GNU.sparse.minor", "0", "GNU.sparse.name",
                "holes", "GNU.sparse.realsize", "10000000000");
        char map[513] = "1\n9999999999\n1\n";
        tar_add(&tar, &(struct member){ .name = "x", .data = map, .n = sizeof map });
        expect_refusal(&tar, &plain, ERR_LIMIT, "the archive unpacks to more than 512 MiB");
    }
}

/* Small in gzip, huge outside of it: where it stops decides what it costs. */
static void bombs_stop_early(void **state)
{
    enum { MIB = 1 << 20 };
    const struct unpack_options small = { .max_bytes = 1 * MIB, .max_entries = 100 };

    (void)state;
    size_t before = mallinfo2().uordblks;
    { /* one large file, whose size is told */
        scoped(buf_done) struct buf tar = { 0 };
        scoped(mem_free) char *zeros = mem_new(16 * MIB);
        tar_add(&tar, &(struct member){ .name = "big", .data = zeros, .n = 16 * MIB });
        tar_gzip(&tar);
        assert_true(tar.n < 100000);
        expect_refusal(&tar, &small, ERR_LIMIT, "the archive unpacks to more than 1 MiB");
    }
    { /* behind the end of the tar */
        scoped(buf_done) struct buf tar = { 0 };
        tar_file(&tar, "a", "x");
        tar_end(&tar);
        memset(buf_reserve(&tar, 20 * MIB), 0, 20 * MIB);
        buf_grew(&tar, 20 * MIB);
        tar_gzip(&tar);
        expect_refusal(&tar, &small, ERR_LIMIT, "the archive unpacks to more than 1 MiB");
    }
    { /* headers of one entry that never end */
        static const char types[] = { 'g', 'x', 'L', 'K', 'V' };
        for (size_t i = 0; i < sizeof types; i++) {
            scoped(buf_done) struct buf tar = { 0 };
            scoped(err_clear) struct err e = { 0 };
            for (int k = 0; k < 20000; k++)
                tar_add(&tar, &(struct member){
                                  .name = "x", .type = types[i], .data = "12 comment=x\n" });
            tar_gzip(&tar);
            assert_int_equal(place_unpack(&place, &tar, &small, &e), -1);
        }
    }
    { /* a header that is large */
        scoped(buf_done) struct buf tar = { 0 };
        scoped(mem_free) char *text = mem_new(8 * MIB);
        memset(text, 'x', 8 * MIB);
        tar_add(&tar, &(struct member){ .name = "x", .type = 'x', .data = text, .n = 8 * MIB });
        tar_file(&tar, "a", "x");
        tar_gzip(&tar);
        expect_refusal(&tar, &small, ERR_INPUT, "damaged");
    }
    { /* a sparse map that is all there is: old GNU format, extension upon extension */
        scoped(buf_done) struct buf tar = { 0 };
        char h[512] = { 0 };
        tar_add(&tar, &(struct member){ .name = "s", .type = 'S', .gnu = true });
        char *map = tar.data + 386; /* four pieces, "is extended", real size */
        for (int i = 0; i < 8; i++)
            memcpy(map + i * 12, "00000000001", 12);
        map[96] = 1;
        unsigned sum = 0;
        memset(tar.data + 148, ' ', 8);
        for (int i = 0; i < 512; i++)
            sum += (unsigned char)tar.data[i];
        (void)snprintf(tar.data + 148, 8, "%06o", sum & 0xffff);
        for (int i = 0; i < 42; i++)
            memcpy(h + i * 12, "00000000001", 12);
        h[504] = 1;
        for (int i = 0; i < 20000; i++)
            buf_add(&tar, h, sizeof h);
        tar_gzip(&tar);
        expect_refusal(&tar, &small, ERR_LIMIT,
                       "an entry of the archive has more than 4 MiB of headers");
    }
    assert_true(mallinfo2().uordblks < before + MIB);
}

static void a_million_entries_stop_at_the_limit(void **state)
{
    const struct unpack_options few = { .max_entries = 1000 };
    scoped(buf_done) struct buf tar = { 0 };
    char name[32];

    (void)state;
    for (int i = 0; i < 2000; i++) { /* the other 998 000 would not be read */
        (void)snprintf(name, sizeof name, "%d/%d", i % 10, i);
        tar_file(&tar, name, "");
    }
    tar_gzip(&tar);
    expect_refusal(&tar, &few, ERR_LIMIT, "the archive has more than 1000 entries");
}

/* --- damage -------------------------------------------------------------------------------- */

static void what_is_no_archive_is_told(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        bool gzip, plain;
        const char *message;
    } cases[] = {
        { "", 0, false, false, "the archive is empty" },
        { "", 0, false, true, "the archive is empty" },
        { "", 0, true, false, "the archive is empty" },
        { "hello", 5, false, false, "the archive is damaged at byte 2: incorrect header check" },
        { "hello", 5, false, true, "the archive is not a tar; make it with tar czf" },
        { "hello", 5, true, false, "what is in the gzip is not a tar; make it with tar czf" },
        { "PK\3\4............................", 32, true, false, "is not a tar" },
        { "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10, true, false, "is not a tar" },
    };

    (void)state;
    for (size_t i = 0; i < n_items(cases); i++) {
        scoped(buf_done) struct buf bytes = { 0 };
        buf_add(&bytes, cases[i].bytes, cases[i].n);
        if (cases[i].gzip)
            tar_gzip(&bytes);
        expect_refusal(&bytes, cases[i].plain ? &plain : NULL, ERR_INPUT, cases[i].message);
    }
    for (int folders = 0; folders < 2; folders++) {
        scoped(buf_done) struct buf tar = { 0 };
        for (int i = 0; i < folders; i++)
            tar_add(&tar, &(struct member){ .name = "./", .type = '5' });
        tar_end(&tar);
        expect_refusal(&tar, &plain, ERR_INPUT, "the archive holds no files");
        tar_gzip(&tar);
        expect_refusal(&tar, NULL, ERR_INPUT, "the archive holds no files");
    }
    scoped(buf_done) struct buf heavy = { 0 };
    tar_file(&heavy, "node_modules/x", "1");
    tar_end(&heavy);
    expect_refusal(&heavy, &plain, ERR_INPUT, "no files but those in node_modules and .git");
}

static void sample(struct buf *tar, bool gzip)
{
    struct rng_seeded rng;
    char noise[3000];

    rng_seeded_init(&rng, 5);
    rng_fill(&rng.rng, noise, sizeof noise);
    tar_file(tar, "a/b.js", "some text");
    tar_add(tar, &(struct member){ .name = "noise", .data = noise, .n = sizeof noise });
    tar_pax(tar, 'x', "path", "c.js");
    tar_file(tar, "x", "");
    tar_end(tar);
    if (gzip)
        tar_gzip(tar);
}

static void an_archive_cut_anywhere_is_damaged(void **state)
{
    (void)state;
    for (int gzip = 0; gzip < 2; gzip++) {
        scoped(buf_done) struct buf whole = { 0 };
        sample(&whole, gzip);
        /* Without gzip the last block of zeros may be missing: nothing is lost with it. */
        for (size_t n = 1; n < whole.n - (gzip ? 0 : 512); n += gzip ? 5 : 31) {
            scoped(err_clear) struct err e = { 0 };
            struct buf cut = { whole.data, n, whole.room };
            if (place_unpack(&place, &cut, gzip ? NULL : &plain, &e) == 0)
                fail_msg("cut at %zu of %zu, and taken", n, whole.n);
            if (e.code != ERR_INPUT || (n >= 512 && !strstr(e.msg, "damaged at byte ")))
                fail_msg("cut at %zu: %s", n, e.msg);
        }
    }
    scoped(buf_done) struct buf whole = { 0 };
    sample(&whole, false);
    for (size_t n = 512; n < whole.n - 512; n += 512) { /* between blocks nothing looks broken */
        struct buf cut = { whole.data, n, whole.room };
        expect_refusal(&cut, &plain, ERR_INPUT, "damaged at byte ");
    }
}

/* A few bits of deflate mean nothing, such as those that fill up a byte: then the tree is right. */
static void a_gzip_with_one_bit_turned_is_damaged(void **state)
{
    scoped(buf_done) struct buf whole = { 0 };
    scoped(err_clear) struct err none = { 0 };
    int taken = 0;

    (void)state;
    sample(&whole, true);
    assert_int_equal(place_unpack(&place, &whole, NULL, &none), 0);
    scoped(mem_free) char *tree = place_list(&place);
    for (size_t i = 10; i < whole.n; i++) { /* its first ten bytes hold times and the like */
        scoped(err_clear) struct err e = { 0 };
        if (i > 100 && i < whole.n - 100)
            i += 10;
        whole.data[i] = (char)(whole.data[i] ^ 1 << i % 8);
        if (place_unpack(&place, &whole, NULL, &e) == 0) {
            scoped(mem_free) char *got = place_list(&place);
            assert_string_equal(got, tree);
            taken++;
        } else {
            assert_int_equal(e.code, ERR_INPUT);
        }
        whole.data[i] = (char)(whole.data[i] ^ 1 << i % 8);
    }
    assert_true(taken < 10);
    buf_text(&whole, "garbage");
    expect_refusal(&whole, NULL, ERR_INPUT, "something follows its end");
}

/* Headers of a tar carry a checksum, so this is where most of an enemy's ideas would have to be
 * put right by a computer: here by this loop. */
static void any_mutation_ends_in_an_answer(void **state)
{
    struct rng_seeded rng;
    int taken = 0;

    (void)state;
    rng_seeded_init(&rng, 77);
    for (int round = 0; round < 1000; round++) {
        scoped(buf_done) struct buf tar = { 0 };
        scoped(err_clear) struct err e = { 0 };
        const struct unpack_options small = { .plain = true,
                                              .max_bytes = 100000,
                                              .max_entries = 50 };
        uint8_t dice[16];
        rng_fill(&rng.rng, dice, sizeof dice);
        tar_add(&tar, &(struct member){ .name = "d/l", .type = '2', .link = "../a" });
        sample(&tar, false);
        for (int i = 0; i < dice[0] % 6; i++) {
            uint8_t at[4];
            static const char telling[] = {
                '/', '.', '0', '1', '2', '5', 'x', 'g', 'L', 'S', '\xff'
            };
            rng_fill(&rng.rng, at, sizeof at);
            size_t block = (size_t)(at[0] % (tar.n / 512)) * 512, offset = at[1] * 2U + at[2] % 2U;
            tar.data[block + offset] = telling[at[3] % sizeof telling];
            size_t sum = 8 * ' ';
            for (size_t k = 0; k < 512; k++)
                sum += k < 148 || k >= 156 ? (unsigned char)tar.data[block + k] : 0;
            (void)snprintf(tar.data + block + 148, 8, "%06o", (unsigned)sum & 0777777);
        }
        taken += place_unpack(&place, &tar, &small, &e) == 0;
    }
    assert_in_range(taken, 50, 950);
}

/* --- faults that are not the archive's ------------------------------------------------------ */

static void a_stream_that_breaks_is_our_fault(void **state)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(fd_close) int unreadable = open("/dev/null", O_WRONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(unpack_archive(unreadable, place.tree, &plain, &e), -1);
    assert_int_equal(e.code, ERR_IO);
}

static void no_room_is_a_limit_and_not_our_fault(void **state)
{
    scoped(buf_done) struct buf tar = { 0 };
    scoped(mem_free) char *text = mem_new(100000);
    int status;

    (void)state;
    tar_add(&tar, &(struct member){ .name = "big", .data = text, .n = 100000 });
    tar_end(&tar);
    pid_t pid = fork();
    if (pid == 0) { /* a limit on the size of files stands for a full tmpfs */
        struct err e = { 0 };
        const struct rlimit limit = { 50000, 50000 };
        int in = tar_fd(&tar);
        if (setrlimit(RLIMIT_FSIZE, &limit) < 0 || signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
            _exit(99);
        _exit(unpack_archive(in, place.tree, &plain, &e) < 0 && e.code == ERR_LIMIT &&
                      strstr(e.msg, "does not fit into the space")
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_hostile_entry_is_refused_by_name),
        cmocka_unit_test(links_that_go_through_others_are_followed_by_the_kernel),
        cmocka_unit_test(names_in_pax_headers_are_held_to_the_same_rules),
        cmocka_unit_test(limits_hold_and_are_named),
        cmocka_unit_test(bombs_stop_early),
        cmocka_unit_test(a_million_entries_stop_at_the_limit),
        cmocka_unit_test(what_is_no_archive_is_told),
        cmocka_unit_test(an_archive_cut_anywhere_is_damaged),
        cmocka_unit_test(a_gzip_with_one_bit_turned_is_damaged),
        cmocka_unit_test(any_mutation_ends_in_an_answer),
        cmocka_unit_test(a_stream_that_breaks_is_our_fault),
        cmocka_unit_test(no_room_is_a_limit_and_not_our_fault),
    };

    return cmocka_run_group_tests_name("unpack_hostile", tests, make_place, end_place);
}
