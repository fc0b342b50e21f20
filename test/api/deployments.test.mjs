// SPDX-License-Identifier: Apache-2.0
/** deployments/create, list, sync, get, logs: what a client sends and reads. Builds have a suite of their own. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test, { after } from "node:test";
import { send } from "../support/api.mjs";
import { ballast, oneWorkflow, plain } from "../support/artifact.mjs";
import { TIME, UUID } from "../support/contract.mjs";
import { Server } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";
import { sourceOfFiles } from "../support/tar.mjs";

const UNKNOWN = "01900000-0000-7000-8000-000000000000";
const t = await Tenant.make("deployments");
const artifact = oneWorkflow("deployments-only", "return 1;");
/** Its import never ends: it is `building` until the time limit of discovery. */
const endless = plain({ "index.ts": "await new Promise(() => setInterval(() => {}, 60_000));\n" });

/** Posts a body to deployments/create as it is written. */
const post = (body, headers = {}) =>
    send(t.url, "/v1/deployments/create", {
        headers: { "content-type": "application/json", "x-api-key": t.key, ...headers },
        body,
    });

test("create answers building, an id and a time, and the row is there at once", async () => {
    const created = await t.ok("deployments/create", { ...artifact, description: "first" });
    assert.deepEqual(Object.keys(created).sort(), ["created_at", "deployment_id", "status"]);
    assert.equal(created.status, "building");
    assert.match(created.deployment_id, UUID);
    assert.match(created.created_at, TIME);

    const [newest] = await t.ok("deployments/list", {});
    assert.equal(newest.id, created.deployment_id);
    assert.equal(newest.created_at, created.created_at);
    assert.equal(newest.description, "first");
});

test("sync gives every documented field of a ready deployment", async () => {
    const deployment = await t.deploy({ ...artifact, description: "second" });
    assert.match(deployment.id, UUID);
    assert.equal(deployment.deployment_id, deployment.id);
    assert.equal(deployment.description, "second");
    assert.equal(deployment.entry_point, "index.ts");
    assert.equal(deployment.build_error, null);
    assert.deepEqual(deployment.workflows, ["deployments-only"]);
    assert.ok(deployment.built_at >= deployment.created_at);
    for (const path of [deployment.source_path, deployment.bundle_path]) {
        assert.ok(typeof path === "string" && !path.startsWith("/"), `an opaque key: ${path}`);
    }
});

test("a failed deployment has built_at and build_error, and no workflows", async () => {
    const deployment = await t.build({ source: sourceOfFiles({ "readme.txt": "hello" }) });
    assert.equal(deployment.status, "failed");
    assert.match(deployment.built_at, TIME);
    assert.notEqual(deployment.build_error, "");
    assert.equal(deployment.workflows, null);
});

test("what is not said has its default", async () => {
    const deployment = await t.build({ source: artifact.source });
    assert.equal(deployment.entry_point, "index.ts");
    assert.equal(deployment.description, null);
});

test("auto_repair, an old client's name and unknown fields are taken", async () => {
    await t.deploy({ ...artifact, auto_repair: false });
    await t.deploy({
        ...artifact,
        auto_repair: true,
        name: "an-old-client",
        credential_id: 7,
        nested: { a: [] },
    });
});

test("workflows are null while it is built", async () => {
    const { deployment_id: id } = await t.ok("deployments/create", endless);
    const early = await t.ok("deployments/sync", { id });
    assert.deepEqual(
        [early.status, early.workflows, early.built_at, early.bundle_path, early.build_error],
        ["building", null, null, null, null],
    );
});

const bytes = Buffer.from(artifact.source, "base64");
const ENCODINGS = {
    "the URL-safe alphabet": bytes.toString("base64url"),
    "no padding": artifact.source.replace(/=+$/, ""),
    "lines of 76": artifact.source.replace(/.{76}/g, "$&\r\n"),
    "spaces and tabs at the ends": ` \t${artifact.source}\n`,
};
for (const [what, source] of Object.entries(ENCODINGS)) {
    test(`source may come in ${what}`, async () => {
        await t.deploy({ ...artifact, source });
    });
}

test("source may hold the escapes of other languages' JSON writers", async () => {
    const escaped = artifact.source.replaceAll("/", "\\/").replaceAll("+", "\\u002B").replace(/.{60}/, "$&\\n");
    const { status, body, text } = await post(`{"json":{"entry_point":"index.ts","source":"${escaped}"}}`);
    assert.equal(status, 200, text);
    assert.equal((await t.built(body.json.deployment_id)).status, "ready");
});

test("the order of keys is free", async () => {
    const source = JSON.stringify(artifact.source);
    for (const body of [
        `{"json":{"source":${source},"entry_point":"index.ts"}}`,
        `{"json":{"description":"last","entry_point":"index.ts","source":${source}}}`,
        `{"meta":[],"json":{"source":${source}}}`,
        `{"json":{"source":${source}},"meta":[]}`,
    ]) {
        const { status, text } = await post(body);
        assert.equal(status, 200, text);
    }
});

test("a key that comes twice is refused", async () => {
    const source = JSON.stringify(artifact.source);
    for (const body of [
        `{"json":{"source":${source},"source":${source}}}`,
        `{"json":{"source":${source},"entry_point":"index.ts","entry_point":"other.ts"}}`,
        `{"json":{"source":${source}},"json":{"source":${source}}}`,
    ]) {
        const { status, body: answer } = await post(body);
        assert.equal(status, 400);
        assert.equal(answer.json.code, "BAD_REQUEST");
    }
});

test("a missing source and wrong types are each named", async () => {
    assert.deepEqual(await t.refuses("deployments/create", {}), [
        {
            code: "invalid_type",
            expected: "string",
            received: "undefined",
            path: ["source"],
            message: "Required",
        },
    ]);
    const issues = await t.refuses("deployments/create", {
        source: 5,
        entry_point: false,
        description: [],
        auto_repair: "yes",
    });
    assert.deepEqual(Object.fromEntries(issues.map(({ path, message }) => [path.join("."), message])), {
        source: "Expected string, received number",
        entry_point: "Expected string, received boolean",
        description: "Expected string, received array",
        auto_repair: "Expected boolean, received string",
    });
});

test("null is not absence", async () => {
    const [issue] = await t.refuses("deployments/create", { ...artifact, description: null });
    assert.equal(issue.message, "Expected string, received null");
    assert.deepEqual(issue.path, ["description"]);
});

const BAD_SOURCES = {
    empty: ["", /empty|at least 1/i],
    "not base64": [`${artifact.source.slice(0, 100)}%%${artifact.source.slice(100)}`, /base64/i],
    "base64 with a stray padding": [`${artifact.source.slice(0, 99)}=${artifact.source.slice(100)}`, /base64/i],
    "not gzip": [Buffer.from("plain bytes, no gzip").toString("base64"), /gzip/i],
    "white space alone": [" \n ", /empty|gzip|base64/i],
};
for (const [what, [source, says]] of Object.entries(BAD_SOURCES)) {
    test(`a source that is ${what} is refused at once`, async () => {
        const error = await t.fails("deployments/create", { source }, "BAD_REQUEST");
        assert.match(JSON.stringify(error), says);
    });
}

const BAD_ENTRIES = {
    absolute: "/etc/passwd",
    "above the archive": "../index.ts",
    "above the archive on the way": "src/../../index.ts",
    empty: "",
    "too long": "a".repeat(1025),
};
for (const [what, entry_point] of Object.entries(BAD_ENTRIES)) {
    test(`an entry_point that is ${what} is refused at once`, async () => {
        const error = await t.fails("deployments/create", { ...artifact, entry_point }, "BAD_REQUEST");
        assert.match(JSON.stringify(error), /entry_point/);
    });
}

test("an entry_point with a NUL is refused at once", async () => {
    const { status } = await post(
        `{"json":{"source":${JSON.stringify(artifact.source)},"entry_point":"a\\u0000b"}}`,
    );
    assert.equal(status, 400);
});

test("a description may have 2000 characters and no more", async () => {
    await t.ok("deployments/create", { ...artifact, description: "ü".repeat(2000) });
    const [issue] = await t.refuses("deployments/create", { ...artifact, description: "ü".repeat(2001) });
    assert.equal(issue.code, "too_big");
    assert.deepEqual([issue.maximum, issue.type, issue.inclusive], [2000, "string", true]);
});

test("a body larger than the limit is 413 and names the limit", async () => {
    const answer = await post(`{"json":{"source":"${"A".repeat(70 << 20)}"}}`);
    assert.equal(answer.status, 413);
    assert.match(answer.body.json.message, /\d/);
});

test("sync and get are one route under two names", async () => {
    const { id } = await t.deploy(artifact);
    assert.deepEqual(await t.ok("deployments/get", { id }), await t.ok("deployments/sync", { id }));
});

test("an id that never was is 404, one that is no UUID is 400", async () => {
    for (const route of ["deployments/sync", "deployments/get", "deployments/logs"]) {
        await t.fails(route, { id: UNKNOWN }, "NOT_FOUND");
        const [issue] = await t.refuses(route, { id: "nonsense" });
        assert.deepEqual(issue, {
            validation: "uuid",
            code: "invalid_string",
            message: "Invalid uuid",
            path: ["id"],
        });
        const [missing] = await t.refuses(route, {});
        assert.equal(missing.message, "Required");
    }
});

test("wait_seconds answers when the build ends, and at once when it has ended", async () => {
    const { deployment_id: id } = await t.ok(
        "deployments/create",
        oneWorkflow("deployments-wait", "return 3;"),
    );
    const waited = await t.ok("deployments/sync", { id, wait_seconds: 60 });
    assert.equal(waited.status, "ready");

    const before = Date.now();
    await t.ok("deployments/sync", { id, wait_seconds: 60 });
    assert.ok(Date.now() - before < 10_000);
});

test("wait_seconds is from 0 to 60, a whole number", async () => {
    const { id } = await t.deploy(artifact);
    await t.ok("deployments/sync", { id, wait_seconds: 0 });
    const messages = [];
    for (const wait_seconds of [61, -1, 1.5, "1"]) {
        messages.push((await t.refuses("deployments/sync", { id, wait_seconds }))[0].message);
    }
    assert.equal(messages[0], "Number must be less than or equal to 60");
    assert.equal(messages[1], "Number must be greater than or equal to 0");
    assert.equal(messages[2], "Expected integer, received float");
    assert.equal(messages[3], "Expected number, received string");
});

test("list is an array, newest first, in pages when it is asked for pages", async () => {
    const mine = await Tenant.make("deployments-list");
    const ids = [];
    for (let i = 0; i < 5; i++) {
        ids.unshift(
            (await mine.ok("deployments/create", { ...artifact, description: `number ${i}` })).deployment_id,
        );
    }
    const all = await mine.ok("deployments/list", {});
    assert.deepEqual(
        all.map(({ id }) => id),
        ids,
    );

    const paged = [];
    let cursor;
    do {
        const answer = await mine.call("deployments/list", { limit: 2, ...(cursor ? { cursor } : {}) });
        assert.equal(answer.status, 200, answer.text);
        assert.ok(answer.body.json.length <= 2);
        paged.push(...answer.body.json.map(({ id }) => id));
        cursor = answer.headers.get("x-next-cursor");
    } while (cursor);
    assert.deepEqual(paged, ids);
    for (const id of ids) await mine.built(id);
});

test("a list of any length is whole, and the same in pages", async () => {
    const server = await Server.start({ args: ["--build-workers", "0", "--warm-slots", "0", "--queue-builds", "1000"] });
    after(() => server.stop());
    const mine = await Tenant.make("deployments-long", server);
    for (const n of [100, 1, 160]) {
        const made = await Promise.all(Array.from({ length: n }, () => mine.ok("deployments/create", artifact)));
        assert.equal(new Set(made.map(({ deployment_id: id }) => id)).size, n);
        const all = await mine.ok("deployments/list", {});
        const paged = [];
        for (let cursor; cursor !== null; ) {
            const answer = await mine.call("deployments/list", { limit: 90, ...(cursor ? { cursor } : {}) });
            paged.push(...answer.body.json);
            cursor = answer.headers.get("x-next-cursor");
        }
        assert.deepEqual(all, paged);
        assert.ok(made.every(({ deployment_id: id }) => all.some((each) => each.id === id)));
    }
});

test("list shows each deployment as sync does, in every state", async () => {
    const mine = await Tenant.make("deployments-states");
    const failed = await mine.build({ source: sourceOfFiles({ "readme.txt": "hello" }), description: "broken" });
    const ready = await mine.deploy(artifact);
    const { deployment_id: id } = await mine.ok("deployments/create", endless);
    const [building, ...ended] = await mine.ok("deployments/list", {});
    assert.deepEqual(ended, [ready, failed]);
    assert.equal(building.id, id);
    assert.deepEqual(
        [building.status, building.built_at, building.workflows, building.bundle_path],
        ["building", null, null, null],
    );
});

test("list of a tenant without deployments is an empty array", async () => {
    const mine = await Tenant.make("deployments-none");
    assert.deepEqual(await mine.ok("deployments/list", {}), []);
});

test("a bad cursor or limit of list is refused", async () => {
    await t.fails("deployments/list", { limit: 2, cursor: "no cursor of ours" }, "BAD_REQUEST");
    for (const limit of [0, 1001]) {
        const [issue] = await t.refuses("deployments/list", { limit });
        assert.deepEqual(issue.path, ["limit"]);
    }
});

test("logs tell the story of a build in order, and say when it is over", async () => {
    const { id } = await t.deploy(oneWorkflow("deployments-logs", "return 4;"));
    const first = await t.ok("deployments/logs", { id });
    assert.ok(first.lines.length > 0);
    const times = first.lines.map(({ timestamp }) => timestamp);
    assert.deepEqual(times, [...times].sort());
    assert.ok(first.lines.some(({ stream }) => stream === "system"));

    let last = first;
    while (!last.done && last.next_cursor) {
        last = await t.ok("deployments/logs", { id, cursor: last.next_cursor, wait_seconds: 5 });
    }
    assert.equal(last.done, true);
    if (last.next_cursor) {
        const rest = await t.ok("deployments/logs", { id, cursor: last.next_cursor, wait_seconds: 60 });
        assert.deepEqual([rest.lines, rest.done], [[], true]);
    }
    await t.fails("deployments/logs", { id, cursor: "no cursor of ours" }, "BAD_REQUEST");
});

test("logs tell what the code printed when it was imported, and where", async () => {
    const { id } = await t.deploy(
        plain({
            "index.ts": `import { workflow } from "impresario";
console.log("to stdout");
console.error("to stderr");
export default workflow("deployments-streams", async () => 7);
`,
        }),
    );
    const { lines } = await t.ok("deployments/logs", { id });
    const stream = (text) => lines.find(({ message }) => message.includes(text))?.stream;
    assert.deepEqual([stream("to stdout"), stream("to stderr")], ["stdout", "stderr"]);
});

test("logs can be followed while the build runs", async () => {
    const { deployment_id: id } = await t.ok(
        "deployments/create",
        oneWorkflow("deployments-follow", "return 5;"),
    );
    const lines = [];
    let page = { next_cursor: undefined, done: false };
    while (!page.done) {
        page = await t.ok("deployments/logs", {
            id,
            wait_seconds: 30,
            ...(page.next_cursor ? { cursor: page.next_cursor } : {}),
        });
        lines.push(...page.lines.map(({ message }) => message));
    }
    assert.equal((await t.ok("deployments/sync", { id })).status, "ready");
    assert.equal(lines.join("\n"), await t.buildLog(id));
});

test("an Idempotency-Key makes a repeated create one deployment", async () => {
    const headers = { "idempotency-key": "once-and-only-once" };
    const first = await t.ok("deployments/create", artifact, headers);
    const second = await t.ok("deployments/create", artifact, headers);
    assert.deepEqual(second, first);
    await t.fails("deployments/create", { ...artifact, description: "another" }, "CONFLICT", headers);

    const other = await Tenant.make("deployments-idempotent");
    const theirs = await other.ok("deployments/create", artifact, headers);
    assert.notEqual(theirs.deployment_id, first.deployment_id);
});

/** How many files below the server's uploads hold exactly these bytes. */
function keptCopies(server, bytes) {
    const uploads = join(server.data, "blobs", "deployments");
    return readdirSync(uploads)
        .flatMap((folder) => readdirSync(join(uploads, folder)).map((name) => join(uploads, folder, name)))
        .filter((path) => readFileSync(path).equals(bytes)).length;
}

test("an upload that becomes no deployment leaves no file", async () => {
    const once = oneWorkflow("deployments-left", `return ${JSON.stringify(randomUUID())};`, "{}", ballast());
    const bytes = Buffer.from(once.source, "base64");
    const headers = { "idempotency-key": "left-nothing" };

    await t.fails("deployments/create", { ...once, entry_point: "../index.ts" }, "BAD_REQUEST");
    assert.equal(keptCopies(t.server, bytes), 0);
    await t.ok("deployments/create", once, headers);
    await t.ok("deployments/create", once, headers);
    await t.fails("deployments/create", { ...once, description: "another" }, "CONFLICT", headers);
    assert.equal(keptCopies(t.server, bytes), 1);
});
