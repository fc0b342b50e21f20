/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/evidence.h"

#include "engine/conversation.h"

#include <regex.h>

/* How much of a recording, and of each of its fields, is shown. */
static const struct extent {
    size_t all, field;
    bool bodies;
} digest = { 16 * 1024, 300, false }, page = { 40 * 1024, 4000, true };

/* ---- secrets ---- */

char *evidence_without(const char *text, const json_t *secrets)
{
    enum { SHORTEST = 3 }; /* what is shorter stands everywhere, and is no secret */
    char *clean = mem_text(text);
    const char *name;
    json_t *value;

    json_object_foreach(json_shared(secrets), name, value) {
        const char *secret = json_string_value(value), *from = clean;
        struct buf out = { 0 };
        if (json_string_length(value) < SHORTEST)
            continue;
        for (const char *at; (at = strstr(from, secret)); from = at + strlen(secret)) {
            buf_add(&out, from, (size_t)(at - from));
            buf_format(&out, "[credential %s]", name);
        }
        buf_text(&out, from);
        mem_free(clean);
        clean = buf_take(&out);
    }
    return clean;
}

#define UNSEEN "[not shown: the server had no memory to look for secrets in it]"

#define NAMED                                                                             \
    "[[:alnum:]_.-]*(passw|pwd|secret|token|api[_-]?key|authorization|session|csrf|xsrf|" \
    "signature|credential)[[:alnum:]_.-]*"

/* What the first group holds stays, the rest of the match is masked. Where there is no memory to look,
 * nothing is shown: the expressions themselves are right. */
static char *mask(const char *text, const char *pattern)
{
    regex_t regex;
    regmatch_t at[2];
    struct buf out = { 0 };
    int flags = 0;
    int found = regcomp(&regex, pattern, REG_EXTENDED | REG_ICASE);

    if (found != 0)
        return mem_text(UNSEEN);
    while ((found = regexec(&regex, text, n_items(at), at, flags)) == 0 && at[0].rm_eo > 0) {
        buf_add(&out, text, (size_t)at[1].rm_eo);
        buf_text(&out, "[masked]");
        text += at[0].rm_eo;
        flags = REG_NOTBOL;
    }
    regfree(&regex);
    if (found != 0 && found != REG_NOMATCH) {
        buf_done(&out);
        return mem_text(UNSEEN);
    }
    buf_text(&out, text);
    return buf_take(&out);
}

char *evidence_masked(const char *text)
{
    static const char *const patterns[] = {
        "(\"" NAMED "\"[[:space:]]*:[[:space:]]*\")([^\"\\]|\\\\.)+",
        "(\"" NAMED "\"[[:space:]]*:[[:space:]]*)[0-9.]+",
        "(\\\\\"" NAMED "\\\\\"[[:space:]]*:[[:space:]]*\\\\\")[^\"\\]+", /* JSON within JSON */
        "((^|[?&;=[:space:]])" NAMED "=)[^]&;\"[:space:][][^]&;\"[:space:]]*",
        "(bearer[[:space:]]+)[[:alnum:]_.~+/=-]{8,}",
        /* At the start of a word: from every eyJ on, a text of many would be read to its end. */
        "((^|[^[:alnum:]_-]))eyJ[[:alnum:]_-]{8,}\\.[[:alnum:]_-]{4,}\\.[[:alnum:]_-]*",
        "(https?://)[^/@[:space:]\"]+@", /* a user's name and password */
    };
    char *clean = mem_text(text);

    for (size_t i = 0; i < n_items(patterns); i++) {
        char *next = mask(clean, patterns[i]);
        mem_free(clean);
        clean = next;
    }
    return clean;
}

/* ---- entries ---- */

static bool is_asset(const json_t *entry)
{
    static const char *const dull[] = {
        "image", "font", "stylesheet", "media", "manifest", "ping"
    };
    const char *type = json_text(entry, "resourceType");
    const char *content = json_text(entry, "contentType");

    for (size_t i = 0; i < n_items(dull); i++) {
        if ((type && strcmp(type, dull[i]) == 0) ||
            (content && strncmp(content, dull[i], strlen(dull[i])) == 0))
            return true;
    }
    return (type && strcmp(type, "script") == 0) ||
           (content && (strstr(content, "javascript") || strstr(content, "text/css")));
}

static bool holds_secret(const json_t *entry)
{
    static const char *const words[] = { "password", "passwd", "secret", "one-time" };
    scoped(mem_free) char *text = json_print(entry);

    for (size_t i = 0; i < n_items(words); i++) {
        if (strcasestr(text, words[i]))
            return true;
    }
    return false;
}

/* Secrets go before a field is cut to `most`: half of one is still a secret. */
static char *shown(const char *text, size_t most, const json_t *secrets)
{
    enum { READ_BYTES = 64 * 1024 }; /* of which the rest can only be cut */
    scoped(mem_free) char *start = text_start(text, READ_BYTES);
    scoped(mem_free) char *named = evidence_without(start, secrets);
    scoped(mem_free) char *masked = evidence_masked(named);

    return text_start(masked, most);
}

static void add_fields(struct buf *out, const json_t *entry, const char *const *names, size_t most,
                       const json_t *secrets)
{
    static const char *const typed[] = { "value", "postData", "requestBodyPreview", "requestBody" };
    bool secret = holds_secret(entry);

    for (; *names; names++) {
        const json_t *value = json_object_get(entry, *names);
        bool hide = false;
        if (!value || json_is_null(value))
            continue;
        for (size_t i = 0; i < n_items(typed); i++)
            hide = hide || (secret && strcmp(*names, typed[i]) == 0);
        scoped(mem_free) char *text =
            json_is_string(value) ? mem_text(json_string_value(value)) : json_print(value);
        scoped(mem_free) char *field = shown(text, most, secrets);
        buf_format(out, " %s=%s", *names, hide ? "[masked: may be a secret]" : field);
    }
}

static const char *const *fields_of(enum evidence which, bool bodies)
{
    static const char *const actions[] = { "action",     "bestSemanticSelector",
                                           "selector",   "targetSelector",
                                           "nearbyText", "value",
                                           "url",        "source",
                                           "error",      NULL };
    static const char *const brief[] = { "method", "status",   "contentType",
                                         "url",    "postData", "requestBodyPreview",
                                         NULL };
    static const char *const network[] = { "method",
                                           "status",
                                           "contentType",
                                           "url",
                                           "postData",
                                           "requestBodyPreview",
                                           "requestBody",
                                           "responseBodyPreview",
                                           "responseBody",
                                           "errorText",
                                           NULL };

    if (which == EVIDENCE_ACTIONS)
        return actions;
    return bodies ? network : brief;
}

/* So that little is masked that is not shown, which takes time. */
static bool holds(const json_t *entry, const char *search)
{
    scoped(mem_free) char *text = search && *search ? json_print(entry) : NULL;

    return !text || strcasestr(text, search);
}

static char *show(const json_t *log, enum evidence which, int64_t from, const char *search,
                  const struct extent *extent, const json_t *secrets)
{
    enum { IN_VAIN_MOST = 100 }; /* entries that were masked, which takes time, and are not shown */
    struct buf out = { 0 };
    size_t i;
    int in_vain = 0;
    const json_t *entry;

    json_array_foreach(log, i, entry) {
        if ((int64_t)i + 1 < from || (which == EVIDENCE_NETWORK && is_asset(entry)))
            continue;
        if (!holds(entry, search))
            continue;
        scoped(buf_done) struct buf line = { 0 };
        buf_format(&line, "%zu.", i + 1);
        add_fields(&line, entry, fields_of(which, extent->bodies), extent->field, secrets);
        bool shows = !search || !*search || strcasestr(buf_str(&line), search);
        if (!shows && ++in_vain < IN_VAIN_MOST)
            continue; /* it is in what is not shown */
        if (!shows || out.n + line.n > extent->all) {
            buf_format(&out, "(more from number %zu on: read_log)\n", i + 1);
            break;
        }
        buf_format(&out, "%s\n", buf_str(&line));
    }
    if (out.n == 0)
        buf_text(&out, "(nothing)\n");
    return buf_take(&out);
}

char *evidence_digest(const json_t *log, enum evidence which, const json_t *secrets)
{
    return show(log, which, 1, NULL, &digest, secrets);
}

char *evidence_page(const json_t *log, enum evidence which, int64_t from, const char *search,
                    const json_t *secrets)
{
    return show(log, which, from, search, &page, secrets);
}
