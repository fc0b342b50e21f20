/* SPDX-License-Identifier: Apache-2.0
 *
 * deploy: a folder becomes an archive in a file without a name, the archive becomes the body of one
 * request (its base64 is made as it leaves, so memory does not grow with it), and then the build is
 * watched to its end.
 */
#include "cli/follow.h"
#include "cli/interrupt.h"
#include "cli/text.h"
#include "cli/verb.h"

#include "artifact/base64.h"
#include "artifact/pack.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    /* Far above what servers take; they say their own limits. It stops whoever packs her home. */
    PACK_MIB_MAX = 2048,
    PACK_ENTRIES_MAX = 1000000,
    CHUNK = 48 * 1024, /* a multiple of three, so that the pieces of base64 join */
    PACKAGE_JSON_MAX = 4 * 1024 * 1024,
};

static const char *const usual_entries[] = { "index.ts", "index.mts", "index.js", "index.mjs" };

/* An archive on its way into a request: {"json":{"source":"..." and what follows. */
struct archive {
    FILE *file;
    uint64_t size;
    struct buf head, tail; /* of the body, around the base64 */
    struct buf piece;      /* bytes of the body that are ready to leave */
    bool tail_done;
    struct progress *progress;
};

static void archive_done(struct archive *a)
{
    if (a->file)
        (void)fclose(a->file);
    buf_done(&a->head);
    buf_done(&a->tail);
    buf_done(&a->piece);
}

static inline void archive_done_at(struct archive *a)
{
    archive_done(a);
}

static bool is_file(const char *dir, const char *name)
{
    scoped(mem_free) char *path = mem_format("%s/%s", dir, name);
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* The package.json of the folder; without one the build would fail, so say it here. */
static int read_package(const char *dir, json_t **out, struct err *e)
{
    scoped(mem_free) char *path = mem_format("%s/package.json", dir);
    scoped(buf_done) struct buf text = { 0 };
    FILE *file = fopen(path, "re");

    if (!file && errno == ENOENT)
        return err_set(e, ERR_INPUT,
                       "%s has no package.json; a folder of workflows needs one, at least"
                       " {\"type\": \"module\"}",
                       dir);
    if (!file)
        return err_set_errno(e, ERR_INPUT, errno, "read %s", path);
    buf_grew(&text, fread(buf_reserve(&text, PACKAGE_JSON_MAX), 1, PACKAGE_JSON_MAX, file));
    (void)fclose(file);
    if (json_parse(buf_str(&text), text.n, 64, out, e) < 0)
        return err_wrap(e, "read %s", path);
    return 0;
}

/* Which module the server shall import, and a word on why. */
static int choose_entry(const struct call *c, const char *dir, const json_t *package, char **out,
                        const char **why, struct err *e)
{
    const char *entry = c->options.entry ? c->options.entry : json_text(package, "main");

    *why = c->options.entry ? "as given" : "\"main\" in package.json";
    for (size_t i = 0; !entry && i < n_items(usual_entries); i++) {
        if (is_file(dir, usual_entries[i])) {
            entry = usual_entries[i];
            *why = "found in the folder; --entry names another";
        }
    }
    if (!entry)
        return err_set(e, ERR_INPUT,
                       "%s has no index.ts or index.js and its package.json no \"main\"; name the"
                       " module that exports the workflows: --entry src/workflows.ts",
                       dir);
    if (strncmp(entry, "./", 2) == 0)
        entry += 2;
    if (!is_file(dir, entry))
        return err_set(e, ERR_INPUT, "the entry %s (%s) is no file in %s", entry, *why, dir);
    *out = mem_text(entry);
    return 0;
}

static int keep(void *arg, const void *data, size_t n, struct err *e)
{
    struct archive *a = arg;

    if (fwrite(data, 1, n, a->file) != n)
        return err_set_errno(e, ERR_IO, errno, "write the archive to a temporary file");
    a->size += n;
    scoped(mem_free) char *so_far = text_bytes(a->size);
    progress_detail(a->progress, so_far);
    return 0;
}

static int pack(const char *dir, struct archive *a, struct err *e)
{
    const struct pack_options options = { .skip_heavy = true,
                                          .max_bytes = (uint64_t)PACK_MIB_MAX << 20,
                                          .max_entries = PACK_ENTRIES_MAX };
    struct pack_stats stats = { 0 };

    a->file = tmpfile();
    if (!a->file)
        return err_set_errno(e, ERR_IO, errno, "make a temporary file");
    progress_begin(a->progress, "pack");
    if (pack_directory(dir, &options, keep, a, &stats, e) < 0)
        return err_wrap(e, "pack %s", dir);
    if (fflush(a->file) != 0 || fseek(a->file, 0, SEEK_SET) != 0)
        return err_set_errno(e, ERR_IO, errno, "write the archive to a temporary file");

    scoped(mem_free) char *bytes = text_bytes(stats.bytes);
    scoped(mem_free) char *packed = text_bytes(a->size);
    scoped(mem_free) char *facts =
        mem_format("%llu file%s, %s, packed %s", (unsigned long long)stats.files,
                   stats.files == 1 ? "" : "s", bytes, packed);
    progress_end(a->progress, facts);
    return 0;
}

static int next_piece(struct archive *a, struct err *e)
{
    char data[CHUNK];
    size_t n = fread(data, 1, sizeof data, a->file);

    buf_reset(&a->piece);
    if (n > 0) {
        base64_encode(data, n, &a->piece);
    } else if (ferror(a->file)) {
        return err_set_errno(e, ERR_IO, errno, "read the archive again");
    } else if (!a->tail_done) {
        buf_add(&a->piece, a->tail.data, a->tail.n);
        a->tail_done = true;
    }
    return 0;
}

static ssize_t give_body(void *arg, void *into, size_t n, struct err *e)
{
    struct archive *a = arg;

    if (a->piece.n == 0 && next_piece(a, e) < 0)
        return -1;
    if (n > a->piece.n)
        n = a->piece.n;
    if (n > 0)
        memcpy(into, a->piece.data, n);
    buf_drop(&a->piece, n);
    return (ssize_t)n;
}

static int show_sent(void *arg, uint64_t sent, uint64_t size)
{
    struct archive *a = arg;

    progress_share(a->progress, sent, size);
    return 0;
}

/* Everything of the body but the archive: what comes before it, and the other fields after it. */
static void write_frame(const struct call *c, const char *entry, struct archive *a)
{
    scoped(json_decref) json_t *fields = json_pack("{s:s}", "entry_point", entry);
    scoped(mem_free) char *text = NULL;

    add_text(fields, "description", c->options.description);
    if (c->options.auto_repair)
        (void)json_object_set_new(fields, "auto_repair", json_true());
    text = json_print(fields);
    buf_text(&a->head, "{\"json\":{\"source\":\"");
    buf_format(&a->tail, "\",%s}", text + 1); /* the fields without their opening brace */
}

static int upload(struct call *c, const char *entry, struct archive *a, char **id, struct err *e)
{
    scoped(json_decref) json_t *answer = NULL;

    write_frame(c, entry, a);
    const struct client_upload up = {
        .size = a->head.n + (a->size + 2) / 3 * 4 + a->tail.n,
        .read = give_body,
        .progress = show_sent,
        .arg = a,
    };
    buf_add(&a->piece, a->head.data, a->head.n);
    progress_begin(a->progress, "upload");
    if (api_upload(c->api, "/v1/deployments/create", &up, &answer, e) < 0)
        return -1;
    if (!json_text(answer, "deployment_id"))
        return err_set(e, ERR_INTERNAL, "the server's answer names no deployment");
    scoped(mem_free) char *sent = text_bytes(up.size);
    progress_end(a->progress, sent);
    *id = mem_text(json_text(answer, "deployment_id"));
    return 0;
}

static void print_ready(const struct call *c, const json_t *deployment)
{
    const struct stream *to = &c->screen.out;
    const json_t *names = json_object_get(deployment, "workflows");
    const json_t *name;
    size_t i;

    (void)fprintf(to->file, "Deployment %s is %sready%s, with %zu workflow%s:\n",
                  json_text(deployment, "id"), style_on(to, STYLE_GREEN),
                  style_off(to, STYLE_GREEN), json_array_size(names),
                  json_array_size(names) == 1 ? "" : "s");
    json_array_foreach(names, i, name) {
        scoped(mem_free) char *text = text_one_line(json_string_value(name));
        (void)fprintf(to->file, "  %s%s%s\n", style_on(to, STYLE_BOLD), text,
                      style_off(to, STYLE_BOLD));
    }
    if (to->terminal)
        (void)fprintf(to->file, "Try one: impresario jobs run NAME --params '{}' --wait\n");
}

static int report(struct call *c, const json_t *deployment, struct err *e)
{
    const char *status = json_text(deployment, "status");
    const char *error = json_text(deployment, "build_error");
    bool ready = status && strcmp(status, "ready") == 0;

    if (wants_json(c))
        print_json(c, deployment);
    else if (ready)
        print_ready(c, deployment);
    if (ready)
        return EXIT_FINE;
    scoped(mem_free) char *safe = text_safe(error ? error : "the server gave no reason");
    err_set(e, ERR_INPUT, "the build failed: %s\nIts log: impresario deployments logs %s", safe,
            json_text(deployment, "id"));
    return EXIT_OUTCOME;
}

static int deploy(struct call *c, struct err *e)
{
    const char *dir = c->words[0];
    scoped(json_decref) json_t *package = NULL;
    scoped(json_decref) json_t *deployment = NULL;
    scoped(mem_free) char *entry = NULL;
    scoped(mem_free) char *id = NULL;
    scoped(progress_free) struct progress *p = progress_new(&c->screen.err, &clock_real);
    scoped(archive_done) struct archive a = { .progress = p };
    const char *why;

    if (read_package(dir, &package, e) < 0 || choose_entry(c, dir, package, &entry, &why, e) < 0)
        return EXIT_USAGE;
    progress_begin(p, "entry");
    scoped(mem_free) char *choice = mem_format("%s (%s)", entry, why);
    progress_end(p, choice);
    if (pack(dir, &a, e) < 0) {
        progress_fail(p, NULL);
        return EXIT_USAGE;
    }
    if (upload(c, entry, &a, &id, e) < 0) {
        progress_fail(p, NULL);
        return EXIT_SERVER;
    }
    interrupt_says("The build goes on. Its log: impresario deployments logs %s -f", id);
    if (follow_build(c, id, p, &deployment, e) < 0)
        return EXIT_SERVER;
    return report(c, deployment, e);
}

static const struct flag deploy_flags[] = {
    TEXT("entry", 'e', struct options, entry, "FILE", "The module that exports the workflows"),
    TEXT("description", 'd', struct options, description, "TEXT",
         "A word for the list of deployments"),
    SWITCH("auto-repair", 0, struct options, auto_repair,
           "Let an agent try to repair failing runs"),
    { 0 },
};

const struct verb deploy_verbs[] = {
    { NULL,
      { .operands = "DIR",
        .least = 1,
        .most = 1,
        .flags = deploy_flags,
        .what = "Pack a folder, upload it and watch its build",
        .more =
            "Everything below DIR goes along, but for node_modules and .git: the server installs\n"
            "what package.json asks for. Without --entry the module is \"main\" of package.json,\n"
            "or index.ts, index.mts, index.js, index.mjs.\n\n"
            "With -o json the deployment is printed as one object, workflows or build_error\n"
            "included; a failed build ends with status 1 either way." },
      deploy },
};
