// SPDX-License-Identifier: Apache-2.0
//
// A slot: warms up all that a job will need, waits for one job, runs it, and is gone. Neither its
// process nor its browser ever serves a second one.

import { receiveRun } from "./lib/assignment.mjs";
import { openBrowser } from "./lib/browser.mjs";
import { startUnpacking } from "./lib/code.mjs";
import { send } from "./lib/frames.mjs";
import { runJob } from "./lib/job.mjs";
import { loadForImport } from "./lib/playwright.mjs";

/* Counted from the start of the process: loading Playwright is most of it. */
const node_ms = Math.round(performance.now());

async function warmUp() {
    const unpacked = startUnpacking();
    const opened = await openBrowser();

    await loadForImport();
    send({ t: "ready", node_ms, browser_ms: Math.round(performance.now()) - node_ms });
    return { ...opened, unpacked };
}

/** A slot whose browser ends before its job comes is of no use, and says so at once. */
function giveUp() {
    fail(new Error("The browser ended before a job came"));
}

function fail(error) {
    send({
        t: "error",
        kind: "setup",
        error: `The slot failed: ${error.message}`,
        stack: null,
        screenshot: null,
        html: null,
    });
    process.exit(1);
}

try {
    const slot = await warmUp();

    slot.browser.once("disconnected", giveUp);
    const run = await receiveRun();
    if (run === null) process.exit(0);
    slot.browser.off("disconnected", giveUp);
    await runJob(run, slot);
} catch (error) {
    fail(error);
}
