// SPDX-License-Identifier: Apache-2.0

import { Failure } from "./failure.mjs";
import { depthOf } from "./json.mjs";
import { SHOWN } from "./redact.mjs";

const RESULT_BYTES = 5 * 1024 * 1024;
const RESULT_DEPTH = 64; // src/base/bounds.h, LIMIT_JSON_DEPTH

/** What a handler returned, as JSON text: as JSON.stringify has it, and null for nothing. */
export function encodeResult(value, limit = RESULT_BYTES) {
    let json;
    try {
        json = JSON.stringify(value) ?? "null";
    } catch (error) {
        throw new Failure(`The result cannot be sent as JSON: ${reason(error)}`);
    }

    const size = Buffer.byteLength(json);
    if (size > limit)
        throw new Failure(
            `The result is too large: ${size} bytes of JSON, and at most ${limit} are kept; ` +
                "return less, or a link to where the rest is",
        );
    const depth = depthOf(json);
    if (depth > RESULT_DEPTH)
        throw new Failure(
            `The result is nested ${depth} levels deep, and at most ${RESULT_DEPTH} are kept; return a flatter one`,
        );
    return json;
}

/**
 * The same JSON without the secrets that `redact` knows, in values and in names of members: a proof tells a
 * model what a workflow returned, and the model knows credentials by name only.
 */
export function redactedResult(json, redact) {
    const clean = (value) => {
        if (typeof value === "string") return redact(value);
        if (typeof value === "number") {
            const text = redact(String(value)); /* digits of another number are no secret */
            return text === SHOWN ? text : value;
        }
        if (Array.isArray(value)) return value.map(clean);
        if (value === null || typeof value !== "object") return value;
        return Object.fromEntries(
            Object.entries(value).map(([name, member]) => [redact(name), clean(member)]),
        );
    };
    return JSON.stringify(clean(JSON.parse(json)));
}

function reason(error) {
    if (/circular/i.test(error.message)) return "it refers to itself (a circular structure)";
    if (/BigInt/.test(error.message))
        return "it holds a BigInt; convert it to a string or a number";
    return error.message;
}
