/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys that were good a moment ago, by their digests, so that not every request asks the store.
 *
 * `impresario key revoke` is another process. It counts up a word in a file of the data directory that
 * the server has mapped, and the server then forgets what it knew: a key is shut when the command has
 * ended. Should the command die between its commit and that, the key is asked for again after
 * KEYRING_MS anyhow.
 */
#ifndef DOMAIN_KEYRING_H
#define DOMAIN_KEYRING_H

#include "domain/key.h"

enum { KEYRING_MS = 1000 };

struct keyring; /* for one thread */

must_use int keyring_open(struct store *s, const char *data_dir, struct keyring **out,
                          struct err *e);
void keyring_close(struct keyring *k);
DEFINE_SCOPED(struct keyring, keyring_close)

/* As key_check(). */
must_use int keyring_check(struct keyring *k, const char *text, struct key_owner *out,
                           struct err *e);

/* Whoever serves this data directory forgets its keys now. */
must_use int keyring_revoked(const char *data_dir, struct err *e);

#endif
