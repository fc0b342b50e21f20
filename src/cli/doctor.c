/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor.h"

#include "base/json.h"
#include "base/settings.h"
#include "base/tree.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/screen.h"
#include "cli/table.h"
#include "exec/own_walls.h"
#include "exec/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct options {
    const char *output;
};

static const struct flag flags[] = {
    CHOICE("output", 'o', struct options, output, "text|json", "For people, or for scripts"),
    { 0 },
};

static const struct args doctor_args = {
    .operands = "",
    .flags = flags,
    .what = "See what this machine lacks for running workflows, and how to get it",
    .more =
        "It builds sandboxes as the server would, as the user that runs it, and starts Node, npm\n"
        "and Chromium in them. Settings of the server (--data, --runner, ...) are heeded.\n"
        "\nExit status: 0 the server can run workflows here; 1 something that it needs is "
        "missing.\n",
};

struct visit {
    struct screen screen;
    bool json;
    bool ready;
    const char *required;
    struct loop *loop;
};

static enum style style_of(enum probe_state state)
{
    static const enum style styles[] = { STYLE_GREEN, STYLE_YELLOW, STYLE_RED };

    return styles[state];
}

static void print_advice(const struct stream *to, const struct probe *r)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct probe_wall *w = &r->walls[i];
        if (w->state != PROBE_OK && w->advice)
            (void)fprintf(to->file, "\n%s%s%s: %s", style_on(to, style_of(w->state)), w->name,
                          style_off(to, style_of(w->state)), w->advice);
    }
    (void)fputc('\n', to->file);
}

static void print_verdict(const struct stream *to, const struct probe *r, const char *required)
{
    enum style style = probe_is_ready(r, required) ? STYLE_GREEN : STYLE_RED;

    (void)fprintf(to->file, "\n%sSandbox level: %s.%s ", style_on(to, style), probe_level(r),
                  style_off(to, style));
    if (probe_has_missing(r))
        (void)fprintf(to->file, "Something that the server needs is missing here.\n");
    else if (!probe_is_ready(r, required))
        (void)fprintf(to->file, "The server runs nothing here: sandbox_require is %s.\n", required);
    else
        (void)fprintf(to->file, "The server can run workflows here.\n");
}

static void print_table(const struct stream *to, const struct probe *r)
{
    static const char *const headings[] = { "WHAT", "STATE", "FOUND", NULL };
    scoped(table_free) struct table *t = table_new(headings);

    for (size_t i = 0; i < r->n; i++) {
        table_cell(t, STYLE_BOLD, r->walls[i].name);
        table_cell(t, style_of(r->walls[i].state), probe_state_name(r->walls[i].state));
        table_cell(t, STYLE_PLAIN, r->walls[i].found);
    }
    table_print(t, to);
}

static void on_report(void *arg, const struct probe *r)
{
    struct visit *v = arg;
    const struct stream *to = &v->screen.out;

    v->ready = probe_is_ready(r, v->required);
    if (v->json) {
        scoped(json_decref) json_t *value = probe_to_json(r, v->required);
        scoped(mem_free) char *text =
            json_print_as(value, to->terminal ? JSON_INDENT(2) : JSON_COMPACT);
        (void)fprintf(to->file, "%s\n", text);
    } else {
        print_table(to, r);
        print_advice(to, r);
        print_verdict(to, r, v->required);
    }
    (void)fflush(to->file);
    loop_stop(v->loop);
}

/* The boxes bind nothing of the real data directory, so that a server may run beside us. */
static int examine(struct visit *v, const struct settings *settings, const char *folder,
                   struct err *e)
{
    bool has_runner = access(settings->runner, R_OK) == 0; /* else it is the report's to say */
    bool caged = strcmp(settings->job_network, "cage") == 0;
    static const char *const folders[] = { NULL };
    const struct spawner_options options = { .runner_dir = has_runner ? settings->runner : NULL,
                                             .data_dir = folder,
                                             .folders = folders,
                                             .host_network = !caged,
                                             .sandbox_uid = (uid_t)settings->sandbox_uid };
    struct confined own[CONFINE_PROCESSES] = { 0 };
    struct probe_options probe = { .data_dir = settings->data,
                                   .caged = caged,
                                   .runner_dir = settings->runner };
    scoped(loop_free) struct loop *loop = loop_new(&clock_real);
    scoped(spawner_free) struct spawner *spawner = NULL;

    if (spawner_start(&options, &spawner, e) < 0)
        return -1;
    for (int who = 0; who < CONFINE_PROCESSES; who++) {
        own_walls_look(who, folder, &own[who]);
        probe.own[who] = who < CONFINE_EGRESS || caged ? &own[who] : NULL;
    }
    if (!caged) /* as the spawner itself says */
        probe.own[CONFINE_SPAWNER] = spawner_walls(spawner);
    spawner_attach(spawner, loop);
    v->loop = loop;
    v->required = settings->sandbox_require;
    scoped(probing_free) struct probing *probing = probe_start(spawner, loop, &probe, on_report, v);
    loop_run(loop);
    for (int who = 0; who < CONFINE_PROCESSES; who++)
        confined_done(&own[who]);
    return 0;
}

static int complain(const struct visit *v, const struct err *e, int status)
{
    const struct stream *to = &v->screen.err;

    (void)fprintf(to->file, "%simpresario doctor:%s %s\n", style_on(to, STYLE_RED),
                  style_off(to, STYLE_RED), e->msg);
    return status;
}

int doctor_main(int argc, char **argv)
{
    struct visit v = { .screen = screen_standard() };
    struct options options = { 0 };
    scoped(settings_done) struct settings settings = { 0 };
    scoped(err_clear) struct err e = { 0 };
    char folder[] = "/tmp/impresario-doctor-XXXXXX";

    if (args_ask_help(argc, argv)) {
        args_print_help(&doctor_args, "impresario doctor", stdout);
        return EXIT_FINE;
    }
    if (settings_load(&settings, &argc, argv, environ, &e) < 0)
        return complain(&v, &e, EXIT_USAGE);
    argc--; /* its own name */
    if (args_read(&doctor_args, &argc, argv + 1, &options, &e) < 0)
        return complain(&v, &e, EXIT_USAGE);
    v.json = options.output && strcmp(options.output, "json") == 0;

    if (!mkdtemp(folder))
        err_set_errno(&e, ERR_IO, errno, "make a folder in /tmp");
    else
        (void)examine(&v, &settings, folder, &e);
    (void)tree_remove(folder);
    if (e.code)
        return complain(&v, &e, EXIT_OUTCOME);
    return v.ready ? EXIT_FINE : EXIT_OUTCOME;
}
