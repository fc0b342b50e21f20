/* SPDX-License-Identifier: Apache-2.0
 *
 * impresario key: works on the store itself, beside a running server or without one, so that the
 * first key needs no other.
 */
#include "serve.h"

#include "api/api.h"
#include "base/settings.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "domain/audit.h"
#include "domain/keyring.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "Usage:\n"
    "  impresario key create --tenant NAME --label TEXT [--data DIR]\n"
    "      Prints a new key, once; the tenant is made when it is new.\n"
    "  impresario key list [--data DIR]\n"
    "  impresario key revoke ID|START [--data DIR]\n\n"
    "These work on the server's data directory (default ./var), also while it runs.\n";

struct asked {
    const char *tenant, *label, *which;
    const struct sealer *sealer; /* of the audit log */
    struct key key;
};

static int create(struct db *db, void *arg, struct err *e)
{
    struct asked *a = arg;

    if (key_create(db, a->tenant, a->label, &a->key, e) < 0)
        return -1;
    scoped(mem_free) char *detail = mem_format("tenant %s, label %s", a->tenant, a->label);
    return audit_add_host(db, a->sealer, "key.created", a->key.id.text, detail, e);
}

static int revoke_key(struct db *db, void *arg, struct err *e)
{
    const struct asked *a = arg;
    struct id id;

    return key_revoke(db, a->which, &id, e) < 0 ||
                   audit_add_host(db, a->sealer, "key.revoked", id.text, NULL, e) < 0
               ? -1
               : 0;
}

static void print_row(void *arg, const struct key_row *row)
{
    char created[TIME_TEXT_SIZE];

    (void)arg;
    time_text(row->created_at, created);
    printf("%-36s  %-16s  %-10s  %s  %-7s  %s\n", row->id, row->tenant, row->start, created,
           row->revoked_at ? "revoked" : "good", row->label);
}

static int list(struct db *db, void *arg, struct err *e)
{
    return key_each(db, print_row, arg, e);
}

/* What is left in argv after the settings: `--name value` pairs and at most one word. */
static int parse(int argc, char **argv, struct asked *a, struct err *e)
{
    for (int i = 2; i < argc; i++) {
        bool tenant = strcmp(argv[i], "--tenant") == 0, label = strcmp(argv[i], "--label") == 0;
        if ((tenant || label) && i + 1 == argc)
            return err_set(e, ERR_INPUT, "%s needs a value", argv[i]);
        if (tenant)
            a->tenant = argv[++i];
        else if (label)
            a->label = argv[++i];
        else if (argv[i][0] == '-' || a->which)
            return err_set(e, ERR_INPUT, "\"%s\" is not expected here", argv[i]);
        else
            a->which = argv[i];
    }
    return 0;
}

static int act(struct store *store, const char *data, const char *verb, struct asked *a,
               struct err *e)
{
    if (strcmp(verb, "create") == 0) {
        if (!a->tenant || !a->label)
            return err_set(e, ERR_INPUT, "key create needs --tenant NAME and --label TEXT");
        if (store_write(store, create, a, e) < 0)
            return -1;
        printf("%s\n", a->key.text);
        return 0;
    }
    if (strcmp(verb, "list") == 0)
        return store_read(store, list, NULL, e);
    if (strcmp(verb, "revoke") != 0)
        return err_set(e, ERR_INPUT, "\"%s\" is neither create, list nor revoke", verb);
    if (!a->which)
        return err_set(e, ERR_INPUT, "key revoke needs a key's id, or the start of the key");
    return store_write(store, revoke_key, a, e) < 0 || keyring_revoked(data, e) < 0 ? -1 : 0;
}

int key_main(int argc, char **argv)
{
    scoped(settings_done) struct settings settings = { 0 };
    scoped(err_clear) struct err e = { 0 };
    scoped(sealer_close) struct sealer *sealer = NULL;
    scoped(store_close) struct store *store = NULL;
    struct asked asked = { 0 };

    if (argc < 2 || args_ask_help(argc, argv)) {
        fputs(usage, argc < 2 ? stderr : stdout);
        return argc < 2 ? EXIT_USAGE : EXIT_FINE;
    }
    if (settings_load(&settings, &argc, argv, environ, &e) < 0 ||
        parse(argc, argv, &asked, &e) < 0) {
        fprintf(stderr, "impresario: %s\n", e.msg);
        return EXIT_USAGE;
    }
    if (mkdir(settings.data, 0700) < 0 && errno != EEXIST) {
        fprintf(stderr, "impresario: make the data directory %s: %s\n", settings.data,
                strerror(errno));
        return EXIT_USAGE;
    }
    if (store_join(&env_real, settings.data, &store, &e) < 0 ||
        audit_open_key(store, settings.master_key_file, &sealer, &e) < 0) {
        fprintf(stderr, "impresario: %s\n", e.msg);
        return EXIT_OUTCOME;
    }
    asked.sealer = sealer;
    if (act(store, settings.data, argv[1], &asked, &e) < 0) {
        fprintf(stderr, "impresario: %s\n", e.msg);
        return e.code == ERR_INPUT ? EXIT_USAGE : EXIT_OUTCOME;
    }
    return EXIT_FINE;
}

int routes_main(int argc, char **argv)
{
    bool markdown = argc > 1 && strcmp(argv[1], "--markdown") == 0;
    bool settings = argc > 1 && strcmp(argv[1], "--settings") == 0;

    bool help = args_ask_help(argc, argv);

    if (help || (argc > 1 && !markdown && !settings)) {
        fputs("Usage: impresario routes [--markdown | --settings]\n"
              "Prints the API as OpenAPI, or as Markdown; or the settings as Markdown.\n",
              help ? stdout : stderr);
        return help ? EXIT_FINE : EXIT_USAGE;
    }
    if (settings) {
        settings_print_table(stdout, SETTINGS_MARKDOWN);
        return EXIT_FINE;
    }
    scoped(mem_free) char *text = markdown ? api_markdown() : api_openapi();
    puts(text);
    return EXIT_FINE;
}
