// SPDX-License-Identifier: Apache-2.0
/** logs/list: what workflows print and what the server adds, by job, level and page. */
import assert from "node:assert/strict";
import test from "node:test";
import { plain } from "../support/artifact.mjs";
import { Tenant } from "../support/tenant.mjs";

const UNKNOWN = "01900000-0000-7000-8000-000000000000";
const t = await Tenant.make("logs");
await t.deploy(
    plain({
        "index.ts": `import { workflow } from "impresario";
export const talker = workflow("talker", async (_: any, { lines = 3 }: any) => {
  for (let i = 0; i < lines; i++) console.log("line " + i);
  console.warn("careful");
  console.error("broken");
  console.log("two\\nlines", { of: "an object" });
  return null;
});
export const quiet = workflow("quiet", async () => { console.log("hush"); return null; });
`,
    }),
);
const talker = await t.run("talker");
const quiet = await t.run("quiet");

test("a job's entries come oldest first, with every documented field", async () => {
    const { logs } = await t.ok("logs/list", { jobId: talker.job_id });
    for (const each of logs) assert.deepEqual([each.jobId, each.workflow], [talker.job_id, "talker"]);
    const times = logs.map(({ timestamp }) => timestamp);
    assert.deepEqual(times, [...times].sort());

    const printed = logs.filter(({ message }) => /^(line \d|careful|broken|two)/.test(message));
    assert.deepEqual(
        printed.map(({ level, message }) => [level, message]),
        [
            ["info", "line 0"],
            ["info", "line 1"],
            ["info", "line 2"],
            ["warn", "careful"],
            ["error", "broken"],
            ["info", "two\nlines { of: 'an object' }"],
        ],
    );
});

test("the server's own milestones stand among them", async () => {
    const { logs } = await t.ok("logs/list", { jobId: quiet.job_id });
    assert.ok(logs.length > 1, JSON.stringify(logs));
});

test("without a job the newest come first, over all workflows", async () => {
    const { logs } = await t.ok("logs/list", { limit: 1000 });
    const times = logs.map(({ timestamp }) => timestamp);
    assert.deepEqual(times, [...times].sort().reverse());
    assert.deepEqual(new Set(logs.map(({ workflow }) => workflow)), new Set(["talker", "quiet"]));
    assert.ok(
        logs.findIndex(({ message }) => message === "hush") <
            logs.findIndex(({ message }) => message === "line 0"),
    );
});

test("filters: level, workflow, both", async () => {
    const warnings = await t.ok("logs/list", { jobId: talker.job_id, level: "warn" });
    assert.deepEqual(
        warnings.logs.map(({ message }) => message),
        ["careful"],
    );
    const errors = await t.ok("logs/list", { level: "error" });
    assert.deepEqual(
        errors.logs.map(({ message }) => message),
        ["broken"],
    );
    const ofQuiet = await t.ok("logs/list", { workflow: "quiet", level: "info" });
    assert.ok(ofQuiet.logs.some(({ message }) => message === "hush"));
    assert.ok(ofQuiet.logs.every(({ workflow }) => workflow === "quiet"));
    assert.deepEqual((await t.ok("logs/list", { workflow: "nowhere" })).logs, []);
});

test("pages continue one query, forwards for a job and backwards without", async () => {
    for (const query of [{ jobId: talker.job_id }, {}]) {
        const whole = (await t.ok("logs/list", { ...query, limit: 1000 })).logs;
        const paged = [];
        let token;
        do {
            const page = await t.ok("logs/list", {
                ...query,
                limit: 2,
                ...(token ? { pageToken: token } : {}),
            });
            assert.ok(page.logs.length <= 2);
            paged.push(...page.logs);
            token = page.nextPageToken;
        } while (token !== null);
        assert.deepEqual(paged, whole);
    }
});

test("100 entries come when nothing is said", async () => {
    const { job_id: jobId } = await t.run("talker", { lines: 150 });
    const first = await t.ok("logs/list", { jobId });
    assert.equal(first.logs.length, 100);
    assert.notEqual(first.nextPageToken, null);
});

test("a token does not fit another query", async () => {
    const { nextPageToken: pageToken } = await t.ok("logs/list", { jobId: talker.job_id, limit: 1 });
    await t.fails("logs/list", { jobId: quiet.job_id, limit: 1, pageToken }, "BAD_REQUEST");
    await t.fails("logs/list", { jobId: talker.job_id, level: "warn", limit: 1, pageToken }, "BAD_REQUEST");
    await t.fails("logs/list", { pageToken: "no token of ours" }, "BAD_REQUEST");
});

test("wrong filters are refused", async () => {
    for (const [input, path] of [
        [{ level: "debug" }, "level"],
        [{ jobId: "x" }, "jobId"],
        [{ limit: 0 }, "limit"],
        [{ limit: 1001 }, "limit"],
        [{ workflow: "" }, "workflow"],
        [{ workflow: 1 }, "workflow"],
    ]) {
        assert.deepEqual((await t.refuses("logs/list", input))[0].path, [path]);
    }
});

test("a job that never was has no entries or is not found, as any stranger's", async () => {
    const { status, body } = await t.call("logs/list", { jobId: UNKNOWN });
    if (status === 200) assert.deepEqual(body.json, { logs: [], nextPageToken: null });
    else assert.equal(status, 404);
});

test("a line longer than 64 KiB is cut, and says so", async () => {
    const mine = await Tenant.make("logs-long");
    await mine.deploy(
        plain({
            "index.ts": `import { workflow } from "impresario";
export default workflow("long", async () => { console.log("x".repeat(200_000)); return 1; });
`,
        }),
    );
    const { job_id } = await mine.run("long");
    const [long] = (await mine.logs(job_id)).filter(({ message }) => message.startsWith("xxx"));
    assert.ok(Buffer.byteLength(long.message) <= 66_000, `${long.message.length} characters were kept`);
    assert.match(long.message.slice(-200), /[^x]/);
});

test("credential values are not in the log", async () => {
    const mine = await Tenant.make("logs-redacted");
    await mine.ok("credentials/create", { name: "token", value: "hunter2-hunter2" });
    await mine.deploy(
        plain({
            "index.ts": `import { workflow } from "impresario";
export default workflow("leaky", { credentials: ["token"], handler: async (_: any, input: any) => {
  console.log("the token is " + input.credentials.token);
  return 1;
} });
`,
        }),
    );
    const { job_id } = await mine.run("leaky");
    const messages = (await mine.logs(job_id)).map(({ message }) => message);
    assert.ok(messages.some((message) => message.startsWith("the token is ")));
    assert.ok(!messages.some((message) => message.includes("hunter2-hunter2")));
});
