/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"
#include "base/buf.h"
#include "base/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORDS_MAX = 16 };

/* One reading of the sources: `flags` and `variables` are separated by spaces. */
struct
try {
    struct settings settings;
    struct err e;
    int argc;
    char *argv[WORDS_MAX];
    char *environment[WORDS_MAX];
    char *words, *variables;
};

static int split(char *text, char **out)
{
    int n = 0;

    for (char *word = strtok(text, " "); word && n < WORDS_MAX - 1; word = strtok(NULL, " "))
        out[n++] = word;
    out[n] = NULL;
    return n;
}

static int load(struct try *t, const char *flags, const char *variables)
{
    *t = (struct try){ .words = mem_text(flags), .variables = mem_text(variables) };
    t->argc = split(t->words, t->argv);
    (void)split(t->variables, t->environment);
    return settings_load(&t->settings, &t->argc, t->argv, t->environment, &t->e);
}

static void try_done(struct try *t)
{
    settings_done(&t->settings);
    err_clear(&t->e);
    mem_free(t->words);
    mem_free(t->variables);
}

static inline void try_done_at(struct try *t)
{
    try_done(t);
}

static char *file_with(const char *text)
{
    char *path = mem_text("/tmp/impresario-settings-XXXXXX");
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

static void rows_have_their_defaults(void **state)
{
    scoped(try_done) struct try t;

    (void)state;
    assert_int_equal(load(&t, "", "HOME=/root PATH=/bin"), 0);
    assert_string_equal(t.settings.listen, "127.0.0.1:8080");
    assert_int_equal(t.settings.upload_mib, 64);
    assert_int_equal(t.settings.egress_allow.n, 0);
    assert_null(t.settings.public_url);
    assert_int_equal(t.settings.warnings.n, 0);
    assert_int_equal(*t.settings.data, '/');
    assert_string_equal(strrchr(t.settings.data, '/'), "/var");
    assert_string_equal(strstr(t.settings.master_key_file, "/var/"), "/var/master.key");
}

static void the_stronger_source_wins(void **state)
{
    scoped(mem_free) char *path = file_with("# limits\nupload_mib = 3 # small\n"
                                            "log_level=error\n\n  entries = 9\r\n");
    scoped(mem_free) char *variables =
        mem_format("IMPRESARIO_CONFIG=%s IMPRESARIO_UPLOAD_MIB=2 IMPRESARIO_LOG_LEVEL=warn", path);
    scoped(try_done) struct try t;

    (void)state;
    assert_int_equal(load(&t, "--upload-mib 1", variables), 0);
    assert_int_equal(t.settings.upload_mib, 1);
    assert_string_equal(t.settings.log_level, "warn");
    assert_int_equal(t.settings.entries, 9);
    unlink(path);
}

static void words_that_are_no_settings_stay(void **state)
{
    scoped(try_done) struct try t;

    (void)state;
    assert_int_equal(
        load(&t, "create --data=/srv/i --tenant acme --log-level debug -- --data x", ""), 0);
    assert_string_equal(t.settings.data, "/srv/i");
    assert_string_equal(t.settings.log_level, "debug");
    assert_int_equal(t.argc, 6);
    assert_string_equal(t.argv[1], "--tenant");
    assert_string_equal(t.argv[4], "--data");
    assert_null(t.argv[6]);
}

static void a_variable_may_name_a_file(void **state)
{
    scoped(mem_free) char *path = file_with("http://npm.internal:4873/\n");
    scoped(mem_free) char *variables = mem_format("IMPRESARIO_REGISTRY_FILE=%s", path);
    scoped(mem_free) char *twice =
        mem_format("%s IMPRESARIO_REGISTRY=http://npm.internal/", variables);
    scoped(try_done) struct try t, u, v;

    (void)state;
    assert_int_equal(load(&t, "", variables), 0);
    assert_string_equal(t.settings.registry, "http://npm.internal:4873/");
    assert_int_equal(load(&u, "", twice), -1);
    assert_non_null(strstr(u.e.msg, "IMPRESARIO_REGISTRY and by IMPRESARIO_REGISTRY_FILE"));
    assert_int_equal(load(&v, "", "IMPRESARIO_MASTER_KEY_FILE=/run/key"), 0);
    assert_string_equal(v.settings.master_key_file, "/run/key");
    unlink(path);
}

static void hosts_are_split_and_checked(void **state)
{
    scoped(try_done) struct try t, u;

    (void)state;
    assert_int_equal(
        load(&t, "",
             "IMPRESARIO_EGRESS_ALLOW=127.0.0.1,shop.internal:8443,10.0.0.0/8,::1,[::1]:80"),
        0);
    assert_int_equal(t.settings.egress_allow.n, 5);
    assert_string_equal(t.settings.egress_allow.items[1], "shop.internal:8443");
    assert_int_equal(load(&u, "", "IMPRESARIO_EGRESS_ALLOW=10.0.0.0/33"), -1);
    assert_non_null(strstr(u.e.msg, "egress_allow from IMPRESARIO_EGRESS_ALLOW: \"10.0.0.0/33\""));
}

static void packages_are_split_and_checked(void **state)
{
    scoped(try_done) struct try t, u, v;

    (void)state;
    assert_int_equal(load(&t, "", "IMPRESARIO_INSTALL_SCRIPTS=esbuild,@scope/name"), 0);
    assert_int_equal(t.settings.install_scripts.n, 2);
    assert_string_equal(t.settings.install_scripts.items[1], "@scope/name");
    assert_int_equal(load(&u, "", "IMPRESARIO_INSTALL_SCRIPTS=esbuild,../evil"), -1);
    assert_non_null(
        strstr(u.e.msg, "install_scripts from IMPRESARIO_INSTALL_SCRIPTS: \"../evil\""));
    assert_int_equal(load(&v, "", "IMPRESARIO_INSTALL_SCRIPTS=esbuild@1"), -1);
}

static void unknown_variables_are_warned_of(void **state)
{
    scoped(try_done) struct try t;

    (void)state;
    assert_int_equal(load(&t, "", "IMPRESARIO_LISTE=x IMPRESARIO_URL=x IMPRESARIO_API_KEY=x"), 0);
    assert_int_equal(t.settings.warnings.n, 1);
    assert_string_equal(t.settings.warnings.items[0],
                        "IMPRESARIO_LISTE is set, but there is no such setting");
}

static void faults_name_setting_source_and_remedy(void **state)
{
    static const struct {
        const char *flags, *variables, *says;
    } cases[] = {
        { "--upload-mib 0", "",
          "upload_mib from --upload-mib: \"0\" is not a whole number from 1 to 1024" },
        { "--upload-mib 64x", "", "is not a whole number" },
        { "--entries 99999999999999999999", "", "is not a whole number" },
        { "--upload-mib", "", "--upload-mib needs a value" },
        { "--listen 8080", "", "listen from --listen: \"8080\" is not ADDR:PORT" },
        { "--listen a:65536", "", "is not ADDR:PORT" },
        { "--listen ::1:80", "", "is not ADDR:PORT" },
        { "", "IMPRESARIO_LOG_FORMAT=yaml",
          "IMPRESARIO_LOG_FORMAT: \"yaml\" is not one of auto|json|text" },
        { "", "IMPRESARIO_LOG_FORMAT=auto|json", "is not one of" },
        { "", "IMPRESARIO_PUBLIC_URL=example.org", "begins with http:// or https://" },
        { "--data=", "", "data from --data is empty" },
        { "", "IMPRESARIO_REGISTRY_FILE=/nonexistent/x",
          "registry from IMPRESARIO_REGISTRY_FILE: read /nonexistent/x" },
        { "--config /nonexistent/conf", "", "settings: read /nonexistent/conf: No such file" },
        /* a weaker source is checked as well */
        { "--upload-mib 5", "IMPRESARIO_UPLOAD_MIB=x", "IMPRESARIO_UPLOAD_MIB" },
    };

    (void)state;
    for (size_t i = 0; i < n_items(cases); i++) {
        scoped(try_done) struct try t;
        assert_int_equal(load(&t, cases[i].flags, cases[i].variables), -1);
        assert_int_equal(t.e.code, ERR_INPUT);
        if (!strstr(t.e.msg, cases[i].says))
            fail_msg("\"%s\" does not say \"%s\"", t.e.msg, cases[i].says);
    }
}

static void faults_in_a_file_name_their_line(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "\n# x\nlisten = nowhere\n", ":3: \"nowhere\" is not ADDR:PORT" },
        { "color = blue\n", ":1: there is no setting \"color\"" },
        { "data\n", ":1: \"data\" is not `name = value`" },
        { "entries = 1\nentries = 2\n", ":2: entries was already set on line 1" },
        { "config = /x\n", ":1: a file of settings cannot name another" },
    };

    (void)state;
    for (size_t i = 0; i < n_items(cases); i++) {
        scoped(mem_free) char *path = file_with(cases[i].text);
        scoped(mem_free) char *flags = mem_format("--config %s", path);
        scoped(try_done) struct try t;
        assert_int_equal(load(&t, flags, ""), -1);
        if (!strstr(t.e.msg, cases[i].says))
            fail_msg("\"%s\" does not say \"%s\"", t.e.msg, cases[i].says);
        unlink(path);
    }
}

static void the_table_has_each_row_once(void **state)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);

    (void)state;
    settings_print_table(to, SETTINGS_MARKDOWN);
    settings_print_table(to, SETTINGS_HELP);
    assert_int_equal(fclose(to), 0);
    assert_non_null(strstr(text,
                           "| `--log-level` | `IMPRESARIO_LOG_LEVEL` | debug, info, warn, error"
                           " | `info` | The least that is logged |\n"));
    assert_non_null(
        strstr(text, "| `--upload-mib` | `IMPRESARIO_UPLOAD_MIB` | 1 to 1024 | `64` | "));
    assert_non_null(strstr(text, "\n  --listen ADDR:PORT "));
    free(text);
}

static void a_url_leads_to_a_host_and_a_port(void **state)
{
    static const char *const rows[][2] = {
        { "https://registry.npmjs.org/", "registry.npmjs.org:443" },
        { "http://registry.test", "registry.test:80" },
        { "http://127.0.0.1:4873/npm/", "127.0.0.1:4873" },
        { "http://[::1]:4873", "[::1]:4873" },
        { "https://[fd00::1]/a:1", "[fd00::1]:443" },
        { "https://me:secret@npm.test:8443/?a@b", "npm.test:8443" },
        { "https://npm.test#@evil.test", "npm.test:443" },
        { "https://npm.test\\@evil.test/", "npm.test:443" },
        { "https://npm.test:99999/", NULL },
        { "https://npm test/", NULL },
        { "ftp://npm.test/", NULL },
    };

    (void)state;
    for (size_t i = 0; i < n_items(rows); i++) {
        scoped(mem_free) char *address = address_of_url(rows[i][0]);
        if (rows[i][1] ? !address || strcmp(address, rows[i][1]) != 0 : address != NULL)
            fail_msg("%s: %s", rows[i][0], address ? address : "none");
    }
}

int main(void)
{
    const struct CMUnitTest promises[] = {
        cmocka_unit_test(a_url_leads_to_a_host_and_a_port),
        cmocka_unit_test(rows_have_their_defaults),
        cmocka_unit_test(the_stronger_source_wins),
        cmocka_unit_test(words_that_are_no_settings_stay),
        cmocka_unit_test(a_variable_may_name_a_file),
        cmocka_unit_test(hosts_are_split_and_checked),
        cmocka_unit_test(packages_are_split_and_checked),
        cmocka_unit_test(unknown_variables_are_warned_of),
        cmocka_unit_test(faults_name_setting_source_and_remedy),
        cmocka_unit_test(faults_in_a_file_name_their_line),
        cmocka_unit_test(the_table_has_each_row_once),
    };
    return cmocka_run_group_tests_name("settings", promises, NULL, NULL);
}
