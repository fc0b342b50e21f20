/* SPDX-License-Identifier: Apache-2.0
 *
 * The server from start to end: its parts are started in the order in which they lean on each other
 * and stopped in the opposite one.
 *
 * The spawner comes first, because it must be made before there are threads, and the listener last,
 * because nobody may be answered before what an earlier server left behind has been put right. What
 * the walls of a box are worth here the engine finds out while the first requests are answered.
 */
#include "serve.h"

#include "api/api.h"
#include "base/address.h"
#include "base/bounds.h"
#include "base/log.h"
#include "base/settings.h"
#include "cli/cli.h"
#include "domain/audit.h"
#include "domain/sealed.h"
#include "egress/egress.h"
#include "exec/confine.h"
#include "registry/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct server {
    struct settings settings;
    int lock; /* of the data directory */
    struct spawner *spawner;
    struct egress *egress;     /* NULL, as the next: jobs and installs use the host's network */
    struct registry *registry; /* the package proxy */
    struct store *store;
    struct blobs *blobs;
    struct sealer *sealer;
    struct engine *engine;
    struct api *api;
    struct http *http;
    char *address; /* of the listener, without the port */
    long port;
    char *public_url;
    struct confined walls; /* of this process */
};

static void print_help(void)
{
    printf("Usage: impresario serve [options]\n\n"
           "Runs the server until SIGTERM or SIGINT, then lets running jobs end.\n"
           "Prints `listening on http://ADDR:PORT` when it accepts requests.\n\n"
           "Options (each also as IMPRESARIO_NAME in the environment, or in --config FILE):\n\n");
    settings_print_table(stdout, SETTINGS_HELP);
}

/* ---- the parts ---- */

static int open_data(struct server *s, struct err *e)
{
    const char *data = s->settings.data;
    scoped(mem_free) char *above = mem_format("%s/..", data);

    if (mkdir(data, 0700) < 0 && errno != EEXIST)
        return err_set_errno(e, ERR_IO, errno, "make the data directory %s", data);
    /* Also when a killed server made it; a parent that we may not read was there before us. */
    if (disk_sync_dir(&disk_real, above) < 0 && errno != EACCES)
        return err_set_errno(e, ERR_IO, errno, "make the data directory %s durable", data);
    if (chmod(data, 0700) < 0) /* secrets of tenants are in it */
        return err_set_errno(e, ERR_IO, errno, "keep others out of the data directory %s", data);
    s->lock = store_lock(data, e);
    return s->lock < 0 ? -1 : 0;
}

static void parse_listen(struct server *s)
{
    const char *listen = s->settings.listen;
    const char *colon = strrchr(listen, ':');
    size_t n = (size_t)(colon - listen);
    bool bracketed = n >= 2 && listen[0] == '[' && listen[n - 1] == ']';

    s->address = bracketed ? mem_text_n(listen + 1, n - 2) : mem_text_n(listen, n);
    s->port = strtol(colon + 1, NULL, 10);
}

/* "http://127.0.0.1:8080"; a wildcard is reached by loopback. */
static char *url_of(const struct server *s, long port)
{
    bool v6 = strchr(s->address, ':') != NULL;

    return mem_format(v6 ? "http://[%s]:%ld" : "http://%s:%ld", s->address, port);
}

static int note_start(struct db *db, void *arg, struct err *e)
{
    const struct server *s = arg;

    return audit_add(db, s->sealer,
                     &(struct audit_event){ "server", NULL, "server.started", IMPRESARIO_VERSION,
                                            s->settings.data },
                     e);
}

static int note_stop(struct db *db, void *arg, struct err *e)
{
    const struct server *s = arg;

    return audit_add(db, s->sealer,
                     &(struct audit_event){ "server", NULL, "server.stopped", IMPRESARIO_VERSION,
                                            s->settings.data },
                     e);
}

static int start_store(struct server *s, struct err *e)
{
    return store_open(&env_real, s->settings.data, &s->store, e) < 0 ||
                   blobs_open(&env_real, s->settings.data, &s->blobs, e) < 0 ||
                   sealed_open(s->store, s->settings.master_key_file, &s->sealer, e) < 0 ||
                   store_write(s->store, note_start, s, e) < 0
               ? -1
               : 0;
}

static bool is_host_network(const struct server *s)
{
    return strcmp(s->settings.job_network, "host") == 0;
}

static int start_spawner(struct server *s, struct err *e)
{
    static const char *const folders[] = { "layers", "staging", NULL };
    const struct spawner_options options = {
        .runner_dir = s->settings.runner,
        .data_dir = s->settings.data,
        .folders = folders,
        .host_network = is_host_network(s),
        .sandbox_uid = (uid_t)s->settings.sandbox_uid,
    };

    return spawner_start(&options, &s->spawner, e);
}

static int start_egress(struct server *s, struct err *e)
{
    const struct egress_options options = {
        .allow = (const char *const *)s->settings.egress_allow.items,
        .n_allow = s->settings.egress_allow.n,
        .spawner = s->spawner,
        .uid = (uid_t)s->settings.sandbox_uid + SPAWNER_SANDBOX_UIDS,
    };

    return is_host_network(s) ? 0 : egress_start(&options, &s->egress, e);
}

static int start_registry(struct server *s, struct err *e)
{
    const struct registry_options options = {
        .url = s->settings.registry,
        .allow = (const char *const *)s->settings.registry_allow.items,
        .n_allow = s->settings.registry_allow.n,
        .cache_mib = s->settings.registry_cache_mib,
        .data_dir = s->settings.data,
        .spawner = s->spawner,
        .uid = (uid_t)s->settings.sandbox_uid + SPAWNER_SANDBOX_UIDS + 1,
    };

    return is_host_network(s) ? 0 : registry_start(&options, &s->registry, e);
}

static int start_engine(struct server *s, struct err *e)
{
    const struct engine_options options = {
        .settings = &s->settings,
        .store = s->store,
        .blobs = s->blobs,
        .sealer = s->sealer,
        .spawner = s->spawner,
        .egress = s->egress,
        .own = &s->walls,
        .registry = s->registry,
        .public_url = s->public_url,
    };

    return engine_start(&options, &s->engine, e);
}

/* An eighth of the descriptors is for files and boxes. */
static unsigned most_connections(void)
{
    struct rlimit files;
    rlim_t most = LIMIT_CONNECTIONS;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur - files.rlim_cur / 8 < most)
        most = files.rlim_cur - files.rlim_cur / 8;
    return (unsigned)most;
}

static int start_http(struct server *s, struct err *e)
{
    const struct api_options options = {
        .settings = &s->settings,
        .store = s->store,
        .blobs = s->blobs,
        .sealer = s->sealer,
        .engine = s->engine,
        .network = s->settings.job_network,
    };
    const struct http_options http = {
        .address = s->address,
        .port = (uint16_t)s->port,
        .max_connections =
            s->settings.connections ? (unsigned)s->settings.connections : most_connections(),
        .drain_seconds = (unsigned)s->settings.drain_seconds,
    };

    return api_start(&options, &s->api, e) < 0 ||
                   http_start(&http, api_service(s->api), &s->http, e) < 0
               ? -1
               : 0;
}

/* From here on this process starts no other and touches no file but its own. */
static int confine_server(struct server *s)
{
    const struct confine_options options = {
        .who = CONFINE_SERVER,
        .data_dir = s->settings.data,
        .runner_dir = s->settings.runner,
        .key_file = s->settings.master_key_file,
        .port = (uint16_t)s->port,
        .connects = strcmp(s->settings.model_provider, "none") != 0,
    };

    confine(&options, &s->walls);
    return 0;
}

static int start(struct server *s, struct err *e)
{
    parse_listen(s);
    s->public_url = s->settings.public_url ? mem_text(s->settings.public_url) : url_of(s, s->port);
    return open_data(s, e) < 0 || start_spawner(s, e) < 0 || start_egress(s, e) < 0 ||
                   start_registry(s, e) < 0 || confine_server(s) < 0 || start_store(s, e) < 0 ||
                   start_engine(s, e) < 0 || start_http(s, e) < 0
               ? -1
               : 0;
}

/* Also what start() left half done. */
static void stop(struct server *s)
{
    if (s->api)
        api_stop(s->api);
    engine_stop(s->engine);
    store_close(s->store);
    http_stop(s->http);
    api_close(s->api);
    spawner_free(s->spawner);
    egress_free(s->egress);
    registry_free(s->registry);
    sealer_close(s->sealer);
    blobs_close(s->blobs);
    fd_close(s->lock);
    mem_free(s->address);
    mem_free(s->public_url);
    confined_done(&s->walls);
    settings_done(&s->settings);
}

/* ---- the command ---- */

static void setup_log(const struct settings *s)
{
    enum log_level least = LOG_INFO;
    bool terminal = isatty(STDERR_FILENO) == 1;

    (void)log_level_parse(s->log_level, &least);
    log_setup(least,
              strcmp(s->log_format, "auto") == 0 ? !terminal : strcmp(s->log_format, "json") == 0);
    for (size_t i = 0; i < s->warnings.n; i++)
        log_event(LOG_WARN, "settings.odd", F_TEXT("what", s->warnings.items[i]));
}

/* Every connection and every box costs descriptors; ask for what the system allows. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* The master key is in our memory: no other process of this user may read it, and no core dump. */
static void keep_memory_private(void)
{
    const struct rlimit none = { 0 };

    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
}

/* The signals that end us are blocked in all threads, and waited for in this one. */
static void block_signals(sigset_t *ends)
{
    sigemptyset(ends);
    sigaddset(ends, SIGTERM);
    sigaddset(ends, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, ends, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static int run(struct server *s, const sigset_t *ends, struct err *e)
{
    siginfo_t info;

    if (start(s, e) < 0)
        return -1;
    scoped(mem_free) char *url = url_of(s, http_port(s->http));
    printf("listening on %s\n", url);
    (void)fflush(stdout);
    log_event(LOG_INFO, "server.listening", F_TEXT("url", url), F_TEXT("data", s->settings.data),
              F_TEXT("version", IMPRESARIO_VERSION));
    while (sigwaitinfo(ends, &info) < 0) {
        if (errno != EINTR)
            return err_set_errno(e, ERR_INTERNAL, errno, "wait for signals");
    }
    log_event(LOG_INFO, "server.draining", F_INT("signal", info.si_signo));
    api_drain(s->api);
    engine_drain(s->engine);
    http_drain(s->http);
    if (store_write(s->store, note_stop, s, e) < 0)
        return -1;
    if (info.si_pid == getpid()) /* helper_may_start_later() */
        return err_set(e, ERR_UNAVAILABLE,
                       "a process that starts helpers has ended, and without it the server cannot "
                       "go on: start it again");
    return 0;
}

int serve_main(int argc, char **argv)
{
    struct server s = { .lock = -1 };
    scoped(err_clear) struct err e = { 0 };
    sigset_t ends;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help();
            return EXIT_FINE;
        }
    }
    if (settings_load(&s.settings, &argc, argv, environ, &e) < 0) {
        fprintf(stderr, "impresario: %s\n", e.msg);
        return EXIT_USAGE;
    }
    if (argc > 1) {
        fprintf(stderr, "impresario serve: \"%s\" is no option; see impresario serve --help\n",
                argv[1]);
        return EXIT_USAGE;
    }
    setup_log(&s.settings);
    keep_memory_private();
    raise_descriptors();
    block_signals(&ends);
    int r = run(&s, &ends, &e);
    if (r < 0)
        log_event(LOG_ERROR, "server.failed", F_TEXT("error", e.msg));
    stop(&s);
    if (r == 0)
        log_event(LOG_INFO, "server.stopped");
    return r < 0 ? EXIT_OUTCOME : EXIT_FINE;
}
