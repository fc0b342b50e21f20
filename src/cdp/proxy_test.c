/* SPDX-License-Identifier: Apache-2.0
 *
 * The browser in here is this program once more: it says each command back, and ends when it is told.
 */
#include "cdp/cdp.h"

#include "base/bounds.h"
#include "base/json.h"
#include "base/tree.h"
#include "exec/wire.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PROFILE "--user-data-dir=/nowhere/0"

static char self[4096];

/* ---- the browser ---- */

static bool read_message(int fd, struct buf *out)
{
    char c;

    buf_reset(out);
    while (read(fd, &c, 1) == 1) {
        if (c == '\0')
            return true;
        buf_char(out, c);
    }
    return false;
}

static void write_all(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, data, n);
        if (k <= 0)
            _exit(9);
        data += k;
        n -= (size_t)k;
    }
}

static int browser(int argc, char **argv)
{
    scoped(buf_done) struct buf said = { 0 };

    for (int i = 1; i < argc; i++)
        (void)fprintf(stderr, "%s\n", argv[i]);
    while (read_message(3, &said)) {
        if (strstr(buf_str(&said), "Browser.crash"))
            return 7;
        if (strstr(buf_str(&said), "Page.garble"))
            write_all(4, "{]", 3);
        if (strstr(buf_str(&said), "Page.half"))
            write_all(4, "{\"half\":", 8);
        else if (strstr(buf_str(&said), "Page.rest"))
            write_all(4, "1}", 3);
        else {
            scoped(mem_free) char *text = mem_format("{\"echo\":%s}", buf_str(&said));
            write_all(4, text, strlen(text) + 1);
        }
    }
    return 5;
}

/* ---- a client ---- */

struct client {
    char folder[64];
    char *shared;
    int commands, answers, words, socket;
    pid_t proxy, tool;
};

static int client_setup(void **state)
{
    struct client *c = mem_new(sizeof *c);

    strcpy(c->folder, "/tmp/cdp-test-XXXXXX");
    assert_non_null(mkdtemp(c->folder));
    c->shared = mem_format("%s/shared", c->folder);
    assert_int_equal(mkdir(c->shared, 0700), 0);
    c->commands = c->answers = c->words = c->socket = -1;
    *state = c;
    return 0;
}

static void close_all(struct client *c)
{
    fd_close(take_fd(&c->commands));
    fd_close(take_fd(&c->answers));
    fd_close(take_fd(&c->words));
    fd_close(take_fd(&c->socket));
}

static int client_teardown(void **state)
{
    struct client *c = *state;

    close_all(c);
    assert_int_equal(tree_remove(c->folder), 0);
    mem_free(c->shared);
    mem_free(c);
    return 0;
}

static pid_t start_proxy(struct client *c, int end)
{
    pid_t pid = fork();

    if (pid == 0) {
        const struct cdp_options o = { self, c->shared, c->folder, false };
        close_all(c);
        _exit(cdp_serve(&o, end));
    }
    fd_close(end);
    return pid;
}

/* Commands and answers as Playwright has them, words by a pipe; ends[] are the other sides. */
static void make_streams(struct client *c, int ends[3])
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    c->commands = pair[0];
    ends[0] = pair[1];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    c->answers = pair[0];
    ends[1] = pair[1];
    assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
    c->words = pair[0];
    ends[2] = pair[1];
}

/* Speaks with the proxy itself. */
static void open_with(struct client *c, const char *arguments, size_t n)
{
    int pair[2], ends[3];

    assert_int_equal(wire_pair(pair), 0);
    c->socket = pair[0];
    c->proxy = start_proxy(c, pair[1]);
    make_streams(c, ends);
    assert_int_equal(wire_send(c->socket, arguments, n, ends, 3, true), 0);
    for (size_t i = 0; i < 3; i++)
        fd_close(ends[i]);
}

static void open_client(struct client *c)
{
    open_with(c, PROFILE, sizeof PROFILE);
}

static void say(const struct client *c, const char *text)
{
    write_all(c->commands, text, strlen(text) + 1);
}

static void hear(const struct client *c, const char *expected)
{
    scoped(buf_done) struct buf got = { 0 };

    assert_true(read_message(c->answers, &got));
    assert_string_equal(buf_str(&got), expected);
}

static void hear_in(const struct client *c, const char *part)
{
    scoped(buf_done) struct buf got = { 0 };

    assert_true(read_message(c->answers, &got));
    if (!strstr(buf_str(&got), part))
        fail_msg("%s in %s", part, buf_str(&got));
}

/* All of its words, and the status that it tells last. */
static int last_of(const struct client *c, struct buf *words)
{
    static struct wire_message m;
    char c1;
    int status;

    while (read(c->words, &c1, 1) == 1)
        buf_char(words, c1);
    assert_int_equal(wire_recv(c->socket, &m, true), 1);
    assert_int_equal(waitpid(c->proxy, &status, 0), c->proxy);
    assert_true(WIFEXITED(status));
    scoped(mem_free) char *expected = mem_format("{\"status\":%d}", WEXITSTATUS(status));
    assert_string_equal(m.data, expected);
    return WEXITSTATUS(status);
}

/* ---- tests ---- */

static void commands_and_answers_pass_as_they_are(void **state)
{
    struct client *c = *state;
    scoped(buf_done) struct buf words = { 0 };

    open_client(c);
    say(c, "{\"id\": 1, \"method\":\"Page.enable\"}");
    hear(c, "{\"echo\":{\"id\": 1, \"method\":\"Page.enable\"}}");
    static const char two[] = "{\"id\":2,\"method\":\"DOM.a\"}\0{\"id\":3,\"method\":\"DOM.b\"}";
    for (size_t i = 0; i < sizeof two; i++)
        write_all(c->commands, two + i, 1);
    hear(c, "{\"echo\":{\"id\":2,\"method\":\"DOM.a\"}}");
    hear(c, "{\"echo\":{\"id\":3,\"method\":\"DOM.b\"}}");
    fd_close(take_fd(&c->commands));
    assert_int_equal(last_of(c, &words), 5);
    assert_non_null(strstr(buf_str(&words), c->folder));
    assert_null(strstr(buf_str(&words), "/nowhere"));
}

static void a_refusal_has_the_id_and_the_session_and_the_browser_hears_nothing(void **state)
{
    struct client *c = *state;

    open_client(c);
    say(c, "{\"id\":41,\"method\":\"Page.navigate\",\"params\":{\"url\":\"file:///etc/passwd\"},"
           "\"sessionId\":\"AB\"}");
    scoped(buf_done) struct buf got = { 0 };
    assert_true(read_message(c->answers, &got));
    scoped(json_decref) json_t *answer = json_loads(buf_str(&got), 0, NULL);
    assert_int_equal(json_int(answer, "id", 0), 41);
    assert_string_equal(json_text(answer, "sessionId"), "AB");
    const json_t *error = json_object_get(answer, "error");
    assert_int_equal(json_int(error, "code", 0), -32000);
    assert_non_null(strstr(json_text(error, "message"), "Page.navigate: the browser has no files"));
    say(c, "{\"id\":42,\"method\":\"Page.enable\"}");
    hear(c, "{\"echo\":{\"id\":42,\"method\":\"Page.enable\"}}");
}

static void a_refusal_waits_for_the_end_of_an_answer(void **state)
{
    struct client *c = *state;
    char first[8];

    open_client(c);
    say(c, "{\"id\":1,\"method\":\"Page.half\"}");
    assert_int_equal(recv(c->answers, first, 8, MSG_WAITALL), 8);
    say(c, "{\"id\":2,\"method\":\"Nothing.known\"}");
    say(c, "{\"id\":3,\"method\":\"Page.rest\"}");
    hear(c, "1}");
    hear_in(c, "{\"id\":2,\"error\"");
}

static void large_messages_pass_both_ways(void **state)
{
    enum { MANY = 2 * 1024 * 1024 };
    struct client *c = *state;
    scoped(buf_done) struct buf text = { 0 }, got = { 0 };

    buf_text(&text, "{\"id\":1,\"method\":\"Runtime.evaluate\",\"params\":\"");
    memset(buf_reserve(&text, MANY), 'x', MANY);
    buf_grew(&text, MANY);
    buf_text(&text, "\"}");
    open_client(c);
    say(c, buf_str(&text));
    buf_reserve(&got, MANY + 200);
    while (got.n == 0 || got.data[got.n - 1]) {
        ssize_t n = read(c->answers, buf_reserve(&got, 65536), 65536);
        assert_true(n > 0);
        buf_grew(&got, (size_t)n);
    }
    assert_int_equal(got.n, text.n + 10);
    assert_memory_equal(got.data + 8, text.data, text.n);
}

static void what_is_no_message_ends_the_connection_in_words(void **state)
{
    static const struct {
        const char *text, *why;
    } wrong[] = {
        { "hello", "a command could not be read, and the connection was ended: it is no object" },
        { "{\"method\":\"Page.enable\"}", "it has no id" },
        { "{\"id\":1,\"method\":\"Page.garble\"}", "an answer of the browser could not be read" },
    };
    struct client *c = *state;

    for (size_t i = 0; i < n_items(wrong); i++) {
        scoped(buf_done) struct buf words = { 0 };
        scoped(buf_done) struct buf got = { 0 };
        open_client(c);
        say(c, wrong[i].text);
        assert_int_equal(last_of(c, &words), 128 + SIGKILL);
        assert_non_null(strstr(buf_str(&words), wrong[i].why));
        assert_false(read_message(c->answers, &got));
        close_all(c);
    }
}

static void the_end_of_a_browser_is_told_with_its_status(void **state)
{
    struct client *c = *state;
    scoped(buf_done) struct buf words = { 0 };

    open_client(c);
    say(c, "{\"id\":1,\"method\":\"Browser.crash\"}");
    assert_int_equal(last_of(c, &words), 7);
}

static void a_client_that_goes_takes_its_browser_along(void **state)
{
    struct client *c = *state;
    char end;
    int status;

    open_client(c);
    say(c, "{\"id\":1,\"method\":\"Page.enable\"}");
    hear(c, "{\"echo\":{\"id\":1,\"method\":\"Page.enable\"}}");
    fd_close(take_fd(&c->socket));
    while (read(c->words, &end, 1) == 1)
        continue; /* the browser holds the other end */
    assert_int_equal(waitpid(c->proxy, &status, 0), c->proxy);
    assert_int_equal(WEXITSTATUS(status), 128 + SIGKILL);
}

static void an_argument_that_is_not_for_jobs_is_refused_in_words(void **state)
{
    static const char arguments[] = "--headless\0--remote-debugging-port=9222\0" PROFILE;
    struct client *c = *state;
    scoped(buf_done) struct buf words = { 0 };

    open_with(c, arguments, sizeof arguments);
    assert_int_equal(last_of(c, &words), EXIT_FAILURE);
    assert_non_null(strstr(buf_str(&words), "\"--remote-debugging-port=9222\""));
}

static void the_sandbox_stays_on_and_the_pipe_is_ours(void **state)
{
    static const char arguments[] =
        "--no-sandbox\0--lang=de\0--remote-debugging-pipe=cbor\0" PROFILE;
    struct client *c = *state;
    scoped(buf_done) struct buf words = { 0 };

    open_with(c, arguments, sizeof arguments);
    fd_close(take_fd(&c->commands));
    assert_int_equal(last_of(c, &words), 5);
    assert_null(strstr(buf_str(&words), "no-sandbox"));
    assert_null(strstr(buf_str(&words), "cbor"));
    assert_non_null(strstr(buf_str(&words), "--lang=de\n"));
    assert_non_null(strstr(buf_str(&words), "--remote-debugging-pipe\n"));
}

static void what_nobody_sees_is_left_out_beside_what_a_client_leaves_out(void **state)
{
    static const char arguments[] =
        "--disable-features=First\0--disable-features=Last,Other\0" PROFILE;
    struct client *c = *state;
    scoped(buf_done) struct buf words = { 0 };

    open_with(c, arguments, sizeof arguments);
    fd_close(take_fd(&c->commands));
    assert_int_equal(last_of(c, &words), 5);
    assert_non_null(strstr(buf_str(&words), "--disable-features=First\n"));
    assert_non_null(strstr(buf_str(&words), "--disable-features=Last,Other,WebUIOmniboxPopup,"));
}

static void what_nobody_asked_for_is_left_out_where_a_client_asks_for_nothing(void **state)
{
    struct client *c = *state;
    scoped(buf_done) struct buf words = { 0 };

    open_client(c);
    fd_close(take_fd(&c->commands));
    assert_int_equal(last_of(c, &words), 5);
    assert_non_null(strstr(buf_str(&words), "--disable-features=WebUIOmniboxPopup,"));
    assert_non_null(strstr(buf_str(&words), "--gaia-url=https://127.0.0.1:1\n"));
}

/* ---- with the tool ---- */

static void open_tool(struct client *c)
{
    int pair[2], ends[3];

    assert_int_equal(wire_pair(pair), 0);
    c->socket = pair[0];
    c->proxy = start_proxy(c, pair[1]);
    make_streams(c, ends);
    c->tool = fork();
    if (c->tool == 0) {
        char name[] = "chromium", profile[] = PROFILE;
        char *argv[] = { name, profile, NULL };
        int socket = fcntl(pair[0], F_DUPFD_CLOEXEC, 50);
        for (int i = 0; i < 3; i++)
            ends[i] = fcntl(ends[i], F_DUPFD_CLOEXEC, 50);
        close_all(c);
        if (dup2(ends[0], 3) < 0 || dup2(ends[1], 4) < 0 || dup2(ends[2], 2) < 0)
            _exit(100);
        for (int i = 0; i < 3; i++)
            fd_close(ends[i]);
        _exit(cdp_pipe(socket, c->shared, 2, argv));
    }
    fd_close(take_fd(&c->socket));
    for (size_t i = 0; i < 3; i++)
        fd_close(ends[i]);
}

static int end_tool(struct client *c)
{
    int status;

    assert_int_equal(waitpid(c->proxy, &status, 0), c->proxy);
    assert_int_equal(waitpid(c->tool, &status, 0), c->tool);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void chosen_files_are_brought_to_the_shared_folder(void **state)
{
    struct client *c = *state;
    scoped(mem_free) char *path = mem_format("%s/a \xc3\xa4.txt", c->folder);
    scoped(mem_free) char *there = mem_format("%s/there.txt", c->shared);
    scoped(mem_free) char *command =
        mem_format("{\"id\":6,\"method\":\"DOM.setFileInputFiles\",\"params\":{\"objectId\":\"7\","
                   "\"files\":[\"%s\",\"%s\"]},\"sessionId\":\"S\"}",
                   path, there);
    FILE *file = fopen(path, "we");
    scoped(buf_done) struct buf got = { 0 };
    char text[16] = "";

    (void)fputs("contents", file);
    (void)fclose(file);
    open_tool(c);
    say(c, command);
    say(c, "{\"id\":7,\"method\":\"Page.enable\"}");
    assert_true(read_message(c->answers, &got));
    scoped(json_decref) json_t *answer = json_loads(buf_str(&got), 0, NULL);
    const json_t *echo = json_object_get(answer, "echo");
    const json_t *params = json_object_get(echo, "params");
    const json_t *files = json_object_get(params, "files");
    const char *first = json_string_value(json_array_get(files, 0));
    assert_string_equal(json_text(echo, "sessionId"), "S");
    assert_string_equal(json_text(params, "objectId"), "7");
    assert_int_equal(strncmp(first, c->shared, strlen(c->shared)), 0);
    assert_string_equal(strrchr(first, '/'), strrchr(path, '/'));
    assert_string_equal(json_string_value(json_array_get(files, 1)), there);
    file = fopen(first, "re");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    (void)fclose(file);
    assert_string_equal(text, "contents");
    hear(c, "{\"echo\":{\"id\":7,\"method\":\"Page.enable\"}}"); /* and not before */
    fd_close(take_fd(&c->commands));
    assert_int_equal(end_tool(c), 5);
}

static void downloads_are_found_where_the_client_looks(void **state)
{
    struct client *c = *state;
    scoped(mem_free) char *empty = mem_format("%s/empty", c->folder);
    scoped(mem_free) char *command =
        mem_format("{\"id\":1,\"method\":\"Browser.setDownloadBehavior\",\"params\":{"
                   "\"downloadPath\":\"%s\"}}",
                   empty);
    scoped(mem_free) char *expected =
        mem_format("{\"echo\":{\"id\":1,\"method\":\"Browser.setDownloadBehavior\",\"params\":{"
                   "\"downloadPath\":\"%s\"}}}",
                   c->shared);
    scoped(mem_free) char *full = mem_format(
        "{\"id\":2,\"method\":\"Browser.setDownloadBehavior\",\"params\":{\"downloadPath\":\"%s\"}}",
        c->folder);
    char there[128] = "";

    assert_int_equal(mkdir(empty, 0700), 0);
    open_tool(c);
    say(c, command);
    hear(c, expected);
    assert_true(readlink(empty, there, sizeof there - 1) > 0);
    assert_string_equal(there, c->shared);
    say(c, command); /* of the next context */
    hear(c, expected);
    say(c, full);
    hear_in(c, "{\"id\":2,\"error\"");
}

static void a_file_that_cannot_be_brought_is_an_error_of_that_command(void **state)
{
    struct client *c = *state;

    open_tool(c);
    say(c, "{\"id\":8,\"method\":\"DOM.setFileInputFiles\",\"params\":{\"files\":[\"/no/file\"]}}");
    hear_in(c, "{\"id\":8,\"error\":{\"code\":-32000,\"message\":\"/no/file could not be copied");
    say(c, "{\"id\":9,\"method\":\"Page.enable\"}");
    hear(c, "{\"echo\":{\"id\":9,\"method\":\"Page.enable\"}}");
}

static void who_kills_the_tool_kills_the_browser(void **state)
{
    struct client *c = *state;
    int status;
    char end;

    open_tool(c);
    say(c, "{\"id\":1,\"method\":\"Page.enable\"}");
    hear(c, "{\"echo\":{\"id\":1,\"method\":\"Page.enable\"}}");
    (void)kill(c->tool, SIGKILL);
    while (read(c->words, &end, 1) == 1)
        continue;
    assert_int_equal(waitpid(c->proxy, &status, 0), c->proxy);
    assert_int_equal(waitpid(c->tool, &status, 0), c->tool);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, client_setup, client_teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(commands_and_answers_pass_as_they_are),
        TEST(a_refusal_has_the_id_and_the_session_and_the_browser_hears_nothing),
        TEST(a_refusal_waits_for_the_end_of_an_answer),
        TEST(large_messages_pass_both_ways),
        TEST(what_is_no_message_ends_the_connection_in_words),
        TEST(the_end_of_a_browser_is_told_with_its_status),
        TEST(a_client_that_goes_takes_its_browser_along),
        TEST(an_argument_that_is_not_for_jobs_is_refused_in_words),
        TEST(the_sandbox_stays_on_and_the_pipe_is_ours),
        TEST(what_nobody_sees_is_left_out_beside_what_a_client_leaves_out),
        TEST(what_nobody_asked_for_is_left_out_where_a_client_asks_for_nothing),
        TEST(chosen_files_are_brought_to_the_shared_folder),
        TEST(downloads_are_found_where_the_client_looks),
        TEST(a_file_that_cannot_be_brought_is_an_error_of_that_command),
        TEST(who_kills_the_tool_kills_the_browser),
    };

    if (argc > 1)
        return browser(argc, argv);
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
