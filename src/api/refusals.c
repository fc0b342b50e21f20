/* SPDX-License-Identifier: Apache-2.0 */
#include "api/refusals.h"

#include "base/log.h"
#include "domain/audit.h"

enum { PAUSE_MS = 60 * 1000 };

struct refusals {
    struct store *store;
    const struct sealer *sealer;
    msec_t next; /* no row before */
    uint64_t n;  /* since the last row */
};

struct refusals *refusals_new(struct store *store, const struct sealer *sealer)
{
    struct refusals *r = mem_new(sizeof *r);

    r->store = store;
    r->sealer = sealer;
    return r;
}

void refusals_free(struct refusals *r)
{
    mem_free(r);
}

struct row {
    const struct sealer *sealer;
    char *actor, *detail;
};

static int add_row(struct db *db, void *arg, struct err *e)
{
    const struct row *row = arg;

    return audit_add(
        db, row->sealer,
        &(struct audit_event){ row->actor, NULL, "auth.refused", "api key", row->detail }, e);
}

static void added(void *arg, int state, const struct err *e)
{
    struct row *row = arg;

    if (state < 0)
        log_event(LOG_WARN, "audit.failed", F_TEXT("error", e->msg));
    mem_free(row->actor);
    mem_free(row->detail);
    mem_free(row);
}

void refusals_note(struct refusals *r, const char *peer)
{
    msec_t now = clock_steady(store_env(r->store)->clock);

    r->n++;
    if (now < r->next)
        return;
    struct row *row = mem_new(sizeof *row);
    row->sealer = r->sealer;
    row->actor = mem_format("peer %s", peer);
    row->detail = mem_format("%llu since the last such row", (unsigned long long)r->n);
    r->next = now + PAUSE_MS;
    r->n = 0;
    store_submit(r->store, add_row, added, row);
}
