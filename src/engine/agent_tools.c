/* SPDX-License-Identifier: Apache-2.0
 *
 * The tools that the model has: hands on a page (in a box), and the files, runs and the end (here).
 */
#include "base/bounds.h"
#include "engine/agent.h"

#include <stdlib.h>

enum {
    MOST_FILES = 100,
    FILE_BYTES = 512 * 1024,
    READ_BYTES = 48 * 1024,
};

static void begin_hands(struct agent *a, const json_t *input);
static void begin_list(struct agent *a, const json_t *input);
static void begin_read(struct agent *a, const json_t *input);
static void begin_write(struct agent *a, const json_t *input);
static void begin_edit(struct agent *a, const json_t *input);
static void begin_log(struct agent *a, const json_t *input);
static void begin_run(struct agent *a, const json_t *input);
static void begin_finish(struct agent *a, const json_t *input);
static void begin_give_up(struct agent *a, const json_t *input);

#define STRING(what)  "{\"type\":\"string\",\"description\":\"" what "\"}"
#define INTEGER(what) "{\"type\":\"integer\",\"description\":\"" what "\"}"
#define BOOLEAN(what) "{\"type\":\"boolean\",\"description\":\"" what "\"}"
#define OBJECT(what)  "{\"type\":\"object\",\"description\":\"" what "\"}"
#define WHY \
    "\"why\":" STRING("In one sentence for a person: what this is to find out or to achieve")

static const struct tool {
    const char *name, *description, *properties, *required;
    const char *what;  /* for people */
    const char *shows; /* the member of the input that belongs to it */
    void (*begin)(struct agent *a, const json_t *input);
} tools[] = {
    { "snapshot",
      "The page as an accessibility tree, with a ref for each element. Frames and shadow roots are "
      "included. Long pages come in parts.",
      "\"frame\":" STRING("Only this frame") ",\"within\":" STRING(
          "Only below the element with this ref") ",\"page\":" INTEGER("Part, from 1") "," WHY,
      "", "Looked at the page", "within", begin_hands },
    { "act",
      "Runs JavaScript with Playwright against the live page: the body of an async function that "
      "sees page, ref(id) (a locator), fillCredential(locator, name) and console. Answers what was "
      "printed, what was returned, and what changed on the page.",
      "\"code\":" STRING(
          "Body of an async function; use await, and return what you want to see") "," WHY,
      "\"code\"", "Tried a step on the page", "code", begin_hands },
    { "network", "The requests that the page has made since it was opened, numbered.",
      "\"filter\":" STRING("Text in the address") ",\"method\":" STRING("GET, POST ...") ",\"after\":" INTEGER(
          "Only those after this number") ",\"all\":" BOOLEAN("Images, fonts and styles too") "," WHY,
      "", "Looked at the page's requests", "filter", begin_hands },
    { "network_body", "The body of one of the requests, or of its answer.",
      "\"number\":" INTEGER("Of the request") ",\"what\":{\"type\":\"string\",\"enum\":["
                                              "\"response\",\"request\"]},\"offset\":" INTEGER(
                                                  "Where to go on reading") "," WHY,
      "\"number\"", "Read what a request brought", "number", begin_hands },
    { "screenshot", "A picture of the page, for what the tree does not show.",
      "\"full\":" BOOLEAN("All of the page, not only what is in view") ",\"ref\":" STRING(
          "Only this element") "," WHY,
      "", "Took a picture of the page", "ref", begin_hands },
    { "list_files", "The workflow's files.", WHY, "", "Listed the files", NULL, begin_list },
    { "read_file", "One of the workflow's files.", "\"path\":" STRING("Relative"), "\"path\"",
      "Read", "path", begin_read },
    { "write_file", "Creates or replaces a file.",
      "\"path\":" STRING("Relative, such as index.ts") ",\"content\":" STRING("All of it") "," WHY,
      "\"path\",\"content\"", "Wrote", "path", begin_write },
    { "edit_file", "Replaces a text in a file, which must be there exactly once.",
      "\"path\":" STRING("Relative") ",\"old\":" STRING("What is there") ",\"new\":" STRING(
          "What shall be there") "," WHY,
      "\"path\",\"old\",\"new\"", "Changed", "path", begin_edit },
    { "read_log", "What was recorded before the build: network requests or a person's actions.",
      "\"log\":{\"type\":\"string\",\"enum\":[\"network\",\"actions\"]},\"from\":" INTEGER(
          "Number of the first entry, from 1") ",\"search\":" STRING("Only entries with this text"),
      "\"log\"", "Read the recording", "log", begin_log },
    { "run_workflow",
      "Runs the files as they are in a new browser, from the start, as they will run when they are "
      "deployed. Answers the result, or the error with file and line.",
      "\"params\":" OBJECT("Input of the run; left out: the params of the task") ",\"workflow\":" STRING(
          "Name, if there are several") "," WHY,
      "", "Ran the workflow in a new browser", "params", begin_run },
    { "finish",
      "Hands in the workflow. It is run twice in new browsers, with the task's params and with "
      "varied_params; each result must match the output schema and hold something. Then it is "
      "deployed.",
      "\"workflow_name\":" STRING("The name that the files give it") ",\"summary\":" STRING(
          "For a person: what it does, what it takes and returns") ",\"varied_params\":"
                                                                   "{\"type\":[\"object\",\"null\"],\"description\":\"Other params that must work as well, "
                                                                   "the more different the better; null only if nothing can vary\"}",
      "\"workflow_name\",\"summary\",\"varied_params\"", "Handed in the workflow", "workflow_name",
      begin_finish },
    { "give_up", "Ends the build without a workflow.",
      "\"reason\":" STRING("For the person who asked: what is in the way, and what would help"),
      "\"reason\"", "Gave up", "reason", begin_give_up },
};

json_t *tools_new(const struct agent *a)
{
    json_t *out = json_array();

    (void)a;
    for (size_t i = 0; i < n_items(tools); i++) {
        scoped(mem_free) char *text =
            mem_format("{\"type\":\"object\",\"properties\":{%s},\"required\":[%s]}",
                       tools[i].properties, tools[i].required);
        json_t *schema = json_loads(text, 0, NULL);
        if (!schema)
            abort(); /* written above */
        json_array_append_new(out, json_pack("{s:s,s:s,s:o}", "name", tools[i].name, "description",
                                             tools[i].description, "input_schema", schema));
    }
    return out;
}

static const struct tool *find(const json_t *part)
{
    const char *name = json_text(part, "name");

    for (size_t i = 0; i < n_items(tools); i++) {
        if (strcmp(tools[i].name, name) == 0)
            return &tools[i];
    }
    return NULL;
}

bool tools_known(const json_t *part)
{
    return find(part) != NULL;
}

char *tools_what(const json_t *part)
{
    enum { SHOWN = 300 };
    const struct tool *tool = find(part);
    const json_t *shown =
        tool && tool->shows ? json_object_get(json_object_get(part, "input"), tool->shows) : NULL;

    if (!tool)
        return mem_text("Asked for a tool that there is not");
    if (!shown)
        return mem_text(tool->what);
    scoped(mem_free) char *text =
        json_is_string(shown) ? mem_text(json_string_value(shown)) : json_print(shown);
    scoped(mem_free) char *start = text_start(text, SHOWN);
    return mem_format("%s%s %s", tool->what, strchr(tool->what, ' ') ? ":" : "", start);
}

const char *tools_why(const json_t *part)
{
    return json_text(json_object_get(part, "input"), "why");
}

static void answer(struct agent *a, bool ok, const char *text)
{
    agent_answer(a, &(struct answer){ .ok = ok, .text = text });
}

static void missing(struct agent *a, const struct tool *tool)
{
    scoped(mem_free) char *text = mem_format(
        "The input of %s is not complete: it needs %s, each of the type that the tool says",
        tool->name, tool->required);

    answer(a, false, text);
}

/* Members that the tool needs are there. */
static bool complete(const struct tool *tool, const json_t *input)
{
    scoped(mem_free) char *text = mem_format("[%s]", tool->required);
    scoped(json_decref) json_t *names = json_loads(text, 0, NULL);
    size_t i;
    const json_t *name;

    json_array_foreach(names, i, name) {
        if (!json_object_get(input, json_string_value(name)))
            return false;
    }
    return true;
}

void tools_begin(struct agent *a, const json_t *part)
{
    const struct tool *tool = find(part);
    const json_t *input = json_object_get(part, "input");

    if (!tool)
        answer(a, false, "There is no such tool");
    else if (json_object_get(input, "malformed_arguments"))
        answer(a, false, "The arguments of this call are not valid JSON. Send them again");
    else if (!complete(tool, input))
        missing(a, tool);
    else
        tool->begin(a, input);
}

/* ---- hands ---- */

static const json_t *call_input(const struct agent *a, const char **name)
{
    const json_t *turn = json_array_get(a->turns, json_array_size(a->turns) - 1);
    size_t nth = a->call, i;
    const json_t *part;

    json_array_foreach(json_object_get(turn, "parts"), i, part) {
        if (strcmp(json_text(part, "type"), "call") == 0 && nth-- == 0) {
            *name = json_text(part, "name");
            return json_object_get(part, "input");
        }
    }
    return NULL;
}

static void call_hands(struct agent *a)
{
    const char *name = NULL;
    const json_t *input = call_input(a, &name);

    hands_call(a->hands, name, input);
}

static void on_opened(void *arg, bool ok, const char *text)
{
    struct agent *a = arg;
    scoped(mem_free) char *foreign = prompt_foreign(text);

    if (a->ended)
        return;
    a->hands_open = true;
    mem_free(a->hands_news);
    a->hands_news = mem_format("[A new browser was opened at %s%s]\n%s\n", a->task.initial_url,
                               ok ? "" : ", but the page did not open", foreign);
    call_hands(a);
}

static void on_answered(void *arg, const json_t *frame)
{
    struct agent *a = arg;
    const char *text = json_text(frame, "text");
    const char *changed = json_text(frame, "changed");
    const char *image = json_text(frame, "image");
    const char *media = json_text(frame, "media");
    bool known = media && (strcmp(media, "image/png") == 0 || strcmp(media, "image/jpeg") == 0);

    if (a->ended)
        return;
    scoped(mem_free) char *bounded = text_start(text ? text : "", LIMIT_LOG_LINE);
    scoped(mem_free) char *all =
        mem_format("%s%s%s", bounded, changed ? "\nChanged: " : "", changed ? changed : "");
    agent_answer(a, &(struct answer){ .ok = json_bool(frame, "ok", false),
                                      .foreign = true,
                                      .text = all,
                                      .image = known ? image : NULL,
                                      .media = known ? media : NULL,
                                      .outcome = changed && *changed ? changed : NULL });
}

static void on_lost(void *arg, const char *why)
{
    struct agent *a = arg;
    const char *name = NULL;
    bool waits = false;

    hands_free(take(a->hands));
    a->hands_open = false;
    if (a->ended || a->proof || a->thought)
        return; /* nobody waits for it; a new one is opened when it is needed */
    const json_t *input = call_input(a, &name);
    for (size_t i = 0; input && i < n_items(tools); i++)
        waits = waits || (tools[i].begin == begin_hands && strcmp(tools[i].name, name) == 0);
    if (!waits)
        return;
    scoped(mem_free) char *text =
        mem_format("The browser ended: %s. A new one will be opened, at the first page", why);
    answer(a, false, text);
}

static void begin_hands(struct agent *a, const json_t *input)
{
    const struct hands_user user = { on_opened, on_answered, on_lost, a };
    scoped(err_clear) struct err e = { 0 };

    (void)input;
    if (a->hands && a->hands_open) {
        call_hands(a);
    } else if (hands_start(a->engine, a->task.initial_url, a->secrets, &user, &a->hands, &e) < 0) {
        answer(a, false, e.msg);
    }
}

/* ---- files ---- */

bool file_path_valid(const char *path)
{
    size_t all = strlen(path);

    if (all == 0 || all > 200)
        return false;
    for (const char *at = path;; at++) {
        size_t n = strcspn(at, "/");
        if (n == 0 || strspn(at, ".") == n || strncmp(at, "node_modules", n) == 0)
            return false;
        for (size_t i = 0; i < n; i++) {
            if ((unsigned char)at[i] <= 0x20 || at[i] == '\\' || (unsigned char)at[i] >= 0x7f)
                return false;
        }
        at += n;
        if (*at == '\0')
            return true;
    }
}

bool files_valid(const json_t *files)
{
    const char *path;
    json_t *text;

    if (!json_is_object(files) || json_object_size(files) == 0 ||
        json_object_size(files) > MOST_FILES)
        return false;
    json_object_foreach(json_shared(files), path, text) {
        if (!file_path_valid(path) || !json_is_string(text) ||
            json_string_length(text) > FILE_BYTES)
            return false;
    }
    return true;
}

static void begin_list(struct agent *a, const json_t *input)
{
    scoped(buf_done) struct buf out = { 0 };
    const char *path;
    json_t *text;

    (void)input;
    json_object_foreach(a->files, path, text)
        buf_format(&out, "%s (%zu bytes)\n", path, json_string_length(text));
    answer(a, true, buf_str(&out));
}

static const char *file_of(struct agent *a, const json_t *input)
{
    const char *path = json_text(input, "path");
    const char *text = path ? json_text(a->files, path) : NULL;

    if (!text)
        answer(a, false, "There is no such file: list_files shows those that there are");
    return text;
}

static void begin_read(struct agent *a, const json_t *input)
{
    const char *text = file_of(a, input);

    if (!text)
        return;
    scoped(mem_free) char *shown = text_start(text, READ_BYTES);
    answer(a, true, shown);
}

static void keep_file(struct agent *a, const char *path, const char *text)
{
    if (!file_path_valid(path)) {
        answer(a, false, "This path cannot be used: write it like index.ts or lib/table.ts");
    } else if (strlen(text) > FILE_BYTES ||
               (!json_object_get(a->files, path) && json_object_size(a->files) >= MOST_FILES)) {
        answer(a, false, "That is too large, or one file too many");
    } else {
        json_object_set_new(a->files, path, json_string(text));
        answer(a, true, "Done");
    }
}

static void begin_write(struct agent *a, const json_t *input)
{
    const char *path = json_text(input, "path");
    const char *text = json_text(input, "content");

    if (path && text)
        keep_file(a, path, text);
    else
        answer(a, false, "path and content are texts");
}

static void begin_edit(struct agent *a, const json_t *input)
{
    const char *old = json_text(input, "old"), *new = json_text(input, "new");
    const char *text = file_of(a, input);

    if (!text)
        return;
    const char *at = old && *old ? strstr(text, old) : NULL;
    if (!at || !new) {
        answer(a, false, "The old text is not in the file exactly so: read it again");
    } else if (strstr(at + 1, old)) {
        answer(a, false,
               "The old text is in the file more than once: give more of what is around "
               "it");
    } else {
        scoped(mem_free) char *changed =
            mem_format("%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
        keep_file(a, json_text(input, "path"), changed);
    }
}

static void begin_log(struct agent *a, const json_t *input)
{
    const char *which = json_text(input, "log");

    if (!which) {
        answer(a, false, "log is \"network\" or \"actions\"");
        return;
    }
    scoped(mem_free) char *text =
        prompt_log(a, which, json_int(input, "from", 1), json_text(input, "search"), true);
    agent_answer(a, &(struct answer){ .ok = true, .foreign = true, .text = text });
}

/* ---- the end ---- */

static void begin_run(struct agent *a, const json_t *input)
{
    if (!json_text(a->files, a->task.entry_point)) {
        scoped(mem_free) char *text =
            mem_format("There is no %s yet, which is the entry point", a->task.entry_point);
        answer(a, false, text);
        return;
    }
    agent_try(a, json_object_get(input, "params"), json_text(input, "workflow"));
}

static void begin_finish(struct agent *a, const json_t *input)
{
    const char *summary = json_text(input, "summary");
    const char *name = json_text(input, "workflow_name");

    if (!summary || !name || !json_text(a->files, a->task.entry_point)) {
        answer(a, false,
               "Nothing to hand in: the entry point, the workflow's name and a summary "
               "are needed");
        return;
    }
    mem_free(a->summary);
    a->summary = text_start(summary, 4000);
    agent_prove(a, name, json_object_get(input, "varied_params"));
}

static void begin_give_up(struct agent *a, const json_t *input)
{
    const char *reason = json_text(input, "reason");
    scoped(mem_free) char *text =
        text_start(reason && *reason ? reason : "The model gave up without a reason", 4000);
    const struct ai_step step = { .kind = "give_up",
                                  .what = "Gave up",
                                  .why = text,
                                  .ok = 0,
                                  .started_at = store_now(a->engine->store) };

    agent_step(a, &step, false);
    agent_end(a, text);
}
