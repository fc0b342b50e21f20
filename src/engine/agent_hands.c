/* SPDX-License-Identifier: Apache-2.0
 *
 * The tools that look at the page, or act on it, are called in the box that holds the browser.
 */
#include "base/bounds.h"
#include "engine/agent_private.h"

static void call_hands(struct agent *a)
{
    const json_t *call = conversation_call(a->turns, a->call);

    hands_call(a->hands, json_text(call, "name"), json_object_get(call, "input"));
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
    bool known = media && (strcmp(media, "image/png") == 0 || strcmp(media, "image/jpeg") == 0) &&
                 image && strlen(image) <= LIMIT_IMAGE;

    if (a->ended)
        return;
    scoped(mem_free) char *bounded = text_start(text ? text : "", LIMIT_LOG_LINE);
    scoped(mem_free) char *news = changed ? text_start(changed, LIMIT_CHANGED) : NULL;
    scoped(mem_free) char *all =
        mem_format("%s%s%s", bounded, news ? "\nChanged: " : "", news ? news : "");
    agent_answer(a, &(struct answer){ .ok = json_bool(frame, "ok", false),
                                      .foreign = true,
                                      .text = all,
                                      .image = known ? image : NULL,
                                      .media = known ? media : NULL,
                                      .outcome = news && *news ? news : NULL });
}

static void open_again(void *arg)
{
    struct agent *a = arg;

    a->later = NULL;
    if (!a->ended)
        begin_hands(a, NULL);
}

static void on_lost(void *arg, const char *why, bool waits)
{
    struct agent *a = arg;
    bool opened = a->hands_open;

    hands_free(take(a->hands));
    a->hands_open = false;
    if (a->ended || !waits)
        return; /* a new one is opened when it is needed */
    if (!opened) {
        scoped(mem_free) char *fault = mem_format("The build's browser did not start: %s", why);
        agent_fault(a, fault, open_again);
        return;
    }
    scoped(mem_free) char *text =
        mem_format("The browser ended: %s. A new one will be opened, at the first page", why);
    agent_answer(a, &(struct answer){ .ok = false, .foreign = true, .text = text });
}

void begin_hands(struct agent *a, const json_t *input)
{
    const struct hands_user user = { on_opened, on_answered, on_lost, a };
    const struct hands_open open = { a->task.initial_url, a->task.params, a->secrets };
    scoped(err_clear) struct err e = { 0 };

    (void)input;
    if (a->hands && a->hands_open) {
        call_hands(a);
    } else if (hands_start(a->engine, &open, &user, &a->hands, &e) < 0) {
        scoped(mem_free) char *fault = mem_format("The build's browser did not start: %s", e.msg);
        agent_fault(a, fault, open_again);
    }
}
