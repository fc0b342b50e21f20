/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bounds.h"
#include "base/buf.h"
#include "base/json.h"
#include "engine/found.h"
#include "engine/lines.h"

#include <assert.h>
#include <fcntl.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MOST = 60 * 1024 }; /* fits into a pipe */

struct heard {
    struct buf all; /* what came in, put together again */
    size_t longest;
    bool ended;
};

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

static void on_line(void *arg, char *text, size_t n, bool cut)
{
    struct heard *h = arg;

    assert(!h->ended && text[n] == '\0' && n <= h->longest && (!cut || n == h->longest));
    buf_add(&h->all, text, n);
    if (!cut)
        buf_char(&h->all, '\n');
    look_at_frame(text, n);
    text_make_valid(text, n);
    assert(strlen(text) == n);
    json_t *valid = json_string(text); /* only of UTF-8 */
    assert(valid);
    json_decref(valid);
}

static void on_end(void *arg)
{
    struct heard *h = arg;

    h->ended = true;
}

/* The first byte is the bound of a line, in steps of 16. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct heard h = { .longest = n > 0 && data[0] ? data[0] * 16U : MOST };
    const struct lines_user user = { on_line, on_end, &h };
    static struct loop *loop; /* one for all runs: to make one costs more than to read the lines */
    int ends[2];

    if (n <= 1 || n > MOST)
        return 0;
    data++, n--;
    if (!loop)
        loop = loop_new(&clock_real);
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0 || write(ends[1], data, n) != (ssize_t)n)
        abort();
    fd_close(ends[1]);
    struct lines *lines = lines_new(loop, ends[0], h.longest, &user);
    lines_finish(lines);
    lines_free(lines);
    /* Nothing is lost, doubled or in another order. */
    assert(h.ended && h.all.n >= n && h.all.n <= n + 1);
    assert(memcmp(h.all.data, data, n) == 0);
    buf_done(&h.all);
    return 0;
}
