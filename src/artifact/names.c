/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/names.h"

#include <ctype.h>
#include <search.h>
#include <stdlib.h>
#include <utf8proc.h>

enum { LIMIT_PART = 255, SHOWN = 200 };

/* --- how names are shown ------------------------------------------------------------------- */

void name_show(const char *name, struct buf *out)
{
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)name;
    size_t left = strlen(name), skip_from = SHOWN / 2, skip_to = left - SHOWN / 2;
    bool skips = left > SHOWN + 20, skipped = false;

    buf_char(out, '"');
    for (size_t i = 0; left > 0;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n = utf8proc_iterate(at, (utf8proc_ssize_t)left, &c);
        bool fine = n > 0 && c >= 0x20 && c != '"' && c != '\\' &&
                    utf8proc_category(c) != UTF8PROC_CATEGORY_CC &&
                    utf8proc_category(c) != UTF8PROC_CATEGORY_CF &&
                    utf8proc_category(c) != UTF8PROC_CATEGORY_ZL &&
                    utf8proc_category(c) != UTF8PROC_CATEGORY_ZP;
        size_t taken = n > 0 ? (size_t)n : 1;
        if (skips && i >= skip_from && i < skip_to) {
            buf_text(out, skipped ? "" : "...");
            skipped = true;
        } else if (fine) {
            buf_add(out, at, taken);
        } else {
            for (size_t k = 0; k < taken; k++)
                buf_format(out, "\\x%02x", (unsigned)at[k]);
        }
        at += taken;
        left -= taken;
        i += taken;
    }
    buf_char(out, '"');
}

char *name_shown(const char *name)
{
    struct buf out = { 0 };

    name_show(name, &out);
    return buf_take(&out);
}

/* --- paths --------------------------------------------------------------------------------- */

bool name_is_utf8(const char *name)
{
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)name;
    utf8proc_ssize_t left = (utf8proc_ssize_t)strlen(name);
    utf8proc_int32_t c;

    while (left > 0) {
        utf8proc_ssize_t n = utf8proc_iterate(at, left, &c);
        if (n <= 0)
            return false;
        at += n;
        left -= n;
    }
    return true;
}

static int refuse(const char *path, const char *why, struct err *e)
{
    scoped(mem_free) char *shown = name_shown(path);

    return err_set(e, ERR_INPUT, "the entry %s %s", shown, why);
}

int name_clean(const char *path, size_t max, struct buf *out, struct err *e)
{
    if (!name_is_utf8(path))
        return refuse(path, "has a name that is not UTF-8; rename the file", e);
    if (path[0] == '/')
        return refuse(path,
                      "has an absolute path; pack the folder itself, as in tar czf - -C DIR .", e);
    if (path[0] == '\0')
        return refuse(path, "has no name", e);
    buf_reset(out);
    for (const char *at = path; *at;) {
        size_t n = strcspn(at, "/");
        if (n == 2 && at[0] == '.' && at[1] == '.')
            return refuse(path, "leads out of its folder with ..; pack the folder itself", e);
        if (n > LIMIT_PART)
            return refuse(path, "has a name of more than 255 bytes; shorten it", e);
        if (n > 0 && !(n == 1 && at[0] == '.')) {
            if (out->n > 0)
                buf_char(out, '/');
            buf_add(out, at, n);
        }
        at += n;
        at += *at == '/';
    }
    if (out->n > max) {
        scoped(mem_free) char *shown = name_shown(path);
        return err_set(e, ERR_LIMIT, "the entry %s has a path of more than %zu bytes; shorten it",
                       shown, max);
    }
    return 0;
}

bool name_link_stays(const char *path, const char *target)
{
    int depth = 0; /* of the folder that the link is in */

    if (target[0] == '/')
        return false;
    for (const char *at = path; *at; at++)
        depth += *at == '/';
    for (const char *at = target; *at;) {
        size_t n = strcspn(at, "/");
        if (n == 2 && at[0] == '.' && at[1] == '.')
            depth--;
        else if (n > 0 && !(n == 1 && at[0] == '.'))
            depth++;
        if (depth < 0)
            return false;
        at += n;
        at += *at == '/';
    }
    return true;
}

bool name_has_part(const char *path, const char *part, bool begins)
{
    size_t n_part = strlen(part);

    for (const char *at = path; *at;) {
        size_t n = strcspn(at, "/");
        if ((n == n_part || (begins && n > n_part)) && memcmp(at, part, n_part) == 0)
            return true;
        at += n;
        at += *at == '/';
    }
    return false;
}

/* --- the set ------------------------------------------------------------------------------- */

struct name {
    char *key; /* what all names that clash with it have in common */
    char *path;
    enum name_kind kind;
};

struct names {
    void *tree; /* of struct name, by key (search.h) */
    size_t n, max;
};

struct names *names_new(size_t max)
{
    struct names *n = mem_new(sizeof *n);

    n->max = max;
    return n;
}

static void name_free(void *arg)
{
    struct name *name = arg;

    mem_free(name->key);
    mem_free(name->path);
    mem_free(name);
}

void names_free(struct names *n)
{
    if (!n)
        return;
    tdestroy(n->tree, name_free);
    mem_free(n);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->key, ((const struct name *)b)->key);
}

/* Case folded and composed. A slash takes no part in either, so that the key of a folder is where
 * one would cut the key of what is in it. */
static char *key_of(const char *path)
{
    utf8proc_uint8_t *key = NULL;
    utf8proc_ssize_t n =
        utf8proc_map((const utf8proc_uint8_t *)path, 0, &key,
                     UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);

    if (n < 0)
        abort(); /* name_clean() has seen to it that it is UTF-8, so memory is out */
    return (char *)key;
}

static const char *kind_text(enum name_kind kind)
{
    return kind == NAME_FOLDER ? "a folder" : kind == NAME_FILE ? "a file" : "a link";
}

static int clash(const struct name *old, const char *path, enum name_kind kind, struct err *e)
{
    scoped(mem_free) char *first = name_shown(old->path);
    scoped(mem_free) char *second = name_shown(path);

    if (strcmp(old->path, path) != 0)
        return err_set(e, ERR_INPUT,
                       "the entries %s and %s differ only in case or in the Unicode form of a "
                       "letter; rename one of them",
                       first, second);
    if (old->kind != kind)
        return err_set(e, ERR_INPUT, "the entry %s is %s and %s at once; rename one of them", first,
                       kind_text(old->kind), kind_text(kind));
    return err_set(e, ERR_INPUT, "the entry %s is in the archive twice", first);
}

int names_too_many(size_t max, struct err *e)
{
    return err_set(e, ERR_LIMIT,
                   "the archive has more than %zu entries; leave out what the workflows do not "
                   "need, such as node_modules",
                   max);
}

/* `key` and `path` are copied. */
static int add_one(struct names *n, const char *key, size_t n_key, const char *path,
                   enum name_kind kind, struct err *e)
{
    struct name *name = mem_new(sizeof *name);

    *name = (struct name){ mem_text_n(key, n_key), mem_text(path), kind };
    struct name **found = tsearch(name, &n->tree, compare);
    if (!found)
        abort();
    if (*found != name) {
        const struct name *old = *found;
        bool same = kind == NAME_FOLDER && old->kind == kind && strcmp(old->path, path) == 0;
        name_free(name);
        return same ? 0 : clash(old, path, kind, e);
    }
    return ++n->n > n->max ? names_too_many(n->max, e) : 0;
}

int names_add(struct names *n, const char *path, enum name_kind kind, struct err *e)
{
    scoped(mem_free) char *key = key_of(path);
    scoped(mem_free) char *folder = mem_text(path);
    const char *key_end = key;

    for (char *slash = folder; (slash = strchr(slash, '/')); *slash++ = '/') {
        key_end = strchr(key_end, '/');
        *slash = '\0';
        if (add_one(n, key, (size_t)(key_end - key), folder, NAME_FOLDER, e) < 0)
            return -1;
        key_end++;
    }
    return add_one(n, key, strlen(key), path, kind, e);
}

bool names_has_file(const struct names *n, const char *path)
{
    scoped(mem_free) char *key = key_of(path);
    const struct name wanted = { key, NULL, NAME_FILE };
    struct name *const *found = tfind(&wanted, &n->tree, compare);

    return found && (*found)->kind == NAME_FILE && strcmp((*found)->path, path) == 0;
}
