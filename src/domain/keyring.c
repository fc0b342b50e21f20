/* SPDX-License-Identifier: Apache-2.0 */
#include "domain/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PLACES = 1024 }; /* a digest has one place; two that share it take turns */

struct known {
    unsigned char digest[KEY_DIGEST];
    struct key_owner owner;
    msec_t until; /* 0: nobody's place */
};

struct keyring {
    struct store *store;
    const atomic_uint *revocations; /* in the file, shared with the command */
    unsigned seen;
    struct known known[PLACES];
};

static atomic_uint *map_word(const char *data_dir, struct err *e)
{
    scoped(mem_free) char *path = mem_format("%s/revocations", data_dir);
    scoped(fd_close) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *word = MAP_FAILED;

    if (fd >= 0 && ftruncate(fd, sizeof(atomic_uint)) == 0)
        word = mmap(NULL, sizeof(atomic_uint), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (word == MAP_FAILED) {
        err_set_errno(e, ERR_IO, errno, "share %s", path);
        return NULL;
    }
    return word;
}

int keyring_open(struct store *s, const char *data_dir, struct keyring **out, struct err *e)
{
    const atomic_uint *word = map_word(data_dir, e);

    if (!word)
        return -1;
    struct keyring *k = mem_new(sizeof *k);
    k->store = s;
    k->revocations = word;
    k->seen = atomic_load(word);
    *out = k;
    return 0;
}

static void unmap_word(const atomic_uint *word)
{
    union {
        const atomic_uint *held;
        void *mapped;
    } same = { word };

    (void)munmap(same.mapped, sizeof *word);
}

void keyring_close(struct keyring *k)
{
    if (!k)
        return;
    unmap_word(k->revocations);
    mem_free(k);
}

struct question {
    const char *text;
    struct key_owner owner;
};

static int ask(struct db *db, void *arg, struct err *e)
{
    struct question *q = arg;

    return key_check(db, q->text, &q->owner, e);
}

int keyring_check(struct keyring *k, const char *text, struct key_owner *out, struct err *e)
{
    unsigned char digest[KEY_DIGEST];
    struct question q = { .text = text };
    msec_t now = clock_steady(store_env(k->store)->clock);
    unsigned revocations = atomic_load(k->revocations); /* before the store is asked */

    if (revocations != k->seen) {
        memset(k->known, 0, sizeof k->known);
        k->seen = revocations;
    }
    key_digest(text, digest);
    struct known *place = &k->known[(digest[0] << 8 | digest[1]) % PLACES];
    if (now < place->until && memcmp(place->digest, digest, sizeof digest) == 0) {
        *out = place->owner;
        return 0;
    }
    if (store_read(k->store, ask, &q, e) < 0)
        return -1;
    memcpy(place->digest, digest, sizeof digest);
    place->owner = *out = q.owner;
    place->until = now + KEYRING_MS;
    return 0;
}

int keyring_revoked(const char *data_dir, struct err *e)
{
    atomic_uint *word = map_word(data_dir, e);

    if (!word)
        return -1;
    atomic_fetch_add(word, 1);
    unmap_word(word);
    return 0;
}
