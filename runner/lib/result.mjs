// SPDX-License-Identifier: Apache-2.0

import { Failure } from "./failure.mjs";

const RESULT_BYTES = 5 * 1024 * 1024;

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
            `The result is too large: ${size} bytes of JSON, and at most ${limit} are kept`,
        );
    return json;
}

function reason(error) {
    if (/circular/i.test(error.message)) return "it refers to itself (a circular structure)";
    if (/BigInt/.test(error.message))
        return "it holds a BigInt; convert it to a string or a number";
    return error.message;
}
