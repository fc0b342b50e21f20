/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"
#include "cli/verb.h"

#include "base/bounds.h"

#include <ctype.h>
#include <errno.h>
#include <termios.h>
#include <unistd.h>

/* A value typed at a terminal: not shown, and Ctrl-C is a character of it that ends the typing, so
 * that the terminal is always left as it was. */
static int ask(const char *name, struct buf *out, struct err *e)
{
    struct termios before, quiet;
    int c;

    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return err_set_errno(e, ERR_IO, errno, "read the terminal's settings");
    quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    /* Not before: what is typed at the prompt must not be flushed, nor shown. */
    (void)fprintf(stderr, "Value of %s (not shown): ", name);
    (void)fflush(stderr);
    while ((c = getchar()) != EOF && c != '\n' && out->n <= LIMIT_CREDENTIAL)
        buf_char(out, (char)c);
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
    (void)fputc('\n', stderr);
    if (strchr(buf_str(out), '\003'))
        return err_set(e, ERR_INPUT, "given up");
    return 0;
}

/* From a pipe or a file; its last line end is the shell's, not the secret's. */
static int read_stdin(struct buf *out, struct err *e)
{
    buf_grew(out, fread(buf_reserve(out, LIMIT_CREDENTIAL + 2), 1, LIMIT_CREDENTIAL + 2, stdin));
    if (ferror(stdin))
        return err_set_errno(e, ERR_IO, errno, "read the value from stdin");
    if (out->n > 0 && out->data[out->n - 1] == '\n')
        out->data[--out->n] = '\0';
    if (out->n > 0 && out->data[out->n - 1] == '\r')
        out->data[--out->n] = '\0';
    return 0;
}

static int read_value(const struct call *c, struct buf *out, struct err *e)
{
    const char *given = c->n_words > 1 ? c->words[1] : "-";

    if (strcmp(given, "-") != 0)
        buf_text(out, given);
    else if ((isatty(STDIN_FILENO) ? ask(c->words[0], out, e) : read_stdin(out, e)) < 0)
        return -1;
    if (out->n == 0)
        return err_set(e, ERR_INPUT, "the value is empty");
    if (out->n > LIMIT_CREDENTIAL)
        return err_set(e, ERR_INPUT, "the value is longer than %d bytes", LIMIT_CREDENTIAL);
    return 0;
}

static int credentials_set(struct call *c, struct err *e)
{
    scoped(buf_done) struct buf value = { 0 };
    scoped(json_decref) json_t *answer = NULL;

    if (read_value(c, &value, e) < 0)
        return EXIT_USAGE;
    json_t *text = json_stringn(buf_str(&value), value.n);
    if (!text) {
        err_set(e, ERR_INPUT, "the value is not UTF-8; base64 makes any bytes a text");
        return EXIT_USAGE;
    }
    json_t *request = json_pack("{s:s, s:o}", "name", c->words[0], "value", text);
    if (api_call(c->api, "/v1/credentials/upsert", request, &answer, e) < 0)
        return EXIT_SERVER;
    if (wants_json(c))
        print_json(c, answer);
    else
        (void)fprintf(c->screen.out.file, "%s %s\n",
                      json_bool(answer, "overwritten", false) ? "Changed" : "Stored", c->words[0]);
    return EXIT_FINE;
}

static int credentials_list(struct call *c, struct err *e)
{
    static const char *const headings[] = { "CREDENTIAL", "CREATED", "UPDATED", NULL };
    scoped(json_decref) json_t *answer = NULL;
    scoped(table_free) struct table *t = table_new(headings);
    const json_t *credential;
    size_t i;

    if (api_call(c->api, "/v1/credentials/list", NULL, &answer, e) < 0)
        return EXIT_SERVER;
    if (wants_json(c)) {
        print_json(c, json_object_get(answer, "credentials"));
        return EXIT_FINE;
    }
    json_array_foreach(json_object_get(answer, "credentials"), i, credential) {
        scoped(mem_free) char *created = ago(c, credential, "created_at");
        scoped(mem_free) char *updated = ago(c, credential, "updated_at");
        table_cell(t, STYLE_BOLD, json_text(credential, "name"));
        table_cell(t, STYLE_PLAIN, created);
        table_cell(t, STYLE_PLAIN, updated);
    }
    table_print(t, &c->screen.out);
    return EXIT_FINE;
}

static int credentials_get(struct call *c, struct err *e)
{
    scoped(json_decref) json_t *answer = NULL;

    if (api_call(c->api, "/v1/credentials/get", json_pack("{s:s}", "name", c->words[0]), &answer,
                 e) < 0)
        return EXIT_SERVER;
    const char *value = json_text(answer, "value");
    if (wants_json(c))
        print_json(c, answer);
    else
        (void)fprintf(c->screen.out.file, "%s\n", value ? value : "");
    return EXIT_FINE;
}

/* As the server compares names: without spaces around, and without regard to capitals. */
static bool same_name(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);

    for (; n > 0 && isspace((unsigned char)*a); n--)
        a++;
    for (; m > 0 && isspace((unsigned char)*b); m--)
        b++;
    while (n > 0 && isspace((unsigned char)a[n - 1]))
        n--;
    while (m > 0 && isspace((unsigned char)b[m - 1]))
        m--;
    return n == m && strncasecmp(a, b, n) == 0;
}

/* The id of a name, without asking for the secret itself. */
static int find_id(struct call *c, const char *name, char **out, struct err *e)
{
    scoped(json_decref) json_t *answer = NULL;
    const json_t *credential;
    size_t i;

    if (api_call(c->api, "/v1/credentials/list", NULL, &answer, e) < 0)
        return -1;
    json_array_foreach(json_object_get(answer, "credentials"), i, credential) {
        const char *other = json_text(credential, "name");
        if (other && same_name(other, name)) {
            *out = mem_text(json_text(credential, "credential_id"));
            return 0;
        }
    }
    return err_set(e, ERR_NOT_FOUND, "there is no credential \"%s\"", name);
}

static int credentials_delete(struct call *c, struct err *e)
{
    scoped(mem_free) char *id = NULL;

    if (find_id(c, c->words[0], &id, e) < 0)
        return EXIT_SERVER;
    return call_and_tell(c, "/v1/credentials/delete", json_pack("{s:s}", "id", id), e);
}

const struct verb credentials_verbs[] = {
    { "set",
      { .operands = "NAME [VALUE]",
        .least = 1,
        .most = 2,
        .what = "Store a value, or change it",
        .more =
            "Without VALUE, or with -, it is read from stdin; at a terminal it is asked for and\n"
            "not shown. A value on the command line stays in the shell's history.\n\n"
            "  impresario credentials set shop_password\n"
            "  pass show shop | impresario credentials set shop_password" },
      credentials_set },
    { "list",
      { .operands = "", .what = "Show their names, never their values" },
      credentials_list },
    { "get",
      { .operands = "NAME", .least = 1, .most = 1, .what = "Print the value of one, in clear" },
      credentials_get },
    { "delete",
      { .operands = "NAME", .least = 1, .most = 1, .what = "Remove one that no job uses" },
      credentials_delete },
    { 0 },
};
