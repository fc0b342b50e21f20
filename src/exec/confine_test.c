/* SPDX-License-Identifier: Apache-2.0
 *
 * What each of our own processes may not do is tried by one that is confined as it is; and each wall
 * is left out once, to see that the attempts notice. With --as-user the same as someone who is not
 * root.
 */
#include "exec/own_walls.h"

#include "base/tree.h"
#include "exec/landlock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEST_USER = 60999, AT_LEAST = 80 };

/* What must be open where a wall is left out, and is the business of no other. */
static const struct {
    enum confine_who who;
    enum confine_wall wall;
    const char *open;
} ablations[] = {
    { CONFINE_SERVER, CONFINE_FILES, "a file in /tmp" },
    { CONFINE_SERVER, CONFINE_FILES, "/var/log" },
    { CONFINE_SERVER, CONFINE_CALLS, "execve" },
    { CONFINE_SERVER, CONFINE_CALLS, "open_tree" },
    { CONFINE_SERVER, CONFINE_CALLS, "a connection" },
    { CONFINE_SPAWNER, CONFINE_FILES, "master.key" },
    { CONFINE_SPAWNER, CONFINE_FILES, "impresario.db" },
    { CONFINE_SPAWNER, CONFINE_NETWORK, "a connection" },
    { CONFINE_SPAWNER, CONFINE_NETWORK, "a datagram" },
    { CONFINE_SPAWNER, CONFINE_CALLS, "keyctl" },
    { CONFINE_EGRESS, CONFINE_FILES, "a folder in /tmp" },
    { CONFINE_EGRESS, CONFINE_CALLS, "execve" },
    { CONFINE_EGRESS, CONFINE_CALLS, "mount" },
    { CONFINE_EGRESS, CONFINE_CALLS, "a listener" },
    { CONFINE_EGRESS, CONFINE_CALLS, "local sockets" },
    { CONFINE_REGISTRY, CONFINE_FILES, "a folder in /tmp" },
    { CONFINE_REGISTRY, CONFINE_CALLS, "execve" },
    { CONFINE_REGISTRY, CONFINE_CALLS, "a listener" },
};

static void attempt(enum confine_who who, unsigned without, struct buf *out)
{
    char folder[] = "/tmp/confine-test-XXXXXX";
    scoped(err_clear) struct err e = { 0 };

    assert_non_null(mkdtemp(folder));
    int r = own_walls_try(who, folder, without, out, &e);
    assert_int_equal(tree_remove(folder), 0);
    if (r < 0)
        fail_msg("%s: %s", e.msg, buf_str(out));
}

static void nothing_succeeds_and_work_goes_on(void **state)
{
    int held = 0;

    (void)state;
    for (int who = 0; who < CONFINE_PROCESSES; who++) {
        scoped(buf_done) struct buf text = { 0 };
        attempt(who, 0, &text);
        if (strstr(buf_str(&text), "open ") || strstr(buf_str(&text), "stopped its work") ||
            strstr(buf_str(&text), "missing "))
            fail_msg("%s", buf_str(&text));
        for (int wall = 0; wall < CONFINE_WALLS; wall++) {
            if (!confine_names[who][wall])
                continue;
            scoped(mem_free) char *line = mem_format("held %s ", confine_names[who][wall]);
            const char *at = strstr(buf_str(&text), line);
            assert_non_null(at);
            assert_true(strtol(at + strlen(line), NULL, 10) > 0);
            held += (int)strtol(at + strlen(line), NULL, 10);
        }
    }
    assert_true(held >= AT_LEAST);
}

static void a_wall_that_is_left_out_is_noticed_and_no_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < n_items(ablations); i++) {
        scoped(buf_done) struct buf text = { 0 };
        const char *name = confine_names[ablations[i].who][ablations[i].wall];
        scoped(mem_free) char *wanted = mem_format("open %s %s\n", name, ablations[i].open);
        scoped(mem_free) char *wall = mem_format("open %s ", name);

        attempt(ablations[i].who, 1u << ablations[i].wall, &text);
        if (!strstr(buf_str(&text), wanted))
            fail_msg("there is no \"%s\" in:\n%s", wanted, buf_str(&text));
        for (const char *at = buf_str(&text); (at = strstr(at, "open ")); at++) {
            if ((at == text.data || at[-1] == '\n') && strncmp(at, wall, strlen(wall)) != 0)
                fail_msg("without %s another wall is missed:\n%s", name, buf_str(&text));
        }
    }
}

/* Landlock and seccomp both stand before these. */
static void where_two_walls_stand_both_have_to_go(void **state)
{
    static const char *const twice[] = { "a program", "a signal to the parent" };

    (void)state;
    for (size_t i = 0; i < n_items(twice); i++) {
        scoped(buf_done) struct buf text = { 0 };
        scoped(mem_free) char *wanted = mem_format("open server-system-calls %s\n", twice[i]);
        attempt(CONFINE_SERVER, 1u << CONFINE_FILES | 1u << CONFINE_CALLS, &text);
        if (!strstr(buf_str(&text), wanted))
            fail_msg("there is no \"%s\" in:\n%s", wanted, buf_str(&text));
    }
}

static void what_is_told_arrives(void **state)
{
    char why[] = "an old kernel";
    const struct confined told = { .why = { NULL, why, NULL } };
    struct confined heard = { 0 };
    json_t *message = confined_to_json(&told);

    (void)state;
    confined_from_json(message, &heard);
    assert_null(heard.why[CONFINE_FILES]);
    assert_string_equal(heard.why[CONFINE_NETWORK], "an old kernel");
    assert_null(heard.why[CONFINE_CALLS]);
    confined_from_json(NULL, &heard); /* a process that says nothing has no walls */
    for (int i = 0; i < CONFINE_WALLS; i++)
        assert_non_null(heard.why[i]);
    confined_done(&heard);
    json_decref(message);
}

int main(int argc, char **argv)
{
    if (own_walls_wanted(argc, argv))
        return own_walls_main(argc, argv);
    if (argc > 1 && strcmp(argv[1], "--as-user") == 0 && geteuid() == 0 &&
        (setgid(TEST_USER) < 0 || setuid(TEST_USER) < 0))
        return EXIT_FAILURE;
    if (landlock_version() < LANDLOCK_FILES) {
        printf("1..0 # SKIP this kernel has no Landlock that is new enough\n");
        return EXIT_SUCCESS;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_succeeds_and_work_goes_on),
        cmocka_unit_test(a_wall_that_is_left_out_is_noticed_and_no_other),
        cmocka_unit_test(where_two_walls_stand_both_have_to_go),
        cmocka_unit_test(what_is_told_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
