/* SPDX-License-Identifier: Apache-2.0
 *
 * One AI build at work: it writes files, proves them by clean runs, and deploys what was proven.
 *
 *     with a model:     think -> act (tools) -> think -> ... -> finish --.
 *     with a log alone: compose ----------------------------------------`-> proof, proof -> deploy
 *
 * All that it must remember is the task's `state`: the conversation and the files. It is kept with
 * the row of each step, so that a build goes on after a restart, at worst one step behind and with
 * a new browser.
 */
#ifndef ENGINE_AGENT_H
#define ENGINE_AGENT_H

#include "domain/ai_build.h"
#include "engine/compose.h"
#include "engine/hands.h"
#include "engine/proof.h"
#include "model/model.h"

struct agent;
struct agents;

/* Takes what `task` holds. */
struct agent *agent_start(struct agents *owner, struct engine *e, struct ai_task *task);
void agent_free(struct agent *a);

const char *agent_id(const struct agent *a);
/* The deployment that it waits for; NULL: none. */
const char *agent_deployment(const struct agent *a);
/* It became ready, or failed, or may have. */
void agent_look(struct agent *a);
void agent_cancel(struct agent *a);

/* ---- the queue, to its agents ---- */

/* It has ended: it will be freed soon. */
void agents_ended(struct agents *owner, struct agent *which);
/* Runs fn(arg) on a thread that may wait. */
void agents_run(struct agents *owner, void (*fn)(void *arg), void *arg);

/* ---- what an agent is made of; for agent*.c ---- */

struct agent {
    struct agents *owner;
    struct engine *engine;
    struct ai_task task;
    json_t *turns, *files; /* members of task.state */
    json_t *secrets;       /* credentials of the tenant: name to value */
    msec_t started;        /* steady */
    struct timer *deadline, *later;
    bool ended;

    struct thought *thought; /* the model is asked */

    size_t call; /* of the calls of the last turn, the one under way */
    json_t *results;
    msec_t call_started;
    struct hands *hands;
    bool hands_open;
    char *hands_news; /* for the next answer */

    struct proof *proof;
    const json_t *proven; /* the workflow: what was found lives with the proof */
    json_t *found;
    bool finishing;
    msec_t run_started;
    int runs; /* of the proof that ended well */
    json_t *first_result;
    json_t *varied; /* params of the second run, or NULL */
    char *workflow_name, *summary;

    struct composing *composing;
};

/* agent.c */
void agent_step(struct agent *a, const struct ai_step *step, bool with_state);
void agent_end(struct agent *a, const char *error);
void agent_then(struct agent *a, void (*fn)(void *arg)); /* soon, on the loop */
void agent_deploy(struct agent *a);

/* agent_tools.c: the tools that the model has */
json_t *tools_new(const struct agent *a);
bool tools_known(const json_t *part);
/* Begins the call `part`; ends in tools_answer(), now or later. */
void tools_begin(struct agent *a, const json_t *part);
/* The sentence for people, and the reason that the model gave (or NULL). */
char *tools_what(const json_t *part);
const char *tools_why(const json_t *part);

/* agent.c: the call under way has its answer. `foreign` marks text that others wrote. */
struct answer {
    bool ok, foreign;
    const char *text;
    const char *image, *media;
    const char *outcome; /* for people; NULL: made from the text */
};
void agent_answer(struct agent *a, const struct answer *answer);

/* agent_proof.c: clean runs, of a tool call or of the end */
void agent_try(struct agent *a, const json_t *params, const char *workflow);
void agent_prove(struct agent *a, const char *workflow, const json_t *varied);

/* agent_prompt.c */
extern const char agent_system[];
json_t *prompt_first_turn(const struct agent *a, bool restarted);
char *prompt_log(const struct agent *a, const char *which, int64_t from, const char *search,
                 bool whole);
/* Text of others, so marked that it cannot pretend to be ours. */
char *prompt_foreign(const char *text);
/* Shortens what the model has read long ago. */
void prompt_trim(json_t *turns);
char *text_start(const char *text, size_t bytes); /* cut at a character, with a mark */

/* Path to text, of which there are few and short ones. */
bool file_path_valid(const char *path);
bool files_valid(const json_t *files);

#endif
