/* SPDX-License-Identifier: Apache-2.0
 *
 * All that a store holds under the master key, whatever it is: values of credentials and secrets of
 * callbacks. A new kind needs a line in sealed.c.
 */
#ifndef DOMAIN_SEALED_H
#define DOMAIN_SEALED_H

#include "domain/seal.h"
#include "store/store.h"

/* Opens the master key for a store: a missing one is made only while nothing is sealed, because a new
 * one would open none of it. ERR_PRECONDITION: it is missing, or not the one that was used. */
must_use int sealed_open(struct store *store, const char *key_path, struct sealer **out,
                         struct err *e);

#endif
