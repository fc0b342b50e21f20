// SPDX-License-Identifier: Apache-2.0
//
// The tool that packs the finished bundle on descriptor 4. It can be started ahead: it begins when its
// input ends.

import { spawn } from "node:child_process";
import { Failure } from "./failure.mjs";
import { app, tool } from "./places.mjs";

const BUNDLE_OUT = 4;

let packer = null;

export function startPacker() {
    const child = spawn(tool, ["pack", "--when-told", app], {
        stdio: ["pipe", BUNDLE_OUT, "pipe"],
    });
    let said = "";

    child.stdin.on("error", () => {}); /* its end says more */
    child.stderr.on("data", (text) => (said += text));
    packer = {
        tell: () => child.stdin.end(),
        ended: new Promise((resolve) => {
            child.on("error", (error) => resolve(error.message));
            child.on("close", (status) => resolve(status === 0 ? null : said.trim()));
        }),
    };
}

export async function pack() {
    if (packer === null) startPacker();
    packer.tell();
    const why = await packer.ended;
    if (why !== null)
        throw new Failure(`The bundle could not be packed: ${why}`, { fault: "server" });
}
