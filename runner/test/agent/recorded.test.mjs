// SPDX-License-Identifier: Apache-2.0
//
// Recorded logs in all their forms.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
    actionsOf,
    entriesOf,
    maskText,
} from "../../lib/agent/recorded.mjs";
import { wayOf } from "../../lib/agent/compose/locator.mjs";
import { Inputs, schemaOf } from "../../lib/agent/compose/inputs.mjs";
import { sameSite } from "../../lib/agent/secrets.mjs";

test("arrays, JSON lines and JSON text are one; what is no entry is passed over", () => {
    const entries = [{ action: "click" }, { action: "fill" }];
    assert.deepEqual(entriesOf(entries), entries);
    assert.deepEqual(entriesOf(JSON.stringify(entries)), entries);
    assert.deepEqual(entriesOf('{"action":"click"}\n\nno json\n{"action":"fill"}\n'), entries);
    assert.deepEqual(entriesOf([JSON.stringify(entries[0]), 7, null, [], entries[1]]), entries);
    for (const nothing of [null, undefined, 3, "", "x", {}])
        assert.deepEqual(entriesOf(nothing), []);
});

test("an action of any age has one form", () => {
    const [action] = actionsOf([
        {
            ts: "2026-01-01T00:00:00Z",
            action: "setInputFiles",
            selector: "#a",
            bestSemanticSelector: '[aria-label="A"]',
            targetSelector: "#a",
            ancestorSelectors: ["button.x", "div.y"],
            value: ["/tmp/a.txt"],
        },
    ]);
    assert.equal(action.action, "upload");
    assert.deepEqual(action.ways, ['[aria-label="A"]', "#a", "button.x"]);
    assert.deepEqual(action.value, ["/tmp/a.txt"]);
    assert.equal(
        actionsOf([{ action: "goto", url: "http://a.test/", error: "no" }])[0].success,
        false,
    );
});

test("what is named or shaped like a secret is masked", () => {
    assert.equal(maskText("Authorization: Bearer abcdefgh12345"), "Authorization: Bearer [masked]");
    assert.equal(maskText('{"apiKey": "x\\"y", "n": 1}'), '{"apiKey": "[masked]", "n": 1}');
    assert.equal(maskText("/cb?code=1&session_id=9"), "/cb?code=1&session_id=[masked]");
});

test("selectors of all kinds become calls; what is none becomes nothing", () => {
    const forms = {
        "page.getByRole('button', { name: 'Go', exact: true }).first()": [
            { method: "getByRole", args: ["button", { name: "Go", exact: true }] },
            { method: "first", args: [] },
        ],
        "getByText(/^total: \\d+$/i)": [
            { method: "getByText", args: [{ regex: "/^total: \\d+$/i" }] },
        ],
        'role=link[name="Next"]': [{ method: "getByRole", args: ["link", { name: "Next" }] }],
        'internal:role=button[name="Go"i]': [
            { method: "getByRole", args: ["button", { name: "Go" }] },
        ],
        'internal:label="Name"i': [{ method: "getByLabel", args: ["Name"] }],
        'button:has-text("Go")': [{ method: "getByRole", args: ["button", { name: "Go" }] }],
        'input[placeholder="City"]': [{ method: "getByPlaceholder", args: ["City"] }],
        '[data-testid="go"]': [{ method: "getByTestId", args: ["go"] }],
        "text=More": [{ method: "getByText", args: ["More"] }],
        "#a > .b": [{ method: "locator", args: ["#a > .b"] }],
    };
    for (const [recorded, way] of Object.entries(forms))
        assert.deepEqual(wayOf(recorded), way, recorded);
    for (const bad of [
        "page.evaluate(() => 1)",
        "page.getByText(x)",
        "await page.click('#a')",
        "a\nb",
    ])
        assert.equal(wayOf(bad), null, bad);
});

test("inputs are found as whole values, as words and in addresses", () => {
    const inputs = new Inputs({ city: "New York", n: 5, deep: { list: ["alpha"] } });
    assert.equal(inputs.forValue(" New York "), "input.city");
    assert.equal(inputs.forValue("5"), "String(input.n)");
    assert.equal(inputs.forValue("6"), null);
    assert.equal(inputs.text("Flights to New York today").code, "`Flights to ${input.city} today`");
    assert.equal(inputs.text("see alpha").code, "`see ${input.deep.list[0]}`");
    assert.equal(inputs.text("alphabet").code, '"alphabet"');
    assert.equal(
        inputs.address("http://a.test/c/New%20York?n=5&m=15").code,
        "`http://a.test/c/${encodeURIComponent(input.city)}?n=${encodeURIComponent(String(input.n))}&m=15`",
    );
    assert.equal(inputs.address("http://a.test/").code, '"http://a.test/"');
});

test("a schema follows from an example", () => {
    assert.equal(schemaOf({}), "z.object({})");
    assert.equal(
        schemaOf({ "a-b": [{ ok: true }], none: null, password: "x" }),
        'z.object({\n    "a-b": z.array(z.object({\n        ok: z.boolean(),\n    })),\n    none: z.unknown(),\n    password: z.string(),\n})',
    );
});

test("one site is a host, what is below it, and its neighbours below one name", () => {
    assert.ok(sameSite("https://www.shop.example/a", "https://login.shop.example/"));
    assert.ok(sameSite("https://shop.example/a", "https://www.shop.example/"));
    assert.ok(!sameSite("https://login.shop.example/", "https://www.shop.example/"));
    assert.ok(!sameSite("https://victim.pages.example/", "https://evil.pages.example/"));
    assert.ok(!sameSite("https://victim.pages.example/", "https://pages.example/"));
    assert.ok(!sameSite("https://shop.example/", "http://shop.example/"));
    assert.ok(sameSite("http://shop.example/", "https://shop.example/"));
    assert.ok(sameSite("http://127.0.0.1:80/", "http://127.0.0.1:81/"));
    assert.ok(!sameSite("https://a.co.uk/", "https://b.co.uk/"));
    assert.ok(!sameSite("http://127.0.0.1/", "http://127.0.0.2/"));
    assert.ok(!sameSite("https://shop.example/", "https://shop.example.evil.test/"));
    assert.ok(!sameSite("https://shop.example/", "about:blank"));
});
