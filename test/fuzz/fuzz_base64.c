/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/base64.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int decode(const char *text, size_t n, size_t piece, struct buf *out, struct err *e)
{
    struct base64 b = { 0 };

    for (size_t at = 0; at <= n;) {
        size_t most = n - at < piece ? n - at : piece, made = 0;
        uint8_t *to = (uint8_t *)buf_reserve(out, base64_room(most) + 3);
        size_t run = base64_run(&b, text + at, most, to, &made);
        assert(run <= most && made <= base64_room(run));
        if (at == n) {
            if (base64_finish(&b, to, &made, e) < 0)
                return -1;
            at++;
        } else if (run == 0 && base64_put(&b, text[at++], to, &made, e) < 0) {
            return -1;
        }
        buf_grew(out, made);
        at += run;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    scoped(buf_done) struct buf whole = { 0 }, pieces = { 0 }, again = { 0 }, back = { 0 };
    scoped(err_clear) struct err e = { 0 }, f = { 0 };
    size_t piece = n > 0 && data[0] > 0 ? data[0] : 1;
    const char *text = n > 0 ? (const char *)data + 1 : "";

    n = n > 0 ? n - 1 : 0;
    int r = decode(text, n, SIZE_MAX, &whole, &e);
    int s = decode(text, n, piece, &pieces, &f);
    assert(r == s);
    if (r < 0) {
        assert(strcmp(e.msg, f.msg) == 0);
        return 0;
    }
    assert(whole.n == pieces.n && memcmp(buf_str(&whole), buf_str(&pieces), whole.n) == 0);
    base64_encode(buf_str(&whole), whole.n, &again);
    s = decode(buf_str(&again), again.n, SIZE_MAX, &back, &e);
    assert(s == 0 && back.n == whole.n && memcmp(buf_str(&back), buf_str(&whole), back.n) == 0);
    return 0;
}
