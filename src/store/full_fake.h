/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests: a store with no room. What fits into the pages that it has is still written.
 */
#ifndef STORE_FULL_FAKE_H
#define STORE_FULL_FAKE_H

#include "store/store.h"

void store_fake_full(struct store *s, bool full);

#endif
