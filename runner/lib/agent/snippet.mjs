// SPDX-License-Identifier: Apache-2.0
//
// A snippet of Playwright code, run against the live page: the body of an async function, with
// what it printed, what it returned or where it failed.

import { Console } from "node:console";
import { stripTypeScriptTypes } from "node:module";
import { Writable } from "node:stream";
import { inspect } from "node:util";
import { constants, Script } from "node:vm";
import { wordsOf } from "./text.mjs";

const PRINTED_MOST = 12_000;
const VALUE_MOST = 24_000;
const CODE_MOST = 200_000;
const FILE = "snippet";

/**
 * @param {string} code
 * @param {Record<string, unknown>} names what the code sees
 * @returns {Promise<{ ok: boolean, text: string }>}
 */
export async function runSnippet(code, names) {
    const printed = printer();
    let outcome;
    let ok = true;

    try {
        const body = compile(code, ["console", ...Object.keys(names)]);
        const value = await body(printed.console, ...Object.values(names));
        outcome = value === undefined ? "Done" : `Returned: ${cut(asText(value), VALUE_MOST)}`;
    } catch (error) {
        ok = false;
        outcome = `Failed${placeOf(error)}: ${cut(wordsOf(error), 4_000)}`;
    }
    return { ok, text: [printed.text(), outcome].filter(Boolean).join("\n") };
}

/** Models like to write types; they are taken off when the code does not parse with them. */
function compile(code, names) {
    if (typeof code !== "string" || code.trim() === "") throw new Error("code is missing");
    if (code.length > CODE_MOST) throw new Error("code is too long");
    const source = `(async (${names.join(", ")}) => {\n${code}\n})`;

    try {
        return build(source);
    } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        let plain;
        try {
            plain = stripTypeScriptTypes(source);
        } catch {
            throw error; /* what is wrong with it as JavaScript is the better hint */
        }
        return build(plain);
    }
}

function build(source) {
    return new Script(source, {
        filename: FILE,
        lineOffset: -1,
        importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    }).runInThisContext();
}

function placeOf(error) {
    const place = /\bsnippet:(\d+)(?::(\d+))?/.exec(String(error?.stack ?? ""));
    return place === null ? "" : ` at line ${place[1]}`;
}

function asText(value) {
    if (typeof value === "string") return value;
    try {
        return JSON.stringify(value, null, 1) ?? inspect(value);
    } catch {
        return inspect(value, { depth: 3, maxArrayLength: 50 });
    }
}

function cut(text, most) {
    return text.length <= most
        ? text
        : `${text.slice(0, most)}… (${text.length - most} more characters)`;
}

/** A console whose first so many characters are kept. */
function printer() {
    let text = "";
    let dropped = 0;

    const sink = new Writable({
        decodeStrings: false,
        write(chunk, _encoding, done) {
            const room = PRINTED_MOST - text.length;
            text += String(chunk).slice(0, Math.max(0, room));
            dropped += Math.max(0, chunk.length - room);
            done();
        },
    });
    return {
        console: new Console({ stdout: sink, stderr: sink, colorMode: false }),
        text: () =>
            text.trimEnd() + (dropped > 0 ? `\n… (${dropped} more characters printed)` : ""),
    };
}
