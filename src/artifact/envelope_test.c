/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/envelope.h"

#include "artifact/base64.h"
#include "artifact/intake.h"
#include "base/bounds.h"
#include "base/rng.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* --- one reading --------------------------------------------------------------------------- */

struct reading {
    int r;
    struct err e;
    bool blames_source;
    char source_type[16];
    struct buf source; /* decoded */
    char *rest;
};

static void reading_done(struct reading *g)
{
    err_clear(&g->e);
    buf_done(&g->source);
    free(g->rest);
}
static void reading_done_at(struct reading *g)
{
    reading_done(g);
}

static int collect(void *arg, const void *data, size_t n, struct err *e)
{
    struct buf *b = arg;

    buf_add(b, data, n);
    if (memmem(b->data, b->n, "REFUSED", 7))
        return err_set(e, ERR_INPUT, "source holds what the sink refuses");
    return 0;
}

/* Reads `doc` cut after `cut` bytes and from there on every `step`. */
static void read_cut(const char *doc, size_t n, size_t cut, size_t step, struct reading *g)
{
    *g = (struct reading){ 0 };
    scoped(envelope_free) struct envelope *env = envelope_new(collect, &g->source);
    json_t *rest = NULL;

    for (size_t at = 0; at < n && g->r == 0;) {
        size_t piece = at == 0 && cut > 0 ? cut : step;
        piece = piece < n - at ? piece : n - at;
        g->r = envelope_feed(env, doc + at, piece, &g->e);
        at += piece;
    }
    if (g->r == 0)
        g->r = envelope_finish(env, &rest, &g->e);
    g->blames_source = envelope_blames_source(env);
    (void)snprintf(g->source_type, sizeof g->source_type, "%s", envelope_source_type(env));
    g->rest = rest ? json_dumps(rest, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    json_decref(rest);
}

static void same(const struct reading *a, const struct reading *b, size_t cut)
{
    if (a->r != b->r || (a->r < 0 && strcmp(a->e.msg, b->e.msg) != 0))
        fail_msg("cut at %zu: %s, whole: %s", cut, b->r < 0 ? b->e.msg : "fine",
                 a->r < 0 ? a->e.msg : "fine");
    assert_int_equal(a->blames_source, b->blames_source);
    if (a->r < 0)
        return;
    assert_int_equal(a->source.n, b->source.n);
    assert_memory_equal(buf_str(&a->source), buf_str(&b->source), a->source.n);
    assert_string_equal(a->rest, b->rest);
    assert_string_equal(a->source_type, b->source_type);
}

/* The document as a whole, cut in two at every place, and byte by byte. */
static void read_all_ways(const char *doc, size_t n, struct reading *whole)
{
    read_cut(doc, n, 0, n ? n : 1, whole);
    for (size_t cut = 0; cut < n; cut++) {
        scoped(reading_done) struct reading g;
        read_cut(doc, n, cut, cut ? n : 1, &g);
        same(whole, &g, cut);
    }
}

/* --- what is accepted ---------------------------------------------------------------------- */

static void the_source_is_decoded_and_the_rest_is_kept(void **state)
{
    static const struct {
        const char *doc, *source, *rest, *type;
    } good[] = {
        { "{\"json\":{\"source\":\"Zm9vYg==\",\"entry_point\":\"index.js\"}}", "foob",
          "{\"json\":{\"source\":\"\",\"entry_point\":\"index.js\"}}", "string" },
        { " {\n\t\"meta\" : [ [ 3 , \"x\" ] ] , \"json\" : { \"a\" : \"b\\u00e9\" , \"source\" : "
          "\"Zm9v\" } }\r\n",
          "foo", "{\"meta\":[[3,\"x\"]],\"json\":{\"a\":\"b\xc3\xa9\",\"source\":\"\"}}",
          "string" },
        /* PHP, .NET, and jq -Rs escape what others do not */
        { "{\"json\":{\"source\":\"\\/\\/\\/\\/\"}}", "\xff\xff\xff",
          "{\"json\":{\"source\":\"\"}}", "string" },
        { "{\"json\":{\"source\":\"\\u002B\\u002b+-\"}}", "\xfb\xef\xbe",
          "{\"json\":{\"source\":\"\"}}", "string" },
        { "{\"json\":{\"source\":\"Zm9v\\nYmFy\\r\\n\\t \"}}", "foobar",
          "{\"json\":{\"source\":\"\"}}", "string" },
        { "{\"json\":{\"sour\\u0063e\":\"Zg\"}}", "f", "{\"json\":{\"source\":\"\"}}", "string" },
        { "{\"js\\u006fn\":{\"source\":\"Zg=\"}}", "f", "{\"json\":{\"source\":\"\"}}", "string" },
        { "{\"json\":{\"source\":\"\"}}", "", "{\"json\":{\"source\":\"\"}}", "string" },
        /* elsewhere it is a name like any other */
        { "{\"source\":\"!\",\"json\":{\"deep\":{\"source\":\"!\"},\"x\":[{\"source\":\"!\"}]}}",
          "",
          "{\"source\":\"!\",\"json\":{\"deep\":{\"source\":\"!\"},\"x\":[{\"source\":\"!\"}]}}",
          "undefined" },
        { "{\"json\":[{\"source\":\"!\"}],\"other\":{\"source\":\"!\"}}", "",
          "{\"json\":[{\"source\":\"!\"}],\"other\":{\"source\":\"!\"}}", "undefined" },
        { "{\"json\":{},\"a\":{\"source\":\"!\"}}", "", "{\"json\":{},\"a\":{\"source\":\"!\"}}",
          "undefined" },
        { "{\"jsonx\":{\"source\":\"!\"},\"json\":{\"sourcery\":\"!\",\"source \":\"!\"}}", "",
          "{\"jsonx\":{\"source\":\"!\"},\"json\":{\"sourcery\":\"!\",\"source \":\"!\"}}",
          "undefined" },
        /* another type than a string stays where it is */
        { "{\"json\":{\"source\":5}}", "", "{\"json\":{\"source\":5}}", "number" },
        { "{\"json\":{\"source\":-0.5e+3}}", "", "{\"json\":{\"source\":-500.0}}", "number" },
        { "{\"json\":{\"source\":null}}", "", "{\"json\":{\"source\":null}}", "null" },
        { "{\"json\":{\"source\":true}}", "", "{\"json\":{\"source\":true}}", "boolean" },
        { "{\"json\":{\"source\":[\"Zg\"]}}", "", "{\"json\":{\"source\":[\"Zg\"]}}", "array" },
        { "{\"json\":{\"source\":{\"source\":\"Zg\"}}}", "",
          "{\"json\":{\"source\":{\"source\":\"Zg\"}}}", "object" },
        { "{\"json\":5}", "", "{\"json\":5}", "undefined" },
        { "{}", "", "{}", "undefined" },
        { "", "", "{}", "undefined" },
        { " \n", "", "{}", "undefined" },
        { "[]", "", "[]", "undefined" },
        { "0", "", "0", "undefined" },
        { " \"\\ud83d\\ude00\" ", "", "\"\xf0\x9f\x98\x80\"", "undefined" },
        { "[0,-1,1.5,2E3,0e0,true,false,null,\"\",{},[]]", "",
          "[0,-1,1.5,2000.0,0.0,true,false,null,\"\",{},[]]", "undefined" },
    };

    (void)state;
    for (size_t i = 0; i < n_items(good); i++) {
        scoped(reading_done) struct reading g;
        read_all_ways(good[i].doc, strlen(good[i].doc), &g);
        if (g.r < 0)
            fail_msg("%s: %s", good[i].doc, g.e.msg);
        assert_string_equal(buf_str(&g.source), good[i].source);
        assert_string_equal(g.rest, good[i].rest);
        assert_string_equal(g.source_type, good[i].type);
    }
}

static void depth_has_a_bound(void **state)
{
    (void)state;
    for (int depth = LIMIT_JSON_DEPTH; depth <= LIMIT_JSON_DEPTH + 1; depth++) {
        struct buf doc = { 0 };
        for (int i = 0; i < depth; i++)
            buf_text(&doc, "[");
        for (int i = 0; i < depth; i++)
            buf_text(&doc, "]");
        scoped(reading_done) struct reading g;
        read_all_ways(buf_str(&doc), doc.n, &g);
        assert_int_equal(g.r, depth > LIMIT_JSON_DEPTH ? -1 : 0);
        buf_done(&doc);
    }
}

/* --- what is refused ----------------------------------------------------------------------- */

#define JSON_FAULT "the body is not valid JSON: "

static void malformed_json_is_refused_with_its_place(void **state)
{
    static const char *const bad[][2] = {
        { "{", "it ends too early, at byte 1" },
        { "{\"json\":{\"source\":\"Zg", "it ends too early, at byte 21" },
        { "{} {", "something after the document at byte 3" },
        { "{}x", "something after the document at byte 2" },
        { "x", "no value at byte 0" },
        { "\xef\xbb\xbf{}", "no value at byte 0" },
        { "[1,]", "no value at byte 3" },
        { "[,1]", "no value at byte 1" },
        { "[1 2]", "no comma or ] at byte 3" },
        { "{\"a\" 1}", "no colon at byte 5" },
        { "{\"a\":1,}", "no key at byte 7" },
        { "{a:1}", "no key at byte 1" },
        { "{\"a\":1]", "no comma or } at byte 6" },
        { "[1}", "no comma or ] at byte 2" },
        { "nul", "it ends too early, at byte 3" },
        { "nuLl", "an unknown word at byte 2" },
        { "truex", "something after the document at byte 4" },
        { "01", "something after the document at byte 1" },
        { "-", "it ends too early, at byte 1" },
        { "[-]", "a number that is not complete at byte 2" },
        { "[1.]", "a number that is not complete at byte 3" },
        { "[1e]", "a number that is not complete at byte 3" },
        { "[1e+]", "a number that is not complete at byte 4" },
        { ".5", "no value at byte 0" },
        { "+5", "no value at byte 0" },
        { "\"\\x\"", "an unknown escape at byte 2" },
        { "\"\\u12g4\"", "a \\u without four digits at byte 5" },
        { "\"\\u0000\"", "\\u0000, which is not accepted here, at byte 6" },
        { "\"\\ud800\"", "half a surrogate pair at byte 7" },
        { "\"\\ud800\\n\"", "half a surrogate pair at byte 8" },
        { "\"\\ud800\\u0041\"", "half a surrogate pair at byte 12" },
        { "\"\\udc00\"", "half a surrogate pair at byte 6" },
        { "\"a\nb\"", "a control character in a string at byte 2" },
        { "\"\xff\"", "what is not UTF-8 at byte 1" },
        { "\"\xc0\xaf\"", "what is not UTF-8 at byte 1" },
        { "\"\xe0\x9f\xbf\"", "what is not UTF-8 at byte 2" },
        { "\"\xed\xa0\x80\"", "what is not UTF-8 at byte 2" },
        { "\"\xf4\x90\x80\x80\"", "what is not UTF-8 at byte 2" },
        { "\"\xe2\x82\"", "what is not UTF-8 at byte 3" },
        { "[\xe2\x82\xac]", "no value at byte 1" },
        { "{\"json\":{},\"json\":{}}", "a key that stands twice ends at byte 16" },
        { "{\"json\":{\"source\":\"Zg\",\"sour\\u0063e\":\"Zg\"}}",
          "a key that stands twice ends at byte 35" },
        { "{\"json\":{\"source\":1,\"source\":\"Zg\"}}",
          "a key that stands twice ends at byte 27" },
        { "{\"json\":{\"a\":1,\"a\":2}}", "duplicate object key near '\"a\"'" },
        { "{\"meta\":1,\"meta\":2}", "duplicate object key near '\"meta\"'" },
        { "[1e999]", "real number overflow near '1e999'" },
        { "{\"json\":{\"source\":\"Zg\nZg\"}}", "a control character in a string at byte 21" },
    };

    (void)state;
    for (size_t i = 0; i < n_items(bad); i++) {
        scoped(reading_done) struct reading g;
        read_all_ways(bad[i][0], strlen(bad[i][0]), &g);
        if (g.r == 0 || strncmp(g.e.msg, JSON_FAULT, strlen(JSON_FAULT)) != 0 ||
            strcmp(g.e.msg + strlen(JSON_FAULT), bad[i][1]) != 0)
            fail_msg("%s: %s", bad[i][0], g.r < 0 ? g.e.msg : "accepted");
        assert_int_equal(g.e.code, ERR_INPUT);
        assert_false(g.blames_source);
    }
}

static void a_bad_source_is_told_from_bad_json(void **state)
{
    static const char *const bad[][2] = {
        { "{\"json\":{\"source\":\"Zm9v!\"}}",
          "source is not base64: unexpected '!' at character 4" },
        { "{\"json\":{\"source\":\"Zm\\u00e9v\"}}",
          "source is not base64: unexpected byte 0xff at character 2" },
        { "{\"json\":{\"source\":\"Zm\xc3\xa9v\"}}",
          "source is not base64: unexpected byte 0xc3 at character 2" },
        { "{\"json\":{\"source\":\"Z\"}}",
          "source is not base64: it ends one character into a group of four, after 1" },
        { "{\"json\":{\"source\":\"Zg==\\nZg\"}}",
          "source is not base64: unexpected 'Z' after the padding at character 5" },
        { "{\"json\":{\"source\":\"data:application/gzip;base64,Zg\"}}",
          "source is not base64: unexpected ':' at character 4" },
        /* the sink's word counts, and comes before what is wrong further on */
        { "{\"json\":{\"source\":\"UkVGVVNFRAAA\"}}", "source holds what the sink refuses" },
        { "{\"json\":{\"source\":\"UkVGVVNFRAAA!\"}}", "source holds what the sink refuses" },
        { "{\"json\":{\"source\":\"UkVGVVNFRAAA\",}}", "source holds what the sink refuses" },
    };

    (void)state;
    for (size_t i = 0; i < n_items(bad); i++) {
        scoped(reading_done) struct reading g;
        read_all_ways(bad[i][0], strlen(bad[i][0]), &g);
        assert_int_equal(g.r, -1);
        assert_string_equal(g.e.msg, bad[i][1]);
        assert_int_equal(g.e.code, ERR_INPUT);
        assert_true(g.blames_source);
    }
}

static void the_rest_has_a_bound(void **state)
{
    struct buf doc = { 0 };

    (void)state;
    buf_text(&doc, "{\"json\":{\"source\":\"Zg\",\"x\":\"");
    while (doc.n < LIMIT_UPLOAD_REST + 100)
        buf_text(&doc, "xxxxxxxxxx");
    buf_text(&doc, "\"}}");
    scoped(reading_done) struct reading g;
    read_cut(doc.data, doc.n, 0, doc.n, &g);
    assert_int_equal(g.r, -1);
    assert_int_equal(g.e.code, ERR_TOO_LARGE);
    assert_string_equal(g.e.msg, "the fields beside source are larger than 65536 bytes");
    buf_done(&doc);
}

/* Random documents, mostly almost right, against the parser that reads everything else here. */
static void it_accepts_what_the_parser_accepts(void **state)
{
    static const char *const parts[] = {
        "{",       "}",        "[",
        "]",       ",",        ":",
        "\"a\"",   "\"json\"", "\"source\"",
        "1",       "-0.5",     "1e5",
        "true",    "nul",      "null",
        "\"Zg\"",  "\"\\n\"",  "\"\\ud83d\\ude00\"",
        " ",       "\n",       "\"\xc3\xa9\"",
        "\"\\u00", "00",       "{\"json\":{",
        "}}",      "\"b\":",   "\xff",
    };
    struct rng_seeded rng;
    int accepted = 0;

    (void)state;
    rng_seeded_init(&rng, 11);
    for (int round = 0; round < 100000; round++) {
        struct buf doc = { 0 };
        uint8_t dice[16];
        scoped(err_clear) struct err e = { 0 };
        json_t *value = NULL;
        rng_fill(&rng.rng, dice, sizeof dice);
        for (int i = 0; i < 1 + dice[15] % 12; i++)
            buf_text(&doc, parts[dice[i] % n_items(parts)]);
        scoped(reading_done) struct reading g;
        read_cut(doc.data, doc.n, 0, 1 + dice[14] % 8, &g);
        bool parsed = json_parse(doc.data, doc.n, LIMIT_JSON_DEPTH, &value, &e) == 0;
        bool blank = strspn(doc.data, " \n") == doc.n;
        bool twice = g.r < 0 && (strstr(g.e.msg, "twice") || strstr(g.e.msg, "duplicate"));
        if (!g.blames_source && !blank && !twice && (g.r == 0) != parsed)
            fail_msg("%s: %s", doc.data, g.r < 0 ? g.e.msg : e.msg);
        accepted += g.r == 0;
        json_decref(value);
        buf_done(&doc);
    }
    assert_true(accepted > 1000);
}

/* --- a whole upload ------------------------------------------------------------------------ */

static int give_fd(void *arg, struct err *e)
{
    (void)e;
    return *(int *)arg;
}

static void memory_does_not_grow_with_the_upload(void **state)
{
    enum { BLOCK = 64 * 1024, BLOCKS = 800 }; /* 50 MiB */
    static const char head[] = "{\"json\":{\"source\":\"H4sI";
    char path[] = "/tmp/intake-XXXXXX";
    scoped(fd_close) int fd = mkstemp(path);
    scoped(intake_free) struct intake *in =
        intake_new(&(struct intake_options){ &disk_real, give_fd, &fd, 64, 0 });
    scoped(envelope_free) struct envelope *env = envelope_new(intake_write, in);
    scoped(mem_free) char *block = mem_new(BLOCK);
    scoped(err_clear) struct err e = { 0 };
    struct intake_result result;
    json_t *rest = NULL;

    (void)state;
    assert_true(fd >= 0);
    (void)unlink(path);
    memset(block, 'A', BLOCK);
    size_t before = mallinfo2().uordblks;
    assert_int_equal(envelope_feed(env, head, strlen(head), &e), 0);
    for (int i = 0; i < BLOCKS; i++)
        assert_int_equal(envelope_feed(env, block, BLOCK, &e), 0);
    assert_int_equal(envelope_feed(env, "\"}}", 3, &e), 0);
    assert_true(mallinfo2().uordblks < before + 64 * 1024);
    assert_int_equal(envelope_finish(env, &rest, &e), 0);
    assert_int_equal(intake_finish(in, &result, &e), 0);
    assert_int_equal(result.size, 3 + (uint64_t)BLOCK * BLOCKS / 4 * 3);
    assert_int_equal(lseek(fd, 0, SEEK_END), result.size);
    json_decref(rest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_source_is_decoded_and_the_rest_is_kept),
        cmocka_unit_test(depth_has_a_bound),
        cmocka_unit_test(malformed_json_is_refused_with_its_place),
        cmocka_unit_test(a_bad_source_is_told_from_bad_json),
        cmocka_unit_test(the_rest_has_a_bound),
        cmocka_unit_test(it_accepts_what_the_parser_accepts),
        cmocka_unit_test(memory_does_not_grow_with_the_upload),
    };

    return cmocka_run_group_tests_name("envelope", tests, NULL, NULL);
}
