/* SPDX-License-Identifier: Apache-2.0
 *
 * The audit log: who did what, and when. A row is written in the transaction of the deed, so that
 * neither is there without the other, and none is changed or removed afterwards, by retention either.
 *
 * Each row has the SHA-256 of itself and of the digest before it, and the last row's is signed (HMAC)
 * under a key that is made from the master key. So a row that was changed, removed or put in shows,
 * and so do rows that were cut off at the end. Who can read the master key can sign another log, and
 * who kept an older copy of all of it can put that back; against both helps a head (number and digest)
 * that was noted elsewhere.
 */
#ifndef DOMAIN_AUDIT_H
#define DOMAIN_AUDIT_H

#include "domain/seal.h"
#include "store/store.h"

enum { AUDIT_DIGEST_SIZE = 65 };

struct audit_event {
    const char *actor;  /* "key ID", "host uid N", "server", "peer ADDRESS" */
    const char *tenant; /* its id; NULL: of the server itself */
    const char *action; /* "job.created" */
    const char *subject;
    const char *detail; /* NULL: none; never a secret */
};

must_use int audit_add(struct db *db, const struct sealer *s, const struct audit_event *event,
                       struct err *e);
/* What somebody with the data directory does, by whoever runs this program. */
must_use int audit_add_host(struct db *db, const struct sealer *s, const char *action,
                            const char *subject, const char *detail, struct err *e);

/* Opens the master key for a command beside the server, which must sign as the server does: a key is
 * made only for a store that has no log and nothing sealed. ERR_PRECONDITION: it is missing, or not the
 * one that the log is signed under. */
must_use int audit_open_key(struct store *store, const char *key_path, struct sealer **out,
                            struct err *e);
/* Whether a store, of whatever schema, has a log. */
bool audit_there(struct db *db);

struct audit_row {
    int64_t seq;
    msec_t at;
    const char *actor, *tenant, *action, *subject, *detail, *digest; /* tenant may be NULL */
};
/* The oldest first. */
must_use int audit_each(struct db *db, void (*row)(void *arg, const struct audit_row *row),
                        void *arg, struct err *e);

struct audit_head {
    int64_t seq;
    char digest[AUDIT_DIGEST_SIZE];
};
/* "12:<digest>", as verify prints it. */
bool audit_head_parse(const char *text, struct audit_head *out);

struct audit_verdict {
    struct audit_head head; /* of the last row that is good */
    char why[160];          /* what is wrong first */
};
/* 1: whole; 0: broken, with the reason. `noted` (or NULL) is a head that the log must have had. */
must_use int audit_verify(struct db *db, const struct sealer *s, const struct audit_head *noted,
                          struct audit_verdict *out, struct err *e);

#endif
