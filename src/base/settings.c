/* SPDX-License-Identifier: Apache-2.0
 *
 * One row, one value: whichever source it comes from, a text passes through set_value(), which
 * checks it, and keeps it unless a stronger source spoke before. So the sources are read from the
 * strongest to the weakest.
 */
#include "base/settings.h"

#include "base/address.h"
#include "base/bounds.h"
#include "base/buf.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

enum kind {
    KIND_PATH,
    KIND_ADDRESS,
    KIND_URL,
    KIND_TEXT,
    KIND_CHOICE,
    KIND_HOSTS,
    KIND_PACKAGES,
    KIND_INT
};

struct row {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *initial; /* of a text; NULL: none */
    int64_t initial_number, least, most;
    const char *choices;
    const char *what;
};

#define TEXT_ROW(kind, name, initial, what) \
    { #name, kind, offsetof(struct settings, name), initial, 0, 0, 0, NULL, what },
#define PATH(name, initial, what)     TEXT_ROW(KIND_PATH, name, initial, what)
#define ADDRESS(name, initial, what)  TEXT_ROW(KIND_ADDRESS, name, initial, what)
#define URL(name, initial, what)      TEXT_ROW(KIND_URL, name, initial, what)
#define TEXT(name, initial, what)     TEXT_ROW(KIND_TEXT, name, initial, what)
#define SECRET(name, initial, what)   TEXT_ROW(KIND_TEXT, name, initial, what)
#define HOSTS(name, initial, what)    TEXT_ROW(KIND_HOSTS, name, initial, what)
#define PACKAGES(name, initial, what) TEXT_ROW(KIND_PACKAGES, name, initial, what)
#define CHOICE(name, initial, choices, what) \
    { #name, KIND_CHOICE, offsetof(struct settings, name), initial, 0, 0, 0, choices, what },
#define INT(name, initial, least, most, what) \
    { #name, KIND_INT, offsetof(struct settings, name), NULL, initial, least, most, NULL, what },

/* clang-format off */
static const struct row rows[] = {
#include "base/settings.def"
};
/* clang-format on */

enum { N_ROWS = n_items(rows), FILE_MAX = 64 * 1024, FILE_STEP = 4 * 1024 };

#define PREFIX "IMPRESARIO_"

/* Variables of the command line's clients and of processes inside a sandbox, not settings. */
static const char *const other_variables[] = { "URL", "API_KEY", "ENTRY" };

/* What is known while the sources are read. */
struct reading {
    struct settings *settings;
    bool given[N_ROWS];
};

/* What a row is called in the file, as a flag, and in the environment. */
enum form { PLAIN, FLAG, VARIABLE };

static const char *const prefixes[] = { [PLAIN] = "", [FLAG] = "--", [VARIABLE] = PREFIX };

static char letter(char of_name, enum form form)
{
    if (form == FLAG && of_name == '_')
        return '-';
    if (form == VARIABLE)
        return (char)toupper((unsigned char)of_name);
    return of_name;
}

static char *name_of(const struct row *r, enum form form)
{
    char *name = mem_format("%s%s", prefixes[form], r->name);

    for (char *at = name + strlen(prefixes[form]); *at; at++)
        *at = letter(*at, form);
    return name;
}

static bool is_name_of(const struct row *r, enum form form, const char *text, size_t n)
{
    size_t before = strlen(prefixes[form]);

    if (n != before + strlen(r->name) || memcmp(text, prefixes[form], before) != 0)
        return false;
    for (size_t i = before; i < n; i++) {
        if (text[i] != letter(r->name[i - before], form))
            return false;
    }
    return true;
}

/* The row that the first n characters name. */
static const struct row *row_find(const char *text, size_t n, enum form form)
{
    for (const struct row *r = rows; r < rows + N_ROWS; r++) {
        if (is_name_of(r, form, text, n))
            return r;
    }
    return NULL;
}

static void list_add(struct text_list *list, char *item)
{
    list->items = mem_resize(list->items, (list->n + 1) * sizeof *list->items);
    list->items[list->n++] = item;
}

static void list_done(struct text_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        mem_free(list->items[i]);
    mem_free(list->items);
    *list = (struct text_list){ 0 };
}

static char *absolute_path(const char *text)
{
    char here[PATH_MAX];

    if (*text == '/' || !getcwd(here, sizeof here))
        return mem_text(text);
    if (strncmp(text, "./", 2) == 0)
        text += 2;
    return mem_format("%s/%s", here, text);
}

static int parse_number(const struct row *r, const char *text, int64_t *out, const char *source,
                        struct err *e)
{
    char *end;

    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end || isspace((unsigned char)*text) || errno || number < r->least ||
        number > r->most)
        return err_set(e, ERR_INPUT, "%s from %s: \"%s\" is not a whole number from %lld to %lld",
                       r->name, source, text, (long long)r->least, (long long)r->most);
    *out = number;
    return 0;
}

static bool is_list(enum kind kind)
{
    return kind == KIND_HOSTS || kind == KIND_PACKAGES;
}

static int check_item(const struct row *r, const char *item, const char *source, struct err *e)
{
    if (r->kind == KIND_PACKAGES)
        return text_is_package(item, strlen(item))
                   ? 0
                   : err_set(e, ERR_INPUT,
                             "%s from %s: \"%s\" is no name of a package; write for example esbuild"
                             " or @scope/name, with commas between",
                             r->name, source, item);
    if (text_is_ip(item) || text_is_network(item) || text_is_address(item) || text_is_host(item))
        return 0;
    return err_set(e, ERR_INPUT,
                   "%s from %s: \"%s\" is no host, host:port or network; write for example"
                   " 127.0.0.1, shop.internal:8443 or 10.0.0.0/8, with commas between",
                   r->name, source, item);
}

static int parse_list(const struct row *r, const char *text, struct text_list *out,
                      const char *source, struct err *e)
{
    while (*(text += strspn(text, ", \t\n"))) {
        size_t n = strcspn(text, ", \t\n");
        scoped(mem_free) char *item = mem_text_n(text, n);
        if (check_item(r, item, source, e) < 0)
            return -1;
        list_add(out, take(item));
        text += n;
    }
    return 0;
}

static int parse_text(const struct row *r, const char *text, char **out, const char *source,
                      struct err *e)
{
    if (*text == '\0')
        return err_set(e, ERR_INPUT,
                       "%s from %s is empty; give a value or leave it out for the default", r->name,
                       source);
    if (r->kind == KIND_ADDRESS && !text_is_address(text))
        return err_set(e, ERR_INPUT,
                       "%s from %s: \"%s\" is not ADDR:PORT; write for example 127.0.0.1:8080 or"
                       " [::]:8080",
                       r->name, source, text);
    if (r->kind == KIND_URL && !text_is_url(text))
        return err_set(e, ERR_INPUT,
                       "%s from %s: \"%s\" is no URL; it begins with http:// or https://", r->name,
                       source, text);
    if (r->kind == KIND_CHOICE && !text_is_one_of(text, r->choices))
        return err_set(e, ERR_INPUT, "%s from %s: \"%s\" is not one of %s", r->name, source, text,
                       r->choices);
    *out = r->kind == KIND_PATH ? absolute_path(text) : mem_text(text);
    return 0;
}

static void *place_of(struct settings *s, const struct row *r)
{
    return (char *)s + r->offset;
}

/* Checks `text`, and keeps it unless a stronger source gave the row its value. */
static int set_value(struct reading *in, const struct row *r, const char *text, const char *source,
                     struct err *e)
{
    void *place = place_of(in->settings, r);
    bool keep = !in->given[r - rows];
    int64_t number = 0;

    if (r->kind == KIND_INT) {
        if (parse_number(r, text, &number, source, e) < 0)
            return -1;
        if (keep)
            *(int64_t *)place = number;
    } else if (is_list(r->kind)) {
        struct text_list list = { 0 };
        if (parse_list(r, text, &list, source, e) < 0) {
            list_done(&list);
            return -1;
        }
        if (keep)
            *(struct text_list *)place = list;
        else
            list_done(&list);
    } else {
        char *value = NULL;
        if (parse_text(r, text, &value, source, e) < 0)
            return -1;
        if (keep)
            *(char **)place = value;
        else
            mem_free(value);
    }
    in->given[r - rows] = true;
    return 0;
}

/* `--name value` and `--name=value`. A flag that is repeated keeps its last value, as everywhere. */
static int read_flags(struct reading *in, int *argc, char **argv, struct err *e)
{
    const char *values[N_ROWS] = { NULL };
    int kept = 0;
    int i = 0;

    for (; i < *argc && strcmp(argv[i], "--") != 0; i++) {
        char *word = argv[i];
        size_t n = strcspn(word, "=");
        const struct row *r = row_find(word, n, FLAG);
        if (!r)
            argv[kept++] = word;
        else if (word[n] == '=')
            values[r - rows] = word + n + 1;
        else if (i + 1 < *argc)
            values[r - rows] = argv[++i];
        else
            return err_set(e, ERR_INPUT, "%s needs a value", word);
    }
    for (; i < *argc; i++)
        argv[kept++] = argv[i];
    argv[kept] = NULL;
    *argc = kept;

    for (const struct row *r = rows; r < rows + N_ROWS; r++) {
        if (!values[r - rows])
            continue;
        scoped(mem_free) char *source = name_of(r, FLAG);
        if (set_value(in, r, values[r - rows], source, e) < 0)
            return -1;
    }
    return 0;
}

static int read_small_file(const char *path, struct buf *out, struct err *e)
{
    FILE *file = fopen(path, "re");

    if (!file)
        return err_set_errno(e, ERR_INPUT, errno, "read %s", path);
    size_t n;
    do {
        n = fread(buf_reserve(out, FILE_STEP), 1, FILE_STEP, file);
        buf_grew(out, n);
    } while (n > 0 && out->n <= FILE_MAX);
    int failed = ferror(file) ? errno : 0;
    (void)fclose(file);
    if (failed)
        return err_set_errno(e, ERR_INPUT, failed, "read %s", path);
    if (out->n > FILE_MAX)
        return err_set(e, ERR_INPUT, "read %s: more than %d KiB", path, FILE_MAX / 1024);
    if (strlen(buf_str(out)) != out->n)
        return err_set(e, ERR_INPUT, "read %s: not a text", path);
    return 0;
}

static int read_value_file(struct reading *in, const struct row *r, const char *path,
                           const char *source, struct err *e)
{
    scoped(buf_done) struct buf text = { 0 };

    if (read_small_file(path, &text, e) < 0)
        return err_wrap(e, "%s from %s", r->name, source);
    while (text.n > 0 && strchr("\r\n", text.data[text.n - 1]))
        text.data[--text.n] = '\0';
    return set_value(in, r, buf_str(&text), source, e);
}

static bool is_other_variable(const char *name)
{
    for (size_t i = 0; i < n_items(other_variables); i++) {
        if (strcmp(other_variables[i], name + strlen(PREFIX)) == 0)
            return true;
    }
    return false;
}

/* One variable of ours: a setting, a setting's file, someone else's, or a mistake. The last is only
 * worth a warning: environments are inherited, and a newer or older release may know the name. */
static int read_variable(struct reading *in, const char *variable, const bool *by_flag,
                         struct err *e)
{
    size_t n = strcspn(variable, "=");
    scoped(mem_free) char *name = mem_text_n(variable, n);
    const char *value = variable[n] == '=' ? variable + n + 1 : "";
    const struct row *r = row_find(name, n, VARIABLE);
    bool names_file =
        !r && n > 5 && strcmp(name + n - 5, "_FILE") == 0 && (r = row_find(name, n - 5, VARIABLE));

    if (!r) {
        if (!is_other_variable(name))
            list_add(&in->settings->warnings,
                     mem_format("%s is set, but there is no such setting", name));
        return 0;
    }
    if (in->given[r - rows] && !by_flag[r - rows]) {
        scoped(mem_free) char *plain = name_of(r, VARIABLE);
        return err_set(e, ERR_INPUT, "%s is given by %s and by %s_FILE; keep one", r->name, plain,
                       plain);
    }
    return names_file ? read_value_file(in, r, value, name, e) : set_value(in, r, value, name, e);
}

static int read_environment(struct reading *in, char *const *environment, struct err *e)
{
    bool by_flag[N_ROWS];

    memcpy(by_flag, in->given, sizeof by_flag);
    for (; *environment; environment++) {
        if (strncmp(*environment, PREFIX, strlen(PREFIX)) == 0 &&
            read_variable(in, *environment, by_flag, e) < 0)
            return -1;
    }
    return 0;
}

static char *trimmed(char *text)
{
    text += strspn(text, " \t\r");
    for (size_t n = strlen(text); n > 0 && strchr(" \t\r", text[n - 1]); n--)
        text[n - 1] = '\0';
    return text;
}

/* A comment begins with a # at the start of a line or after a space, so that URLs keep theirs. */
static void cut_comment(char *line)
{
    for (char *at = strchr(line, '#'); at; at = strchr(at + 1, '#')) {
        if (at == line || at[-1] == ' ' || at[-1] == '\t') {
            *at = '\0';
            return;
        }
    }
}

static int read_line(struct reading *in, char *line, int *lines, const char *where, struct err *e)
{
    int here = lines[N_ROWS];
    char *equals = strchr(line, '=');

    if (!equals)
        return err_set(e, ERR_INPUT, "%s: \"%s\" is not `name = value`", where, line);
    *equals = '\0';
    const char *name = trimmed(line);
    const struct row *r = row_find(name, strlen(name), PLAIN);
    if (!r)
        return err_set(e, ERR_INPUT, "%s: there is no setting \"%s\"; serve --help lists them",
                       where, name);
    if (strcmp(name, "config") == 0)
        return err_set(e, ERR_INPUT, "%s: a file of settings cannot name another", where);
    if (lines[r - rows])
        return err_set(e, ERR_INPUT, "%s: %s was already set on line %d", where, name,
                       lines[r - rows]);
    lines[r - rows] = here;
    return set_value(in, r, trimmed(equals + 1), where, e);
}

static int read_file(struct reading *in, const char *path, struct err *e)
{
    scoped(buf_done) struct buf text = { 0 };
    int lines[N_ROWS + 1] = { 0 }; /* where each row was set; the last counts */
    char *rest, *line;

    if (read_small_file(path, &text, e) < 0)
        return err_wrap(e, "settings");
    rest = buf_take(&text);
    scoped(mem_free) char *whole = rest;
    while ((line = strsep(&rest, "\n"))) {
        scoped(mem_free) char *where = mem_format("%s:%d", path, ++lines[N_ROWS]);
        cut_comment(line);
        line = trimmed(line);
        if (*line && read_line(in, line, lines, where, e) < 0)
            return -1;
    }
    return 0;
}

static void fill_defaults(struct reading *in)
{
    for (const struct row *r = rows; r < rows + N_ROWS; r++) {
        void *place = place_of(in->settings, r);
        if (in->given[r - rows])
            continue;
        if (r->kind == KIND_INT)
            *(int64_t *)place = r->initial_number;
        else if (!is_list(r->kind) && r->initial)
            *(char **)place =
                r->kind == KIND_PATH ? absolute_path(r->initial) : mem_text(r->initial);
    }
}

/* The runner is beside the build folder in a source tree, and has its own place when installed. */
static char *find_runner(void)
{
    static const char *const places[] = { "../share/impresario/runner", "../runner" };
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

    exe[n > 0 ? n : 0] = '\0';
    for (size_t i = 0; n > 0 && i < n_items(places); i++) {
        scoped(mem_free) char *path =
            mem_format("%.*s/%s", (int)(strrchr(exe, '/') - exe), exe, places[i]);
        char *whole = realpath(path, NULL);
        if (whole)
            return whole;
    }
    return mem_text("/usr/share/impresario/runner");
}

int settings_load(struct settings *s, int *argc, char **argv, char *const *environment,
                  struct err *e)
{
    struct reading in = { .settings = s };

    *s = (struct settings){ 0 };
    if (read_flags(&in, argc, argv, e) < 0 || read_environment(&in, environment, e) < 0 ||
        (s->config && read_file(&in, s->config, e) < 0)) {
        settings_done(s);
        return -1;
    }
    fill_defaults(&in);
    if (!s->master_key_file)
        s->master_key_file = mem_format("%s/master.key", s->data);
    if (!s->runner)
        s->runner = find_runner();
    return 0;
}

void settings_done(struct settings *s)
{
    for (const struct row *r = rows; r < rows + N_ROWS; r++) {
        void *place = place_of(s, r);
        if (is_list(r->kind))
            list_done(place);
        else if (r->kind != KIND_INT)
            mem_free(*(char **)place);
    }
    list_done(&s->warnings);
    *s = (struct settings){ 0 };
}

static char *value_form(const struct row *r)
{
    switch (r->kind) {
    case KIND_PATH: return mem_text("PATH");
    case KIND_ADDRESS: return mem_text("ADDR:PORT");
    case KIND_URL: return mem_text("URL");
    case KIND_TEXT: return mem_text("TEXT");
    case KIND_CHOICE: return mem_text(r->choices);
    case KIND_HOSTS:
    case KIND_PACKAGES: return mem_text("LIST");
    case KIND_INT: return mem_text("N");
    }
    abort();
}

static char *initial_text(const struct row *r)
{
    if (r->kind == KIND_INT)
        return mem_format("%lld", (long long)r->initial_number);
    return mem_text(r->initial ? r->initial : "");
}

static void print_help_row(FILE *to, const struct row *r)
{
    scoped(mem_free) char *flag = name_of(r, FLAG);
    scoped(mem_free) char *form = value_form(r);
    scoped(mem_free) char *initial = initial_text(r);
    scoped(mem_free) char *left = mem_format("%s %s", flag, form);

    (void)fprintf(to, strlen(left) > 28 ? "  %s\n%31s%s" : "  %-28s%1s%s", left, "", r->what);
    if (*initial)
        (void)fprintf(to, " [%s]", initial);
    (void)fputc('\n', to);
}

static void print_markdown_row(FILE *to, const struct row *r)
{
    scoped(mem_free) char *flag = name_of(r, FLAG);
    scoped(mem_free) char *variable = name_of(r, VARIABLE);
    scoped(mem_free) char *form = value_form(r);
    scoped(mem_free) char *initial = initial_text(r);

    (void)fprintf(to, "| `%s` | `%s` | ", flag, variable);
    if (r->kind == KIND_INT)
        (void)fprintf(to, "%lld to %lld", (long long)r->least, (long long)r->most);
    for (const char *at = form; r->kind != KIND_INT && *at; at++)
        (void)(*at == '|' ? fputs(", ", to) : fputc(*at, to));
    (void)fprintf(to, *initial ? " | `%s` | %s |\n" : " | %s | %s |\n", initial, r->what);
}

void settings_print_table(FILE *to, enum settings_form form)
{
    if (form == SETTINGS_MARKDOWN)
        (void)fputs("| Flag | Environment | Value | Default | What it is for |\n"
                    "|---|---|---|---|---|\n",
                    to);
    for (const struct row *r = rows; r < rows + N_ROWS; r++) {
        if (form == SETTINGS_MARKDOWN)
            print_markdown_row(to, r);
        else
            print_help_row(to, r);
    }
}
