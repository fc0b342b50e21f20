/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the command line: what a verb ("jobs run") is and what it is given. Each file of verbs
 * exports one table of them; cli.c finds the row, reads the flags, opens the server's address and
 * calls it.
 */
#ifndef CLI_VERB_H
#define CLI_VERB_H

#include "cli/api.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/screen.h"
#include "cli/table.h"

/* One struct for the flags of all verbs: a flag means the same wherever it is taken. */
struct options {
    const char *output; /* NULL, "text" or "json" */
    const char *url;
    const char *entry, *description;
    const char *params, *start_url, *viewport, *nonce;
    const char *action_log, *network_log;
    const char *status, *workflow, *job, *level;
    int64_t limit, timeout; /* 0: not given */
    bool auto_repair, wait, follow, headless, headed;
};

struct call {
    struct options options;
    int n_words;
    char **words; /* the operands */
    struct screen screen;
    struct api *api;
    msec_t now; /* wall clock at the start, for relative times */
};

struct verb {
    const char *name; /* NULL: the group is the verb ("deploy"), or the table ends */
    struct args args;
    /* Gives an exit code. When it fills `e`, the caller prints it. */
    int (*run)(struct call *c, struct err *e);
};

extern const struct verb deploy_verbs[], deployments_verbs[], workflows_verbs[], jobs_verbs[],
    logs_verbs[], credentials_verbs[], profiles_verbs[], build_verbs[];

bool wants_json(const struct call *c);
/* One JSON value on stdout; takes nothing. */
void print_json(const struct call *c, const json_t *value);

/* Words for people about times in answers; NULL when there is none. */
char *ago(const struct call *c, const json_t *object, const char *name);

/* The object that --params gives: as typed, from @FILE, or from stdin for a dash. */
must_use int read_params(const char *given, json_t **out, struct err *e);

/* Adds a member unless its value is NULL. */
void add_text(json_t *object, const char *name, const char *value);

/* A call whose answer is `success` and a `message`, which it prints. Gives the exit code. */
int call_and_tell(struct call *c, const char *path, json_t *input, struct err *e);

#endif
