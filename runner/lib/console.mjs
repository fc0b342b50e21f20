// SPDX-License-Identifier: Apache-2.0
//
// What the author's code prints, as entries of the job's log. One console call is one entry, with
// its newlines; raw writes to stdout and stderr are split into lines.

import { Console } from "node:console";
import { EventEmitter } from "node:events";
import { StringDecoder } from "node:string_decoder";

/**
 * Takes over the console and both output streams.
 * @param {(level: "info" | "warn" | "error", message: string) => void} entry
 * @returns {() => void} sends what was printed without an end of line
 */
export function captureOutput(entry) {
    const rest = [
        captureStream(process.stdout, "info", entry),
        captureStream(process.stderr, "error", entry),
    ];

    captureConsole(entry);
    return () => rest.forEach((flush) => flush());
}

/**
 * Node's own Console does the formatting, grouping, counting and timing; it writes each call at
 * once, so the level can be told from the method that is running.
 */
function captureConsole(entry) {
    let level = "error";
    const out = new Sink((text) => entry("info", text));
    const err = new Sink((text) => entry(level, text));
    const ours = new Console(/** @type {any} */ ({ stdout: out, stderr: err, colorMode: false }));
    const { warn } = ours;

    ours.warn = (...args) => {
        level = "warn";
        try {
            warn(...args);
        } finally {
            level = "error";
        }
    };
    for (const [name, method] of Object.entries(ours)) {
        if (typeof method === "function") globalThis.console[name] = method;
    }
}

/** As much of a stream as Console uses. */
class Sink extends EventEmitter {
    constructor(take) {
        super();
        this.take = take;
    }

    write(text) {
        this.take(text.endsWith("\n") ? text.slice(0, -1) : text);
        return true;
    }
}

function captureStream(stream, level, entry) {
    const decoder = new StringDecoder("utf8");
    let line = "";

    const take = (text) => {
        const lines = (line + text).split("\n");
        line = lines.pop();
        for (const whole of lines) entry(level, whole);
    };

    stream.write = (chunk, encoding, callback) => {
        const done = typeof encoding === "function" ? encoding : callback;

        take(
            decoder.write(
                typeof chunk === "string" ? encoded(chunk, encoding) : Buffer.from(chunk),
            ),
        );
        if (typeof done === "function") process.nextTick(done);
        return true;
    };

    return () => {
        line += decoder.end();
        if (line !== "") entry(level, line);
        line = "";
    };
}

/** @returns {Buffer} */
function encoded(text, encoding) {
    return Buffer.from(
        text,
        typeof encoding === "string" ? /** @type {BufferEncoding} */ (encoding) : "utf8",
    );
}
