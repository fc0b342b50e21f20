/* SPDX-License-Identifier: Apache-2.0
 *
 * What an agent is made of; for agent*.c.
 */
#ifndef ENGINE_AGENT_PRIVATE_H
#define ENGINE_AGENT_PRIVATE_H

#include "engine/agent.h"
#include "engine/compose.h"
#include "engine/conversation.h"
#include "engine/hands.h"
#include "engine/proof.h"
#include "model/model.h"

/* What was recorded before the build, or NULL, and in short for the first turn. */
struct recording {
    json_t *network, *actions; /* arrays of objects */
    char *network_digest, *actions_digest;
};

struct agent {
    struct agents *owner;
    struct engine *engine;
    struct ai_task task;
    json_t *turns, *files; /* members of task.state */
    json_t *secrets;       /* credentials of the tenant: name to value */
    msec_t started;        /* steady */
    struct timer *deadline, *later;
    bool ended;
    char *last_words; /* why it failed; NULL: it is ready */
    int faults;       /* of the server, one after the other */

    struct recording recording;
    struct study *study;     /* it is being read */
    struct thought *thought; /* the model is asked */

    size_t call; /* of the calls of the last turn, the one under way */
    json_t *results;
    msec_t call_started;
    struct hands *hands;
    bool hands_open;
    char *hands_news;    /* for the next answer */
    struct buf refusals; /* of connections, likewise, a line each */

    struct proof *proof;
    const json_t *proven; /* the workflow: what was found lives with the proof */
    bool finishing;
    msec_t run_started;
    int runs; /* of the proof that ended well */
    json_t *first_result;
    json_t *varied; /* params of the second run, or NULL */
    char *workflow_name, *summary;

    struct composing *composing;
};

/* ---- agent.c: life, and what is kept ---- */

msec_t agent_now(const struct agent *a); /* steady */
void agent_step(struct agent *a, const struct ai_step *step, bool with_state);
void agent_end(struct agent *a, const char *error);
void agent_then(struct agent *a, void (*fn)(void *arg)); /* soon, on the loop */
/* Something that nobody's files are to blame for, nor can repair: told as a step, and fn() tries it
 * again after a pause. When that does not help either, the build ends with the reason. */
void agent_fault(struct agent *a, const char *why, void (*fn)(void *arg));

/* The first thing to do, and what follows when agent_recall() has read. */
void agent_begin(void *arg);
void agent_recalled(struct agent *a);

/* ---- agent_recording.c: what a client recorded ---- */

void agent_recall(struct agent *a, bool digests);
void begin_log(struct agent *a, const json_t *input); /* a tool: parts of it */
/* Whoever waits for it waits no more. */
void study_abandon(struct study *s);
void recording_done(struct recording *r);

/* ---- agent_think.c: the model is asked, and what it said is taken up ---- */

void agent_think(void *arg);
/* Whoever waits for the model waits no more. */
void thought_abandon(struct thought *t);

/* ---- agent_act.c: the calls of a turn, one after the other ---- */

void agent_act(void *arg);
/* The call under way has its answer. `foreign` marks text that others wrote. */
struct answer {
    bool ok, foreign;
    const char *text;
    const char *image, *media;
    const char *outcome; /* for people; NULL: made from the text */
};
void agent_answer(struct agent *a, const struct answer *answer);

/* ---- agent_tools.c: the tools that the model has ---- */

json_t *tools_new(void);
bool tools_known(const json_t *call);
/* Begins the call; ends in agent_answer(), now or later. */
void tools_begin(struct agent *a, const json_t *call);
/* The sentence for people, and the reason that the model gave (or NULL). */
char *tools_what(const json_t *call);
char *tools_why(const json_t *call);

/* ---- agent_hands.c: the tools that look at the page, or act on it ---- */

void begin_hands(struct agent *a, const json_t *input);

/* ---- agent_compose.c: without a model, files are made from the recorded actions ---- */

void agent_compose(void *arg);

/* ---- agent_proof.c: clean runs, of a tool call or of the end ---- */

void agent_try(struct agent *a, const json_t *params, const char *workflow);
void agent_prove(struct agent *a, const char *workflow, const json_t *varied);

/* ---- agent_deploy.c: what was proven goes the way of every upload ---- */

void agent_deploy(void *arg);

/* ---- agent_prompt.c ---- */

extern const char agent_system[];
json_t *prompt_first_turn(const struct agent *a);
/* Text of others, so marked that it cannot pretend to be ours. */
char *prompt_foreign(const char *text);

#endif
