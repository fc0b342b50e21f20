/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/box_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct box *boxes_fake;

struct box *box_fake_at_work(void)
{
    struct box *b = boxes_fake;

    while (b && !b->at_work)
        b = b->next;
    assert_non_null(b);
    return b;
}

void box_fake_says(struct box *b, const char *frame)
{
    scoped(json_decref) json_t *parsed = json_loads(frame, 0, NULL);

    assert_non_null(parsed);
    b->user.frame(b->user.arg, json_text(parsed, "t"), parsed);
}

void box_fake_exits(struct box *b)
{
    const struct child_exit exit = { .exited = true };

    b->user.end(b->user.arg, &(struct box_end){ .exit = &exit });
}

int box_start(const struct box_spec *spec, const struct box_user *user, struct box **out,
              struct err *e)
{
    struct box *b = mem_new(sizeof *b);

    (void)e;
    plan_free(spec->plan);
    *b = (struct box){ .user = *user, .at_work = !spec->out_later, .next = boxes_fake };
    *out = boxes_fake = b;
    return 0;
}

void box_hand_over(struct box *b, const struct box_user *user, int out_file, size_t out_max)
{
    (void)out_file, (void)out_max;
    b->user = *user;
    b->at_work = true;
}

void box_free(struct box *b)
{
    struct box **at = &boxes_fake;

    if (!b)
        return;
    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    mem_free(b);
}

void box_send(struct box *b, const json_t *frame)
{
    (void)b, (void)frame;
}

void box_limit(struct box *b, msec_t time_limit)
{
    (void)b, (void)time_limit;
}

int64_t box_child(const struct box *b)
{
    (void)b;
    return 0;
}

void box_terminate(struct box *b)
{
    (void)b;
}

void box_kill(struct box *b)
{
    (void)b;
}
