/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/audit.h"

#include "base/id.h"
#include "base/sha256.h"
#include "domain/sealed.h"

#include <stdlib.h>
#include <unistd.h>

/* The digest before the first row. */
static const char NONE[] = "0000000000000000000000000000000000000000000000000000000000000000";

/* With its length, so that no two rows read the same. */
static void add_field(struct buf *b, const char *text)
{
    if (text)
        buf_format(b, "%zu:%s,", strlen(text), text);
    else
        buf_text(b, "-,");
}

static void digest_row(const struct audit_row *row, const char *before,
                       char out[static AUDIT_DIGEST_SIZE])
{
    scoped(buf_done) struct buf text = { 0 };
    unsigned char digest[SHA256_SIZE];

    buf_format(&text, "%s,%lld,%lld,", before, (long long)row->seq, (long long)row->at);
    add_field(&text, row->actor);
    add_field(&text, row->tenant);
    add_field(&text, row->action);
    add_field(&text, row->subject);
    add_field(&text, row->detail);
    sha256(text.data, text.n, digest);
    hex_text(digest, sizeof digest, out);
}

static void sign_head(const struct sealer *s, const struct audit_head *head,
                      char out[static SEAL_MAC_SIZE])
{
    scoped(mem_free) char *text = mem_format("%lld:%s", (long long)head->seq, head->digest);

    seal_mac(s, text, out);
}

/* 1 and the head, or 0 while nothing was written. `mac` may be NULL. */
static int read_head(struct db *db, struct audit_head *out, char *mac, struct err *e)
{
    static const struct stmt HEAD = { "audit.head",
                                      "SELECT seq, digest, mac FROM audit_head WHERE one = 1" };
    scoped(rows_free) struct rows *r = db_query(db, &HEAD);
    int found = rows_next(r, e);

    if (found != 1)
        return found;
    out->seq = row_int(r, 0);
    snprintf(out->digest, sizeof out->digest, "%s", row_text(r, 1));
    if (mac)
        snprintf(mac, SEAL_MAC_SIZE, "%s", row_text(r, 2));
    return 1;
}

/* The row that has the most. */
static int read_last(struct db *db, struct audit_head *out, struct err *e)
{
    static const struct stmt LAST = { "audit.last",
                                      "SELECT seq, digest FROM audit ORDER BY seq DESC LIMIT 1" };
    scoped(rows_free) struct rows *r = db_query(db, &LAST);
    int found = rows_next(r, e);

    if (found == 1) {
        out->seq = row_int(r, 0);
        snprintf(out->digest, sizeof out->digest, "%s", row_text(r, 1));
    }
    return found;
}

/* 1 when the log ends where this key's signature says, 0 when somebody touched it. */
static int end_is_signed(struct db *db, const struct sealer *s, const struct audit_head *last,
                         struct err *e)
{
    struct audit_head head = { 0, "" };
    char mac[SEAL_MAC_SIZE], own[SEAL_MAC_SIZE];
    int found = read_head(db, &head, mac, e);

    if (found < 0)
        return -1;
    sign_head(s, &head, own);
    return found ? head.seq == last->seq && strcmp(head.digest, last->digest) == 0 &&
                       strcmp(mac, own) == 0
                 : last->seq == 0;
}

/* Behind `last`, which becomes this row. */
static int add_row(struct db *db, struct audit_head *last, const struct audit_event *event,
                   struct err *e)
{
    static const struct stmt ADD = {
        "audit.add", "INSERT INTO audit (seq, at, actor, tenant_id, action, subject,"
                     " detail, digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
    };
    const struct audit_row row = { .seq = last->seq + 1,
                                   .at = db_now(db),
                                   .actor = event->actor,
                                   .tenant = event->tenant,
                                   .action = event->action,
                                   .subject = event->subject,
                                   .detail = event->detail ? event->detail : "" };
    char digest[AUDIT_DIGEST_SIZE];

    digest_row(&row, last->seq ? last->digest : NONE, digest);
    *last = (struct audit_head){ row.seq, "" };
    memcpy(last->digest, digest, sizeof last->digest);
    return db_run(db, e, &ADD, P_INT(row.seq), P_INT(row.at), P_TEXT(row.actor), P_TEXT(row.tenant),
                  P_TEXT(row.action), P_TEXT(row.subject), P_TEXT(row.detail), P_TEXT(digest)) < 0
               ? -1
               : 0;
}

/* What follows on an end that nobody signed is signed all the same, behind a row that says so: verify
 * finds it for ever. */
static const char UNSIGNED[] = "audit.end_unsigned";

int audit_add(struct db *db, const struct sealer *s, const struct audit_event *event, struct err *e)
{
    static const struct stmt SIGN = {
        "audit.sign", "INSERT INTO audit_head (one, seq, digest, mac) VALUES (1, $1, $2, $3)"
                      " ON CONFLICT (one) DO UPDATE SET seq = $1, digest = $2, mac = $3"
    };
    struct audit_head last = { 0, "" };
    char mac[SEAL_MAC_SIZE];

    if (read_last(db, &last, e) < 0)
        return -1;
    int is_signed = end_is_signed(db, s, &last, e);
    if (is_signed < 0 ||
        (!is_signed &&
         add_row(db, &last, &(struct audit_event){ "server", NULL, UNSIGNED, "audit", NULL }, e) <
             0) ||
        add_row(db, &last, event, e) < 0)
        return -1;
    sign_head(s, &last, mac);
    return db_run(db, e, &SIGN, P_INT(last.seq), P_TEXT(last.digest), P_TEXT(mac)) < 0 ? -1 : 0;
}

int audit_add_host(struct db *db, const struct sealer *s, const char *action, const char *subject,
                   const char *detail, struct err *e)
{
    scoped(mem_free) char *actor = mem_format("host uid %u", (unsigned)getuid());

    return audit_add(db, s, &(struct audit_event){ actor, NULL, action, subject, detail }, e);
}

int audit_each(struct db *db, void (*row)(void *arg, const struct audit_row *row), void *arg,
               struct err *e)
{
    static const struct stmt ALL = {
        "audit.all",
        "SELECT seq, at, actor, tenant_id, action, subject, detail, digest FROM audit ORDER BY seq"
    };
    scoped(rows_free) struct rows *r = db_query(db, &ALL);
    int more;

    while ((more = rows_next(r, e)) > 0) {
        const struct audit_row each = { row_int(r, 0),  row_int(r, 1),  row_text(r, 2),
                                        row_text(r, 3), row_text(r, 4), row_text(r, 5),
                                        row_text(r, 6), row_text(r, 7) };
        row(arg, &each);
    }
    return more;
}

bool audit_there(struct db *db)
{
    scoped(err_clear) struct err e = { 0 };
    struct audit_head head;

    return read_head(db, &head, NULL, &e) == 1;
}

struct signature {
    struct audit_head head;
    char mac[SEAL_MAC_SIZE];
    int found;
};

static int read_signature(struct db *db, void *arg, struct err *e)
{
    struct signature *s = arg;

    s->found = read_head(db, &s->head, s->mac, e);
    return s->found < 0 ? -1 : 0;
}

int audit_open_key(struct store *store, const char *key_path, struct sealer **out, struct err *e)
{
    scoped(sealer_close) struct sealer *sealer = NULL;
    struct signature kept = { 0 };
    char own[SEAL_MAC_SIZE];

    if (store_read(store, read_signature, &kept, e) < 0)
        return -1;
    if (!kept.found)
        return sealed_open(store, key_path, out, e);
    if (sealer_open(store_env(store), key_path, false, &sealer, e) < 0)
        return err_wrap(e, "the audit log is signed under a key that is needed; name it with "
                           "--master-key-file");
    sign_head(sealer, &kept.head, own);
    if (strcmp(own, kept.mac) != 0)
        return err_set(e, ERR_PRECONDITION,
                       "the master key %s is not the one that the audit log is signed under: name "
                       "that one with --master-key-file",
                       key_path);
    *out = take(sealer);
    return 0;
}

bool audit_head_parse(const char *text, struct audit_head *out)
{
    unsigned char digest[32];
    char *end;
    long long seq = strtoll(text, &end, 10);

    if (seq < 1 || *end != ':' || strlen(end + 1) != AUDIT_DIGEST_SIZE - 1 ||
        !hex_bytes(end + 1, digest, sizeof digest))
        return false;
    out->seq = seq;
    hex_text(digest, sizeof digest, out->digest);
    return true;
}

struct walk {
    const struct audit_head *noted;
    struct audit_verdict *out;
};

static void check_row(void *arg, const struct audit_row *row)
{
    struct walk *w = arg;
    struct audit_head *head = &w->out->head;
    char digest[AUDIT_DIGEST_SIZE];

    if (w->out->why[0])
        return;
    digest_row(row, head->seq ? head->digest : NONE, digest);
    if (row->seq != head->seq + 1) {
        snprintf(w->out->why, sizeof w->out->why, "row %lld is missing", (long long)head->seq + 1);
    } else if (strcmp(row->digest, digest) != 0) {
        snprintf(w->out->why, sizeof w->out->why, "row %lld was changed", (long long)row->seq);
    } else if (w->noted && w->noted->seq == row->seq && strcmp(w->noted->digest, digest) != 0) {
        snprintf(w->out->why, sizeof w->out->why,
                 "row %lld, or one before it, is not what it was when its head was noted",
                 (long long)row->seq);
    } else if (strcmp(row->action, UNSIGNED) == 0) {
        snprintf(
            w->out->why, sizeof w->out->why,
            "row %lld: what was before it was not signed with this master key; rows may be missing",
            (long long)row->seq);
    } else {
        head->seq = row->seq;
        memcpy(head->digest, digest, sizeof head->digest);
    }
}

/* The chain itself is whole. */
static void check_end(const struct sealer *s, const struct audit_head *noted,
                      const struct audit_head *signed_head, const char *mac,
                      struct audit_verdict *out)
{
    char own[SEAL_MAC_SIZE];

    sign_head(s, signed_head, own);
    if (signed_head->seq > out->head.seq)
        snprintf(out->why, sizeof out->why, "row %lld is missing: the log was cut off at its end",
                 (long long)out->head.seq + 1);
    else if (signed_head->seq < out->head.seq || strcmp(signed_head->digest, out->head.digest) != 0)
        snprintf(out->why, sizeof out->why, "row %lld was put in, or an earlier one was changed",
                 (long long)out->head.seq);
    else if (strcmp(own, mac) != 0)
        snprintf(out->why, sizeof out->why,
                 "the head at row %lld is not signed with this master key",
                 (long long)out->head.seq);
    else if (noted && noted->seq > out->head.seq)
        snprintf(out->why, sizeof out->why, "row %lld is missing: the log had come to row %lld",
                 (long long)out->head.seq + 1, (long long)noted->seq);
}

int audit_verify(struct db *db, const struct sealer *s, const struct audit_head *noted,
                 struct audit_verdict *out, struct err *e)
{
    struct audit_head signed_head = { 0, "" };
    struct walk walk = { noted, out };
    char mac[SEAL_MAC_SIZE] = "";

    *out = (struct audit_verdict){ { 0, "" }, "" };
    int found = read_head(db, &signed_head, mac, e);
    if (found < 0 || audit_each(db, check_row, &walk, e) < 0)
        return -1;
    if (!out->why[0] && !found)
        snprintf(out->why, sizeof out->why, "%s",
                 out->head.seq ? "its signed head is missing" : "it is empty");
    if (!out->why[0])
        check_end(s, noted, &signed_head, mac, out);
    return out->why[0] == '\0';
}
