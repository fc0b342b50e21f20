/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of AI builds that are functions of JSON, and the places that their runs take among the
 * jobs. Whole builds are tested with real boxes, in test/agent.
 */
#include "base/tree.h"
#include "engine/conversation.h"
#include "engine/engine_private.h"
#include "engine/evidence.h"
#include "engine/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    assert_non_null(value);
    return value;
}

/* ---- conversations ---- */

static bool is_act(const json_t *call)
{
    return strcmp(json_text(call, "name"), "act") == 0;
}

static void calls_are_answered_one_to_one_whatever_the_model_says(void **state)
{
    scoped(json_decref) json_t *turns = json_array();
    scoped(json_decref) json_t *turn = parse(
        "{\"role\":\"model\",\"parts\":[{\"type\":\"call\",\"id\":\"x\",\"name\":\"act\",\"input\":{}},"
        "{\"type\":\"call\",\"id\":\"x\",\"name\":\"fly\",\"input\":{}},"
        "{\"type\":\"call\",\"id\":\"x\",\"name\":\"act\",\"input\":{\"n\":2}},"
        "{\"type\":\"call\",\"id\":\"x\",\"name\":\"act\",\"input\":{\"n\":3}}]}");

    (void)state;
    conversation_say(turns, "Do it");
    conversation_hear(turns, turn, is_act, 2);
    assert_int_equal(conversation_calls(turns), 2); /* not the unknown one, not the third */
    assert_string_equal(json_text(conversation_call(turns, 0), "id"), "call_1_0");
    assert_string_equal(json_text(conversation_call(turns, 1), "id"), "call_1_1");
    assert_int_equal(json_int(json_object_get(conversation_call(turns, 1), "input"), "n", 0), 2);
    assert_null(conversation_call(turns, 2));
    scoped(mem_free) char *words = conversation_words(turns, 400);
    assert_non_null(strstr(words, "a tool fly, which there is not"));
    assert_non_null(strstr(words, "no more than 2"));

    conversation_refuse(turns, "later");
    const json_t *answers = json_object_get(conversation_last(turns), "parts");
    assert_int_equal(json_array_size(answers), 2);
    assert_string_equal(json_text(json_array_get(answers, 1), "id"), "call_1_1");
    assert_int_equal(conversation_calls(turns), 0);
}

static void old_answers_become_short_and_the_last_stay_whole(void **state)
{
    enum { TURNS = 20, BYTES = 30 * 1024 };
    scoped(json_decref) json_t *turns = json_array();
    scoped(mem_free) char *text = mem_new(BYTES + 1);

    (void)state;
    memset(text, 'a', BYTES);
    conversation_say(turns, text); /* the task itself is never cut */
    for (int i = 1; i < TURNS; i++) {
        scoped(json_decref) json_t *call = json_pack("{s:s}", "id", "c");
        json_t *part = conversation_result(call, true, text);
        json_object_set_new(part, "image", json_string("aGk="));
        conversation_add(turns, "user", json_pack("[o]", part));
    }
    conversation_trim(turns);
    for (size_t i = 0; i < TURNS; i++) {
        const json_t *part = json_array_get(json_object_get(json_array_get(turns, i), "parts"), 0);
        bool whole = i == 0 || i >= TURNS - 8;
        assert_int_equal(strlen(json_text(part, "text")) == BYTES, whole);
        assert_int_equal(json_object_get(part, "image") != NULL, i >= TURNS - 4);
    }
}

static void pictures_that_were_not_seen_yet_stay(void **state)
{
    enum { SHOWN = 16 };
    scoped(json_decref) json_t *turns = json_array();
    scoped(json_decref) json_t *call = json_pack("{s:s}", "id", "c");

    (void)state;
    for (int turn = 0; turn < 2; turn++) {
        json_t *parts = json_array();
        for (int i = 0; i < SHOWN; i++) {
            json_t *part = conversation_result(call, true, "look");
            json_object_set_new(part, "image", json_string("aGk="));
            json_array_append_new(parts, part);
        }
        conversation_add(turns, "user", parts);
    }
    conversation_trim(turns);
    for (size_t i = 0; i < SHOWN; i++) {
        assert_null(json_object_get(
            json_array_get(json_object_get(json_array_get(turns, 0), "parts"), i), "image"));
        assert_non_null(json_object_get(
            json_array_get(json_object_get(json_array_get(turns, 1), "parts"), i), "image"));
    }
}

static void a_text_is_cut_at_a_character(void **state)
{
    scoped(mem_free) char *whole = text_start("caf\xc3\xa9", 5);
    scoped(mem_free) char *cut = text_start("caf\xc3\xa9", 4);

    (void)state;
    assert_string_equal(whole, "caf\xc3\xa9");
    assert_string_equal(cut, "caf ... (2 more bytes)");
}

/* ---- recordings ---- */

static void a_recording_is_shown_without_secrets(void **state)
{
    scoped(json_decref) json_t *secrets = parse("{\"portal\":\"Plover-9931\",\"pin\":\"47\"}");
    scoped(json_decref) json_t *log = parse(
        "[{\"method\":\"GET\",\"url\":\"http://a.test/logo.png\",\"resourceType\":\"image\"},"
        "{\"method\":\"GET\",\"url\":\"http://me:hush@a.test/x?access_token=t0k3n&page=47\"},"
        "{\"method\":\"POST\",\"url\":\"http://a.test/login\",\"postData\":\"user=a&password=hush\"},"
        "{\"method\":\"POST\",\"url\":\"http://a.test/q\",\"postData\":\"q=Plover-9931\","
        "\"responseBody\":\"{\\\"apiKey\\\": \\\"x\\\\\\\"hush\\\", \\\"n\\\": 1}\"},"
        "{\"method\":\"GET\",\"url\":\"http://a.test/me\","
        "\"responseBody\":\"Bearer abcdefgh12345 and eyJhbGciOiJI.eyJzdWIi.c2ln\"}]");

    (void)state;
    scoped(mem_free) char *text = evidence_page(log, EVIDENCE_NETWORK, 1, NULL, secrets);
    static const char *const hidden[] = { "hush", "t0k3n", "Plover", "abcdefgh", "eyJ", "logo" };
    for (size_t i = 0; i < n_items(hidden); i++) {
        if (strstr(text, hidden[i]))
            fail_msg("%s is in: %s", hidden[i], text);
    }
    assert_non_null(strstr(text, "\n3. method=POST"));
    assert_non_null(strstr(text, "page=47")); /* too short to be a secret */
    assert_non_null(strstr(text, "q=[credential portal]"));
    assert_non_null(strstr(text, "\"apiKey\": \"[masked]\", \"n\": 1"));
    scoped(mem_free) char *found = evidence_page(log, EVIDENCE_NETWORK, 2, "LOGIN", secrets);
    assert_non_null(strstr(found, "3. method=POST"));
    assert_null(strstr(found, "4."));
    scoped(mem_free) char *sought = evidence_page(log, EVIDENCE_NETWORK, 1, "t0k3n", secrets);
    assert_string_equal(sought, "(nothing)\n"); /* what is hidden cannot be guessed at */
}

static void what_looks_like_a_secret_is_masked(void **state)
{
    static const struct {
        const char *text, *masked;
    } cases[] = {
        { "{\"sessionId\": \"a\\\"b\", \"n\": 1}", "{\"sessionId\": \"[masked]\", \"n\": 1}" },
        { "{\"csrf_token\":4711,\"n\":1}", "{\"csrf_token\":[masked],\"n\":1}" },
        { "\"{\\\"password\\\":\\\"hush\\\",\\\"n\\\":1}\"",
          "\"{\\\"password\\\":\\\"[masked]\\\",\\\"n\\\":1}\"" },
        { "/cb?code=1&session_id=9#x", "/cb?code=1&session_id=[masked]" },
        { "a token is a word, and so is password", "a token is a word, and so is password" },
        { "basic membership: 3 EUR", "basic membership: 3 EUR" },
        { "https://a.test/@user/x", "https://a.test/@user/x" },
        { "it=eyJhbGciOiJI.eyJzdWIi.c2ln, \"eyJhbGciOiJI.eyJzdWIi.\" heyJude-and-more.eyJs.x",
          "it=[masked], \"[masked]\" heyJude-and-more.eyJs.x" },
        { "", "" },
    };

    (void)state;
    for (size_t i = 0; i < n_items(cases); i++) {
        scoped(mem_free) char *masked = evidence_masked(cases[i].text);
        assert_string_equal(masked, cases[i].masked);
    }
}

static void a_password_that_was_typed_is_not_shown(void **state)
{
    scoped(json_decref) json_t *log =
        parse("[{\"action\":\"fill\",\"selector\":\"#password\",\"value\":\"hush\"},"
              "{\"action\":\"fill\",\"selector\":\"#city\",\"value\":\"Rome\"}]");
    scoped(json_decref) json_t *none = json_object();
    scoped(mem_free) char *text = evidence_digest(log, EVIDENCE_ACTIONS, none);

    (void)state;
    assert_null(strstr(text, "hush"));
    assert_non_null(strstr(text, "2. action=fill selector=#city value=Rome"));
}

static void a_long_recording_says_where_it_goes_on(void **state)
{
    scoped(json_decref) json_t *log = json_array();
    scoped(json_decref) json_t *none = json_object();

    (void)state;
    for (int i = 0; i < 1000; i++)
        json_array_append_new(log, json_pack("{s:s,s:s}", "action", "click", "selector",
                                             "text=a selector that takes its room"));
    scoped(mem_free) char *text = evidence_digest(log, EVIDENCE_ACTIONS, none);
    assert_in_range(strlen(text), 15 * 1024, 17 * 1024);
    const char *more = strstr(text, "(more from number ");
    assert_non_null(more);
    long number = strtol(more + strlen("(more from number "), NULL, 10);
    scoped(mem_free) char *rest = evidence_page(log, EVIDENCE_ACTIONS, number, NULL, none);
    assert_int_equal(strtol(rest, NULL, 10), number);
}

/* ---- files ---- */

static void paths_of_files_are_plain(void **state)
{
    static const char *const good[] = { "index.ts", "src/lib/a-b_c.ts", "node/n.ts", ".env" };
    static const char *const bad[] = { "",
                                       "/a.ts",
                                       "a//b.ts",
                                       "../a.ts",
                                       "a/./b.ts",
                                       "a b.ts",
                                       "a\\b",
                                       "a/b.ts/",
                                       "a/node_modules/b.ts",
                                       "\xc3\xa4.ts",
                                       "a\n" };

    (void)state;
    for (size_t i = 0; i < n_items(good); i++)
        assert_true(file_path_valid(good[i]));
    for (size_t i = 0; i < n_items(bad); i++)
        assert_false(file_path_valid(bad[i]));
}

/* ---- guests among the jobs ---- */

struct world {
    char dir[64];
    struct clock_fake clock;
    struct rng_seeded rng;
    struct env env;
    struct settings settings;
    struct engine engine;
};

struct visit {
    struct guest guest;
    int came;
};

static void come(void *arg)
{
    struct visit *v = arg;

    v->came++;
}

static int open_world(void **state)
{
    struct world *w = mem_new(sizeof *w);
    scoped(err_clear) struct err e = { 0 };

    strcpy(w->dir, "/tmp/agent-test-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    clock_fake_init(&w->clock, 1000);
    rng_seeded_init(&w->rng, 1);
    w->env = (struct env){ &w->clock.clock, &w->rng.rng, &disk_real };
    w->settings.job_slots = 2;
    w->engine.settings = &w->settings;
    w->engine.with.settings = &w->settings;
    pthread_mutex_init(&w->engine.lock, NULL);
    pthread_cond_init(&w->engine.drained, NULL);
    if (store_open(&w->env, w->dir, &w->engine.store, &e) < 0)
        fail_msg("%s", e.msg);
    w->engine.loop = loop_new(&w->clock.clock);
    w->engine.walls.level = "strong";
    w->engine.dispatcher = dispatcher_new(&w->engine);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    dispatcher_free(w->engine.dispatcher);
    loop_free(w->engine.loop);
    store_close(w->engine.store);
    (void)tree_remove(w->dir);
    mem_free(w);
    return 0;
}

static void guests_take_the_places_of_jobs_and_give_them_back(void **state)
{
    struct world *w = *state;
    struct visit visits[4] = { 0 };

    for (size_t i = 0; i < n_items(visits); i++) {
        visits[i].guest = (struct guest){ .come = come, .arg = &visits[i] };
        dispatcher_visit(w->engine.dispatcher, &visits[i].guest);
    }
    assert_int_equal(visits[0].came + visits[1].came, 2);
    assert_int_equal(visits[2].came, 0); /* there are two places */
    assert_int_equal(visits[2].guest.state, GUEST_WAITING);

    dispatcher_leave(w->engine.dispatcher, &visits[2].guest); /* it does not wait any longer */
    dispatcher_leave(w->engine.dispatcher, &visits[0].guest);
    assert_int_equal(visits[2].came, 0);
    assert_int_equal(visits[3].came, 1);

    dispatcher_leave(w->engine.dispatcher, &visits[0].guest); /* it is out: nothing happens */
    dispatcher_visit(w->engine.dispatcher, &visits[2].guest);
    assert_int_equal(visits[2].came, 0);
    dispatcher_leave(w->engine.dispatcher, &visits[3].guest);
    assert_int_equal(visits[2].came, 1);
    dispatcher_leave(w->engine.dispatcher, &visits[1].guest);
    dispatcher_leave(w->engine.dispatcher, &visits[2].guest);
}

static void a_server_that_drains_lets_no_guest_in(void **state)
{
    struct world *w = *state;
    struct visit visit = { .guest = { .come = come } };

    visit.guest.arg = &visit;
    w->engine.draining = true;
    dispatcher_visit(w->engine.dispatcher, &visit.guest);
    assert_int_equal(visit.came, 0);
    dispatcher_leave(w->engine.dispatcher, &visit.guest);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(calls_are_answered_one_to_one_whatever_the_model_says),
        cmocka_unit_test(old_answers_become_short_and_the_last_stay_whole),
        cmocka_unit_test(pictures_that_were_not_seen_yet_stay),
        cmocka_unit_test(a_text_is_cut_at_a_character),
        cmocka_unit_test(a_recording_is_shown_without_secrets),
        cmocka_unit_test(what_looks_like_a_secret_is_masked),
        cmocka_unit_test(a_password_that_was_typed_is_not_shown),
        cmocka_unit_test(a_long_recording_says_where_it_goes_on),
        cmocka_unit_test(paths_of_files_are_plain),
        cmocka_unit_test_setup_teardown(guests_take_the_places_of_jobs_and_give_them_back,
                                        open_world, close_world),
        cmocka_unit_test_setup_teardown(a_server_that_drains_lets_no_guest_in, open_world,
                                        close_world),
    };
    return cmocka_run_group_tests_name("agent", promises, NULL, NULL);
}
