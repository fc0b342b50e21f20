/* SPDX-License-Identifier: Apache-2.0 */
#include "api/token.h"
#include "base/id.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    scoped(mem_free) char *text = mem_text_n((const char *)data, n);
    char own[TOKEN_SIZE];
    uint32_t mark;
    int64_t cursor;

    if (token_parse(text, &mark, &cursor)) {
        assert(cursor > 0);
        token_text(mark, cursor, own);
        assert(strcmp(own, text) == 0);
    }
    if (id_valid(text)) {
        assert(strlen(text) == ID_TEXT_SIZE - 1);
        for (const char *at = text; *at; at++)
            assert(*at == '-' || isxdigit((unsigned char)*at));
    }
    return 0;
}
