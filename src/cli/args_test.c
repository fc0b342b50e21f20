/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct sample {
    const char *output, *entry;
    int64_t limit;
    bool wait;
};

static const struct flag own[] = {
    TEXT("entry", 'e', struct sample, entry, "FILE", "The module"),
    SWITCH("wait", 'w', struct sample, wait, "Wait"),
    NUMBER("limit", 'n', struct sample, limit, "N", 1, 100, "So many"),
    { 0 },
};

static const struct flag common[] = {
    CHOICE("output", 'o', struct sample, output, "text|json", "How to print"),
    { 0 },
};

static const struct args args = { .operands = "DIR [MORE]",
                                  .least = 1,
                                  .most = 2,
                                  .flags = own,
                                  .common = common,
                                  .what = "Does something" };

enum { WORDS_MAX = 12 };

static int read_words(const char *line, struct sample *out, int *argc, char **argv, char **keep,
                      struct err *e)
{
    *keep = mem_text(line);
    *argc = 0;
    for (char *word = strtok(*keep, " "); word && *argc < WORDS_MAX; word = strtok(NULL, " "))
        argv[(*argc)++] = word;
    argv[*argc] = NULL;
    *out = (struct sample){ 0 };
    return args_read(&args, argc, argv, out, e);
}

static void flags_and_operands_may_be_mixed(void **state)
{
    struct sample s;
    char *argv[WORDS_MAX + 1];
    int argc;
    scoped(mem_free) char *keep = NULL;
    scoped(err_clear) struct err e = { 0 };

    (void)state;
    assert_int_equal(
        read_words("dir -ojson --entry=a.ts --wait -n 7 - -e b.ts", &s, &argc, argv, &keep, &e), 0);
    assert_string_equal(s.output, "json");
    assert_string_equal(s.entry, "b.ts");
    assert_true(s.wait);
    assert_int_equal(s.limit, 7);
    assert_int_equal(argc, 2);
    assert_string_equal(argv[0], "dir");
    assert_string_equal(argv[1], "-");
}

static void two_dashes_end_the_flags(void **state)
{
    struct sample s;
    char *argv[WORDS_MAX + 1];
    int argc;
    scoped(mem_free) char *keep = NULL;
    scoped(err_clear) struct err e = { 0 };

    (void)state;
    assert_int_equal(read_words("--wait -- --entry -h", &s, &argc, argv, &keep, &e), 0);
    assert_int_equal(argc, 2);
    assert_string_equal(argv[0], "--entry");
    assert_null(s.entry);
}

static void help_may_stand_anywhere(void **state)
{
    char word[] = "dir", help[] = "--help", end[] = "--";

    (void)state;
    assert_true(args_ask_help(2, (char *const[]){ word, help }));
    assert_false(args_ask_help(3, (char *const[]){ word, end, help }));
}

static void faults_say_what_would_be_right(void **state)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        { "", "DIR [MORE] is missing" },
        { "a b c", "\"c\" is one word too many" },
        { "a --entri x", "there is no flag --entri; did you mean --entry?" },
        { "a --colour=x", "there is no flag --colour" },
        { "a -z", "there is no flag -z" },
        { "a --entry", "--entry needs a value: --entry FILE" },
        { "a --wait=no", "--wait takes no value" },
        { "a --limit 0", "--limit: \"0\" is not a whole number from 1 to 100" },
        { "a -n 1.5", "--limit: \"1.5\" is not a whole number" },
        { "a -o yaml", "--output: \"yaml\" is not one of text|json" },
    };

    (void)state;
    for (size_t i = 0; i < n_items(cases); i++) {
        struct sample s;
        char *argv[WORDS_MAX + 1];
        int argc;
        scoped(mem_free) char *keep = NULL;
        scoped(err_clear) struct err e = { 0 };
        assert_int_equal(read_words(cases[i].line, &s, &argc, argv, &keep, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        if (!strstr(e.msg, cases[i].says))
            fail_msg("\"%s\" does not say \"%s\"", e.msg, cases[i].says);
    }
}

static void help_lists_own_and_common_flags(void **state)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);

    (void)state;
    args_print_help(&args, "impresario do", to);
    assert_int_equal(fclose(to), 0);
    assert_string_equal(text, "Usage: impresario do DIR [MORE] [flags]\n"
                              "\n"
                              "Does something.\n"
                              "\n"
                              "Flags:\n"
                              "  -e, --entry FILE             The module\n"
                              "  -w, --wait                   Wait\n"
                              "  -n, --limit N                So many\n"
                              "  -o, --output text|json       How to print\n");
    free(text);
}

static void a_verb_hides_a_common_flag_by_its_own(void **state)
{
    static const struct flag mine[] = {
        TEXT("output", 0, struct sample, entry, "FILE", "Where to write"),
        { 0 },
    };
    struct args hiding = args;
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);

    (void)state;
    hiding.flags = mine;
    args_print_help(&hiding, "impresario do", to);
    assert_int_equal(fclose(to), 0);
    const char *first = strstr(text, "--output");
    assert_non_null(first);
    assert_non_null(strstr(text, "Where to write"));
    assert_null(strstr(first + 1, "--output"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(flags_and_operands_may_be_mixed),
        cmocka_unit_test(two_dashes_end_the_flags),
        cmocka_unit_test(help_may_stand_anywhere),
        cmocka_unit_test(faults_say_what_would_be_right),
        cmocka_unit_test(help_lists_own_and_common_flags),
        cmocka_unit_test(a_verb_hides_a_common_flag_by_its_own),
    };
    return cmocka_run_group_tests_name("args", promises, NULL, NULL);
}
