/* SPDX-License-Identifier: Apache-2.0 */
#include "net/client.h"
#include "net/http_testing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct world w;
    struct client *client;
    struct client_reply reply;
    struct err e;
    char *url;
};

static int setup(void **state)
{
    struct fixture *f = mem_new(sizeof *f);

    world_start(&f->w, (struct http_options){ 0 });
    f->client = client_new(&(struct client_options){ .max_answer = 100000 });
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    client_free(f->client);
    world_stop(&f->w);
    client_reply_done(&f->reply);
    err_clear(&f->e);
    mem_free(f->url);
    mem_free(f);
    return 0;
}

static const char *url(struct fixture *f, const char *path)
{
    mem_free(f->url);
    f->url = mem_format("http://127.0.0.1:%u%s", http_port(f->w.http), path);
    return f->url;
}

static void a_post_is_answered_on_a_kept_connection(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(
            client_post(f->client, url(f, "/echo"), NULL, "hello", 5, &f->reply, &f->e), 0);
        assert_int_equal(f->reply.status, 200);
        assert_string_equal(buf_str(&f->reply.body), "hello");
        assert_string_equal(f->reply.content_type, "text/plain");
        assert_int_equal(f->reply.retry_after, -1);
    }
    assert_int_equal(http_stats(f->w.http).connections, 1);
    assert_int_equal(client_get(f->client, url(f, "/x?y"), NULL, &f->reply, &f->e), 0);
    assert_string_equal(buf_str(&f->reply.body), "GET /x?y 0 from 127.0.0.1");
}

static void a_refusal_is_an_answer(void **state)
{
    static const char *const headers[] = { "x-api-key: abc", NULL };
    struct fixture *f = *state;

    assert_int_equal(client_post(f->client, url(f, "/early"), headers, "", 0, &f->reply, &f->e), 0);
    assert_int_equal(f->reply.status, 401);
    assert_string_equal(buf_str(&f->reply.body), "no");
}

static void no_answer_is_a_fault_that_says_why(void **state)
{
    struct fixture *f = *state;
    char *gone = mem_text(url(f, "/"));

    assert_int_equal(client_get(f->client, "gopher://x/", NULL, &f->reply, &f->e), -1);
    assert_int_equal(f->e.code, ERR_INPUT);
    err_clear(&f->e);
    struct client *hasty = client_new(&(struct client_options){ .quiet_seconds = 1 });
    assert_int_equal(client_get(hasty, url(f, "/late"), NULL, &f->reply, &f->e), -1);
    assert_int_equal(f->e.code, ERR_TIMEOUT);
    client_free(hasty);
    err_clear(&f->e);
    world_release(&f->w);
    world_stop(&f->w);
    assert_int_equal(client_get(f->client, gone, NULL, &f->reply, &f->e), -1);
    assert_int_equal(f->e.code, ERR_UNAVAILABLE);
    mem_free(gone);
    world_start(&f->w, (struct http_options){ 0 });
}

struct source {
    size_t left, most, fail_at;
    uint64_t told;
    int tellings, give_up;
};

static ssize_t give(void *arg, void *into, size_t n, struct err *e)
{
    struct source *s = arg;

    if (s->fail_at && s->left <= s->fail_at)
        return err_set(e, ERR_IO, "the disk is on fire");
    n = n < s->left ? n : s->left;
    n = n < s->most ? n : s->most;
    memset(into, 'x', n);
    s->left -= n;
    return (ssize_t)n;
}

static int told(void *arg, uint64_t sent, uint64_t size)
{
    struct source *s = arg;

    (void)size;
    assert_true(sent >= s->told);
    s->told = sent;
    s->tellings++;
    return s->give_up;
}

static void an_upload_streams_and_tells_how_far_it_is(void **state)
{
    enum { SIZE = 5000000 };
    struct fixture *f = *state;

    for (int chunked = 0; chunked < 2; chunked++) {
        struct source s = { .left = SIZE, .most = 7001 };
        struct client_upload up = { chunked ? CLIENT_SIZE_UNKNOWN : SIZE, give, told, &s };
        assert_int_equal(
            client_post_upload(f->client, url(f, "/stream"), NULL, &up, &f->reply, &f->e), 0);
        assert_string_equal(buf_str(&f->reply.body), "POST /stream?- 5000000 from 127.0.0.1");
        assert_true(s.tellings > 0 && s.told >= SIZE);
    }
}

static void an_upload_that_is_refused_hears_the_refusal(void **state)
{
    struct fixture *f = *state;
    struct source s = { .left = 30000000, .most = 50000 };
    struct client_upload up = { 30000000, give, NULL, &s };

    assert_int_equal(
        client_post_upload(f->client, url(f, "/stop-at-1000"), NULL, &up, &f->reply, &f->e), 0);
    assert_int_equal(f->reply.status, 400);
    s.left = 30000000;
    assert_int_equal(client_post_upload(f->client, url(f, "/echo"), NULL, &up, &f->reply, &f->e),
                     0);
    assert_int_equal(f->reply.status, 413);
    assert_int_equal(s.left, 30000000); /* asked first, as curl does, and heard no */
}

static void an_upload_ends_when_its_source_fails_or_its_owner_gives_up(void **state)
{
    struct fixture *f = *state;
    struct source s = { .left = 5000, .most = 1000, .fail_at = 3000 };
    struct client_upload up = { 5000, give, NULL, &s };

    assert_int_equal(client_post_upload(f->client, url(f, "/stream"), NULL, &up, &f->reply, &f->e),
                     -1);
    assert_string_equal(f->e.msg, "the disk is on fire");
    err_clear(&f->e);
    s = (struct source){ .left = 5000, .most = 1000, .give_up = 1 };
    up.progress = told;
    assert_int_equal(client_post_upload(f->client, url(f, "/late"), NULL, &up, &f->reply, &f->e),
                     -1);
    assert_string_equal(f->e.msg, "given up");
    world_release(&f->w);
}

static void an_answer_has_a_bound(void **state)
{
    struct fixture *f = *state;
    scoped(mem_free) char *body = mem_new(100001);

    memset(body, 'x', 100001);
    assert_int_equal(client_post(f->client, url(f, "/echo"), NULL, body, 100000, &f->reply, &f->e),
                     0);
    assert_int_equal(f->reply.body.n, 100000);
    assert_int_equal(client_post(f->client, url(f, "/echo"), NULL, body, 100001, &f->reply, &f->e),
                     -1);
    assert_int_equal(f->e.code, ERR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_post_is_answered_on_a_kept_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_is_an_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(no_answer_is_a_fault_that_says_why, setup, teardown),
        cmocka_unit_test_setup_teardown(an_upload_streams_and_tells_how_far_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(an_upload_that_is_refused_hears_the_refusal, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_upload_ends_when_its_source_fails_or_its_owner_gives_up,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_has_a_bound, setup, teardown),
    };

    (void)unsetenv("http_proxy"); /* the server is on this machine */
    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
