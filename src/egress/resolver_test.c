/* SPDX-License-Identifier: Apache-2.0 */
#include "egress/resolver.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { NAMES = 512 }; /* what it has room for */

static sem_t slow; /* names that begin so wait for it */
static int lookups;

static void lookup(const char *name, struct resolved *out)
{
    while (strncmp(name, "slow", 4) == 0 && sem_wait(&slow) < 0)
        continue;
    __atomic_add_fetch(&lookups, 1, __ATOMIC_SEQ_CST);
    *out = (struct resolved){ .outcome = strncmp(name, "failing", 7) == 0 ? RESOLVER_FAILED
                                                                          : RESOLVER_FOUND };
}

struct world {
    struct loop *loop;
    struct resolver *resolver;
    int answers, wanted;
};

static void on_answer(void *arg, const struct resolved *found)
{
    struct world *w = arg;

    (void)found;
    if (++w->answers == w->wanted)
        loop_stop(w->loop);
}

static void open_world(struct world *w)
{
    *w = (struct world){ .loop = loop_new(&clock_real) };
    w->resolver = resolver_new(w->loop, lookup);
    assert_int_equal(sem_init(&slow, 0, 0), 0);
    lookups = 0;
}

static void close_world(struct world *w)
{
    resolver_free(w->resolver);
    loop_free(w->loop);
    sem_destroy(&slow);
}

static bool ask(struct world *w, const char *kind, int number)
{
    scoped(mem_free) char *name = mem_format("%s%d.test", kind, number);

    return resolver_find(w->resolver, name, on_answer, w);
}

static void wait_for(struct world *w, int answers)
{
    w->wanted = answers;
    if (w->answers < answers)
        loop_run(w->loop);
    assert_int_equal(w->answers, answers);
}

/* Asked for one after the other; each answer is there before the next question. */
static void ask_and_wait(struct world *w, const char *kind, int number)
{
    int before = w->answers; /* one that is known comes at once */

    assert_true(ask(w, kind, number));
    wait_for(w, before + 1);
}

static void a_new_name_takes_the_room_of_the_answer_that_ends_first(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    for (int i = 0; i < NAMES - 1; i++)
        ask_and_wait(&w, "known", i);
    ask_and_wait(&w, "failing", 0); /* the youngest, and kept for the shortest time */
    for (int i = 0; i < 3; i++)
        ask_and_wait(&w, "new", i);
    assert_int_equal(lookups, NAMES + 3);

    ask_and_wait(&w, "known", NAMES - 2);
    ask_and_wait(&w, "new", 2);
    assert_int_equal(lookups, NAMES + 3); /* they are still known */
    ask_and_wait(&w, "failing", 0);
    assert_int_equal(lookups, NAMES + 4);
    close_world(&w);
}

static void only_names_that_are_asked_for_use_up_the_room(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    ask_and_wait(&w, "known", 0);
    for (int i = 0; i < NAMES; i++)
        assert_true(ask(&w, "slow", i));
    assert_false(ask(&w, "new", 0));
    assert_true(ask(&w, "slow", 0)); /* the same name is one question */
    for (int i = 0; i < NAMES; i++)
        assert_int_equal(sem_post(&slow), 0);
    wait_for(&w, 1 + NAMES + 1);
    ask_and_wait(&w, "new", 0);
    close_world(&w);
}

/* As programs do that are told of one name and go on to the next. */
struct chain {
    struct world *world;
    int number;
};

static void on_link(void *arg, const struct resolved *found)
{
    struct chain *c = arg;

    assert_int_equal(found->outcome, RESOLVER_FAILED);
    if (++c->number == 2 * NAMES) {
        loop_stop(c->world->loop);
        return;
    }
    scoped(mem_free) char *name = mem_format("failing%d.test", c->number);
    assert_true(resolver_find(c->world->resolver, name, on_link, c));
    assert_int_equal(found->outcome, RESOLVER_FAILED);
}

static void an_answer_may_be_the_cause_of_the_next_question(void **state)
{
    struct world w;
    struct chain c = { &w, 0 };

    (void)state;
    open_world(&w);
    for (int i = 0; i < NAMES - 1; i++)
        ask_and_wait(&w, "known", i); /* so that the next to make room is the one just told */
    assert_true(resolver_find(w.resolver, "failing0.test", on_link, &c));
    loop_run(w.loop);
    assert_int_equal(lookups, NAMES - 1 + 2 * NAMES);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(a_new_name_takes_the_room_of_the_answer_that_ends_first),
        cmocka_unit_test(only_names_that_are_asked_for_use_up_the_room),
        cmocka_unit_test(an_answer_may_be_the_cause_of_the_next_question),
    };
    return cmocka_run_group_tests_name("resolver", promises, NULL, NULL);
}
