/* SPDX-License-Identifier: Apache-2.0 */
#include "cdp/rules.h"
#include "cdp/scan.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MOST = 16 * 1024 };

static int scan(struct cdp_scan *s, const char *text, size_t n, size_t piece)
{
    int result = 0;
    const char *why = NULL;

    cdp_scan_init(s, MOST);
    for (size_t at = 0; at < n && result == 0;) {
        size_t used = 0, part = n - at < piece ? n - at : piece;
        result = cdp_scan(s, text + at, part, &used, &why);
        assert(result < 0 ? why && *why : used > 0 && used <= part);
        at += used;
    }
    return result;
}

static void compare(const char *noted, const json_t *value)
{
    if (json_is_string(value))
        assert(strcmp(noted, json_string_value(value)) == 0);
    else
        assert(!value && !*noted);
}

/* What it took, read by another. That may refuse what it need not look into: bad UTF-8, deep nesting,
 * numbers that are too large. */
static void look(const struct cdp_scan *s, const char *text)
{
    scoped(json_decref) json_t *message = json_loadb(text, s->n, 0, NULL);
    const json_t *id = json_object_get(message, "id");
    scoped(json_decref) json_t *params = NULL;

    if (!message)
        return;
    assert(json_is_object(message));
    compare(s->method, json_object_get(message, "method"));
    compare(s->session, json_object_get(message, "sessionId"));
    assert(id ? json_is_integer(id) && json_integer_value(id) == strtoll(s->id, NULL, 10)
              : !*s->id);
    if (s->params_n > 0)
        params = json_loadb(text + s->params_at, s->params_n, JSON_DECODE_ANY, NULL);
    assert(params ? json_equal(params, json_object_get(message, "params")) == 1
                  : !json_object_get(message, "params"));
}

static void judge(const struct cdp_scan *s, const char *text)
{
    static const struct cdp_rules rules = { .shared = "/work/shared" };
    scoped(json_decref) json_t *command = NULL;
    scoped(mem_free) char *why = NULL;
    enum cdp_verdict v = cdp_judge(&rules, s, text, &why, &command);
    const json_t *params = json_object_get(command, "params");

    assert((v == CDP_REFUSE) == (why && *why));
    assert((v == CDP_FILES) == json_is_array(json_object_get(params, "files")));
    assert(v != CDP_PLACE || json_text(params, "downloadPath"));
    assert((v == CDP_PASS || v == CDP_REFUSE) == !command);
    (void)cdp_judge_switch(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct cdp_scan whole, parts;

    if (n < 1 || n > MOST)
        return 0;
    scoped(mem_free) char *text = mem_text_n((const char *)data + 1, n - 1); /* and a NUL */
    int result = scan(&whole, text, n, n);
    assert(scan(&parts, text, n, data[0] + 1U) == result && result != 0);
    if (result != 1)
        return 0;
    assert(parts.n == whole.n && parts.params_at == whole.params_at &&
           parts.params_n == whole.params_n && strcmp(parts.id, whole.id) == 0 &&
           strcmp(parts.method, whole.method) == 0 && strcmp(parts.session, whole.session) == 0);
    look(&whole, text);
    judge(&whole, text);
    return 0;
}
