// SPDX-License-Identifier: Apache-2.0
//
// The deployment's code in a slot: arrives as a tar once the slot has its job.

import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { exportedWorkflows } from "./collect.mjs";
import { Failure } from "./failure.mjs";
import { app, tool } from "./places.mjs";

const BUNDLE_IN = 4;

/** Starts the unpacking, which waits for the bundle; the promise settles when all of it is there. */
export function startUnpacking() {
    const child = spawn(tool, ["unpack", "--tar", "--into", app], {
        stdio: [BUNDLE_IN, "ignore", "pipe"],
    });
    closeSync(BUNDLE_IN);

    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text) => (said += text));
    const unpacked = new Promise((resolve, reject) => {
        child.on("error", reject);
        child.on("close", (status) =>
            status === 0
                ? resolve()
                : reject(new Failure(`The bundle could not be unpacked: ${said.trim()}`)),
        );
    });
    unpacked.catch(() => {}); /* it may fail before anyone waits for it */
    return unpacked;
}

/** Imports the deployment, in its own folder, and picks the workflow of that name. */
export async function loadWorkflow(entry, name) {
    process.chdir(app);
    const workflow = exportedWorkflows(await import(pathToFileURL(join(app, entry)).href)).find(
        (candidate) => candidate.name === name,
    );
    if (workflow === undefined)
        throw new Failure(`The deployment exports no workflow named "${name}"`);
    return workflow;
}
