/* SPDX-License-Identifier: Apache-2.0
 *
 * The tools that the model has: their schemas, and those that work on files and recordings or end the
 * build. Those that look at the page are in agent_hands.c, clean runs in agent_proof.c.
 */
#include "engine/agent_private.h"
#include "engine/files.h"

#include <stdlib.h>

enum {
    READ_BYTES = 48 * 1024, /* of a file, at once */
    SHOWN_BYTES = 300,      /* of what the model wrote into a call, for people */
    REASON_BYTES = 4000,    /* of its last words */
};

static void begin_list(struct agent *a, const json_t *input);
static void begin_read(struct agent *a, const json_t *input);
static void begin_write(struct agent *a, const json_t *input);
static void begin_edit(struct agent *a, const json_t *input);
static void begin_run(struct agent *a, const json_t *input);
static void begin_finish(struct agent *a, const json_t *input);
static void begin_give_up(struct agent *a, const json_t *input);

#define STRING(what)  "{\"type\":\"string\",\"description\":\"" what "\"}"
#define INTEGER(what) "{\"type\":\"integer\",\"description\":\"" what "\"}"
#define BOOLEAN(what) "{\"type\":\"boolean\",\"description\":\"" what "\"}"
#define OBJECT(what)  "{\"type\":\"object\",\"description\":\"" what "\"}"
#define WHY \
    "\"why\":" STRING("In one sentence for a person: what this is to find out or to achieve")
#define TAB "\"tab\":" INTEGER("Of the open tabs, from 1; left out: the first")

static const struct tool {
    const char *name, *description, *properties, *required;
    const char *what;  /* for people */
    const char *shows; /* the member of the input that belongs to it */
    void (*begin)(struct agent *a, const json_t *input);
} tools[] = {
    { "snapshot",
      "The page as an accessibility tree, with a ref for each element. Frames and shadow roots are "
      "included. Long pages come in parts, long lists shortened.",
      "\"frame\":" STRING("Only this frame: its name, ref, or a part of its address") ",\"within\":" STRING("Only below the element with this ref") ",\"find\":" STRING(
          "Only lines with this text, and what they stand in") ",\"whole\":" BOOLEAN("Long lists in full") ",\"page\":" INTEGER("Part, from 1") "," TAB
                                                                                                                                                "," WHY,
      "", "Looked at the page", "within", begin_hands },
    { "act",
      "Runs JavaScript with Playwright against the live page: the body of an async function that "
      "sees page, ref(id) (a locator), fillCredential(locator, name), params (the example), context, "
      "tabs (all pages) and console. Answers what was printed, what was returned, and what changed on "
      "the page.",
      "\"code\":" STRING(
          "Body of an async function; use await, and return what you want to see") "," TAB "," WHY,
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
          "Only this element") "," TAB "," WHY,
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

json_t *tools_new(void)
{
    json_t *out = json_array();

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

static const struct tool *find(const json_t *call)
{
    const char *name = json_text(call, "name");

    for (size_t i = 0; i < n_items(tools); i++) {
        if (strcmp(tools[i].name, name) == 0)
            return &tools[i];
    }
    return NULL;
}

bool tools_known(const json_t *call)
{
    return find(call) != NULL;
}

char *tools_what(const json_t *call)
{
    const struct tool *tool = find(call);
    const json_t *shown =
        tool && tool->shows ? json_object_get(json_object_get(call, "input"), tool->shows) : NULL;

    if (!tool)
        return mem_text("Asked for a tool that there is not");
    if (!shown)
        return mem_text(tool->what);
    scoped(mem_free) char *text =
        json_is_string(shown) ? mem_text(json_string_value(shown)) : json_print(shown);
    scoped(mem_free) char *start = text_start(text, SHOWN_BYTES);
    return mem_format("%s%s %s", tool->what, strchr(tool->what, ' ') ? ":" : "", start);
}

char *tools_why(const json_t *call)
{
    const char *why = json_text(json_object_get(call, "input"), "why");

    return why ? text_start(why, SHOWN_BYTES) : NULL;
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

void tools_begin(struct agent *a, const json_t *call)
{
    const struct tool *tool = find(call);
    const json_t *input = json_object_get(call, "input");

    if (!tool)
        answer(a, false, "There is no such tool");
    else if (json_object_get(input, "malformed_arguments"))
        answer(a, false, "The arguments of this call are not valid JSON. Send them again");
    else if (!complete(tool, input))
        missing(a, tool);
    else
        tool->begin(a, input);
}

/* ---- files ---- */

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
               (!json_object_get(a->files, path) && json_object_size(a->files) >= FILES_MOST)) {
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
    a->summary = text_start(summary, REASON_BYTES);
    agent_prove(a, name, json_object_get(input, "varied_params"));
}

static void begin_give_up(struct agent *a, const json_t *input)
{
    const char *reason = json_text(input, "reason");
    scoped(mem_free) char *text =
        text_start(reason && *reason ? reason : "The model gave up without a reason", REASON_BYTES);
    const struct ai_step step = { .kind = "give_up",
                                  .what = "Gave up",
                                  .why = text,
                                  .ok = 0,
                                  .started_at = store_now(a->engine->store) };

    agent_step(a, &step, false);
    agent_end(a, text);
}
