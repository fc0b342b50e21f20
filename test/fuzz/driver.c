/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for libFuzzer where the compiler has none: runs a harness on every file of a folder,
 * and on mutations of them that are the same in each run. One TAP test.
 *
 *     fuzz_x_smoke NAME CORPUS RUNS
 */
#include "base/buf.h"
#include "base/rng.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { SEEDS = 64, FILE_MAX = 64 * 1024 };

static struct buf seeds[SEEDS];
static size_t n_seeds;

static void read_seed(const char *path)
{
    struct buf *b = &seeds[n_seeds];
    FILE *file = fopen(path, "re");

    if (!file) {
        perror(path);
        exit(1);
    }
    buf_grew(b, fread(buf_reserve(b, FILE_MAX), 1, FILE_MAX, file));
    (void)fclose(file);
    n_seeds++;
}

static int is_seed(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void read_corpus(const char *folder)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, is_seed, alphasort);

    for (int i = 0; i < n; i++) {
        scoped(mem_free) char *path = mem_format("%s/%s", folder, entries[i]->d_name);
        if (n_seeds < SEEDS)
            read_seed(path);
        free(entries[i]);
    }
    if (n > 0)
        free(entries);
}

static uint32_t dice(struct rng *rng, size_t sides)
{
    uint32_t value;

    rng_fill(rng, &value, sizeof value);
    return value % (uint32_t)(sides ? sides : 1);
}

/* One small change: a byte, a bit, a piece taken out or doubled, or a piece of another seed. */
static void mutate(struct rng *rng, struct buf *b)
{
    size_t at = dice(rng, b->n), length = 1 + dice(rng, 16);
    const struct buf *other = &seeds[dice(rng, n_seeds)];

    if (length > b->n - at)
        length = b->n - at;
    switch (dice(rng, 5)) {
    case 0: b->data[at] = (char)dice(rng, 256); break;
    case 1: b->data[at] = (char)(b->data[at] ^ 1 << dice(rng, 8)); break;
    case 2:
        memmove(b->data + at, b->data + at + length, b->n - at - length);
        b->n -= length;
        break;
    case 3:
        (void)buf_reserve(b, length);
        memmove(b->data + at + length, b->data + at, b->n - at);
        b->n += length;
        break;
    default:
        if (other->n > at)
            memcpy(b->data + at, other->data + at, length < other->n - at ? length : other->n - at);
    }
}

int main(int argc, char **argv)
{
    struct rng_seeded rng;
    size_t runs = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;

    if (argc != 4) {
        (void)fprintf(stderr, "usage: %s NAME CORPUS RUNS\n", argv[0]);
        return 2;
    }
    read_corpus(argv[2]);
    rng_seeded_init(&rng, 1);
    for (size_t i = 0; i < n_seeds + runs && n_seeds > 0; i++) {
        struct buf input = { 0 };
        const struct buf *seed = &seeds[i % n_seeds];
        buf_add(&input, seed->data, seed->n);
        for (uint32_t k = i < n_seeds ? 0 : 1 + dice(&rng.rng, 6); k > 0 && input.n > 0; k--)
            mutate(&rng.rng, &input);
        (void)LLVMFuzzerTestOneInput((const uint8_t *)buf_str(&input), input.n);
        buf_done(&input);
    }
    (void)printf("1..1\n%sok 1 - %s survives %zu seeds and %zu mutations of them\n",
                 n_seeds > 0 ? "" : "not ", argv[1], n_seeds, runs);
    for (size_t i = 0; i < n_seeds; i++)
        buf_done(&seeds[i]);
    return n_seeds == 0;
}
