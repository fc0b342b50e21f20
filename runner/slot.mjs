// SPDX-License-Identifier: Apache-2.0
//
// A slot: warms up all that a job will need, waits for one job, runs it, and is gone. Neither its
// process nor its browser ever serves a second one.

import { receiveRun } from "./lib/assignment.mjs";
import { openBrowser } from "./lib/browser.mjs";
import { startUnpacking } from "./lib/code.mjs";
import { send } from "./lib/frames.mjs";
import { runJob } from "./lib/job.mjs";

/* Counted from the start of the process: loading Playwright is most of it. */
const node_ms = Math.round(performance.now());

async function warmUp() {
    const unpacked = startUnpacking();
    const opened = await openBrowser();

    await import("playwright"); /* so that an author's import of it costs nothing either */
    send({ t: "ready", node_ms, browser_ms: Math.round(performance.now()) - node_ms });
    return { ...opened, unpacked };
}

try {
    const slot = await warmUp();
    const run = await receiveRun();

    if (run === null) process.exit(0);
    await runJob(run, slot);
} catch (error) {
    send({
        t: "error",
        kind: "setup",
        error: `The slot failed: ${error.stack}`,
        stack: null,
        screenshot: null,
        html: null,
    });
    process.exit(1);
}
