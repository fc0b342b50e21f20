/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tree.h"
#include "domain/key.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char folder[] = "/tmp/impresario-fuzz-XXXXXX";
static struct store *store;
static struct key good;

static int make_key(struct db *db, void *arg, struct err *e)
{
    (void)arg;
    return key_create(db, "acme", "fuzz", &good, e);
}

static void clean(void)
{
    store_close(store);
    (void)tree_remove(folder);
}

/* A store with one key, the same in every run. */
static void open_store(void)
{
    static struct rng_seeded rng;
    static struct env env;
    struct err e = { 0 };

    rng_seeded_init(&rng, 3);
    env = (struct env){ &clock_real, &rng.rng, &disk_real };
    if (!mkdtemp(folder) || store_open(&env, folder, &store, &e) < 0 ||
        store_write(store, make_key, NULL, &e) < 0)
        abort();
    (void)atexit(clean);
}

struct question {
    const char *text;
    struct key_owner owner;
};

static int check(struct db *db, void *arg, struct err *e)
{
    struct question *q = arg;

    return key_check(db, q->text, &q->owner, e);
}

/* An odd first byte: what follows is laid over the good key, as pairs of a place and what to add. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    scoped(err_clear) struct err e = { 0 };

    if (!store)
        open_store();
    scoped(mem_free) char *text =
        n > 0 && data[0] % 2 ? mem_text(good.text) : mem_text_n((const char *)data, n);
    for (size_t i = 1; n > 0 && data[0] % 2 && i + 1 < n; i += 2) {
        size_t at = data[i] % (KEY_TEXT_SIZE - 1);
        text[at] = (char)(text[at] + data[i + 1]);
    }
    struct question q = { .text = text };
    int r = store_read(store, check, &q, &e);
    assert((r == 0) == (strcmp(text, good.text) == 0));
    if (r < 0)
        assert(e.code == ERR_AUTH && strncmp(e.msg, "Missing or invalid API key", 26) == 0);
    else
        assert(strcmp(q.owner.key.text, good.id.text) == 0);
    return 0;
}
