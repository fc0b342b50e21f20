// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { inspect } from "node:util";
import { test } from "node:test";
import { redactor } from "../lib/redact.mjs";

const secret = 'p&ss "wörd"/1+';
const redact = redactor([secret, "abc", "abcdef", "x"]);

test("a credential is hidden in every form in which code passes it on", () => {
    const forms = [
        secret,
        Buffer.from(secret).toString("base64"),
        Buffer.from(secret).toString("base64url"),
        encodeURIComponent(secret),
        new URLSearchParams({ p: secret }).toString().slice(2),
        JSON.stringify({ secret }),
        inspect({ secret }),
        Buffer.from(secret).toString("hex"),
        "p&amp;ss &quot;wörd&quot;/1+",
    ];
    for (const form of forms) {
        const shown = redact(`before ${form} after`);
        assert.match(shown, /\[redacted\]/, form);
        assert.doesNotMatch(shown, /w(ö|%C3%B6)rd/, form);
    }
});

test("a value with quotes and backslashes is hidden where an object is printed", () => {
    const value = 'a\\b"c\\d';
    const shown = redactor([value])(inspect({ deep: [{ value }] }));
    assert.equal(shown, "{ deep: [ { value: '[redacted]' } ] }");
});

test("a key of several lines is hidden line by line", () => {
    const key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nab==\n-----END KEY-----\n";
    const redactKey = redactor([key]);
    assert.deepEqual(key.split("\n").map(redactKey), ["[redacted]", "[redacted]", "ab==", "[redacted]", ""]);
    assert.doesNotMatch(redactKey(inspect({ key })), /MIIEv/);
});

test("of two values of which one begins with the other, no rest is left", () => {
    assert.equal(redact("abcdef abc"), "[redacted] [redacted]");
});

test("a value too short to be a secret does not spoil the log", () => {
    assert.equal(redact("xerox"), "xerox");
    assert.equal(redactor([])("as it is"), "as it is");
});
