// SPDX-License-Identifier: Apache-2.0
//
// The line protocol on descriptor 3: one JSON object per line. Everything is written at once and
// in order, so that a frame sent while the process dies still arrives whole; PROTOCOL.md has the
// list of frames.

import { writeSync } from "node:fs";
import { Failure } from "./failure.mjs";
import { plain } from "./json.mjs";

const CHANNEL = 3;
const MESSAGE_BYTES = 64 * 1024;
const ERROR_BYTES = 16 * 1024;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Writes all of it, also where the other end made our descriptor non-blocking. */
function writeAll(fd, text) {
    let rest = Buffer.from(text);

    while (rest.length > 0) {
        try {
            rest = rest.subarray(writeSync(fd, rest));
        } catch (error) {
            if (error.code !== "EAGAIN") throw error;
            Atomics.wait(sleeper, 0, 0, 1);
        }
    }
}

/** Sends a frame that is JSON text already: the result of a job is not parsed twice. */
export function sendText(json) {
    writeAll(CHANNEL, plain(json) + "\n");
}

/** @param {{ t: string, [field: string]: unknown }} frame */
export function send(frame) {
    sendText(JSON.stringify(frame));
}

/** Cuts a text to so many bytes of UTF-8 and says how much is missing. */
export function cut(text, limit) {
    const bytes = Buffer.from(text);
    if (bytes.length <= limit) return text;

    const kept = limit - 40;
    const head = bytes
        .subarray(0, kept)
        .toString()
        .replace(/\uFFFD$/, "");
    return `${head}... (${bytes.length - kept} more bytes)`;
}

export function cutMessage(text) {
    return cut(text, MESSAGE_BYTES);
}

/** A line of the build log, in our own voice. */
export function log(message) {
    send({ t: "log", stream: "system", message: cutMessage(message) });
}

/** A line of the build log, said by somebody else on one of the two streams. */
export function logFrom(stream, message) {
    send({ t: "log", stream, message: cutMessage(message) });
}

export function phase(name) {
    send({ t: "phase", name });
}

/** The last frame of a build box that cannot go on. */
export function fail(error) {
    const frame = { t: "fail", error: cut(error.message, ERROR_BYTES) };

    if (error instanceof Failure) {
        if (error.fault === "server") frame.server_fault = true;
    } else {
        frame.error = cut(
            `Impresario failed here, not your code: ${error.stack ?? error}`,
            ERROR_BYTES,
        );
        frame.server_fault = true;
    }
    send(frame);
}

/**
 * Runs one build box: what `main` returns is its last frame.
 * @param {() => Promise<{ t: string }>} main
 */
export async function box(main) {
    try {
        send(await main());
        return 0;
    } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
        return 1;
    }
}
