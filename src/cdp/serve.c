/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands are held until they are whole, judged, and passed on as they are. Answers are not held:
 * they pass while they are scanned, so that a picture of many MiB costs no memory here; an answer of
 * ours waits until the one that is under way has ended. Neither side is read from while what it said
 * before could not be passed on.
 */
#include "cdp/cdp.h"

#include "base/bounds.h"
#include "base/json.h"
#include "cdp/rules.h"
#include "cdp/scan.h"
#include "exec/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PART = 64 * 1024, /* read at once */
    SAFE_FD = 16,     /* above the numbers that the browser is given */
    BROWSER_IN = 3,   /* of Chromium, by its documentation */
    BROWSER_OUT = 4,
    CLIENT_FDS = 3,
};

struct serve {
    const struct cdp_options *o;
    struct cdp_rules rules;
    int client;
    int commands, answers, words; /* the client's; -1: ended */
    int to_browser, from_browser;
    pid_t browser;
    int browser_life;

    struct buf held; /* commands, the first `looked` bytes of which were scanned */
    size_t looked;
    struct cdp_scan asked;
    struct buf to;    /* for the browser */
    json_t *bringing; /* the command that the client has to do something for */

    struct cdp_scan told;
    struct buf ours; /* answers of ours that wait for the end of another */
    struct buf back; /* for the client */
    bool over;
};

static void end(struct serve *s, const char *what, const char *why)
{
    s->over = true;
    if (what)
        (void)dprintf(s->words, "impresario: %s, and the connection was ended: %s\n", what, why);
}

/* ---- writing ---- */

/* False when the other end is gone. */
static bool write_some(int fd, struct buf *what)
{
    size_t done = 0;

    while (done < what->n) {
        ssize_t n = write(fd, what->data + done, what->n - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            return false;
        if (n < 0)
            break;
        done += (size_t)n;
    }
    if (done == what->n)
        buf_reset(what);
    else
        buf_drop(what, done);
    return true;
}

static void flush_to_browser(struct serve *s)
{
    if (s->to_browser >= 0 && !write_some(s->to_browser, &s->to))
        fd_close(take_fd(&s->to_browser)); /* it ends, which is told by its process */
    if (s->to_browser < 0)
        buf_reset(&s->to);
    if (s->to_browser >= 0 && s->commands < 0 && s->to.n == 0)
        fd_close(take_fd(&s->to_browser)); /* which asks it to end */
}

static void flush_to_client(struct serve *s)
{
    if (s->told.n == 0 && s->ours.n > 0) {
        buf_add(&s->back, s->ours.data, s->ours.n);
        buf_reset(&s->ours);
    }
    if (!write_some(s->answers, &s->back))
        s->over = true;
}

/* ---- commands ---- */

static void answer_error(struct serve *s, const char *id, const char *session, const char *why)
{
    scoped(json_decref) json_t *text = json_string(why);
    scoped(mem_free) char *message = json_print_as(text, JSON_ENCODE_ANY);

    buf_format(&s->ours, "{\"id\":%s,\"error\":{\"code\":-32000,\"message\":%s}", id, message);
    if (*session)
        buf_format(&s->ours, ",\"sessionId\":\"%s\"", session);
    buf_add(&s->ours, "}", 2); /* and its NUL */
    flush_to_client(s);
}

/* What is asked for is what the client brings, or the folder that is to be seen as ours. */
static void ask_client(struct serve *s, json_t *command, const char *what, const char *of)
{
    json_t *named = json_object_get(json_object_get(command, "params"), of);
    scoped(json_decref) json_t *ask = json_pack("{s:O}", what, named);
    scoped(mem_free) char *text = json_print(ask);

    if (json_array_size(named) > LIMIT_CHOSEN_FILES || strlen(text) > WIRE_MAX) {
        answer_error(s, s->asked.id, s->asked.session, "more files at once than can be brought");
        json_decref(command);
    } else if (wire_send(s->client, text, strlen(text), NULL, 0, true) < 0) {
        s->over = true;
        json_decref(command);
    } else {
        s->bringing = command;
    }
}

static void take_command(struct serve *s, const char *text)
{
    scoped(mem_free) char *why = NULL;
    json_t *command = NULL;

    if (!*s->asked.id) {
        end(s, "a command could not be read", "it has no id");
        return;
    }
    switch (cdp_judge(&s->rules, &s->asked, text, &why, &command)) {
    case CDP_PASS: buf_add(&s->to, text, s->asked.n + 1); break;
    case CDP_REFUSE: answer_error(s, s->asked.id, s->asked.session, why); break;
    case CDP_FILES: ask_client(s, command, "bring", "files"); break;
    case CDP_PLACE: ask_client(s, command, "place", "downloadPath"); break;
    }
}

static void take_commands(struct serve *s)
{
    size_t begin = 0, used;
    const char *why;
    int got = 1;

    while (got == 1 && s->looked < s->held.n && !s->bringing && !s->over) {
        got = cdp_scan(&s->asked, s->held.data + s->looked, s->held.n - s->looked, &used, &why);
        if (got < 0) {
            end(s, "a command could not be read", why);
            return;
        }
        s->looked += used;
        if (got == 1) {
            take_command(s, s->held.data + begin);
            begin = s->looked;
            cdp_scan_init(&s->asked, LIMIT_CDP_COMMAND);
        }
    }
    buf_drop(&s->held, begin);
    s->looked -= begin;
    flush_to_browser(s);
}

static void read_commands(struct serve *s)
{
    ssize_t n = read(s->commands, buf_reserve(&s->held, PART), PART);

    if (n > 0)
        buf_grew(&s->held, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        fd_close(take_fd(&s->commands));
    take_commands(s);
}

/* ---- files ---- */

/* The client has brought them, or could not. */
static void take_brought(struct serve *s, const struct wire_message *m)
{
    scoped(json_decref) json_t *said = json_loadb(m->data, m->n, 0, NULL);
    scoped(json_decref) json_t *command = take(s->bringing);
    json_t *files = json_object_get(said, "files");
    const json_t *placed = json_object_get(said, "placed");
    json_t *params = json_object_get(command, "params");
    const char *error = json_text(said, "error");

    if (!command)
        return;
    if (json_is_array(files) || json_is_true(placed)) {
        if (json_is_array(files))
            json_object_set(params, "files", files);
        else
            json_object_set_new(params, "downloadPath", json_string(s->o->shared));
        json_print_into(command, &s->to);
        buf_char(&s->to, '\0');
    } else {
        scoped(mem_free) char *id = json_print_as(json_object_get(command, "id"), JSON_ENCODE_ANY);
        const char *session = json_text(command, "sessionId");
        answer_error(s, id, session ? session : "", error ? error : "no file came");
    }
    take_commands(s);
}

static void hear_client(struct serve *s)
{
    static struct wire_message m;

    if (wire_recv(s->client, &m, false) <= 0) {
        s->over = true;
        return;
    }
    for (size_t i = 0; i < m.n_fds; i++)
        fd_close(m.fds[i]);
    take_brought(s, &m);
}

/* ---- answers ---- */

static void read_answers(struct serve *s)
{
    char *part = buf_reserve(&s->back, PART);
    ssize_t n = read(s->from_browser, part, PART);
    const char *why;

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        fd_close(take_fd(&s->from_browser));
    if (n <= 0)
        return;
    for (size_t at = 0, used; at < (size_t)n; at += used) {
        int got = cdp_scan(&s->told, part + at, (size_t)n - at, &used, &why);
        if (got < 0) {
            end(s, "an answer of the browser could not be read", why);
            return;
        }
        if (got == 1)
            cdp_scan_init(&s->told, LIMIT_CDP_ANSWER);
    }
    buf_grew(&s->back, (size_t)n);
    flush_to_client(s);
}

/* ---- the browser ---- */

/* A client's folder is not ours to write to; the same name leads to the same profile. */
static char *profile_of(const struct serve *s, const char *path)
{
    uint64_t hash = 14695981039346656037ULL; /* FNV-1a */

    for (; *path; path++)
        hash = (hash ^ (unsigned char)*path) * 1099511628211ULL;
    return mem_format("--user-data-dir=%s/%016llx", s->o->profiles, (unsigned long long)hash);
}

/* Pages of the browser's own windows that Chromium 156 loads ahead even where nobody sees a window:
 * more than half of the processor time that a blank page takes to be there, and a process. */
#define WITHOUT "--disable-features="
#define UNSEEN  "WebUIOmniboxPopup,WebUIOmniboxAimPopup"

/* Chromium heeds the last of several, so that one gets them too. */
static void leave_out_unseen(char **all, size_t *n)
{
    for (size_t i = *n; i-- > 1;) {
        if (strncmp(all[i], WITHOUT, strlen(WITHOUT)) == 0) {
            scoped(mem_free) char *asked = all[i];
            all[i] = mem_format("%s%s" UNSEEN, asked, strlen(asked) > strlen(WITHOUT) ? "," : "");
            return;
        }
    }
    all[(*n)++] = mem_text(WITHOUT UNSEEN);
}

/* What Chromium 156 asks its makers though nobody asked for anything: who is signed in, and for a
 * component that it would like to have. Both are led to a port that no browser connects to; pages
 * reach what they did. */
static const char *const silent[] = {
    "--component-updater=url-source=https://127.0.0.1:1/",
    "--gaia-url=https://127.0.0.1:1",
};

/* The arguments of the browser, ended by NULL, from those that were asked for. NULL, and the client
 * has heard why. */
static char **arguments(const struct serve *s, const struct wire_message *m)
{
    static const char profile[] = "--user-data-dir=";
    size_t n = 0, room = 0;
    const char *folder = "";

    for (size_t i = 0; i < m->n; i++)
        room += m->data[i] == '\0';
    char **all = mem_new_array(room + n_items(silent) + 6, sizeof *all);
    all[n++] = mem_text(s->o->chromium);
    for (const char *at = m->data; at < m->data + m->n; at += strlen(at) + 1) {
        if (strncmp(at, profile, strlen(profile)) == 0)
            folder = at + strlen(profile);
        if (!*at)
            continue;
        switch (cdp_judge_switch(at)) {
        case CDP_SWITCH_PASS: all[n++] = mem_text(at); break;
        case CDP_SWITCH_DROP: break;
        case CDP_SWITCH_REFUSE:
            (void)dprintf(
                s->words,
                "impresario: the browser takes no argument \"%s\" from a job; it runs in a "
                "box of its own, beside the job's\n",
                at);
            while (n > 0)
                mem_free(all[--n]);
            mem_free(all);
            return NULL;
        }
    }
    leave_out_unseen(all, &n);
    for (size_t i = 0; i < n_items(silent); i++)
        all[n++] = mem_text(silent[i]);
    if (s->o->basic)
        all[n++] = mem_text("--no-sandbox");
    all[n++] = profile_of(s, folder);
    all[n] = mem_text("--remote-debugging-pipe");
    return all;
}

/* A pipe, with both ends out of the browser's way; ours does not wait. */
static int make_pipe(int *read_end, int *write_end, bool we_read)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    *read_end = fcntl(ends[0], F_DUPFD_CLOEXEC, SAFE_FD);
    *write_end = fcntl(ends[1], F_DUPFD_CLOEXEC, SAFE_FD);
    fd_close(ends[0]);
    fd_close(ends[1]);
    return fcntl(we_read ? *read_end : *write_end, F_SETFL, O_NONBLOCK);
}

static int spawn_browser(struct serve *s, char **argv, int in, int out)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, all;

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawn_file_actions_adddup2(&files, s->words, STDOUT_FILENO);
    (void)posix_spawn_file_actions_adddup2(&files, s->words, STDERR_FILENO);
    (void)posix_spawn_file_actions_adddup2(&files, in, BROWSER_IN);
    (void)posix_spawn_file_actions_adddup2(&files, out, BROWSER_OUT);
    (void)posix_spawnattr_init(&how);
    (void)posix_spawnattr_setsigdefault(&how, &all);
    (void)posix_spawnattr_setsigmask(&how, &none);
    (void)posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                             POSIX_SPAWN_SETSIGMASK);
    int failed = posix_spawn(&s->browser, argv[0], &files, &how, argv, environ);
    (void)posix_spawnattr_destroy(&how);
    (void)posix_spawn_file_actions_destroy(&files);
    if (failed) {
        (void)dprintf(s->words, "impresario: %s: %s\n", argv[0], strerror(failed));
        return -1;
    }
    s->browser_life = pidfd_open(s->browser, 0);
    return s->browser_life < 0 ? -1 : 0;
}

static int start_browser(struct serve *s, const struct wire_message *m)
{
    scoped(fd_close) int in = -1;
    scoped(fd_close) int out = -1;
    char **argv = arguments(s, m);
    int result = -1;

    if (!argv)
        return -1;
    if (make_pipe(&in, &s->to_browser, false) == 0 && make_pipe(&s->from_browser, &out, true) == 0)
        result = spawn_browser(s, argv, in, out);
    for (char **at = argv; *at; at++)
        mem_free(*at);
    mem_free(argv);
    return result;
}

/* Its exit status, in the way of a shell. */
static int end_browser(struct serve *s)
{
    int status = 0;

    if (s->browser <= 0)
        return EXIT_FAILURE;
    (void)kill(-s->browser, SIGKILL); /* what is left of it */
    if (waitpid(s->browser, &status, 0) < 0)
        return EXIT_FAILURE;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- the whole ---- */

/* A file would be something to be opened anew; a pipe or a socket is what Playwright hands over. */
static bool is_stream(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

static int take_client(struct serve *s, struct wire_message *m)
{
    int *const places[CLIENT_FDS] = { &s->commands, &s->answers, &s->words };

    if (wire_recv(s->client, m, true) <= 0)
        return -1;
    for (size_t i = 0; i < m->n_fds; i++) {
        if (i < CLIENT_FDS)
            *places[i] = fcntl(m->fds[i], F_DUPFD_CLOEXEC, SAFE_FD);
        fd_close(m->fds[i]);
    }
    if (m->n_fds != CLIENT_FDS || (m->n > 0 && m->data[m->n - 1] != '\0') ||
        !is_stream(s->commands) || !is_stream(s->answers))
        return -1;
    (void)fcntl(s->commands, F_SETFL, O_NONBLOCK);
    (void)fcntl(s->answers, F_SETFL, O_NONBLOCK);
    return 0;
}

static void wait_and_move(struct serve *s)
{
    bool fed = s->to.n == 0 && !s->bringing && s->to_browser >= 0;
    struct pollfd all[] = {
        { s->client, POLLIN, 0 },
        { s->back.n == 0 ? s->browser_life : -1, POLLIN, 0 },
        { fed ? s->commands : -1, POLLIN, 0 },
        { s->to.n > 0 ? s->to_browser : -1, POLLOUT, 0 },
        { s->back.n == 0 ? s->from_browser : -1, POLLIN, 0 },
        { s->back.n > 0 ? s->answers : -1, POLLOUT, 0 },
    };

    if (poll(all, n_items(all), -1) < 0)
        return;
    if (all[5].revents)
        flush_to_client(s);
    if (all[4].revents)
        read_answers(s);
    if (all[3].revents)
        flush_to_browser(s);
    if (all[2].revents)
        read_commands(s);
    if (all[0].revents)
        hear_client(s);
    /* What it said before it ended is read first. */
    if (all[1].revents && !all[4].revents)
        s->over = true;
}

int cdp_serve(const struct cdp_options *o, int client)
{
    static struct wire_message m;
    struct serve s = { .o = o,
                       .rules = { .shared = o->shared, .probe = o->probe },
                       .client = client,
                       .commands = -1,
                       .answers = -1,
                       .words = -1,
                       .to_browser = -1,
                       .from_browser = -1,
                       .browser_life = -1 };

    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGCHLD, SIG_DFL);
    cdp_scan_init(&s.asked, LIMIT_CDP_COMMAND);
    cdp_scan_init(&s.told, LIMIT_CDP_ANSWER);
    if (take_client(&s, &m) == 0 && start_browser(&s, &m) == 0) {
        while (!s.over)
            wait_and_move(&s);
    }
    int status = end_browser(&s);
    scoped(mem_free) char *last = mem_format("{\"status\":%d}", status);
    (void)wire_send(s.client, last, strlen(last), NULL, 0, false);

    const int fds[] = {
        s.commands, s.answers, s.words, s.to_browser, s.from_browser, s.browser_life
    };
    for (size_t i = 0; i < n_items(fds); i++)
        fd_close(fds[i]);
    buf_done(&s.held);
    buf_done(&s.to);
    buf_done(&s.ours);
    buf_done(&s.back);
    json_decref(s.bringing);
    return status;
}
