/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"

#include "cli/text.h"

#include "base/address.h"

#include <errno.h>
#include <stdlib.h>

static bool is_own(const struct args *a, const struct flag *flag)
{
    for (const struct flag *f = a->flags; f && f->name; f++) {
        if (strcmp(f->name, flag->name) == 0)
            return true;
    }
    return false;
}

/* Both lists of a verb as one: the i-th flag, or NULL after the last. Its own hide common ones of the
 * same name. */
static const struct flag *flag_at(const struct args *a, size_t i)
{
    for (const struct flag *f = a->flags; f && f->name; f++) {
        if (i-- == 0)
            return f;
    }
    for (const struct flag *f = a->common; f && f->name; f++) {
        if (!is_own(a, f) && i-- == 0)
            return f;
    }
    return NULL;
}

static const struct flag *flag_named(const struct args *a, const char *name, size_t n)
{
    const struct flag *f;

    for (size_t i = 0; (f = flag_at(a, i)); i++) {
        if (strlen(f->name) == n && memcmp(f->name, name, n) == 0)
            return f;
    }
    return NULL;
}

static const struct flag *flag_lettered(const struct args *a, char letter)
{
    const struct flag *f;

    for (size_t i = 0; (f = flag_at(a, i)); i++) {
        if (f->letter == letter)
            return f;
    }
    return NULL;
}

static int unknown_flag(const struct args *a, const char *word, struct err *e)
{
    const struct flag *f;
    scoped(mem_free) char *name = mem_text_n(word, strcspn(word, "="));

    for (size_t i = 0; (f = flag_at(a, i)); i++) {
        if (strncmp(name, "--", 2) == 0 && text_distance(name + 2, f->name) <= 2)
            return err_set(e, ERR_INPUT, "there is no flag %s; did you mean --%s?", name, f->name);
    }
    return err_set(e, ERR_INPUT, "there is no flag %s", name);
}

static int set_number(const struct flag *f, const char *value, int64_t *out, struct err *e)
{
    char *end;

    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (end == value || *end || errno || number < f->least || number > f->most)
        return err_set(e, ERR_INPUT, "--%s: \"%s\" is not a whole number from %lld to %lld",
                       f->name, value, (long long)f->least, (long long)f->most);
    *out = number;
    return 0;
}

static int set_flag(const struct flag *f, const char *value, void *into, struct err *e)
{
    void *place = (char *)into + f->offset;

    if (f->kind == FLAG_NUMBER)
        return set_number(f, value, place, e);
    if (f->kind == FLAG_CHOICE && !text_is_one_of(value, f->form))
        return err_set(e, ERR_INPUT, "--%s: \"%s\" is not one of %s", f->name, value, f->form);
    *(const char **)place = value;
    return 0;
}

/* One word that begins with a dash, and its value, which may be the next word. */
static int read_flag(const struct args *a, const char *word, char **next, bool *took_next,
                     void *into, struct err *e)
{
    bool is_long = word[1] == '-';
    size_t n = strcspn(word, "=");
    const struct flag *f = is_long ? flag_named(a, word + 2, n - 2) : flag_lettered(a, word[1]);
    const char *value = is_long ? (word[n] ? word + n + 1 : NULL) : (word[2] ? word + 2 : NULL);

    *took_next = false;
    if (!f)
        return unknown_flag(a, word, e);
    if (f->kind == FLAG_SWITCH) {
        if (value)
            return err_set(e, ERR_INPUT, "--%s takes no value", f->name);
        *(bool *)((char *)into + f->offset) = true;
        return 0;
    }
    if (!value) {
        if (!*next)
            return err_set(e, ERR_INPUT, "--%s needs a value: --%s %s", f->name, f->name, f->form);
        value = *next;
        *took_next = true;
    }
    return set_flag(f, value, into, e);
}

int args_read(const struct args *a, int *argc, char **argv, void *into, struct err *e)
{
    int n = 0;
    bool flags = true;

    for (int i = 0; i < *argc; i++) {
        bool took_next;
        if (!flags || argv[i][0] != '-' || argv[i][1] == '\0') {
            argv[n++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) {
            flags = false;
        } else {
            if (read_flag(a, argv[i], argv + i + 1, &took_next, into, e) < 0)
                return -1;
            i += took_next;
        }
    }
    if (n < a->least)
        return err_set(e, ERR_INPUT, "%s is missing", a->operands);
    if (n > a->most)
        return err_set(e, ERR_INPUT, "\"%s\" is one word too many", argv[a->most]);
    *argc = n;
    return 0;
}

bool args_ask_help(int argc, char *const *argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    }
    return false;
}

static void print_flags(const struct args *a, FILE *to)
{
    const struct flag *f;

    for (size_t i = 0; (f = flag_at(a, i)); i++) {
        scoped(mem_free) char *letter = f->letter ? mem_format("-%c,", f->letter) : mem_text("");
        scoped(mem_free) char *left = mem_format("%-3s --%s%s%s", letter, f->name,
                                                 f->form ? " " : "", f->form ? f->form : "");
        (void)fprintf(to, "  %-28s %s\n", left, f->what);
    }
}

void args_print_help(const struct args *a, const char *name, FILE *to)
{
    (void)fprintf(to, "Usage: %s%s%s [flags]\n\n%s.\n", name, *a->operands ? " " : "", a->operands,
                  a->what);
    if (a->more)
        (void)fprintf(to, "\n%s\n", a->more);
    (void)fputs("\nFlags:\n", to);
    print_flags(a, to);
}
