/* SPDX-License-Identifier: Apache-2.0
 *
 * A packument on disk is a line of JSON (digest: of all that follows; index: its bytes; etag), the index
 * and what an install is told. Its name has the registry in it, so that a server whose setting changed
 * does not use what another registry said; a tarball is the same wherever it comes from.
 */
#include "registry/supply.h"

#include "base/bounds.h"
#include "base/json.h"
#include "registry/packument.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A registry that has no short form gives the long one. */
static const char *const forms[] = {
    [WANTED_SHORT] = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8",
    [WANTED_LONG] = "application/json",
};

enum {
    HEADER_MOST = 4096,
    FINE = 200,
    NOT_CHANGED = 304,
    FORBIDDEN = 403,
    NOT_FOUND = 404,
    UNPROCESSABLE = 422,
    NO_ROOM = 500,
    BAD_GATEWAY = 502,
};

struct supply {
    struct supply_options with;
    pthread_mutex_t lock;
    pthread_cond_t less;
    int64_t parsing; /* bytes of JSON that are parsed right now; LIMIT_PACKUMENT at most */
};

/* What is known of a package. */
struct known {
    int fd; /* -1: nothing is */
    struct buf index;
    char etag[FETCH_ETAG];
    uint64_t from, n; /* of what an install is told */
};

static void known_done(struct known *k)
{
    fd_close(take_fd(&k->fd));
    buf_done(&k->index);
}

static void known_done_at(struct known *k)
{
    known_done(k);
}

struct supply *supply_new(const struct supply_options *o)
{
    struct supply *s = mem_new(sizeof *s);

    *s = (struct supply){ .with = *o };
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->less, NULL);
    return s;
}

void supply_free(struct supply *s)
{
    if (!s)
        return;
    pthread_cond_destroy(&s->less);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

void supplied_done(struct supplied *s)
{
    fd_close(take_fd(&s->fd));
    mem_free(take(s->error));
}

static void tell(const struct supply *s, enum supply_event event, const char *what,
                 const char *reason)
{
    s->with.told(s->with.arg, event, what, reason);
}

/* Takes the text. */
static int say(struct supplied *out, int status, char *error)
{
    out->status = status;
    out->error = error;
    return -1;
}

/* ---- parsing, which takes several times as much memory as its text until the outcome is written ---- */

static void begin_parsing(struct supply *s, int64_t n)
{
    pthread_mutex_lock(&s->lock);
    while (s->parsing > 0 && s->parsing + n > LIMIT_PACKUMENT)
        pthread_cond_wait(&s->less, &s->lock);
    s->parsing += n;
    pthread_mutex_unlock(&s->lock);
}

static void end_parsing(struct supply *s, int64_t n)
{
    pthread_mutex_lock(&s->lock);
    s->parsing -= n;
    pthread_cond_broadcast(&s->less);
    pthread_mutex_unlock(&s->lock);
}

/* ---- on disk ---- */

static void name_packument(const struct supply *s, const char *name, enum wanted_form form,
                           char out[DIGEST_TEXT])
{
    scoped(digest_free) struct digest *d = digest_new("sha256-");
    char text[DIGEST_TEXT];

    digest_add(d, s->with.registry, strlen(s->with.registry) + 1);
    digest_add(d, name, strlen(name) + 1);
    digest_add(d, forms[form], strlen(forms[form]));
    digest_text(d, text);
    (void)snprintf(out, DIGEST_TEXT, "said%s", text + strlen("sha256"));
}

/* What follows the header has that digest; the index is at its beginning. */
static bool read_rest(struct known *k, off_t from, size_t n_index, const char *like)
{
    scoped(digest_free) struct digest *d = digest_new(like);
    char data[64 * 1024];
    off_t at = from;
    ssize_t n;

    while ((n = pread(k->fd, data, sizeof data, at)) > 0) {
        digest_add(d, data, (size_t)n);
        if (k->index.n < n_index)
            buf_add(&k->index, data,
                    (size_t)n < n_index - k->index.n ? (size_t)n : n_index - k->index.n);
        at += n;
    }
    if (n < 0 || !digest_is(d) || k->index.n != n_index)
        return false;
    k->from = (uint64_t)from + n_index;
    k->n = (uint64_t)at - k->from;
    return true;
}

static bool read_packument(struct known *k)
{
    char head[HEADER_MOST];
    ssize_t n = pread(k->fd, head, sizeof head, 0);
    const char *end = n > 0 ? memchr(head, '\n', (size_t)n) : NULL;
    scoped(json_decref) json_t *said = end ? json_loadb(head, (size_t)(end - head), 0, NULL) : NULL;
    const char *digest = json_text(said, "digest"), *etag = json_text(said, "etag");
    int64_t n_index = json_int(said, "index", -1);

    if (!digest || strncmp(digest, "sha256-", 7) != 0 || n_index < 0 || n_index > LIMIT_PACKUMENT)
        return false;
    (void)snprintf(k->etag, sizeof k->etag, "%s", etag ? etag : "");
    return read_rest(k, end + 1 - head, (size_t)n_index, digest);
}

static void look_up(const struct supply *s, const char *name, enum wanted_form form,
                    struct known *out)
{
    char file[DIGEST_TEXT];

    name_packument(s, name, form, file);
    *out = (struct known){ .fd = cache_find(s->with.cache, file) };
    if (out->fd >= 0 && !read_packument(out)) {
        tell(s, SUPPLY_DAMAGED, name, file);
        cache_remove(s->with.cache, file);
        known_done(out);
        *out = (struct known){ .fd = -1 };
    }
}

static bool write_all(int fd, const void *data, size_t n)
{
    const char *at = data;

    while (n > 0) {
        ssize_t done = write(fd, at, n);
        if (done < 0 && errno != EINTR)
            return false;
        at += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

/* Keeps index and body; both stay the caller's. */
static int write_packument(const struct supply *s, const char *name, enum wanted_form form,
                           const char *etag, const struct buf *index, const struct buf *body,
                           struct known *out, struct err *e)
{
    scoped(cache_file_done) struct cache_file f = { .fd = -1 };
    scoped(digest_free) struct digest *d = digest_new("sha256-");
    char digest[DIGEST_TEXT], file[DIGEST_TEXT];

    digest_add(d, buf_str(index), index->n);
    digest_add(d, buf_str(body), body->n);
    digest_text(d, digest);
    scoped(json_decref) json_t *head =
        json_pack("{s:s,s:I,s:o*}", "digest", digest, "index", (json_int_t)index->n, "etag",
                  json_string(etag)); /* NULL where it is no text: then it is not sent either */
    scoped(mem_free) char *line = json_print(head);
    if (cache_begin(s->with.cache, &f, e) < 0)
        return -1;
    if (!write_all(f.fd, line, strlen(line)) || !write_all(f.fd, "\n", 1) ||
        !write_all(f.fd, buf_str(index), index->n) || !write_all(f.fd, buf_str(body), body->n))
        return err_set_errno(e, ERR_IO, errno, "keep what is fetched");
    name_packument(s, name, form, file);
    cache_keep(&f, file);

    known_done(out);
    *out =
        (struct known){ .fd = take_fd(&f.fd), .from = strlen(line) + 1 + index->n, .n = body->n };
    buf_add(&out->index, buf_str(index), index->n);
    return 0;
}

/* ---- from the registry ---- */

struct inflow {
    struct cache_file file;
    struct digest *digest; /* NULL: nobody asks */
    int64_t n;
};

static int take_piece(void *arg, const void *data, size_t n)
{
    struct inflow *in = arg;

    if (in->digest)
        digest_add(in->digest, data, n);
    in->n += (int64_t)n;
    return write_all(in->file.fd, data, n) ? 0 : -1;
}

/* Why there is nothing, for the install and for the operator. */
static int say_fault(const struct supply *s, const char *what, const struct err *e,
                     struct supplied *out)
{
    if (e->code == ERR_FORBIDDEN) {
        tell(s, SUPPLY_REFUSED, what, e->msg);
        return say(out, FORBIDDEN, mem_format("\"%s\" is not fetched: %s", what, e->msg));
    }
    if (e->code == ERR_TOO_LARGE)
        return say(out, UNPROCESSABLE, mem_format("\"%s\" is not fetched: %s", what, e->msg));
    tell(s, SUPPLY_UNREACHABLE, what, e->msg);
    return say(out, e->code == ERR_IO ? NO_ROOM : BAD_GATEWAY,
               mem_format("\"%s\" cannot be fetched: %s", what, e->msg));
}

/* A status that is no 200. */
static int say_status(const struct supply *s, const char *what, int status, struct supplied *out)
{
    scoped(mem_free) char *why = mem_format("the registry answers %d", status);

    if (status == NOT_FOUND)
        return say(out, NOT_FOUND, mem_format("the registry has no \"%s\"", what));
    if (status >= 400 && status < 500 && status != 408 && status != 429)
        return say(out, status == 401 ? FORBIDDEN : status,
                   mem_format("\"%s\" is not given out: %s", what, why));
    tell(s, SUPPLY_UNREACHABLE, what, why);
    return say(out, BAD_GATEWAY, mem_format("\"%s\" cannot be fetched: %s", what, why));
}

/* One that may be another the next time; what is known is used meanwhile. */
static bool is_passing(int status)
{
    return status >= 500 || status == 408 || status == 429;
}

static int rewrite(struct supply *s, const char *name, enum wanted_form form, const char *etag,
                   struct inflow *in, struct known *k, struct err *e)
{
    scoped(buf_done) struct buf index = { 0 };
    scoped(buf_done) struct buf body = { 0 };
    size_t n = (size_t)in->n;
    int r;

    if (n == 0)
        return err_set(e, ERR_INPUT, "nothing is said of it");
    void *text = mmap(NULL, n, PROT_READ, MAP_PRIVATE, in->file.fd, 0);
    if (text == MAP_FAILED)
        return err_set_errno(e, ERR_IO, errno, "read what is fetched");
    begin_parsing(s, in->n);
    r = packument_rewrite(text, n, name, s->with.own, &body, &index, e);
    (void)munmap(text, n);
    if (r == 0)
        r = write_packument(s, name, form, etag, &index, &body, k, e);
    buf_done(&body);
    end_parsing(s, in->n);
    return r;
}

/* Asks the registry, with what is known already. 0: `k` is what is known now; else `out` says why not. */
static int refresh(struct supply *s, const char *name, enum wanted_form form, struct known *k,
                   struct supplied *out)
{
    const char *slash = strchr(name, '/');
    scoped(mem_free) char *url =
        slash ? mem_format("%s%.*s%%2f%s", s->with.registry, (int)(slash - name), name, slash + 1)
              : mem_format("%s%s", s->with.registry, name);
    scoped(err_clear) struct err e = { 0 };
    struct inflow in = { .file = { .fd = -1 } };
    struct fetched got = { 0 };
    const struct fetch what = { .url = url,
                                .accept = forms[form],
                                .etag = k->fd >= 0 ? k->etag : NULL,
                                .max_bytes = LIMIT_PACKUMENT,
                                .write = take_piece,
                                .arg = &in };
    int r = cache_begin(s->with.cache, &in.file, &e);

    if (r == 0)
        r = fetch(s->with.fetcher, &what, &got, &e);
    if (r == 0 && got.status == FINE) {
        r = rewrite(s, name, form, got.etag, &in, k, &e);
        if (r < 0)
            (void)err_wrap(&e, "%s", url);
    }
    cache_file_done(&in.file);
    if (r == 0 && (got.status == FINE || (got.status == NOT_CHANGED && k->fd >= 0)))
        return 0;
    if (k->fd >= 0 && (r < 0 ? e.code != ERR_FORBIDDEN : is_passing(got.status))) {
        tell(s, SUPPLY_STALE, name, r < 0 ? e.msg : "it has trouble of its own");
        return 0;
    }
    if (r == 0 && got.status == NOT_FOUND) {
        char file[DIGEST_TEXT];
        name_packument(s, name, form, file);
        cache_remove(s->with.cache, file);
    }
    return r < 0 ? say_fault(s, name, &e, out) : say_status(s, name, got.status, out);
}

static void supply_packument(struct supply *s, const struct wanted *w, struct supplied *out)
{
    scoped(known_done) struct known k = { .fd = -1 };

    look_up(s, w->name, w->form, &k);
    if (refresh(s, w->name, w->form, &k, out) == 0)
        *out = (struct supplied){ FINE, take_fd(&k.fd), k.from, k.n, NULL };
}

/* ---- tarballs ---- */

/* From what a packument said. Installs ask for that first, in one form or the other, so it is there. */
static int find_tarball(struct supply *s, const struct wanted *w, struct tarball *t,
                        struct supplied *out)
{
    scoped(known_done) struct known k = { .fd = -1 };
    bool known = false, found = false;

    for (int form = WANTED_SHORT; form <= WANTED_LONG && !found; form++) {
        known_done(&k);
        look_up(s, w->name, form, &k);
        known |= k.fd >= 0;
        found = packument_find(buf_str(&k.index), w->version, t);
    }
    if (!found && !known) {
        if (refresh(s, w->name, WANTED_SHORT, &k, out) < 0)
            return -1;
        found = packument_find(buf_str(&k.index), w->version, t);
    }
    if (!found)
        return say(out, NOT_FOUND,
                   mem_format("the registry has no \"%s@%s\"", w->name, w->version));
    if (!*t->digest)
        return say(out, UNPROCESSABLE,
                   mem_format("the registry names no digest for \"%s@%s\", so it cannot be checked",
                              w->name, w->version));
    if (!t->url)
        return say(out, UNPROCESSABLE,
                   mem_format("the registry names no address for \"%s@%s\" that could be used",
                              w->name, w->version));
    return 0;
}

static bool take_kept(const struct supply *s, const char *what, const char *digest,
                      struct supplied *out)
{
    scoped(fd_close) int fd = cache_find(s->with.cache, digest);
    struct stat st;

    if (fd < 0)
        return false;
    if (!digest_is_of_file(digest, fd) || fstat(fd, &st) < 0) {
        tell(s, SUPPLY_DAMAGED, what, digest);
        cache_remove(s->with.cache, digest);
        return false;
    }
    *out = (struct supplied){ FINE, take_fd(&fd), 0, (uint64_t)st.st_size, NULL };
    return true;
}

static void fetch_tarball(struct supply *s, const char *what, const struct tarball *t,
                          struct supplied *out)
{
    scoped(digest_free) struct digest *digest = digest_new(t->digest);
    scoped(err_clear) struct err e = { 0 };
    struct inflow in = { .file = { .fd = -1 }, .digest = digest };
    struct fetched got = { 0 };
    const struct fetch ask = {
        .url = t->url, .max_bytes = LIMIT_PACKAGE, .write = take_piece, .arg = &in
    };

    if (cache_begin(s->with.cache, &in.file, &e) < 0 ||
        fetch(s->with.fetcher, &ask, &got, &e) < 0) {
        (void)say_fault(s, what, &e, out);
    } else if (got.status == NOT_FOUND) {
        (void)say(out, UNPROCESSABLE,
                  mem_format("\"%s\" is not where the registry says (%s)", what, t->url));
    } else if (got.status != FINE) {
        (void)say_status(s, what, got.status, out);
    } else if (!digest_is(digest)) {
        tell(s, SUPPLY_MISMATCH, what, t->url);
        (void)say(
            out, UNPROCESSABLE,
            mem_format("\"%s\" is refused: its bytes do not have the digest that the registry "
                       "names (%s)",
                       what, t->digest));
    } else {
        cache_keep(&in.file, t->digest);
        *out = (struct supplied){ FINE, take_fd(&in.file.fd), 0, (uint64_t)in.n, NULL };
    }
    cache_file_done(&in.file);
}

static void supply_tarball(struct supply *s, const struct wanted *w, struct supplied *out)
{
    scoped(mem_free) char *what = mem_format("%s@%s", w->name, w->version);
    struct tarball t = { 0 };

    if (find_tarball(s, w, &t, out) == 0 && !take_kept(s, what, t.digest, out))
        fetch_tarball(s, what, &t, out);
    tarball_done(&t);
}

void supply(struct supply *s, const struct wanted *wanted, struct supplied *out)
{
    *out = (struct supplied){ .fd = -1 };
    if (wanted->kind == WANTED_PACKUMENT)
        supply_packument(s, wanted, out);
    else if (wanted->kind == WANTED_TARBALL)
        supply_tarball(s, wanted, out);
    else
        (void)say(out, NOT_FOUND, mem_text("packages are all that can be had here"));
}
