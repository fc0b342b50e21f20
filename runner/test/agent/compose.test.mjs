// SPDX-License-Identifier: Apache-2.0
//
// Recorded actions become a workflow that is built and run like any other, also on inputs that the
// recording never saw.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import { makeBox, runner, runWorkflow } from "../support/box.mjs";
import { makeSite } from "./support/hands.mjs";

const LAMPS = [
    { name: "Red lamp", room: "Kitchen", price: "10" },
    { name: "Blue lamp", room: "Hall", price: "20" },
    { name: "Blue chair", room: "Hall", price: "30" },
];

const boxes = [];
let site;

before(async () => {
    site = await makeSite({
        "/": `<title>Shop</title><main><h1>Shop</h1>
            <form action="/results">
                <input name="q" id="q" placeholder="What?">
                <label>Room <select name="room"><option value="k">Kitchen</option><option value="h">Hall</option></select></label>
                <label><input type="checkbox" name="cheap" id="cheap"> Only cheap</label>
                <button><span>Find it</span></button>
            </form></main>`,
        "/results"(request, response) {
            const asked = new URL(request.url, "http://site").searchParams;
            const room = { k: "Kitchen", h: "Hall" }[asked.get("room")];
            const found = LAMPS.filter(
                (one) =>
                    one.name.toLowerCase().includes(asked.get("q").toLowerCase()) &&
                    one.room === room &&
                    (asked.get("cheap") === null || Number(one.price) < 25),
            );
            response.setHeader("content-type", "text/html");
            response.end(`<title>Results</title><main><h1>Results</h1><div id="here"></div></main>
                <script>setTimeout(() => { here.innerHTML = \`<table><tr><th>Name<th>Price</tr>
                ${found.map((one) => `<tr><td>${one.name}<td>${one.price}</tr>`).join("")}</table>\`; }, 600);</script>`);
        },
        "/account": `<title>Account</title><label>User <input name="user"></label>
            <label>Password <input name="password" type="password"></label>
            <button onclick="document.body.innerHTML = '<main><h1>Hello ' + document.querySelector('[name=user]').value + '</h1></main>'">Sign in</button>`,
        "/files": `<title>Files</title><input type="file" id="up">
            <dl id="d"></dl><a download="report.csv" href="data:text/csv,a,b">Download report</a>
            <script>up.onchange = async () => { d.innerHTML = "<dt>Got</dt><dd>" + up.files[0].name + " " + await up.files[0].text() + "</dd>"; };</script>`,
        "/tabs": `<title>Tabs</title><a target="_blank" href="/account">Other</a>`,
    });
});
after(() => {
    site.close();
    boxes.forEach((box) => box.remove());
});

/** What compose.mjs says last. */
async function composed(request) {
    const child = spawn(process.execPath, [join(runner, "compose.mjs")], {
        stdio: ["pipe", "ignore", "inherit", "pipe"],
    });
    child.stdin.end(JSON.stringify(request));
    const frames = (await textOf(child.stdio[3])).trim().split("\n");
    return JSON.parse(frames.at(-1));
}

/** Composes, builds and runs; gives the result. */
async function replay(said, params, more = {}) {
    assert.equal(said.t, "composed", JSON.stringify(said));
    boxes.push(makeBox(said.files));
    const ran = await runWorkflow(boxes.at(-1), said.workflow_name, { params, ...more });
    assert.equal(ran.last.t, "result", `${ran.last.error}\n${said.files["index.ts"]}`);
    return ran.last.result;
}

const did = (action, more) => ({
    ts: "2026-03-01T10:00:00.000Z",
    action,
    source: "user",
    success: true,
    ...more,
});

const SEARCH = [
    did("click", { bestSemanticSelector: 'input[placeholder="What?"]', targetSelector: "#q" }),
    did("fill", {
        bestSemanticSelector: 'input[placeholder="What?"]',
        targetSelector: "#q",
        value: "red",
    }),
    did("fill", {
        bestSemanticSelector: 'input[placeholder="What?"]',
        targetSelector: "#q",
        value: "red lamp",
    }),
    did("selectOption", { selector: "page.getByLabel('Room')", source: "agent", value: "Kitchen" }),
    did("click", {
        bestSemanticSelector: "#gone",
        source: "agent",
        success: false,
        error: "Timeout",
    }),
    did("check", { bestSemanticSelector: "#cheap", targetSelector: "#cheap" }),
    did("click", {
        bestSemanticSelector: "button",
        targetSelector: "form > button > span",
        ancestorSelectors: ["button", "form", "main"],
        nearbyText: "Find it",
        coordinates: { x: 1, y: 2 },
    }),
    did("goto", {
        url: "http://elsewhere.test/results?q=red+lamp",
        ts: "2026-03-01T10:00:01.000Z",
    }),
];

test("a recorded search runs again, with the same and with other inputs", async () => {
    const said = await composed({
        descriptions: ["Find lamps of a room and list their prices"],
        initial_url: `${site.origin}/`,
        params: { query: "red lamp", room: "Kitchen", cheap: true },
        action_log: SEARCH.map((entry) => JSON.stringify(entry)).join("\n"),
    });

    assert.equal(said.workflow_name, "find-lamps-room-list-their-prices");
    assert.deepEqual(said.varied_params, null);
    const code = said.files["index.ts"];
    assert.match(code, /query: z\.string\(\)\.describe\("For example: red lamp"\)/);
    assert.match(code, /page\.getByPlaceholder\("What\?"\)/);
    assert.match(code, /\.fill\(input\.query\)/);
    assert.match(code, /\.selectOption\(input\.room\)/);
    assert.match(code, /\.setChecked\(input\.cheap\)/);
    assert.equal(code.match(/\.fill\(/g).length, 1);
    assert.ok(said.steps.some((step) => /Left out "click" on #gone: it failed/.test(step)));
    assert.ok(
        said.steps.some((step) => /Left out "goto".*the action before it leads there/.test(step)),
    );

    const same = await replay(said, { query: "red lamp", room: "Kitchen", cheap: true });
    assert.equal(same.title, "Results");
    assert.deepEqual(same.headings, ["Results"]);
    assert.deepEqual(same.tables, [[{ Name: "Red lamp", Price: "10" }]]);

    const other = await replay(said, { query: "blue", room: "Hall", cheap: false });
    assert.deepEqual(other.tables, [
        [
            { Name: "Blue lamp", Price: "20" },
            { Name: "Blue chair", Price: "30" },
        ],
    ]);
});

test("inputs stand in addresses, encoded", async () => {
    const said = await composed({
        descriptions: ["Results"],
        initial_url: `${site.origin}/`,
        params: { query: "red lamp", room: "k" },
        action_log: [
            did("goto", { source: "agent", url: `${site.origin}/results?q=red+lamp&room=k` }),
        ],
    });
    const result = await replay(said, { query: "blue c", room: "h" });
    assert.deepEqual(result.tables, [[{ Name: "Blue chair", Price: "30" }]]);
});

test("a typed password becomes a credential and is nowhere in the source", async () => {
    const said = await composed({
        descriptions: ["Sign in"],
        initial_url: `${site.origin}/account`,
        params: { who: "ann" },
        action_log: [
            did("fill", { bestSemanticSelector: '[name="user"]', value: "ann" }),
            did("fill", { bestSemanticSelector: '[name="password"]', value: "hunter22" }),
            did("click", { bestSemanticSelector: 'role=button[name="Sign in"]' }),
        ],
        credential_names: ["shop_password"],
    });
    assert.doesNotMatch(JSON.stringify(said), /hunter22/);
    assert.match(said.files["index.ts"], /credentials: \["shop_password"\]/);
    const result = await replay(said, { who: "bob" }, { credentials: { shop_password: "x" } });
    assert.deepEqual(result.headings, ["Hello bob"]);
});

test("files go up with an input as their content, and downloads come back", async () => {
    const said = await composed({
        descriptions: ["Upload and download"],
        initial_url: `${site.origin}/files`,
        params: { file: "hello" },
        action_log: [
            did("setInputFiles", {
                source: "agent",
                selector: "#up",
                value: "/home/someone/note.txt",
            }),
            did("click", {
                source: "agent",
                selector: "getByRole('link', { name: 'Download report' })",
            }),
        ],
    });
    assert.doesNotMatch(JSON.stringify(said), /someone/);
    const result = await replay(said, { file: "data:text/plain,other" });
    assert.deepEqual(result.fields, { Got: "note.txt other" });
    assert.deepEqual(result.downloads, [{ filename: "report.csv", base64: btoa("a,b") }]);
});

test("actions in a tab that a click opened follow it there; keys and double clicks are repeated", async () => {
    const said = await composed({
        descriptions: ["Tabs"],
        initial_url: `${site.origin}/tabs`,
        action_log: [
            did("click", { pageId: "A", selector: "text=Other", source: "agent" }),
            did("fill", { pageId: "B", bestSemanticSelector: '[name="user"]', value: "zoe" }),
            did("press", { pageId: "B", bestSemanticSelector: '[name="user"]', value: "Tab" }),
            did("click", { pageId: "B", bestSemanticSelector: '[name="user"]' }),
            did("click", { pageId: "B", bestSemanticSelector: '[name="user"]' }),
            did("dblclick", { pageId: "B", bestSemanticSelector: '[name="user"]' }),
            did("click", { pageId: "B", bestSemanticSelector: "button", nearbyText: "Sign in" }),
        ],
    });
    assert.equal(said.files["index.ts"].match(/\.click\(\)/g).length, 2);
    const result = await replay(said, {});
    assert.deepEqual(result.headings, ["Hello zoe"]);
});

test("JavaScript entries get JavaScript", async () => {
    const said = await composed({
        descriptions: ["Tabs"],
        initial_url: `${site.origin}/tabs`,
        entry_point: "src/main.mjs",
        action_log: [did("goto", { url: `${site.origin}/tabs` })],
    });
    assert.deepEqual(Object.keys(said.files), [
        "src/main.mjs",
        "src/page-tools.mjs",
        "package.json",
    ]);
    boxes.push(makeBox(said.files));
    const ran = await runWorkflow(boxes.at(-1), "tabs", { entry: "src/main.mjs" });
    assert.equal(ran.last.result?.title, "Tabs", JSON.stringify(ran.last.error));
});

test("words of a page cannot become code", async () => {
    const evil = '*/ `${process.exit()}` \n"); process.exit(); //';
    const said = await composed({
        descriptions: [evil],
        initial_url: `${site.origin}/tabs`,
        params: { [evil]: evil, plain: "Other" },
        action_log: [
            did("click", { selector: "text=Other", nearbyText: evil }),
            did("click", { selector: `getByText(${JSON.stringify(evil)})`, success: false }),
            did("click", { selector: "page.evaluate(() => process.exit())" }),
        ],
    });
    assert.equal(said.t, "composed");
    assert.ok(!said.files["index.ts"].includes("evaluate"), said.files["index.ts"]);
    const result = await replay(said, { [evil]: evil, plain: "Other" });
    assert.equal(result.title, "Tabs");
});

test("a log of which nothing can be made fails with the reasons", async () => {
    const request = { descriptions: ["x"], initial_url: "http://site.test/", action_log: [] };
    assert.deepEqual(await composed(request), {
        t: "fail",
        error: "The action log holds no action",
    });
    const failed = await composed({
        ...request,
        action_log: [did("click", { success: false, selector: "#a" })],
    });
    assert.match(
        failed.error,
        /^Nothing in the action log can be repeated\nLeft out "click" on #a: it failed/,
    );
});
