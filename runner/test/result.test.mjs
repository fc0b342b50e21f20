// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { test } from "node:test";
import { redactor } from "../lib/redact.mjs";
import { encodeResult, redactedResult } from "../lib/result.mjs";

test("a result is what JSON.stringify makes of it, and null for nothing", () => {
    assert.equal(encodeResult(undefined), "null");
    assert.equal(
        encodeResult(() => 1),
        "null",
    );
    assert.equal(encodeResult(new Date(0)), '"1970-01-01T00:00:00.000Z"');
    assert.equal(
        encodeResult({ a: undefined, b: [undefined], f() {}, toJSON: undefined }),
        '{"b":[null]}',
    );
    assert.equal(encodeResult({ toJSON: () => ({ kept: 1 }) }), '{"kept":1}');
});

test("a BigInt, a cycle and too many bytes are each told in a sentence", () => {
    const cycle = {};
    cycle.self = cycle;
    assert.throws(() => encodeResult({ n: 1n }), /cannot be sent as JSON: it holds a BigInt/);
    assert.throws(() => encodeResult(cycle), /cannot be sent as JSON: it refers to itself/);
    assert.throws(
        () => encodeResult("ö".repeat(10), 15),
        /too large: 22 bytes of JSON, and at most 15 are kept/,
    );
    const deep = (levels) => JSON.parse("[".repeat(levels) + '"]["' + "]".repeat(levels));
    assert.equal(JSON.parse(encodeResult(deep(64))).length, 1);
    assert.throws(() => encodeResult(deep(65)), /nested 65 levels deep, and at most 64 are kept/);
    const hostile = {
        toJSON: () => {
            throw new Error("no");
        },
    };
    assert.throws(() => encodeResult(hostile), /cannot be sent as JSON: no/);
});

test("a result that a model will read holds no secret: not as text, name, number or in base64", () => {
    const redact = redactor(["hunter2", "471199"]);
    const result = {
        hunter2: ["it is hunter2", Buffer.from("hunter2").toString("base64")],
        pin: 471199,
        other: [4711990, null, true, "plain"],
    };
    assert.deepEqual(JSON.parse(redactedResult(encodeResult(result), redact)), {
        "[redacted]": ["it is [redacted]", "[redacted]"],
        pin: "[redacted]",
        other: [4711990, null, true, "plain"],
    });
});
