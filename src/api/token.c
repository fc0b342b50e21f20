/* SPDX-License-Identifier: Apache-2.0 */
#include "api/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void token_text(uint32_t mark, int64_t cursor, char out[static TOKEN_SIZE])
{
    (void)snprintf(out, TOKEN_SIZE, "%08x-%lld", mark, (long long)cursor);
}

bool token_parse(const char *text, uint32_t *mark, int64_t *cursor)
{
    char own[TOKEN_SIZE];
    char *dash, *end;

    if (strlen(text) >= TOKEN_SIZE)
        return false;
    unsigned long m = strtoul(text, &dash, 16);
    if (*dash != '-' || m > UINT32_MAX)
        return false;
    long long at = strtoll(dash + 1, &end, 10);
    if (*end || at <= 0)
        return false;
    token_text((uint32_t)m, at, own);
    if (strcmp(own, text) != 0)
        return false;
    *mark = (uint32_t)m;
    *cursor = at;
    return true;
}
