/* SPDX-License-Identifier: Apache-2.0
 *
 * The server as the command line sees it: an address, a key, and calls that take and give JSON
 * without its envelope. A fault's message is for the person at the keyboard, lines and all: what
 * happened, which fields, and what to do about it.
 */
#ifndef CLI_API_H
#define CLI_API_H

#include "base/json.h"
#include "net/client.h"

struct api;

/* `url` and `key` as the user gave them; the address defaults to the server's own. Fails with
 * ERR_INPUT on what is no URL, and when there is no key. Connects to nothing yet. */
must_use int api_open(const char *url, const char *key, struct api **out, struct err *e);
void api_free(struct api *a);
DEFINE_SCOPED(struct api, api_free)

const char *api_url(const struct api *a);

/* Sends {"json": input} and gives what came under "json". Takes `input`; NULL is {}. Every fault
 * of the server has a code that says whether another try may do better (ERR_UNAVAILABLE,
 * ERR_LIMIT, ERR_TIMEOUT, ERR_IO). */
must_use int api_call(struct api *a, const char *path, json_t *input, json_t **out, struct err *e);

/* The same for questions that may be asked again, such as a poll: once the server has answered
 * anything, a fault that may pass (it restarts, say) is waited out for up to a minute. */
must_use int api_poll(struct api *a, const char *path, json_t *input, json_t **out, struct err *e);

/* The same with a body that is made while it is sent, envelope included. */
must_use int api_upload(struct api *a, const char *path, const struct client_upload *up,
                        json_t **out, struct err *e);

/* Where the list that came last goes on; NULL: it is complete. */
const char *api_next_cursor(const struct api *a);

/* What an answer means, apart from how it came: for tests. */
must_use int api_read_reply(const struct client_reply *reply, const char *url, json_t **out,
                            struct err *e);

#endif
