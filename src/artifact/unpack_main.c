/* SPDX-License-Identifier: Apache-2.0 */
#include "artifact/unpack.h"

#include "base/disk.h"
#include "base/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

struct call {
    struct unpack_options options;
    const char *into;
    int report; /* -1: stderr, as text */
    char **program;
};

static int usage(const char *why)
{
    (void)fprintf(stderr,
                  "impresario unpack: %s\n"
                  "usage: impresario unpack [--tar] --into DIR [--report FD] [--max-bytes N]\n"
                  "                         [--max-entries N] [--max-path N] [-- PROGRAM ...]\n",
                  why);
    return EX_USAGE;
}

/* One frame, taken. Whoever should read it may be gone; there is no one else to tell. */
static void report(const struct call *c, json_t *frame, const char *text)
{
    if (c->report < 0) {
        (void)fprintf(stderr, "impresario unpack: %s\n", text);
    } else {
        struct buf line = { 0 };
        json_print_into(frame, &line);
        buf_char(&line, '\n');
        (void)disk_write_all(&disk_real, c->report, line.data, line.n);
        buf_done(&line);
    }
    json_decref(frame);
}

static void note(void *arg, const char *message)
{
    report(arg, json_pack("{ss ss ss}", "t", "log", "stream", "system", "message", message),
           message);
}

static int fail(const struct call *c, const struct err *e)
{
    bool ours = e->code != ERR_INPUT && e->code != ERR_LIMIT;
    json_t *frame = json_pack("{ss ss}", "t", "fail", "error", e->msg);

    if (ours)
        json_object_set_new(frame, "server_fault", json_true());
    report(c, frame, e->msg);
    return ours ? EX_IOERR : EX_DATAERR;
}

static bool parse_number(const char *text, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

/* 0, or the status to end with. */
static int parse(int argc, char **argv, struct call *c)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = argv[i + 1];
        uint64_t n = 0;
        if (strcmp(name, "--") == 0) {
            c->program = value ? argv + i + 1 : NULL;
            return 0;
        }
        if (strcmp(name, "--tar") == 0) {
            c->options.plain = true;
            continue;
        }
        i++;
        if (!value)
            return usage(name);
        if (strcmp(name, "--into") == 0) {
            c->into = value;
            continue;
        }
        if (!parse_number(value, &n) || n > UINT32_MAX * UINT64_C(1024))
            return usage(name);
        if (strcmp(name, "--report") == 0)
            c->report = (int)n;
        else if (strcmp(name, "--max-bytes") == 0)
            c->options.max_bytes = n;
        else if (strcmp(name, "--max-entries") == 0)
            c->options.max_entries = n;
        else if (strcmp(name, "--max-path") == 0)
            c->options.max_path = (unsigned)n;
        else
            return usage(name);
    }
    return 0;
}

static bool is_empty(int folder)
{
    DIR *d = fdopendir(dup(folder));
    size_t n = 0;

    for (const struct dirent *entry; d && (entry = readdir(d));)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (d)
        (void)closedir(d);
    return d && n == 0;
}

static int open_folder(const char *path, struct err *e)
{
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return err_set_errno(e, ERR_IO, errno, "make the folder %s", path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(e, ERR_IO, errno, "open the folder %s", path);
    if (!is_empty(fd)) {
        fd_close(fd);
        return err_set(e, ERR_IO, "the folder %s is not empty", path);
    }
    return fd;
}

int unpack_main(int argc, char **argv)
{
    struct call c = { .report = -1 };
    scoped(err_clear) struct err e = { 0 };
    int status = parse(argc, argv, &c);

    if (status != 0)
        return status;
    if (!c.into)
        return usage("--into is missing");
    c.options.note = note;
    c.options.arg = &c;
    (void)signal(SIGXFSZ, SIG_IGN); /* a file over the limit is EFBIG, and told */
    (void)signal(SIGPIPE, SIG_IGN);
    scoped(fd_close) int into = open_folder(c.into, &e);
    if (into < 0 || unpack_archive(STDIN_FILENO, into, &c.options, &e) < 0)
        return fail(&c, &e);
    if (!c.program)
        return 0;
    (void)signal(SIGXFSZ, SIG_DFL); /* what is ignored stays so across exec */
    (void)signal(SIGPIPE, SIG_DFL);
    (void)execvp(c.program[0], c.program);
    err_set_errno(&e, ERR_IO, errno, "start %s", c.program[0]);
    return fail(&c, &e);
}
