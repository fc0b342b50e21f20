/* SPDX-License-Identifier: Apache-2.0
 *
 * impresario audit: reads the store itself, beside a running server or without one.
 */
#include "serve.h"

#include "base/env.h"
#include "base/json.h"
#include "base/settings.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "domain/audit.h"
#include "domain/sealed.h"

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

struct asked {
    const char *output, *head;
};

static const struct flag flags[] = {
    CHOICE("output", 'o', struct asked, output, "text|json", "Form of what is printed [text]"),
    TEXT("head", 0, struct asked, head, "N:DIGEST",
         "verify: a head that was printed earlier and kept elsewhere; the log must have had it"),
    { 0 },
};

static const struct args audit_args = {
    .operands = "list|verify [--data DIR] [--master-key-file KEY]",
    .least = 1,
    .most = 1,
    .flags = flags,
    .more =
        "list prints the audit log, the oldest first. verify checks that no row was changed, removed\n"
        "or put in, and prints the head: keep it elsewhere, and a log that was cut off and signed\n"
        "again shows too. Both work also while the server runs.\n",
};

static void add_json(void *arg, const struct audit_row *row)
{
    json_array_append_new(arg, json_pack("{s:I,s:o,s:s,s:s?,s:s,s:s,s:s,s:s}", "seq",
                                         (json_int_t)row->seq, "at", json_time(row->at), "actor",
                                         row->actor, "tenant_id", row->tenant, "action",
                                         row->action, "subject", row->subject, "detail",
                                         row->detail, "digest", row->digest));
}

static void print_row(void *arg, const struct audit_row *row)
{
    char at[TIME_TEXT_SIZE];

    (void)arg;
    time_text(row->at, at);
    printf("%6lld  %s  %-40s  %-36s  %-20s  %s  %s\n", (long long)row->seq, at, row->actor,
           row->tenant ? row->tenant : "-", row->action, row->subject, row->detail);
}

static int list(struct db *db, void *rows, struct err *e)
{
    return audit_each(db, rows ? add_json : print_row, rows, e);
}

static void print_json(const json_t *value)
{
    scoped(mem_free) char *text = json_print(value);

    puts(text);
}

static int print_list(struct store *store, bool json, struct err *e)
{
    scoped(json_decref) json_t *rows = json ? json_array() : NULL;

    if (store_read(store, list, rows, e) < 0)
        return -1;
    if (json)
        print_json(rows);
    return 0;
}

struct check {
    const struct sealer *sealer;
    const struct audit_head *noted;
    struct audit_verdict verdict;
    bool good;
};

static int verify(struct db *db, void *arg, struct err *e)
{
    struct check *c = arg;
    int good = audit_verify(db, c->sealer, c->noted, &c->verdict, e);

    c->good = good == 1;
    return good < 0 ? -1 : 0;
}

static void print_verdict(const struct check *c, bool json)
{
    const struct audit_verdict *v = &c->verdict;
    scoped(mem_free) char *head = mem_format("%lld:%s", (long long)v->head.seq, v->head.digest);
    scoped(json_decref) json_t *out =
        json_pack("{s:b,s:I,s:s,s:o}", "whole", c->good, "rows", (json_int_t)v->head.seq, "head",
                  head, "broken", c->good ? json_null() : json_string(v->why));

    if (json)
        print_json(out);
    else if (c->good)
        printf("%lld rows, whole\nhead %s\n", (long long)v->head.seq, head);
    else
        printf("broken: %s\n", v->why);
}

/* An exit status, or -1 with a fault. */
static int act(const char *verb, const struct settings *settings, const struct asked *asked,
               struct err *e)
{
    bool json = asked->output && strcmp(asked->output, "json") == 0;
    scoped(mem_free) char *database = mem_format("%s/impresario.db", settings->data);
    scoped(sealer_close) struct sealer *sealer = NULL;
    scoped(store_close) struct store *store = NULL;
    struct audit_head noted;

    if (asked->head && !audit_head_parse(asked->head, &noted))
        return err_set(e, ERR_INPUT, "\"%s\" is no head: verify prints one, N:DIGEST", asked->head);
    if (access(database, F_OK) < 0)
        return err_set(e, ERR_INPUT, "there is no store at %s", database);
    if (store_join(&env_real, settings->data, &store, e) < 0)
        return -1;
    if (strcmp(verb, "list") == 0)
        return print_list(store, json, e) < 0 ? -1 : EXIT_FINE;
    struct check check = { .noted = asked->head ? &noted : NULL };
    if (sealer_open(&env_real, settings->master_key_file, false, &sealer, e) < 0)
        return -1;
    check.sealer = sealer;
    if (store_read(store, verify, &check, e) < 0)
        return -1;
    print_verdict(&check, json);
    return check.good ? EXIT_FINE : EXIT_OUTCOME;
}

int audit_main(int argc, char **argv)
{
    scoped(settings_done) struct settings settings = { 0 };
    scoped(err_clear) struct err e = { 0 };
    struct asked asked = { 0 };

    if (argc < 2 || args_ask_help(argc, argv)) {
        args_print_help(&audit_args, "impresario audit", argc < 2 ? stderr : stdout);
        return argc < 2 ? EXIT_USAGE : EXIT_FINE;
    }
    int r = settings_load(&settings, &argc, argv, environ, &e);
    if (r == 0) {
        argc--; /* argv[0] is the command */
        r = args_read(&audit_args, &argc, argv + 1, &asked, &e);
    }
    if (r == 0 && strcmp(argv[1], "list") != 0 && strcmp(argv[1], "verify") != 0)
        r = err_set(&e, ERR_INPUT, "\"%s\" is neither list nor verify", argv[1]);
    if (r == 0)
        r = act(argv[1], &settings, &asked, &e);
    if (r >= 0)
        return r;
    fprintf(stderr, "impresario: %s\n", e.msg);
    return e.code == ERR_INPUT ? EXIT_USAGE : EXIT_OUTCOME;
}
