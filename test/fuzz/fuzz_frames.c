/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bounds.h"
#include "base/json.h"
#include "engine/found.h"
#include "engine/lines.h"
#include "engine/splitter.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* As the engine takes a frame in, and with it the longest that it looks into. */
static void look_at_frame(const char *text, size_t n)
{
    scoped(err_clear) struct err e = { 0 };
    scoped(json_decref) json_t *frame = NULL;
    scoped(json_decref) json_t *found = NULL;

    if (json_parse(text, n, LIMIT_JSON_DEPTH + 2, &frame, &e) < 0 || !json_text(frame, "t"))
        return;
    if (found_workflows(frame, &found, &e) < 0) {
        assert(e.code == ERR_INPUT && e.msg && *e.msg);
    } else {
        scoped(mem_free) char *printed = json_print(found);
        assert(json_is_array(found) && printed[0] == '[');
    }
}

/* Adds to `all`, which is what came in, put together again. */
static void on_line(struct buf *all, char *text, size_t n, bool cut)
{
    assert(text[n] == '\0');
    buf_add(all, text, n);
    if (!cut)
        buf_char(all, '\n');
    look_at_frame(text, n);
    text_make_valid(text, n);
    assert(strlen(text) == n);
    json_t *valid = json_string(text); /* only of UTF-8 */
    assert(valid);
    json_decref(valid);
}

/* The first byte is the bound of a line, in steps of 16, and how many bytes arrive at once; with 0 all
 * do, and a line may be as long as they are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    scoped(buf_done) struct buf all = { 0 };
    struct splitter s = { .longest = n > 0 && data[0] ? data[0] * 16U : n };
    size_t step = n > 0 && data[0] ? data[0] : n;
    char *text;
    size_t length;
    bool cut;

    if (n <= 1)
        return 0;
    data++, n--;
    for (size_t at = 0; at < n; at += step) {
        size_t piece = n - at < step ? n - at : step;
        memcpy(splitter_room(&s, piece), data + at, piece);
        splitter_grew(&s, piece);
        while ((text = splitter_next(&s, &length, &cut))) {
            assert(length <= s.longest && (!cut || length == s.longest));
            on_line(&all, text, length, cut);
            mem_free(text);
        }
    }
    if ((text = splitter_rest(&s, &length))) {
        assert(length <= s.longest);
        on_line(&all, text, length, false);
        mem_free(text);
    }
    assert(!splitter_rest(&s, &length));
    splitter_done(&s);
    /* Nothing is lost, doubled or in another order. */
    assert(all.n >= n && all.n <= n + 1);
    assert(memcmp(all.data, data, n) == 0);
    return 0;
}
