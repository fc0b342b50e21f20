// SPDX-License-Identifier: Apache-2.0
//
// The hands of a build by AI: a browser that a model steers, one call at a time. This process only
// keeps order: it owns the channel to the server, the time that a call may take, the size of every
// answer, and keeps the values of credentials out of them. The browser and the snippets that a
// model writes live in a child of it, because a snippet may never give its thread back: then the
// child is killed, the server is told, and opens a new box when it needs one.

import { fork } from "node:child_process";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { fail, log, send } from "./lib/frames.mjs";
import { Failure } from "./lib/failure.mjs";
import { runner } from "./lib/places.mjs";
import { answerFrame, CALL_MS } from "./lib/agent/answer.mjs";
import { credentialRedactor } from "./lib/agent/secrets.mjs";

const CHANNEL = 3;
const OPEN_MS = 60_000;

/* The server waits for `timeout_ms`; the child is asked to be ready before that, and is not waited
 * for when it is not. */
const CHILD_EARLIER_MS = 1_500;
const ANSWER_EARLIER_MS = 300;
const SHORTEST_MS = 1_000;

const child = fork(join(runner, "lib", "agent", "hands.mjs"), [], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    execArgv: ["--disable-warning=ExperimentalWarning"] /* stripping types is one */,
});

/** What the child is busy with: settled by its answer, by its end, or by the clock. */
let pending = null;
let redact = (text) => text;

child.on("message", (message) => {
    if (pending === null || typeof message !== "object" || message?.id !== pending.id) return;
    settle(message);
});
child.on("exit", () => end("The browser ended"));

function settle(message) {
    const { resolve, timer } = pending;

    clearTimeout(timer);
    pending = null;
    resolve(message);
}

/** The box is of no use any more. A call that waits is answered first. */
function end(why) {
    if (pending !== null) {
        settle({ ok: false, text: `${why}; what the page held is lost`, lost: why });
        return; /* whoever asked answers, and leaves then */
    }
    fail(new Failure(why, { fault: "server" }));
    process.exit(1);
}

/** @returns {Promise<{ ok: boolean, text: string, lost?: string }>} */
function ask(message, ms) {
    return new Promise((resolve) => {
        const timer = setTimeout(() => {
            pending = null;
            resolve({
                ok: false,
                text:
                    `Nothing came back within ${Math.round(ms / 1000)} s: the snippet kept its thread busy. ` +
                    "The browser was ended, and what the page held is lost",
                lost: "The browser was ended: a call never came back",
            });
        }, ms);

        pending = { id: message.id, resolve, timer };
        child.send(message, (error) => {
            if (error !== null && pending?.id === message.id) end("The browser ended");
        });
    });
}

function leaveIf(lost) {
    if (lost === undefined) return;
    child.kill("SIGKILL");
    fail(new Failure(lost, { fault: "server" }));
    process.exit(1);
}

async function open(frame) {
    redact = credentialRedactor(frame.credentials ?? {});
    const said = await ask({ t: "open", id: 0, frame }, OPEN_MS);
    const { ok, text } = answerFrame(0, said, redact);

    send({ t: "opened", ok, text });
    leaveIf(typeof said.lost === "string" ? said.lost : undefined);
}

async function call(frame) {
    const limit = Math.max(SHORTEST_MS, Number(frame.timeout_ms) || CALL_MS);
    const said = await ask(
        {
            t: "call",
            id: frame.id,
            tool: frame.tool,
            input: frame.input ?? {},
            ms: Math.max(SHORTEST_MS / 2, limit - CHILD_EARLIER_MS),
        },
        Math.max(SHORTEST_MS / 2, limit - ANSWER_EARLIER_MS),
    );

    send(answerFrame(frame.id, said, redact));
    leaveIf(typeof said.lost === "string" ? said.lost : undefined);
}

/* One at a time, in the order in which they came. */
let last = Promise.resolve();
const socket = new Socket({ fd: CHANNEL, readable: true, writable: false });

createInterface(socket).on("line", (line) => {
    const frame = JSON.parse(line);

    if (frame.t === "open") last = last.then(() => open(frame));
    else if (frame.t === "call") last = last.then(() => call(frame));
    else log(`A frame "${frame.t}" is not known here`);
});
socket.on("error", () => {});
socket.on("close", () => {
    child.removeAllListeners("exit");
    child.kill("SIGKILL");
    process.exit(0);
});
