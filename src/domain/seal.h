/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets at rest: AES-256-GCM under a key of the tenant's own, which is derived (HKDF-SHA-256) from
 * the master key. The row's identity is authenticated with it, so that a sealed value opens only in
 * the row it was made for. Layout: version (1 byte), nonce (12), ciphertext, tag (16).
 */
#ifndef DOMAIN_SEAL_H
#define DOMAIN_SEAL_H

#include "base/buf.h"
#include "base/env.h"
#include "base/err.h"

#include <stdbool.h>

struct sealer;

/* Reads the master key (32 bytes, as 64 hex digits) from `path`, or makes one, readable by its
 * owner alone, when there is no such file and `create`. */
must_use int sealer_open(const struct env *env, const char *path, bool create, struct sealer **out,
                         struct err *e);
void sealer_close(struct sealer *s);
DEFINE_SCOPED(struct sealer, sealer_close)

void seal(const struct sealer *s, const char *tenant, const char *row, const char *value,
          struct buf *out);
/* `out` receives the value as text; wipe it after use. ERR_INTERNAL when it does not open. */
must_use int unseal(const struct sealer *s, const char *tenant, const char *row, const void *sealed,
                    size_t n, char **out, struct err *e);
/* HMAC-SHA-256 of `text`, as hex, under a key that is made for the audit log from the master key. */
enum { SEAL_MAC_SIZE = 65 };
void seal_mac(const struct sealer *s, const char *text, char out[static SEAL_MAC_SIZE]);
/* Wipes, then frees. */
void secret_free(char *text);
DEFINE_SCOPED(char, secret_free)

#endif
