// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { test } from "node:test";
import { causesOf, describeError, withoutPlaces } from "../lib/errors.mjs";
import { cut } from "../lib/frames.mjs";
import { app, runner, tmp, work } from "../lib/places.mjs";

test("an error is told by its class and message, anything else as it is", () => {
    class OwnError extends Error {}

    assert.equal(describeError(new Error("plain")), "plain");
    assert.equal(describeError(new TypeError("typed\n")), "TypeError: typed");
    assert.equal(describeError(new OwnError("own")), "OwnError: own");
    assert.equal(describeError(Object.assign(new Error("m"), { name: "Named" })), "Named: m");
    assert.equal(describeError("text"), "text");
    assert.equal(describeError(undefined), "undefined");
    assert.equal(describeError(null), "null");
    assert.equal(describeError({ a: 1 }), "{ a: 1 }");
});

test("reasons are followed, also those of an error that gathers others, and not for ever", () => {
    const deep = new Error("1", { cause: new Error("2", { cause: "3" }) });
    assert.deepEqual(causesOf(deep).map(describeError), ["2", "3"]);
    assert.deepEqual(causesOf(new AggregateError(["a", "b"], "all")), ["a", "b"]);

    const loop = new Error("loop");
    loop.cause = loop;
    assert.equal(causesOf(loop).length, 3);
    assert.deepEqual(causesOf("no error"), []);
});

test("no text shows where a box keeps its files", () => {
    const said = [
        `file://${app}/src/a.ts:1:2`,
        `${tmp}/x.cjs`,
        `${work}/node_modules/ms/index.js`,
        `${runner}/node_modules/playwright/index.js`,
    ];
    assert.deepEqual(said.map(withoutPlaces), [
        "src/a.ts:1:2",
        "<tmp>/x.cjs",
        "node_modules/ms/index.js",
        "node_modules/playwright/index.js",
    ]);
});

test("a text that is cut says how much is missing, and keeps whole characters", () => {
    assert.equal(cut("short", 100), "short");
    const short = cut("ö".repeat(100), 101);
    assert.match(short, /^ö+\.\.\. \(\d+ more bytes\)$/);
    assert.ok(Buffer.byteLength(short) <= 101);
});
