// SPDX-License-Identifier: Apache-2.0
/** The scripted model refuses what a provider refuses: each rule, in both protocols, broken once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MODEL_KEY, Model } from "../support/model.mjs";
import { faults } from "../support/model-check.mjs";

const SCHEMA = { type: "object", properties: { code: { type: "string" } }, required: ["code"] };
const PNG = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex").toString("base64");

/** A conversation of three turns with two calls at once, as a provider takes it. */
const anthropic = () => ({
    model: "m",
    max_tokens: 1000,
    system: [{ type: "text", text: "Build it.", cache_control: { type: "ephemeral" } }],
    tools: [
        { name: "act", description: "Acts", input_schema: SCHEMA },
        { name: "snapshot", input_schema: { type: "object", properties: {} }, cache_control: { type: "ephemeral" } },
    ],
    messages: [
        { role: "user", content: "Go" },
        {
            role: "assistant",
            content: [
                { type: "text", text: "I look." },
                { type: "tool_use", id: "toolu_1", name: "act", input: { code: "1" } },
                { type: "tool_use", id: "toolu_2", name: "snapshot", input: {} },
            ],
        },
        {
            role: "user",
            content: [
                { type: "tool_result", tool_use_id: "toolu_1", content: "1" },
                {
                    type: "tool_result",
                    tool_use_id: "toolu_2",
                    content: [
                        { type: "text", text: "a page" },
                        { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } },
                    ],
                    cache_control: { type: "ephemeral" },
                },
                { type: "text", text: "Go on" },
            ],
        },
    ],
});

const openai = () => ({
    model: "m",
    max_completion_tokens: 1000,
    tools: [
        { type: "function", function: { name: "act", description: "Acts", parameters: SCHEMA } },
        { type: "function", function: { name: "snapshot", parameters: { type: "object", properties: {} } } },
    ],
    messages: [
        { role: "system", content: "Build it." },
        { role: "user", content: "Go" },
        {
            role: "assistant",
            content: null,
            tool_calls: [
                { id: "a", type: "function", function: { name: "act", arguments: '{"code":"1"}' } },
                { id: "b", type: "function", function: { name: "snapshot", arguments: "{}" } },
            ],
        },
        { role: "tool", tool_call_id: "a", content: "1" },
        { role: "tool", tool_call_id: "b", content: "a page" },
        {
            role: "user",
            content: [{ type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } }],
        },
    ],
});

test("a good conversation is taken, in both protocols", () => {
    assert.deepEqual(faults("anthropic", anthropic()), []);
    assert.deepEqual(faults("openai", openai()), []);
});

/** What is broken, how, and what must be said about it. */
const BROKEN = [
    ["anthropic", "two user turns", (b) => b.messages.splice(1, 1), /alternate/],
    ["anthropic", "an assistant last", (b) => b.messages.pop(), /last message/],
    ["anthropic", "an unanswered call", (b) => b.messages[2].content.splice(0, 1), /toolu_1 has no answer/],
    ["anthropic", "a call answered twice", (b) => b.messages[2].content.splice(0, 0, b.messages[2].content[0]), /answered twice/],
    ["anthropic", "an answer to nothing", (b) => (b.messages[2].content[0].tool_use_id = "toolu_9"), /toolu_9 has no call/],
    ["anthropic", "text before results", (b) => b.messages[2].content.unshift({ type: "text", text: "x" }), /come first/],
    ["anthropic", "an id used twice", (b) => (b.messages[1].content[2].id = "toolu_1"), /used before/],
    ["anthropic", "an unknown tool", (b) => (b.messages[1].content[1].name = "fly"), /no tool fly/],
    ["anthropic", "input that is no object", (b) => (b.messages[1].content[1].input = "{}"), /input/],
    ["anthropic", "empty text", (b) => (b.messages[1].content[0].text = " "), /text/],
    ["anthropic", "an empty turn", (b) => (b.messages[1].content = []), /content/],
    ["anthropic", "an error without words", (b) => Object.assign(b.messages[2].content[0], { is_error: true, content: "" }), /must have content/],
    ["anthropic", "a false image", (b) => (b.messages[2].content[1].content[1].source.media_type = "image/jpeg"), /does not begin/],
    ["anthropic", "a data URL as image", (b) => (b.messages[2].content[1].content[1].source.data = `data:image/png;base64,${PNG}`), /data/],
    ["anthropic", "five cache marks", (b) => {
        b.tools[0].cache_control = { type: "ephemeral" };
        b.messages[1].content[0].cache_control = { type: "ephemeral" };
    }, /5 cache_control/],
    ["anthropic", "a cache mark of another type", (b) => (b.system[0].cache_control.type = "permanent"), /cache_control/],
    ["anthropic", "a long cache after a short one", (b) => (b.system[0].cache_control.ttl = "1h"), /1h/],
    ["anthropic", "a system turn", (b) => (b.messages[0].role = "system"), /role/],
    ["anthropic", "no max_tokens", (b) => delete b.max_tokens, /max_tokens/],
    ["anthropic", "an unknown field", (b) => (b.max_completion_tokens = 1), /additional properties/],
    ["anthropic", "a tool's schema that is none", (b) => (b.tools[0].input_schema = { type: "object", required: "code" }), /schema of act/],
    ["anthropic", "a tool twice", (b) => (b.tools[1].name = "act"), /two tools/],
    ["anthropic", "a tool's name with a blank", (b) => (b.tools[0].name = "a b"), /name/],
    ["openai", "an unanswered call", (b) => b.messages.splice(4, 1), /call b has no answer/],
    ["openai", "a call answered twice", (b) => b.messages.splice(4, 0, b.messages[3]), /answered twice/],
    ["openai", "an answer to nothing", (b) => (b.messages[3].tool_call_id = "z"), /z has no call/],
    ["openai", "an answer that comes late", (b) => b.messages.push(...b.messages.splice(4, 1)), /has no answer/],
    ["openai", "an id used twice", (b) => (b.messages[2].tool_calls[1].id = "a"), /used before/],
    ["openai", "an unknown tool", (b) => (b.messages[2].tool_calls[0].function.name = "fly"), /no tool fly/],
    ["openai", "arguments that are no JSON", (b) => (b.messages[2].tool_calls[0].function.arguments = "{"), /no JSON object/],
    ["openai", "arguments as an object", (b) => (b.messages[2].tool_calls[0].function.arguments = {}), /arguments/],
    ["openai", "no content and no calls", (b) => delete b.messages[2].tool_calls, /content|null/],
    ["openai", "no calls at all in the list", (b) => (b.messages[2].tool_calls = []), /tool_calls/],
    ["openai", "an image in a tool's answer", (b) => (b.messages[3].content = b.messages[5].content), /content/],
    ["openai", "a false image", (b) => (b.messages[5].content[0].image_url.url = `data:image/gif;base64,${PNG}`), /does not begin/],
    ["openai", "two user turns", (b) => b.messages.splice(1, 0, b.messages[1]), /in a row/],
    ["openai", "instructions in the middle", (b) => b.messages.push({ role: "system", content: "x" }), /come first/],
    ["openai", "a cache mark", (b) => (b.messages[1].cache_control = { type: "ephemeral" }), /additional properties/],
    ["openai", "both bounds on tokens", (b) => (b.max_tokens = 1), /exclude each other/],
    ["openai", "a tool's schema that is none", (b) => (b.tools[0].function.parameters = { type: "object", properties: 1 }), /schema of act/],
];

for (const [provider, name, harm, expected] of BROKEN) {
    test(`${provider}: ${name} is refused`, () => {
        const body = { anthropic, openai }[provider]();
        harm(body);
        const found = faults(provider, body);
        assert.ok(found.some((each) => expected.test(each)), `found only: ${found.join("; ") || "nothing"}`);
    });
}

test("a secret is found in plain text, JSON, URLs and base64", () => {
    const secret = 'hunter2 "and" more';
    const forms = [
        JSON.stringify(secret).slice(1, -1),
        encodeURIComponent(secret),
        Buffer.from(`x${secret}y`).toString("base64"),
        Buffer.from(`xy${secret}`).toString("base64"),
    ];
    for (const form of forms) {
        const body = { ...anthropic(), system: `see ${form} there` };
        const found = faults("anthropic", body, { secrets: [secret] });
        assert.match(found.join(), /a secret is in the body/, form);
    }
    assert.deepEqual(faults("anthropic", anthropic(), { secrets: [secret] }), []);
});

test("the headers of each provider are checked", () => {
    const json = { "content-type": "application/json" };
    assert.match(faults("anthropic", anthropic(), { headers: json }).join(), /x-api-key.*anthropic-version/);
    assert.match(faults("openai", openai(), { headers: { ...json, authorization: "key" } }).join(), /Bearer/);
    assert.deepEqual(faults("openai", openai(), { headers: json }), []);
});

test("a script is played, failures are played as ordered, and faults are kept", async (t) => {
    const model = await Model.open([
        { fail: "429", after: 7 },
        { fail: "529" },
        { text: "Now", calls: { tool: "act", input: { code: "2" } } },
        { fail: "garbage" },
        { fail: "drop" },
        { fail: "empty" },
    ]);
    t.after(() => model.close());
    const ask = (body, path = "/v1/messages") =>
        fetch(model.url + path, {
            method: "POST",
            headers: { "content-type": "application/json", "x-api-key": MODEL_KEY, "anthropic-version": "2023-06-01" },
            body: JSON.stringify(body),
        });

    const limited = await ask(anthropic());
    assert.deepEqual([limited.status, limited.headers.get("retry-after")], [429, "7"]);
    assert.equal((await ask(anthropic())).status, 529);
    const said = await (await ask(anthropic())).json();
    assert.equal(said.stop_reason, "tool_use");
    assert.deepEqual(said.content[1].input, { code: "2" });
    await assert.rejects(async () => (await ask(anthropic())).json(), SyntaxError);
    await assert.rejects(async () => (await ask(anthropic())).text());
    assert.deepEqual((await (await ask(anthropic())).json()).content, []);
    assert.deepEqual(model.faults, []);

    const refused = await ask({ ...anthropic(), max_tokens: 0 });
    assert.equal(refused.status, 400);
    assert.match((await refused.json()).error.message, /max_tokens/);
    assert.match(model.faults.join(), /max_tokens/);
});
