/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "cli/text.h"
#include "cli/verb.h"

#include "base/clock.h"

#include <stdlib.h>

static const struct group {
    const char *name, *what;
    const struct verb *verbs;
} groups[] = {
    { "deploy", "Upload a folder of workflows and watch its build", deploy_verbs },
    { "build", "Let the server write a workflow from a description", build_verbs },
    { "deployments", "Look at uploads, their builds and the builds' logs", deployments_verbs },
    { "workflows", "See what can be run", workflows_verbs },
    { "jobs", "Run workflows, watch and cancel the runs", jobs_verbs },
    { "logs", "Read what runs print, also while they do", logs_verbs },
    { "credentials", "Keep secrets that workflows ask for by name", credentials_verbs },
    { "profiles", "See and delete stored browser profiles", profiles_verbs },
};

static const struct flag common_flags[] = {
    CHOICE("output", 'o', struct options, output, "text|json", "For people, or for scripts"),
    TEXT("url", 0, struct options, url, "URL", "The server; instead of IMPRESARIO_URL"),
    { 0 },
};

static const char environment_help[] =
    "\nEnvironment:\n"
    "  IMPRESARIO_URL               Address of the server [http://127.0.0.1:8080];\n"
    "                               LIBRETTO_API_URL is read as well\n"
    "  IMPRESARIO_API_KEY           Key for the server; LIBRETTO_API_KEY is read as well\n"
    "  NO_COLOR                     Set to anything: no colours\n"
    "\nExit status: 0 done; 1 what was asked for ran and failed (a build, a job);\n"
    "2 wrong usage; 3 the server refused, failed or was not to be reached.\n";

bool wants_json(const struct call *c)
{
    return c->options.output && strcmp(c->options.output, "json") == 0;
}

void print_json(const struct call *c, const json_t *value)
{
    FILE *to = c->screen.out.file;

    scoped(mem_free) char *text =
        json_print_as(value, c->screen.out.terminal ? JSON_INDENT(2) : JSON_COMPACT);
    (void)fprintf(to, "%s\n", text);
    (void)fflush(to);
}

char *ago(const struct call *c, const json_t *object, const char *name)
{
    const char *text = json_text(object, name);
    msec_t t;

    return text && text_parse_time(text, &t) ? text_ago(c->now, t) : NULL;
}

void add_text(json_t *object, const char *name, const char *value)
{
    if (value)
        (void)json_object_set_new(object, name, json_string(value));
}

int call_and_tell(struct call *c, const char *path, json_t *input, struct err *e)
{
    scoped(json_decref) json_t *answer = NULL;

    if (api_call(c->api, path, input, &answer, e) < 0)
        return EXIT_SERVER;
    const char *message = json_text(answer, "message");
    bool success = json_bool(answer, "success", false);
    scoped(mem_free) char *safe = text_safe(message ? message : success ? "done" : "not done");
    if (wants_json(c))
        print_json(c, answer);
    else if (success)
        (void)fprintf(c->screen.out.file, "%s\n", safe);
    if (success)
        return EXIT_FINE;
    err_set(e, ERR_CONFLICT, "%s", safe);
    return EXIT_OUTCOME;
}

static const char *variable(const char *name, const char *other)
{
    const char *value = getenv(name);

    return value && *value ? value : getenv(other);
}

/* All that is typed reaches the server inside of JSON, which is UTF-8. */
static int check_words(int argc, char *const *argv, struct err *e)
{
    for (int i = 0; i < argc; i++) {
        scoped(json_decref) json_t *text = json_string(argv[i]);
        if (!text)
            return err_set(e, ERR_INPUT, "word %d is not UTF-8", i + 1);
    }
    return 0;
}

static void complain(const struct call *c, const char *name, const struct err *e, int code)
{
    const struct stream *to = &c->screen.err;

    (void)fflush(c->screen.out.file);
    (void)fprintf(to->file, "%s%s:%s %s\n", style_on(to, STYLE_RED), name, style_off(to, STYLE_RED),
                  e->msg);
    if (code == EXIT_USAGE)
        (void)fprintf(to->file, "%s --help tells more.\n", name);
}

static int run_verb(const struct verb *v, const char *name, int argc, char **argv)
{
    struct call c = { .screen = screen_standard(), .now = clock_wall(&clock_real) };
    struct args args = v->args;
    scoped(err_clear) struct err e = { 0 };
    int code = EXIT_USAGE;

    args.common = common_flags;
    if (args_ask_help(argc, argv)) {
        args_print_help(&args, name, stdout);
        return EXIT_FINE;
    }
    if (check_words(argc, argv, &e) == 0 && args_read(&args, &argc, argv, &c.options, &e) == 0) {
        scoped(api_free) struct api *api = NULL;
        const char *url =
            c.options.url ? c.options.url : variable("IMPRESARIO_URL", "LIBRETTO_API_URL");
        c.n_words = argc;
        c.words = argv;
        if (api_open(url, variable("IMPRESARIO_API_KEY", "LIBRETTO_API_KEY"), &api, &e) == 0) {
            c.api = api;
            code = v->run(&c, &e);
        }
    }
    if (e.msg)
        complain(&c, name, &e, code);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("impresario: stdout");
        return EXIT_OUTCOME;
    }
    return code;
}

static void print_group(const struct group *g, FILE *to)
{
    (void)fprintf(to, "%s.\n\nUsage:\n", g->what);
    for (const struct verb *v = g->verbs; v->name; v++) {
        scoped(mem_free) char *left = mem_format("%s %s", v->name, v->args.operands);
        (void)fprintf(to, "  impresario %s %-24s %s\n", g->name, left, v->args.what);
    }
    (void)fprintf(to, "\nimpresario %s VERB --help tells more.\n", g->name);
}

static int run_group(const struct group *g, int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "--help";
    bool alone = !g->verbs->name; /* "deploy" has no verbs below it */

    for (const struct verb *v = g->verbs; alone || v->name; v++) {
        if (!alone && strcmp(v->name, word) != 0)
            continue;
        int skip = alone ? 1 : 2;
        scoped(mem_free) char *name = alone ? mem_format("impresario %s", g->name)
                                            : mem_format("impresario %s %s", g->name, v->name);
        return run_verb(v, name, argc - skip, argv + skip);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        print_group(g, argc > 1 ? stdout : stderr);
        return argc > 1 ? EXIT_FINE : EXIT_USAGE;
    }
    (void)fprintf(stderr, "impresario %s: there is no \"%s\" here.\n\n", g->name, word);
    print_group(g, stderr);
    return EXIT_USAGE;
}

static void print_overview(const struct command *own, FILE *to)
{
    (void)fputs("Impresario runs browser workflows on your own machine.\n\n"
                "Usage: impresario COMMAND ...\n\nThe server, on this machine:\n",
                to);
    for (const struct command *c = own; c->name; c++) {
        if (c->what)
            (void)fprintf(to, "  %-12s %s\n", c->name, c->what);
    }
    (void)fputs("\nSpeaking to a server:\n", to);
    for (size_t i = 0; i < n_items(groups); i++)
        (void)fprintf(to, "  %-12s %s\n", groups[i].name, groups[i].what);
    (void)fputs("\nimpresario COMMAND --help tells more.\n", to);
    (void)fputs(environment_help, to);
}

static int unknown_command(const struct command *own, const char *word)
{
    (void)fprintf(stderr, "impresario: there is no command \"%s\"", word);
    for (const struct command *c = own; c->name; c++) {
        if (c->what && text_distance(c->name, word) <= 2)
            (void)fprintf(stderr, "; did you mean %s?", c->name);
    }
    for (size_t i = 0; i < n_items(groups); i++) {
        if (text_distance(groups[i].name, word) <= 2)
            (void)fprintf(stderr, "; did you mean %s?", groups[i].name);
    }
    (void)fputs("\nimpresario --help lists them.\n", stderr);
    return EXIT_USAGE;
}

int cli_main(int argc, char **argv, const struct command *own)
{
    const char *word = argc > 1 ? argv[1] : NULL;

    if (!word || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
        strcmp(word, "help") == 0) {
        print_overview(own, word ? stdout : stderr);
        return word ? EXIT_FINE : EXIT_USAGE;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0) {
        (void)puts("impresario " IMPRESARIO_VERSION);
        return EXIT_FINE;
    }
    for (const struct command *c = own; c->name; c++) {
        if (strcmp(c->name, word) == 0)
            return c->run(argc - 1, argv + 1);
    }
    for (size_t i = 0; i < n_items(groups); i++) {
        if (strcmp(groups[i].name, word) == 0)
            return run_group(&groups[i], argc - 1, argv + 1);
    }
    return unknown_command(own, word);
}
