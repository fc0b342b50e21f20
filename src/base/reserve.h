/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that is set aside for when the system has none to give: what is under way is finished with it
 * (mem.h takes from here by itself), and who asks whether it runs low refuses what is new. It costs
 * addresses until it is used, not memory. Any thread.
 */
#ifndef BASE_RESERVE_H
#define BASE_RESERVE_H

#include <stdbool.h>
#include <stddef.h>

void *reserve_take(size_t size); /* aligned for everything; NULL when it does not fit */
void reserve_give(void *p);
bool reserve_has(const void *p);
size_t reserve_size(const void *p); /* of one that it has: at least what was asked for */

size_t reserve_used(void);  /* bytes */
size_t reserve_takes(void); /* how often something was taken from it */
/* More than a little of it is in use: whoever has something there that is not needed gives it back. */
bool reserve_is_touched(void);
/* So much of it is in use that what is under way may need the rest. False again once it is given back. */
bool reserve_is_low(void);

#endif
