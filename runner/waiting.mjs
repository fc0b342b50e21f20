// SPDX-License-Identifier: Apache-2.0
//
// A box of a build that is started before there is anything to build: loads what its program needs,
// starts the tool that will unpack, which waits for its first byte, and waits for `go`. Then it becomes
// `prepare` or `discover`. None of an author's bytes is in the box before that, and a box serves one
// build.
//
//     node waiting.mjs prepare|discover OPTIONS-OF-UNPACK...

import { spawn } from "node:child_process";
import { readSync } from "node:fs";
import { app, tool } from "./lib/places.mjs";

const LOADS = {
    prepare: async () => {
        await import("./lib/bundle.mjs");
        await import("./lib/entry.mjs");
        await import("./lib/key.mjs");
        const { startPacker } = await import("./lib/packer.mjs");
        startPacker();
    },
    discover: async () => {
        await import("./lib/collect.mjs");
        await import("./lib/stack.mjs");
        await import("./lib/standin.mjs");
        /* Most bundles import the layer's first. What it is made of is what they would run. */
        const { ownZod } = await import("./lib/schemas.mjs");
        await ownZod().catch(() => {});
    },
};

/** The server's one line. Blocks: there is nothing else to do, and the tools write to this socket too. */
function receive() {
    const chunk = Buffer.alloc(64 * 1024);
    let text = "";

    while (!text.endsWith("\n")) {
        const n = readSync(3, chunk);
        if (n === 0) return null;
        text += chunk.toString("utf8", 0, n);
    }
    return JSON.parse(text);
}

const [program, ...options] = process.argv.slice(2);
const unpacker = spawn(tool, ["unpack", ...options, "--into", app, "--report", "3"], {
    stdio: [0, 1, 2, 3],
});
const unpacked = new Promise((resolve) => {
    unpacker.on("error", () => resolve({ code: 1, signal: null }));
    unpacker.on("exit", (code, signal) => resolve({ code, signal }));
});

await LOADS[program]();
const go = receive();
if (go === null) process.exit(0); /* the server went away */

const { code, signal } = await unpacked;
if (signal !== null) process.kill(process.pid, signal);
if (code !== 0) process.exit(code); /* it has said why */
Object.assign(process.env, go.env);
await import(`./${program}.mjs`);
