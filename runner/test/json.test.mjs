// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { test } from "node:test";
import { depthOf, plain } from "../lib/json.mjs";

const sent = (value) => JSON.parse(plain(JSON.stringify(value)));

test("half of a character and a NUL become U+FFFD, and whole characters stay", () => {
    assert.equal(sent("Great 😀".slice(0, 7)), "Great \ufffd");
    assert.equal(sent("\ude00 low first \ud83d"), "\ufffd low first \ufffd");
    assert.equal(sent("a\0b"), "a\ufffdb");
    assert.deepEqual(sent({ "k\0": ["😀", "\ufffd", "ä"] }), { "k\ufffd": ["😀", "\ufffd", "ä"] });
});

test("text that only looks like such an escape is left alone", () => {
    for (const text of ["\\u0000", "\\\\ud83d", '\\"\\u0000', "\\\\\\u0000 \n\t"]) assert.equal(sent(text), text);
});

test("whole numbers beyond 64 bits become reals of the same value", () => {
    for (const n of [2 ** 63, -(2 ** 63), 2 ** 64, 123456789012345678901, 1e20]) {
        const json = plain(JSON.stringify({ n }));
        assert.match(json, /^\{"n":-?\d(\.\d+)?e\+\d+\}$/);
        assert.equal(JSON.parse(json).n, n);
    }
    const untouched = JSON.stringify({
        n: [2 ** 53, 1234567890123456800, 0.1234567890123456789, 1e21, 5e-324],
        text: 'a "18446744073709552000" in quotes, 18446744073709552000',
        18446744073709552000: 1,
    });
    assert.equal(plain(untouched), untouched);
});

test("depth counts what is nested, not what a text says", () => {
    assert.equal(depthOf('"[[["'), 0);
    assert.equal(depthOf('{"[":[1,{"a":"]"}],"b":[]}'), 3);
    assert.equal(depthOf('["\\"[", {}]'), 2);
});
