/* SPDX-License-Identifier: Apache-2.0
 *
 * A line of the index is "VERSION DIGEST URL", with "-" for what there is not.
 */
#include "registry/packument.h"

#include "base/address.h"
#include "base/bounds.h"
#include "base/json.h"
#include "registry/wanted.h"

static bool is_usable(const char *url)
{
    if (!url || strlen(url) > LIMIT_PACKAGE_URL || !text_is_url(url))
        return false;
    for (const char *c = url; *c; c++) {
        if (*c <= ' ' || *c >= 0x7f)
            return false;
    }
    return true;
}

/* False: a version that nobody could ask for. */
static bool rewrite_version(const char *name, const char *version, json_t *said, const char *own,
                            struct buf *index)
{
    scoped(mem_free) char *path = tarball_path(name, version);
    json_t *dist = json_object_get(said, "dist");
    const char *url = json_text(dist, "tarball");
    char digest[DIGEST_TEXT];

    if (!path || !json_is_object(dist))
        return false;
    if (!digest_read(json_text(dist, "integrity"), json_text(dist, "shasum"), digest))
        memcpy(digest, "-", sizeof "-");
    buf_format(index, "%s %s %s\n", version, digest, is_usable(url) ? url : "-");
    scoped(mem_free) char *address = mem_format("%s%s", own, path);
    json_object_set_new(dist, "tarball", json_string(address));
    return true;
}

int packument_rewrite(const char *text, size_t n, const char *name, const char *own,
                      struct buf *body, struct buf *index, struct err *e)
{
    scoped(json_decref) json_t *said = NULL;
    const char *version;
    json_t *of;
    void *next;

    if (json_parse(text, n, LIMIT_JSON_DEPTH, &said, e) < 0)
        return -1;
    json_t *versions = json_object_get(said, "versions");
    if (!json_is_object(said) || (versions && !json_is_object(versions)))
        return err_set(e, ERR_INPUT, "what is said of it is no object with versions");
    json_object_foreach_safe(versions, next, version, of)
    {
        if (!rewrite_version(name, version, of, own, index))
            json_object_del(versions, version);
    }
    json_print_into(said, body);
    return 0;
}

void tarball_done(struct tarball *t)
{
    mem_free(take(t->url));
}

/* The line that begins with "VERSION ", without that; NULL: none does. */
static const char *find_line(const char *index, const char *version)
{
    size_t n = strlen(version);

    for (const char *line = index; line && *line; line = strchr(line, '\n'), line += line != NULL) {
        if (strncmp(line, version, n) == 0 && line[n] == ' ')
            return line + n + 1;
    }
    return NULL;
}

bool packument_find(const char *index, const char *version, struct tarball *out)
{
    const char *line = find_line(index, version);
    size_t n_digest = line ? strcspn(line, " \n") : 0;

    if (!line || n_digest >= DIGEST_TEXT || line[n_digest] != ' ')
        return false;
    *out = (struct tarball){ 0 };
    if (line[0] != '-')
        memcpy(out->digest, line, n_digest);
    line += n_digest + 1;
    if (line[0] != '-')
        out->url = mem_text_n(line, strcspn(line, "\n"));
    return true;
}
