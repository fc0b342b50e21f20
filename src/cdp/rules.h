/* SPDX-License-Identifier: Apache-2.0
 *
 * What the code of a job may have its browser do. Driving pages is what a browser is there for; what
 * is refused leads from a page's powers to those of the browser's own process, or to files of the box
 * that it is in. docs/decisions/0011-a-box-for-the-browser.md has the reasons.
 */
#ifndef CDP_RULES_H
#define CDP_RULES_H

#include "base/json.h"
#include "cdp/scan.h"

struct cdp_rules {
    const char *shared; /* the folder that job and browser have in common: files go through it */
    bool probe;         /* for the canary: Chromium's page about its own sandbox may be opened */
};

enum cdp_verdict {
    CDP_PASS,
    CDP_REFUSE, /* and the sender is to hear why */
    CDP_FILES,  /* it names files of the sender's, which have to be brought before it may pass */
    CDP_PLACE,  /* it names a folder of the sender's, where what is downloaded is to be found */
};

/* Judges a message that was scanned, of a client to the browser. `why`, for CDP_REFUSE, is the
 * caller's to free. `command`, for the last two, is the message, parsed: params.files is a list of
 * anything, params.downloadPath a text. */
enum cdp_verdict cdp_judge(const struct cdp_rules *r, const struct cdp_scan *s, const char *text,
                           char **why, json_t **command);

/* A switch of Chromium's command line, as a client asked for it. */
enum cdp_switch {
    CDP_SWITCH_PASS,
    CDP_SWITCH_DROP, /* what we say ourselves, or never */
    CDP_SWITCH_REFUSE,
};
enum cdp_switch cdp_judge_switch(const char *text);

#endif
