/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bounds.h"
#include "base/buf.h"
#include "base/id.h"
#include "base/json.h"
#include "base/loop.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

/* The linker puts it before the library's (meson.build): so often the kernel has no memory to watch. */
int __real_epoll_ctl(int epoll, int what, int fd, struct epoll_event *ev);
int __wrap_epoll_ctl(int epoll, int what, int fd, struct epoll_event *ev);

static int unwatched;

int __wrap_epoll_ctl(int epoll, int what, int fd, struct epoll_event *ev)
{
    if (what != EPOLL_CTL_ADD || unwatched == 0)
        return __real_epoll_ctl(epoll, what, fd, ev);
    unwatched--;
    errno = ENOMEM;
    return -1;
}

static void ids_are_valid_and_increase(void **state)
{
    struct clock_fake clock;
    struct rng_seeded rng;
    struct id last = { "" };

    (void)state;
    clock_fake_init(&clock, 1700000000000);
    rng_seeded_init(&rng, 7);
    const struct env env = { &clock.clock, &rng.rng, &disk_real };
    for (int i = 0; i < 10000; i++) {
        struct id id = id_new(&env);
        assert_true(id_valid(id.text));
        assert_true(strcmp(last.text, id.text) < 0);
        last = id;
        if (i == 5000)
            clock.wall -= 1000; /* a clock set back does not give older ids */
    }
    static const char stored[] =
        "01a20e79-0df8-7fff-bfff-ffffffffffff"; /* of 2026, by another process */
    id_resume("no id");
    assert_true(strcmp(id_new(&env).text, stored) < 0);
    id_resume(stored);
    struct id next = id_new(&env);
    assert_true(strcmp(stored, next.text) < 0 && id_valid(next.text));
}

static void only_uuids_are_ids(void **state)
{
    (void)state;
    assert_true(id_valid("01890a5d-ac96-774b-bcce-b302099a8057"));
    assert_true(id_valid("01890A5D-AC96-774B-BCCE-B302099A8057"));
    assert_false(id_valid("01890a5d-ac96-774b-bcce-b302099a805"));
    assert_false(id_valid("01890a5d-ac96-074b-bcce-b302099a8057"));
    assert_false(id_valid("01890a5d-ac96-774b-ccce-b302099a8057"));
    assert_false(id_valid("01890a5dxac96-774b-bcce-b302099a8057"));
    assert_false(id_valid(""));
}

static void times_have_three_decimals_and_z(void **state)
{
    char text[TIME_TEXT_SIZE];

    (void)state;
    time_text(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    time_text(1767225599007, text);
    assert_string_equal(text, "2025-12-31T23:59:59.007Z");
}

static void a_text_is_cut_between_characters(void **state)
{
    static const char text[] = "a\xc3\xa4\xf0\x9f\x98\x80z"; /* of 1, 2, 4 and 1 bytes */
    static const size_t kept[] = { 0, 1, 1, 3, 3, 3, 3, 7, 8, 8 };

    (void)state;
    assert_null(mem_text_most(NULL, 5));
    for (size_t most = 0; most < n_items(kept); most++) {
        scoped(mem_free) char *cut = mem_text_most(text, most);
        assert_int_equal(strlen(cut), kept[most]);
        assert_memory_equal(cut, text, kept[most]);
    }
}

static void errors_tell_what_was_being_done(void **state)
{
    scoped(err_clear) struct err e = { 0 };

    (void)state;
    assert_int_equal(err_set_errno(&e, ERR_IO, ENOSPC, "write %s", "blob"), -1);
    assert_int_equal(err_wrap(&e, "keep deployment %d", 7), -1);
    assert_string_equal(e.msg, "keep deployment 7: write blob: No space left on device");
    assert_int_equal(e.code, ERR_IO);
}

static void foreign_json_is_refused_with_its_place(void **state)
{
    static const char *const bad[] = {
        "", "{", "{} x", "\"\\u0000\"", "\"\\ud800\"", "\"\xff\"", "[1,]", "[[[[1]]]]", "nul"
    };

    (void)state;
    for (size_t i = 0; i < n_items(bad); i++) {
        scoped(err_clear) struct err e = { 0 };
        json_t *value = NULL;
        assert_int_equal(json_parse(bad[i], strlen(bad[i]), 3, &value, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        assert_null(value);
    }
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *value = NULL;
    assert_int_equal(json_parse("1\0", 2, 3, &value, &e), -1);
    assert_int_equal(json_parse("[1\0]", 4, 3, &value, &e), -1);
    assert_int_equal(json_parse("{\"n\":3e2}", 9, 3, &value, &e), 0);
    assert_int_equal(json_int(value, "n", 0), 300);
    static const char large[] =
        "{\"id\":100000000000000000000,\"n\":5}"; /* as JavaScript writes 1e20 */
    scoped(json_decref) json_t *reals = NULL;
    assert_int_equal(json_parse(large, strlen(large), 3, &reals, &e), 0);
    assert_true(json_real_value(json_object_get(reals, "id")) == 1e20);
    assert_int_equal(json_int(reals, "n", 0), 5);

    scoped(buf_done) struct buf many = { 0 }; /* [[],[],... */
    for (int i = 0; i < LIMIT_JSON_VALUES; i++)
        buf_text(&many, i ? ",[]" : "[[]");
    buf_char(&many, ']');
    assert_int_equal(json_parse(many.data, many.n, 3, &value, &e), -1);
    assert_string_equal(e.msg, "the JSON has more than 1000000 values");

    scoped(json_decref) json_t *far = json_loads("{\"a\":1e300,\"b\":-1e19}", 0, NULL);
    assert_int_equal(json_int(far, "a", 7), 7); /* no integer of ours */
    assert_int_equal(json_int(far, "b", 7), 7);
}

static void reals_are_printed_as_short_as_they_were_written(void **state)
{
    static const char *const numbers[] = {
        "15.53",
        "0.1",
        "-0.0",
        "0.30000000000000004",
        "1e22",
        "1e-7",
        "300.0",

        "1.5e300",
        "1.7976931348623157e308",
        "-2.5e-8",
        "9007199254740993",
        "0",
        "-7",
        "123456789012345680.0",
    };
    static const char text[] =
        "{\"15.529999999999999\":[\"\\\"15.529999999999999\",15.53,\"\\\\\",-1]}";

    (void)state;
    for (size_t i = 0; i < n_items(numbers); i++) {
        scoped(json_decref) json_t *value = json_loads(numbers[i], JSON_DECODE_ANY, NULL);
        scoped(mem_free) char *printed = json_print(value);
        scoped(json_decref) json_t *again = json_loads(printed, JSON_DECODE_ANY, NULL);
        assert_true(json_equal(value, again));
        if (strcmp(numbers[i], "123456789012345680.0") != 0)
            assert_string_equal(printed, numbers[i]);
    }
    scoped(json_decref) json_t *value = json_loads(text, 0, NULL);
    scoped(buf_done) struct buf out = { 0 };
    buf_text(&out, "15.529999999999999 ");
    json_print_into(value, &out); /* of what stands before it nothing is touched, nor of texts */
    assert_string_equal(out.data, "15.529999999999999 {\"15.529999999999999\":"
                                  "[\"\\\"15.529999999999999\",15.53,\"\\\\\",-1]}");
    scoped(mem_free) char *pretty = json_print_as(value, JSON_INDENT(1));
    assert_non_null(strstr(pretty, "\n  15.53,\n"));
}

static void compact_json_is_what_the_library_would_write(void **state)
{
    scoped(json_decref) json_t *value =
        json_pack("{s:[n,b,b,i,I],s:{},s:[],s:s,s:{s:s}}", "a", 1, 0, -5, INT64_MIN, "b", "c", "d",
                  "\" \\ / \b\f\n\r\t \x01\x1f\x7f \xc3\xa9 \xf0\x9f\x98\x80", "e\n\"", "f", "");
    scoped(mem_free) char *expected = json_dumps(value, JSON_COMPACT);
    scoped(mem_free) char *printed = json_print(value);
    scoped(mem_free) char *none = json_print(NULL);

    (void)state;
    assert_string_equal(printed, expected);
    assert_string_equal(none, "");
}

struct seen {
    struct loop *loop;
    int posts, timers, reads;
    int pipe[2];
    struct watch *watch;
};

static void on_read(void *arg, uint32_t events)
{
    struct seen *s = arg;

    assert_true(events & EPOLLIN);
    s->reads++;
    watch_free(take(s->watch)); /* inside its own callback */
}

static void on_timer(void *arg)
{
    struct seen *s = arg;

    s->timers++;
    loop_stop(s->loop);
}

static void on_post(void *arg)
{
    struct seen *s = arg;

    s->posts++;
    assert_int_equal(write(s->pipe[1], "x", 1), 1);
    loop_timer(s->loop, 0, on_timer, s);
}

static void *post_from_elsewhere(void *arg)
{
    struct seen *s = arg;

    loop_post(s->loop, on_post, s);
    return NULL;
}

static void a_loop_serves_posts_timers_and_descriptors(void **state)
{
    struct seen s = { 0 };
    pthread_t thread;

    (void)state;
    s.loop = loop_new(&clock_real);
    assert_int_equal(pipe(s.pipe), 0);
    s.watch = loop_watch(s.loop, s.pipe[0], EPOLLIN, on_read, &s);
    timer_free(loop_timer(s.loop, 0, on_timer, &s));
    assert_int_equal(pthread_create(&thread, NULL, post_from_elsewhere, &s), 0);
    loop_run(s.loop);
    pthread_join(thread, NULL);
    assert_int_equal(s.posts, 1);
    assert_int_equal(s.timers, 1);
    assert_int_equal(s.reads, 1);
    loop_free(s.loop);
    close(s.pipe[0]);
    close(s.pipe[1]);
}

static void run_once(struct seen *s)
{
    loop_timer(s->loop, 0, on_timer, s);
    loop_run(s->loop);
}

static void what_cannot_be_watched_for_want_of_memory_is_watched_later(void **state)
{
    struct clock_fake clock;
    struct seen s = { 0 };

    (void)state;
    clock_fake_init(&clock, 1700000000000);
    s.loop = loop_new(&clock.clock);
    assert_int_equal(pipe(s.pipe), 0);
    assert_int_equal(write(s.pipe[1], "x", 1), 1);
    unwatched = 2;
    s.watch = loop_watch(s.loop, s.pipe[0], EPOLLOUT, on_read, &s);
    watch_change(s.watch, EPOLLIN);
    for (int i = 0; i < 2; i++) {
        clock_fake_advance(&clock, 1000);
        assert_int_equal(s.reads, 0);
        run_once(&s);
    }
    run_once(&s);
    assert_int_equal(s.reads, 1);

    unwatched = 1;
    watch_free(loop_watch(s.loop, s.pipe[0], EPOLLIN, on_read, &s));
    clock_fake_advance(&clock, 1000);
    run_once(&s);
    run_once(&s);
    assert_int_equal(s.reads, 1);
    loop_free(s.loop);
    close(s.pipe[0]);
    close(s.pipe[1]);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(ids_are_valid_and_increase),
        cmocka_unit_test(only_uuids_are_ids),
        cmocka_unit_test(times_have_three_decimals_and_z),
        cmocka_unit_test(a_text_is_cut_between_characters),
        cmocka_unit_test(errors_tell_what_was_being_done),
        cmocka_unit_test(foreign_json_is_refused_with_its_place),
        cmocka_unit_test(reals_are_printed_as_short_as_they_were_written),
        cmocka_unit_test(compact_json_is_what_the_library_would_write),
        cmocka_unit_test(a_loop_serves_posts_timers_and_descriptors),
        cmocka_unit_test(what_cannot_be_watched_for_want_of_memory_is_watched_later),
    };
    return cmocka_run_group_tests_name("base", promises, NULL, NULL);
}
