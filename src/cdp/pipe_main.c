/* SPDX-License-Identifier: Apache-2.0
 *
 * What lies in a job's box where Chromium would be. It hands its descriptors over and is out of the
 * way then: no byte of the protocol passes through here. What it stays for is to be the process that
 * Playwright watches and kills, and to bring files that the job chose for a page.
 */
#include "cdp/cdp.h"

#include "base/json.h"
#include "exec/plan.h"
#include "exec/wire.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMANDS = 3, ANSWERS = 4 }; /* as Chromium has them */

/* ---- files ---- */

/* By the program, which copies folders as well, and what links lead to. */
static int copy(const char *from, const char *to)
{
    char *const argv[] = { mem_text("cp"), mem_text("-rL"), mem_text("--"),
                           mem_text(from), mem_text(to),    NULL };
    char *const envp[] = { NULL };
    pid_t pid = 0;
    int status = -1;

    if (posix_spawn(&pid, "/usr/bin/cp", NULL, NULL, argv, envp) == 0)
        (void)waitpid(pid, &status, 0);
    for (size_t i = 0; argv[i]; i++)
        mem_free(argv[i]);
    return status;
}

/* The path under which the browser finds it. NULL: it could not be brought. Each lies in a folder of
 * its own, since two may have one name and a page sees the name. */
static char *bring(const char *shared, const char *path)
{
    static int last;
    size_t n = strlen(shared);

    if (strncmp(path, shared, n) == 0 && path[n] == '/')
        return mem_text(path);
    const char *name = strrchr(path, '/');
    scoped(mem_free) char *folder = mem_format("%s/chosen-%d-%d", shared, getpid(), ++last);
    if (!name || !name[1] || mkdir(folder, 0700) < 0 || copy(path, folder) != 0)
        return NULL;
    return mem_format("%s%s", folder, name);
}

static json_t *bring_all(const char *shared, const json_t *paths)
{
    json_t *brought = json_array();
    const json_t *item;
    size_t i;

    json_array_foreach(paths, i, item) {
        const char *path = json_string_value(item);
        scoped(mem_free) char *at = path ? bring(shared, path) : NULL;
        if (!at) {
            scoped(mem_free) char *error =
                mem_format("%s could not be copied to %s, from where the browser reads it; that "
                           "is limited like the job's own folder",
                           path ? path : "what is no path", shared);
            json_decref(brought);
            return json_pack("{s:s}", "error", error);
        }
        json_array_append_new(brought, json_string(at));
    }
    return json_pack("{s:o}", "files", brought);
}

/* Playwright makes a folder, has the browser download into it and looks there. It is empty still, and
 * becomes a link to where the browser can write. */
static json_t *place(const char *shared, const char *path)
{
    scoped(mem_free) char *error = NULL;
    char there[PATH_MAX];
    ssize_t n = readlink(path, there, sizeof there);
    bool placed = n > 0 && (size_t)n == strlen(shared) && memcmp(there, shared, (size_t)n) == 0;

    if (placed || ((rmdir(path) == 0 || errno == ENOENT) && symlink(shared, path) == 0))
        return json_pack("{s:b}", "placed", 1);
    error =
        mem_format("%s cannot lead to %s, which is all that job and browser share: give an empty "
                   "folder as downloadsPath, or none",
                   path, shared);
    return json_pack("{s:s}", "error", error);
}

/* ---- the whole ---- */

static int ask_for_browser(int socket, int argc, char **argv)
{
    const int fds[] = { COMMANDS, ANSWERS, STDERR_FILENO };
    scoped(buf_done) struct buf arguments = { 0 };

    for (int i = 1; i < argc; i++)
        buf_add(&arguments, argv[i], strlen(argv[i]) + 1);
    if (arguments.n == 0)
        buf_char(&arguments, '\0'); /* a message of nothing would be the end */
    return wire_send(socket, arguments.data, arguments.n, fds, n_items(fds), true);
}

static int take_word(int socket, const char *shared, const json_t *said)
{
    const json_t *paths = json_object_get(said, "bring");
    const char *folder = json_text(said, "place");

    if (!paths && !folder)
        return 0;
    scoped(json_decref) json_t *answer = folder ? place(shared, folder) : bring_all(shared, paths);
    scoped(mem_free) char *text = json_print(answer);
    return wire_send(socket, text, strlen(text), NULL, 0, true);
}

int cdp_pipe(int socket, const char *shared, int argc, char **argv)
{
    static struct wire_message m;

    if (ask_for_browser(socket, argc, argv) < 0) {
        (void)fprintf(stderr, "impresario: no browser to be had: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    (void)close(COMMANDS);
    (void)close(ANSWERS);
    while (wire_recv(socket, &m, true) > 0) {
        scoped(json_decref) json_t *said = json_loadb(m.data, m.n, 0, NULL);
        const json_t *status = json_object_get(said, "status");
        for (size_t i = 0; i < m.n_fds; i++)
            fd_close(m.fds[i]);
        if (json_is_integer(status))
            return (int)json_integer_value(status);
        if (take_word(socket, shared, said) < 0)
            break;
    }
    (void)fprintf(stderr, "impresario: the browser's box is gone, or full\n");
    return EXIT_FAILURE;
}

bool cdp_pipe_wanted(const char *argv0)
{
    const char *name = argv0 ? strrchr(argv0, '/') : NULL;

    return name && strcmp(name, "/chromium") == 0;
}

int cdp_pipe_main(int argc, char **argv)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = PLAN_BROWSER_SOCKET };
    scoped(fd_close) int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof at) < 0) {
        (void)fprintf(stderr, "impresario: no browser belongs to this box: %s: %s\n",
                      PLAN_BROWSER_SOCKET, strerror(errno));
        return EXIT_FAILURE;
    }
    return cdp_pipe(fd, PLAN_SHARED, argc, argv);
}
