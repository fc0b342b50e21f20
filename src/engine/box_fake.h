/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of engine/box.h for boxes with nothing inside, which say and do as they are told: what is
 * linked with box_fake.c takes these, and never the ones of box.c.
 */
#ifndef ENGINE_BOX_FAKE_H
#define ENGINE_BOX_FAKE_H

#include "engine/box.h"

struct box {
    struct box_user user;
    bool at_work; /* it was started for its work, or has been handed over */
    struct box *next;
};

extern struct box *boxes_fake; /* those that there are; the last that was started first */

struct box *box_fake_at_work(void); /* the one; fails the test when there is none */
void box_fake_says(struct box *b, const char *frame);
void box_fake_exits(struct box *b); /* with status 0; it is gone after that */

#endif
