/* SPDX-License-Identifier: Apache-2.0
 *
 * Page tokens: a mark of the filters that a page was asked with, and where it ended. Each is written in
 * one way only, "0000002a-17", so that what is read is what was given out.
 */
#ifndef API_TOKEN_H
#define API_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

enum { TOKEN_SIZE = 8 + 1 + 20 + 1 };

/* `cursor` is above 0. */
void token_text(uint32_t mark, int64_t cursor, char out[static TOKEN_SIZE]);
bool token_parse(const char *text, uint32_t *mark, int64_t *cursor);

#endif
