/* SPDX-License-Identifier: Apache-2.0
 *
 * Deployments: an uploaded bundle, from `building` to `ready` or `failed`, which are final. Here are
 * the rules; the engine builds. A deployment becomes ready together with its workflows, in one
 * transaction: nobody sees the one without the other.
 */
#ifndef DOMAIN_DEPLOYMENT_H
#define DOMAIN_DEPLOYMENT_H

#include "base/buf.h"
#include "base/id.h"
#include "base/json.h"
#include "store/store.h"

struct deployment_spec {
    const char *tenant;
    struct id id; /* made before the upload began: the blob carries it */
    const char *entry_point;
    const char *description; /* NULL: none */
    bool auto_repair;
    const char *source_key;
    const struct buf *source; /* the archive, when it is small; NULL: a blob, durable already */
    int64_t source_size;
    const char *source_digest;
};

/* ERR_LIMIT when `limit` builds of the tenant wait or run already. */
must_use int deployment_check_queue(struct db *db, const char *tenant, int64_t limit,
                                    struct err *e);

must_use int deployment_create(struct db *db, const struct deployment_spec *spec,
                               msec_t *created_at, struct err *e);

/* One row as clients see it. Texts live until the next row. */
struct deployment {
    const char *id, *description, *status, *source_key, *build_error, *entry_point;
    bool has_bundle;           /* it can run: built, and its code was not swept since */
    const char *sandbox_level; /* when a builder last took it; NULL: none did */
    const char *workflows;     /* JSON array, NULL until ready */
    int64_t version;
    msec_t created_at, built_at;
};
typedef void (*deployment_fn)(void *arg, const struct deployment *d);

must_use int deployment_get(struct db *db, const char *tenant, const char *id, deployment_fn row,
                            void *arg, struct err *e);

/* Newest first, those before `cursor` (an id, or NULL) only, `limit` at most. */
must_use int deployment_each(struct db *db, const char *tenant, const char *cursor, int64_t limit,
                             deployment_fn row, void *arg, struct err *e);

/* ---- builds ---- */

enum { BUILD_TRIES = 3 }; /* a build that took the server down three times is not tried again */

struct build {
    struct id deployment;
    struct id tenant;
    char *entry_point;
    char *source_key;
    int tries;
};
void build_done(struct build *b);

/* Takes the oldest deployment that waits for a builder of this epoch, of the tenant whose turn it is:
 * the next after `after` (the one that had the last turn, or ""), in the order of ids and round the
 * end. 1, or 0 when none waits. One that has used up its tries becomes failed on the way. */
must_use int build_claim(struct db *db, int64_t epoch, const char *after, struct build *out,
                         struct err *e);

/* Adds the archive to `out` when it is kept in the store: 1, or 0 when it is a blob. */
must_use int build_source(struct db *db, const struct build *b, struct buf *out, struct err *e);

/* What a build found, or an earlier one for the same content. `workflows` is discovery's array. */
struct bundle {
    struct id id;
    char *blob_key;
    char *kind;
    char *entry;
    char *layer; /* digest, or NULL */
    json_t *workflows;
    int64_t size;
};
void bundle_done(struct bundle *b);

/* 1 and `out`, or 0 when this tenant has no bundle of that content. */
must_use int bundle_find(struct db *db, const char *tenant, const char *content_key,
                         struct bundle *out, struct err *e);
must_use int bundle_add(struct db *db, const char *tenant, const char *content_key,
                        const struct bundle *b, struct err *e);

/* building -> ready, and every name that no newer ready deployment declares now runs this one. */
must_use int build_ready(struct db *db, const struct build *b, const struct bundle *bundle,
                         struct err *e);
/* building -> failed. `why` is for a person, several lines allowed, and is cut at its bound. */
must_use int build_failed(struct db *db, const struct build *b, const char *why, struct err *e);

/* Layers: 1 when it was installed before. */
must_use int layer_find(struct db *db, const char *digest, struct err *e);
must_use int layer_add(struct db *db, const char *digest, int64_t packages, int64_t bytes,
                       const char *lockfile, struct err *e);

#endif
