/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/api.h"
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* What api_read_reply() makes of an answer: the fault's text, or "" and the value. */
static char *reading(int status, const char *body, int64_t retry_after, enum err_code *code)
{
    scoped(client_reply_done) struct client_reply reply = { .status = status,
                                                            .request_id = "req-1",
                                                            .retry_after = retry_after };
    scoped(json_decref) json_t *value = NULL;
    scoped(err_clear) struct err e = { 0 };

    buf_text(&reply.body, body);
    int r = api_read_reply(&reply, "http://h:1", &value, &e);
    assert_int_equal(r, e.msg ? -1 : 0);
    *code = e.code;
    return mem_text(e.msg ? e.msg : "");
}

static void assert_reads(int status, const char *body, enum err_code code, const char *says)
{
    enum err_code got;
    scoped(mem_free) char *text = reading(status, body, -1, &got);

    if (!strstr(text, says))
        fail_msg("\"%s\" does not say \"%s\"", text, says);
    assert_int_equal(got, code);
}

static void answers_come_without_their_envelope(void **state)
{
    scoped(client_reply_done) struct client_reply reply = { .status = 200, .retry_after = -1 };
    scoped(json_decref) json_t *value = NULL;
    scoped(err_clear) struct err e = { 0 };

    (void)state;
    buf_text(&reply.body, "{\"json\":{\"job_id\":\"x\"},\"meta\":[]}");
    assert_int_equal(api_read_reply(&reply, "http://h:1", &value, &e), 0);
    assert_string_equal(json_text(value, "job_id"), "x");
}

static void faults_show_each_field(void **state)
{
    (void)state;
    assert_reads(
        400,
        "{\"json\":{\"code\":\"BAD_REQUEST\",\"status\":400,\"message\":\"Input validation "
        "failed\",\"data\":{\"issues\":["
        "{\"message\":\"Expected number, received string\",\"path\":[\"params\",\"items\",0,"
        "\"n\"]},{\"message\":\"Required\",\"path\":[]}]}}}",
        ERR_INPUT,
        "Input validation failed\n"
        "  params.items[0].n: Expected number, received string\n"
        "  Required");
    assert_reads(404, "{\"json\":{\"message\":\"no workflow named \\\"x\\\"\"}}", ERR_NOT_FOUND,
                 "no workflow named \"x\"");
    assert_reads(500, "{\"json\":{\"message\":\"Internal server error\"}}", ERR_INTERNAL,
                 "Internal server error\nThe server's log has more, under request req-1");
}

static void faults_say_what_to_do(void **state)
{
    enum err_code code;

    (void)state;
    assert_reads(401, "{\"json\":{\"message\":\"no\"}}", ERR_AUTH, "impresario key create");
    assert_reads(200, "<html>hello</html>", ERR_INTERNAL, "Is it the right address?");
    assert_reads(502, "", ERR_UNAVAILABLE, "http://h:1 answered with status 502");
    assert_reads(200, "{}", ERR_INTERNAL, "not as an Impresario server does: {}");
    scoped(mem_free) char *text = reading(429, "{\"json\":{\"message\":\"full\"}}", 7, &code);
    assert_string_equal(text, "full\nTry again in 7 s");
    assert_int_equal(code, ERR_LIMIT);
}

static void foreign_faults_cannot_steer_a_terminal(void **state)
{
    (void)state;
    assert_reads(400, "{\"json\":{\"message\":\"\\u001b]0;x\\u0007\"}}", ERR_INPUT,
                 "\\x1b]0;x\\x07");
    assert_reads(500, "\033[2J", ERR_INTERNAL, "\\x1b[2J");
}

static void an_address_and_a_key_are_needed(void **state)
{
    struct api *api = NULL;
    scoped(err_clear) struct err no_url = { 0 }, no_key = { 0 }, fine = { 0 };

    (void)state;
    assert_int_equal(api_open("localhost:8080", "k", &api, &no_url), -1);
    assert_non_null(strstr(no_url.msg, "begins with http:// or https://"));
    assert_int_equal(api_open(NULL, "", &api, &no_key), -1);
    assert_non_null(strstr(no_key.msg, "impresario key create"));
    assert_int_equal(api_open("http://h:1//", "k", &api, &fine), 0);
    assert_string_equal(api_url(api), "http://h:1");
    api_free(api);
}

static int own_ran(int argc, char **argv)
{
    return argc == 2 && strcmp(argv[0], "serve") == 0 && strcmp(argv[1], "--x") == 0 ? 42 : 0;
}

static const struct command own[] = { { "serve", "Run the server", own_ran }, { 0 } };

/* Runs a line of words. */
static int run(const char *line)
{
    enum { WORDS_MAX = 8 };
    scoped(mem_free) char *words = mem_text(line);
    char *argv[WORDS_MAX + 1] = { NULL };
    int argc = 0;

    for (char *word = strtok(words, " "); word && argc < WORDS_MAX; word = strtok(NULL, " "))
        argv[argc++] = word;
    return cli_main(argc, argv, own);
}

static void commands_of_the_program_are_run(void **state)
{
    (void)state;
    assert_int_equal(run("impresario serve --x"), 42);
}

static void wrong_usage_ends_with_its_own_status(void **state)
{
    static const char *const lines[] = {
        "impresario",
        "impresario jbos",
        "impresario jobs",
        "impresario jobs ran",
        "impresario jobs run",
        "impresario logs -x",
        "impresario jobs get \xff",
    };

    (void)state;
    for (size_t i = 0; i < n_items(lines); i++)
        assert_int_equal(run(lines[i]), EXIT_USAGE);
}

static void a_server_that_is_away_ends_with_its_own_status(void **state)
{
    (void)state;
    setenv("IMPRESARIO_API_KEY", "k", 1);
    /* Nothing listens on port 1 of loopback, and nothing can without privileges. */
    assert_int_equal(run("impresario workflows list --url=http://127.0.0.1:1"), EXIT_SERVER);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(answers_come_without_their_envelope),
        cmocka_unit_test(faults_show_each_field),
        cmocka_unit_test(faults_say_what_to_do),
        cmocka_unit_test(foreign_faults_cannot_steer_a_terminal),
        cmocka_unit_test(an_address_and_a_key_are_needed),
        cmocka_unit_test(commands_of_the_program_are_run),
        cmocka_unit_test(wrong_usage_ends_with_its_own_status),
        cmocka_unit_test(a_server_that_is_away_ends_with_its_own_status),
    };
    return cmocka_run_group_tests_name("cli", promises, NULL, NULL);
}
