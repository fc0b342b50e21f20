/* SPDX-License-Identifier: Apache-2.0
 *
 * A probe is a list of canaries, small programs in real boxes. What one of them prints is put into
 * walls by its judge. A box that cannot be built names its step, and the advice comes from what is
 * known to cause that: a kernel setting, or a container that holds back what is needed.
 */
#include "exec/probe.h"

#include "base/json.h"
#include "exec/bwrap.h"
#include "exec/walls.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    CANARY_MS = 30000,
    CANARY_TEXT = 4096,
    AGAIN_MS = 200,        /* after there was no descriptor left, for clients may have them all, or
                              while a new process that builds boxes is started */
    LEAST_FREE_MIB = 64,   /* below this nothing can be stored */
    NICE_FREE_MIB = 2048,  /* a dependency set and a few bundles */
    LEAST_NODE_MAJOR = 20, /* what public bundles are built for */
    FEW_FONTS = 1,
    DEATHS_MOST = 3, /* of the process that builds boxes, until it says something of this machine */
};

/* The kinds of boxes: of builds, of jobs, and of their browsers. */
enum kind { PLAIN, JOB, BROWSER };

struct canary {
    const char *name;
    bool needs_runner;
    enum kind kind;                /* the box that it runs in */
    const char *program, *args[3]; /* no program: the attempts of exec/walls.h */
    void (*judge)(struct probing *p);
};

/* What was tried at a wall from inside. */
struct tried {
    int held;
    struct buf open; /* what succeeded; with commas */
};

enum { WALLS_MAX = 8 };

struct probing {
    struct spawner *spawner;
    struct loop *loop;
    probe_fn fn;
    void *arg;
    bool has_runner;
    struct probe report;
    struct tried tried[WALLS_MAX]; /* by the index in wall_names */

    size_t next; /* canary */
    const struct canary *canary;
    struct child *child;
    struct timer *patience;
    int out;
    struct watch *watch;
    struct buf text;
    bool ended, worked;
    bool lost; /* the process that builds boxes died meanwhile */
    int deaths;
    struct child_exit how; /* without its texts */
    char *trouble;         /* why it did not work */
};

/* ---- walls ---- */

static void add_wall(struct probe *r, const char *name, enum probe_state state, char *found,
                     char *advice)
{
    r->walls = mem_resize(r->walls, (r->n + 1) * sizeof *r->walls);
    struct probe_wall *w = &r->walls[r->n++];
    w->name = name;
    w->state = state;
    w->found = found;
    w->advice = advice;
}

const char *probe_state_name(enum probe_state state)
{
    static const char *const names[] = { "ok", "weak", "missing" };

    return names[state];
}

bool probe_has_missing(const struct probe *r)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->walls[i].state == PROBE_MISSING)
            return true;
    }
    return false;
}

/* The walls between tenants, in the order of probe_level(). */
static const char *const walls_of_boxes[] = { "bubblewrap",   "namespaces", "files",  "privileges",
                                              "system-calls", "secrets",    "limits", WALL_USERNS };
static const char *const walls_of_comfort[] = { "memory", "processes", "cpu", "network",
                                                WALL_LANDLOCK };

static bool is_among(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static bool is_own_wall(const char *name)
{
    for (int who = 0; who < CONFINE_PROCESSES; who++) {
        for (int wall = 0; wall < CONFINE_WALLS; wall++) {
            if (confine_names[who][wall] && strcmp(name, confine_names[who][wall]) == 0)
                return true;
        }
    }
    return false;
}

static bool is_comfort(const char *name)
{
    return is_among(name, walls_of_comfort, n_items(walls_of_comfort)) || is_own_wall(name);
}

static bool is_of_boxes(const char *name)
{
    return is_among(name, walls_of_boxes, n_items(walls_of_boxes));
}

static bool is_wall(const char *name)
{
    return is_of_boxes(name) || is_comfort(name);
}

/* Boxes are built without user namespaces, as there are none. */
static bool is_basic(const struct probe_wall *w)
{
    return w->state == PROBE_WEAK && strcmp(w->name, WALL_USERNS) == 0;
}

const char *probe_level(const struct probe *r)
{
    const char *level = "full";

    for (size_t i = 0; i < r->n; i++) {
        const struct probe_wall *w = &r->walls[i];
        if (is_basic(w))
            level = "basic";
        else if (w->state != PROBE_OK && is_of_boxes(w->name))
            return "below";
        else if (w->state != PROBE_OK && is_comfort(w->name) && strcmp(level, "full") == 0)
            level = "strong";
    }
    return level;
}

static int rank(const char *level)
{
    static const char *const levels[] = { "below", "basic", "strong", "full" };
    int i = 0;

    while (i < (int)n_items(levels) && strcmp(level, levels[i]) != 0)
        i++;
    return i;
}

json_t *probe_layers(const struct probe *r)
{
    json_t *layers = json_object();

    for (size_t i = 0; i < r->n; i++) {
        const struct probe_wall *w = &r->walls[i];
        if (is_wall(w->name))
            json_object_set_new(layers, w->name, json_boolean(w->state == PROBE_OK));
    }
    return layers;
}

char *probe_why(const struct probe *r)
{
    struct buf text = { 0 };

    for (size_t i = 0; i < r->n; i++) {
        const struct probe_wall *w = &r->walls[i];
        if (!is_wall(w->name) || w->state == PROBE_OK)
            continue;
        buf_format(&text, "%s%s: %s", text.n ? "; " : "", w->name, w->found);
        if (is_of_boxes(w->name) && w->advice)
            buf_format(&text, " (%s)", w->advice);
    }
    return buf_take(&text);
}

bool probe_level_is_enough(const char *level, const char *required)
{
    return rank(level) >= rank(required);
}

bool probe_is_ready(const struct probe *r, const char *required)
{
    return !probe_has_missing(r) && probe_level_is_enough(probe_level(r), required);
}

json_t *probe_to_json(const struct probe *r, const char *required)
{
    json_t *walls = json_array();

    for (size_t i = 0; i < r->n; i++) {
        const struct probe_wall *w = &r->walls[i];
        json_array_append_new(walls, json_pack("{s:s,s:s,s:s?,s:s?}", "name", w->name, "state",
                                               probe_state_name(w->state), "found", w->found,
                                               "advice", w->advice));
    }
    return json_pack("{s:s,s:b,s:o}", "sandbox_level", probe_level(r), "ready",
                     (int)probe_is_ready(r, required), "walls", walls);
}

/* ---- what can be seen without a box ---- */

static bool is_setting(const char *path, const char *value)
{
    scoped(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[16] = "";

    return fd >= 0 && read(fd, text, sizeof text - 1) > 0 &&
           strncmp(text, value, strlen(value)) == 0 && text[strlen(value)] == '\n';
}

static const char *advise_namespaces(const char *trouble)
{
    static const struct {
        const char *path, *value, *advice;
    } settings[] = {
        { "/proc/sys/kernel/unprivileged_userns_clone", "0",
          "sysctl -w kernel.unprivileged_userns_clone=1" },
        { "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
          "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or give bwrap a profile that "
          "allows userns" },
        { "/proc/sys/user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=10000" },
    };
    static const struct {
        const char *words, *advice;
    } troubles[] = {
        { "max_*_namespaces", "sysctl -w user.max_user_namespaces=10000" },
        { "mount proc", "the container hides parts of /proc: start it with unmasked paths "
                        "(Docker: --security-opt systempaths=unconfined)" },
        { "binds: mount namespace", "root may not mount here: run the server as a normal user, or "
                                    "give its container CAP_SYS_ADMIN" },
        { "user: ", "root may not become other users here: run the server as a normal user" },
        { "binds: ", "what is named here must exist, and be open to all to read" },
    };

    for (size_t i = 0; i < n_items(settings); i++) {
        if (is_setting(settings[i].path, settings[i].value))
            return settings[i].advice;
    }
    for (size_t i = 0; i < n_items(troubles); i++) {
        if (strstr(trouble, troubles[i].words))
            return troubles[i].advice;
    }
    return "a container or a service manager may forbid user namespaces (Docker's default filter "
           "and systemd's RestrictNamespaces= do)";
}

static void look_for_bubblewrap(struct probe *r)
{
    if (access(BWRAP_PROGRAM, X_OK) == 0)
        add_wall(r, "bubblewrap", PROBE_OK, mem_text(BWRAP_PROGRAM), NULL);
    else
        add_wall(r, "bubblewrap", PROBE_MISSING,
                 mem_format("%s: %s", BWRAP_PROGRAM, strerror(errno)),
                 mem_text("apt-get install bubblewrap"));
}

static void look_at_limits(struct probing *p)
{
    const struct spawner_limits *l = spawner_limits(p->spawner);
    const struct {
        const char *name;
        bool there;
        const char *instead;
    } limits[] = {
        { "memory", l->memory,
          "the box is looked at instead, four times a second, and each process limited" },
        { "processes", l->pids, "each user of a box is limited instead" },
        { "cpu", l->cpu, "a busy box slows the others" },
    };

    for (size_t i = 0; i < n_items(limits); i++) {
        if (limits[i].there)
            add_wall(&p->report, limits[i].name, PROBE_OK, mem_text("limited by control group"),
                     NULL);
        else
            add_wall(&p->report, limits[i].name, PROBE_WEAK,
                     mem_format("%s: %s", limits[i].instead, l->why),
                     mem_text("run the server as root, or as a systemd service with "
                              "Delegate=cpu memory pids"));
    }
}

/* The folder itself, or where it will be made. */
static int stat_disk(const char *path, struct statvfs *out)
{
    scoped(mem_free) char *at = mem_text(path);

    while (statvfs(at, out) < 0) {
        char *slash = strrchr(at, '/');
        if (errno != ENOENT || !slash || slash == at)
            return statvfs("/", out);
        *slash = '\0';
    }
    return 0;
}

static void look_at_disk(struct probe *r, const char *data_dir)
{
    struct statvfs s;

    if (stat_disk(data_dir, &s) < 0)
        return;
    unsigned long long mib = (unsigned long long)s.f_bavail * s.f_frsize >> 20;
    enum probe_state state = mib < LEAST_FREE_MIB  ? PROBE_MISSING
                             : mib < NICE_FREE_MIB ? PROBE_WEAK
                                                   : PROBE_OK;
    add_wall(r, "disk", state, mem_format("%llu MiB free for %s", mib, data_dir),
             state == PROBE_OK ? NULL
                               : mem_text("make room, or choose another folder with --data"));
}

static void look_for_runner(struct probing *p, const char *dir)
{
    if (!dir)
        return;
    scoped(mem_free) char *script = mem_format("%s/slot.mjs", dir);
    p->has_runner = access(script, R_OK) == 0;
    if (p->has_runner)
        add_wall(&p->report, "runner", PROBE_OK, mem_text(dir), NULL);
    else
        add_wall(&p->report, "runner", PROBE_MISSING, mem_format("%s: %s", script, strerror(errno)),
                 mem_text("say with --runner where the runner's folder is"));
}

static const char *const own_advices[CONFINE_WALLS] = {
    [CONFINE_FILES] =
        ("use a kernel with Landlock (5.19 or later, \"landlock\" among lsm=), and keep "
         "the program out of the data directory"),
    [CONFINE_NETWORK] = "--job-network cage, and allow user namespaces or run the server as root",
    [CONFINE_CALLS] = "use a kernel with CONFIG_SECCOMP_FILTER",
};

static void look_at_own(struct probe *r, enum confine_who who, const struct confined *walls)
{
    static const char *const found[CONFINE_WALLS] = {
        [CONFINE_FILES] = "it reaches the files that it needs, and no others",
        [CONFINE_NETWORK] = "it has none",
        [CONFINE_CALLS] = "what only attackers need is refused",
    };

    for (int i = 0; walls && i < CONFINE_WALLS; i++) {
        const char *why = walls->why[i];
        bool store = who == CONFINE_SPAWNER && i == CONFINE_FILES;
        if (confine_names[who][i])
            add_wall(r, confine_names[who][i], why ? PROBE_WEAK : PROBE_OK,
                     mem_text(why     ? why
                              : store ? "of the data directory it sees what boxes are given"
                                      : found[i]),
                     why ? mem_text(own_advices[i]) : NULL);
    }
}

/* ---- what the canaries tell ---- */

/* The line that begins with `name` and a space, as text of its own; NULL: none. */
static char *line_of(const struct probing *p, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = buf_str(&p->text); *at;) {
        const char *end = strchrnul(at, '\n');
        if (strncmp(at, name, n) == 0 && at[n] == ' ')
            return mem_text_n(at + n + 1, (size_t)(end - at) - n - 1);
        at = *end ? end + 1 : end;
    }
    return NULL;
}

/* The box of each kind adds to what the one before it has told; the last one's judge says it. */
static void add_tried(struct probing *p)
{
    for (const char *line = buf_str(&p->text); *line; line += strcspn(line, "\n") + 1) {
        int n = (int)strcspn(line, "\n");
        for (size_t i = 0; wall_names[i]; i++) {
            scoped(mem_free) char *held = mem_format("held %s ", wall_names[i]);
            scoped(mem_free) char *open = mem_format("open %s ", wall_names[i]);
            struct tried *t = &p->tried[i];
            if (strncmp(line, held, strlen(held)) == 0)
                t->held += (int)strtol(line + strlen(held), NULL, 10);
            else if (strncmp(line, open, strlen(open)) == 0)
                buf_format(&t->open, "%s%.*s", t->open.n ? ", " : "", n - (int)strlen(open),
                           line + strlen(open));
        }
        if (line[n] == '\0')
            break;
    }
}

static void judge_plain(struct probing *p)
{
    if (p->worked)
        add_tried(p);
    else
        add_wall(&p->report, "namespaces", PROBE_MISSING, mem_text(p->trouble),
                 mem_text(advise_namespaces(p->trouble)));
}

static void judge_userns(struct probing *p, const char *why)
{
    scoped(mem_free) char *of_host =
        mem_format("boxes are in the host's, and Chromium has no sandbox of its own: %s", why);

    add_wall(&p->report, WALL_USERNS, PROBE_WEAK, take(of_host),
             mem_format("%s. To accept less: --sandbox-require basic", advise_namespaces(why)));
}

static void judge_job(struct probing *p)
{
    if (p->worked)
        add_tried(p);
    else
        add_wall(&p->report, "namespaces", PROBE_MISSING, mem_format("a job's box: %s", p->trouble),
                 mem_text(advise_namespaces(p->trouble)));
}

static void judge_browser(struct probing *p)
{
    static const char *const advices[] = {
        "a box must not share these with the host: bubblewrap 0.8 or later from Debian",
        "see what else starts bubblewrap: a wrapper in place of /usr/bin/bwrap?",
        "use a kernel with Landlock (5.19 or later, \"landlock\" among lsm=)",
        "see what else changes bubblewrap's mounts: a wrapper in place of /usr/bin/bwrap?",
        "run the server as root or as a normal user, without file capabilities on bwrap",
        "use a kernel with CONFIG_SECCOMP_FILTER, and keep other filters from replacing ours",
        "see what else starts bubblewrap: a wrapper in place of /usr/bin/bwrap?",
        "see the hard limits that the service manager sets (LimitCORE=, LimitNPROC=)",
    };

    const char *no_userns = spawner_no_userns(p->spawner);

    if (!p->worked) {
        add_wall(&p->report, "namespaces", PROBE_MISSING,
                 mem_format("a browser's box: %s", p->trouble),
                 mem_text(advise_namespaces(p->trouble)));
        return;
    }
    add_tried(p);
    for (size_t i = 0; wall_names[i]; i++) {
        const struct tried *t = &p->tried[i];
        bool fine = t->open.n == 0 && t->held > 0;
        if (!fine && no_userns && strcmp(wall_names[i], WALL_USERNS) == 0) {
            judge_userns(p, no_userns);
            continue;
        }
        enum probe_state otherwise = is_comfort(wall_names[i]) ? PROBE_WEAK : PROBE_MISSING;
        add_wall(&p->report, wall_names[i], fine ? PROBE_OK : otherwise,
                 fine            ? mem_format("%d attempts from inside were stopped", t->held)
                 : t->open.n > 0 ? mem_format("not stopped: %s", buf_str(&t->open))
                                 : mem_text("nothing could be tried"),
                 fine ? NULL : mem_text(advices[i]));
    }
}

static void judge_box(struct probing *p)
{
    struct probe *r = &p->report;

    scoped(mem_free) char *shared = line_of(p, "shared");
    add_wall(r, "shared-memory", shared ? PROBE_OK : PROBE_MISSING,
             mem_text(shared ? "/dev/shm of the box's own" : "/dev/shm cannot be written to"),
             NULL);

    scoped(mem_free) char *fonts = line_of(p, "fonts");
    long n_fonts = fonts ? strtol(fonts, NULL, 10) : 0;
    add_wall(r, "fonts", n_fonts >= FEW_FONTS ? PROBE_OK : PROBE_WEAK,
             mem_format("%ld font files", n_fonts),
             n_fonts >= FEW_FONTS ? NULL : mem_text("apt-get install fonts-liberation"));
}

static char *first_line(const struct probing *p)
{
    const char *text = buf_str(&p->text);

    return mem_text_n(text, strcspn(text, "\n"));
}

static void judge_node(struct probing *p)
{
    scoped(mem_free) char *version = first_line(p);
    bool fine = p->worked && version[0] == 'v' && strtol(version + 1, NULL, 10) >= LEAST_NODE_MAJOR;

    add_wall(&p->report, "node", fine ? PROBE_OK : PROBE_MISSING,
             p->worked ? take(version) : mem_text(p->trouble),
             fine ? NULL : mem_text("npm ci in the runner's folder (make setup does it)"));
}

static void judge_npm(struct probing *p)
{
    add_wall(&p->report, "npm", p->worked ? PROBE_OK : PROBE_MISSING,
             p->worked ? first_line(p) : mem_text(p->trouble),
             p->worked ? NULL : mem_text("npm ci in the runner's folder (make setup does it)"));
}

static void judge_chromium(struct probing *p)
{
    scoped(mem_free) char *version = line_of(p, "version");
    scoped(mem_free) char *failed = line_of(p, "failed");
    bool sandboxed = strstr(buf_str(&p->text), "You are adequately sandboxed") != NULL;

    if (p->worked && sandboxed)
        add_wall(&p->report, "chromium", PROBE_OK,
                 mem_format("%s, in its own sandbox inside of a box of its own",
                            version ? version : "?"),
                 NULL);
    else if (p->worked && spawner_no_userns(p->spawner))
        add_wall(
            &p->report, "chromium", PROBE_WEAK,
            mem_format("%s, without a sandbox of its own: nothing but the box is around a page",
                       version ? version : "?"),
            mem_text("as for " WALL_USERNS));
    else if (p->worked)
        add_wall(&p->report, "chromium", PROBE_MISSING,
                 mem_text("it starts, but not in its own sandbox"),
                 mem_text("allow user namespaces inside of user namespaces"));
    else
        add_wall(&p->report, "chromium", PROBE_MISSING, mem_text(failed ? failed : p->trouble),
                 mem_text("apt-get install chromium"));
}

static const char box_script[] =
    "echo x >/dev/shm/probe && echo shared memory\n"
    "echo fonts $(find -L /usr/share/fonts -name '*.[to]t[fc]' 2>/dev/null | wc -l)\n";

static const char chromium_script[] =
    "const { chromium } = require('/opt/impresario/runner/node_modules/playwright-core');"
    "const options = { executablePath: '/usr/lib/chromium/chromium', chromiumSandbox: true };"
    "(async () => {"
    "  const browser = await chromium.launch(options);"
    "  console.log('version', browser.version());"
    "  const page = await browser.newPage();"
    "  await page.goto('chrome://sandbox');"
    "  console.log(await page.innerText('body'));"
    "  await browser.close();"
    "})().catch((e) => { console.log('failed', e.message); process.exit(1); });";

static const struct canary canaries[] = {
    { "walls", false, PLAIN, NULL, { 0 }, judge_plain },
    { "job-walls", false, JOB, NULL, { 0 }, judge_job },
    { "browser-walls", false, BROWSER, NULL, { 0 }, judge_browser },
    { "box", false, PLAIN, "/usr/bin/sh", { "-c", box_script }, judge_box },
    { "node", true, PLAIN, PLAN_NODE, { "--version" }, judge_node },
    { "npm",
      true,
      PLAIN,
      PLAN_NODE,
      { PLAN_RUNNER "/node_modules/npm/bin/npm-cli.js", "--version" },
      judge_npm },
    { "chromium", true, JOB, PLAN_NODE, { "-e", chromium_script }, judge_chromium },
};

/* ---- running them ---- */

static void run_next(struct probing *p);

/* Why it did not work, in its own words where it has some. */
static void note_trouble(struct probing *p)
{
    scoped(mem_free) char *said = first_line(p);

    if (p->worked || p->trouble) /* a step was told */
        return;
    if (*said)
        p->trouble = take(said);
    else if (p->how.exited)
        p->trouble = mem_format("it ended with status %d", p->how.status);
    else
        p->trouble = mem_format("it was ended by signal %d", p->how.signal);
}

static void on_begin(void *arg);

static void end_canary(struct probing *p)
{
    if (!p->ended || p->watch)
        return;
    timer_free(take(p->patience));
    child_free(take(p->child));
    bool again = p->lost && ++p->deaths < DEATHS_MOST;
    if (!again) {
        note_trouble(p);
        p->canary->judge(p);
    }
    mem_free(take(p->trouble));
    buf_reset(&p->text);
    if (again) {
        p->next--;
        p->patience = loop_timer(p->loop, AGAIN_MS, on_begin, p);
    } else {
        run_next(p);
    }
}

static void on_exit_told(void *arg, const struct child_exit *how)
{
    struct probing *p = arg;

    p->ended = true;
    p->worked = how->exited && how->status == 0;
    p->how = *how;
    p->lost = how->step && strcmp(how->step, SPAWNER_DIED) == 0;
    if (how->step)
        p->trouble = mem_format("%s: %s", how->step, how->detail ? how->detail : "no reason known");
    end_canary(p);
}

static void on_output(void *arg, uint32_t events)
{
    struct probing *p = arg;
    char text[1024];
    ssize_t n = read(p->out, text, sizeof text);

    (void)events;
    if (n > 0) {
        if (p->text.n < CANARY_TEXT)
            buf_add(&p->text, text, (size_t)n);
        return;
    }
    watch_free(take(p->watch));
    fd_close(take_fd(&p->out));
    end_canary(p);
}

static void on_patience_ended(void *arg)
{
    struct probing *p = arg;

    p->patience = NULL;
    child_kill(p->child);
}

static void on_begin(void *arg)
{
    struct probing *p = arg;

    p->patience = NULL;
    run_next(p);
}

/* The box of a browser has no output of its own: where the attempts are made in there, the other one
 * passes on what they came to. */
#define SAID PLAN_SHARED "/said"

static struct plan *plan_of(const struct canary *c)
{
    struct plan_limits limits = { .net = PLAN_NET_NONE,
                                  .memory_mib = c->kind == PLAIN ? 512 : 1024,
                                  .pids = 256,
                                  .work_mib = 128 };
    scoped(mem_free) char *name = mem_format("probe-%s", c->name);
    struct plan *plan = plan_new(name, &limits);

    plan_env_runtime(plan);
    if (c->kind != PLAIN) {
        limits.browser = true;
        struct plan *browser = plan_new(name, &limits);
        plan_env_runtime(browser);
        if (c->kind == BROWSER) {
            walls_args(browser, SAID);
        } else if (!c->program) {
            plan_arg(browser, "/usr/bin/sleep"); /* to be found, if it can be */
            plan_arg(browser, "1000000");
        } else {
            plan_arg(browser, PLAN_PROGRAM);
            plan_arg(browser, "cdp");
            plan_arg(browser, "probe");
        }
        plan_browser(plan, browser);
    }
    if (c->program) {
        plan_arg(plan, c->program);
        for (size_t i = 0; i < n_items(c->args) && c->args[i]; i++)
            plan_arg(plan, c->args[i]);
    } else if (c->kind == BROWSER) {
        plan_arg(plan, "/usr/bin/sh");
        plan_arg(plan, "-c");
        plan_arg(plan, "mkfifo " SAID " && exec cat " SAID);
    } else {
        walls_args(plan, NULL);
    }
    return plan;
}

static void run_next(struct probing *p)
{
    const struct canary *c = NULL;
    int ends[2];

    while (p->next < n_items(canaries) && canaries[p->next].needs_runner && !p->has_runner)
        p->next++;
    /* Where no box can be built, the others would say the same again. */
    if (p->next < n_items(canaries) && strcmp(probe_level(&p->report), "below") != 0)
        c = &canaries[p->next];
    if (!c) {
        p->fn(p->arg, &p->report);
        return;
    }
    if (pipe2(ends, O_CLOEXEC) < 0) {
        /* a wall that was not tried must not count as one that stands */
        p->patience = loop_timer(p->loop, AGAIN_MS, on_begin, p);
        return;
    }
    p->next++;
    struct plan *plan = plan_of(c);
    plan_accept_basic(plan); /* to find out; whether it is enough is not ours to say */
    plan_fd(plan, ends[1], 1);

    p->canary = c;
    p->ended = false;
    p->out = ends[0];
    p->watch = loop_watch(p->loop, p->out, EPOLLIN, on_output, p);
    p->patience = loop_timer(p->loop, CANARY_MS, on_patience_ended, p);
    p->child = child_start(p->spawner, plan, on_exit_told, p);
}

static void look_at_network(struct probe *r, bool caged)
{
    if (!caged)
        add_wall(r, "network", PROBE_WEAK,
                 mem_text("jobs and installs use the host's network, as it was chosen"),
                 mem_text("--job-network cage"));
    else if (access("/usr/sbin/nft", X_OK) != 0)
        add_wall(r, "network", PROBE_MISSING,
                 mem_text("nft, which keeps jobs and installs in, is not installed"),
                 mem_text("apt-get install nftables, or choose to go without: --job-network host"));
    else
        add_wall(r, "network", PROBE_OK,
                 mem_text("jobs reach what egress allows, installs the package proxy"), NULL);
}

struct probing *probe_start(struct spawner *s, struct loop *loop, const struct probe_options *o,
                            probe_fn fn, void *arg)
{
    struct probing *p = mem_new(sizeof *p);

    *p = (struct probing){ .spawner = s, .loop = loop, .fn = fn, .arg = arg, .out = -1 };
    look_for_bubblewrap(&p->report);
    look_at_limits(p);
    look_at_network(&p->report, o->caged);
    for (int who = 0; who < CONFINE_PROCESSES; who++)
        look_at_own(&p->report, who, o->own[who]);
    look_at_disk(&p->report, o->data_dir);
    look_for_runner(p, o->runner_dir);
    p->patience = loop_timer(loop, 0, on_begin, p);
    return p;
}

void probing_free(struct probing *p)
{
    if (!p)
        return;
    watch_free(p->watch);
    timer_free(p->patience);
    child_free(p->child);
    fd_close(p->out);
    buf_done(&p->text);
    mem_free(p->trouble);
    for (size_t i = 0; i < p->report.n; i++) {
        mem_free(p->report.walls[i].found);
        mem_free(p->report.walls[i].advice);
    }
    for (size_t i = 0; i < WALLS_MAX; i++)
        buf_done(&p->tried[i].open);
    mem_free(p->report.walls);
    mem_free(p);
}
