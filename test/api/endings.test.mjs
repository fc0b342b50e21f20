// SPDX-License-Identifier: Apache-2.0
/** How a run ends: results, errors, timeouts, cancellation, and what happens to what it left behind. */
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { oneWorkflow, plain } from "../support/artifact.mjs";
import { Site } from "../support/site.mjs";
import { Tenant } from "../support/tenant.mjs";

const site = await Site.open();
after(() => site.close());
const t = await Tenant.make("endings");

test("a timeout ends the job and names its limit", async () => {
    await t.deploy(oneWorkflow("endless", "await new Promise((resolve) => setInterval(() => {}, 1000));"));
    const job = await t.run("endless", {}, { timeout_seconds: 3 });
    assert.equal(job.status, "failed");
    assert.match(job.error, /Timed out after 3 s/);
    assert.ok(Date.parse(job.completed_at) - Date.parse(job.created_at) >= 3_000);
});

test("a timeout ends even a handler that spins", async () => {
    await t.deploy(oneWorkflow("spinning", "for (;;) {}"));
    assert.match((await t.run("spinning", {}, { timeout_seconds: 2 })).error, /Timed out after 2 s/);
});

test("cancel kills the whole tree in a moment", async () => {
    await t.deploy(
        oneWorkflow(
            "stubborn",
            `process.on("SIGTERM", () => {});
const { spawn } = await import("node:child_process");
spawn(process.execPath, ["-e", "process.on('SIGTERM', () => {}); fetch('${site.url}/hold/child'); setInterval(() => {}, 1000)"], { detached: true, stdio: "ignore" });
await fetch("${site.url}/hold/stubborn");`,
        ),
    );
    const id = await t.start("stubborn");
    await Promise.all([site.visit("/hold/stubborn"), site.visit("/hold/child")]);
    const before = Date.now();
    assert.equal((await t.ok("jobs/cancel", { id })).success, true);
    const job = await t.finished(id);
    assert.equal(job.status, "cancelled");
    assert.ok(Date.now() - before < 7_000, `took ${Date.now() - before} ms`);
    await site.left("/hold/stubborn");
    await site.left("/hold/child");
    assert.equal((await t.ok("jobs/cancel", { id })).success, false);
});

const THROWN = {
    "an Error shows its message": ['throw new Error("plain");', "plain"],
    "a class shows its name": ['throw new TypeError("typed");', "TypeError: typed"],
    "text is shown as it is": ['throw "just text";', "just text"],
    "an odd value is shown": ["throw { odd: 1 };", /odd/],
    "undefined is told": ["throw undefined;", /undefined/],
    "null is told": ["throw null;", /null/],
    "several lines are kept": ['throw new Error("one\\ntwo");', "one\ntwo"],
    "a page's own error is told": [
        'await page.evaluate(() => { throw new Error("in the page"); });',
        /in the page/,
    ],
    "a Playwright timeout keeps its call log": [
        'await page.locator("#never").click({ timeout: 200 });',
        /TimeoutError: .*200ms/,
    ],
};
let thrown = 0;
for (const [what, [body, expected]] of Object.entries(THROWN)) {
    const name = `thrown-${thrown++}`;
    test(`what is thrown: ${what}`, async () => {
        await t.deploy(oneWorkflow(name, body));
        const job = await t.run(name);
        assert.equal(job.status, "failed");
        if (typeof expected === "string") assert.equal(job.error, expected);
        else assert.match(job.error, expected);
        assert.equal(typeof job.mapped_stack, "string", "it is null only when nothing was thrown");
    });
}

test("an error is cut at 64 KiB", async () => {
    await t.deploy(oneWorkflow("wordy", 'throw new Error("w".repeat(300_000));'));
    assert.ok(Buffer.byteLength((await t.run("wordy")).error) <= 66_000);
});

test("instanceof holds between the workflow's playwright and the page's errors", async () => {
    await t.deploy(
        plain({
            "index.ts": `import { workflow } from "impresario";
import { errors } from "playwright";
export default workflow("same-playwright", async ({ page }: any) => {
  try { await page.locator("#never").click({ timeout: 100 }); } catch (error) { return error instanceof errors.TimeoutError; }
});
`,
        }),
    );
    assert.equal(await t.result("same-playwright"), true);
});

const RESULTS = {
    null: ["return null;", null],
    text: ['return "text ✓";', "text ✓"],
    "a number": ["return 1.5;", 1.5],
    false: ["return false;", false],
    "a list": ["return [1, [2]];", [1, [2]]],
    "a date": ["return { at: new Date(0) };", { at: "1970-01-01T00:00:00.000Z" }],
    toJSON: ["return { toJSON: () => 7 };", 7],
    "functions, undefined": ["return { f() {}, u: undefined, k: 1 };", { k: 1 }],
    NaN: ["return NaN;", null],
    "a function alone": ["return () => 1;", null],
};
let returned = 0;
for (const [what, [body, expected]] of Object.entries(RESULTS)) {
    const name = `returned-${returned++}`;
    test(`what is returned: ${what}`, async () => {
        await t.deploy(oneWorkflow(name, body));
        assert.deepEqual(await t.result(name), expected);
    });
}

for (const [what, body, says] of [
    ["a BigInt", "return { n: 1n };", /BigInt/i],
    ["a cycle", "const a: any = {}; a.a = a; return a;", /circular|cycl/i],
    ["more than the limit", 'return "x".repeat(6 << 20);', /5 MiB|limit|large/i],
]) {
    test(`what cannot be a result fails with a sentence: ${what}`, async () => {
        const name = `unreturnable-${what.replaceAll(" ", "-")}`;
        await t.deploy(oneWorkflow(name, body));
        const job = await t.run(name);
        assert.equal(job.status, "failed");
        assert.match(job.error, says);
    });
}

test("a rejection that nobody handles is logged and fails nothing", async () => {
    await t.deploy(
        oneWorkflow(
            "unhandled",
            'Promise.reject(new Error("left alone")); await new Promise((resolve) => setTimeout(resolve, 50)); return "done";',
        ),
    );
    const job = await t.run("unhandled");
    assert.equal(job.result, "done", job.error);
    assert.ok(
        (await t.logs(job.job_id)).some(
            ({ level, message }) => level === "error" && message.includes("left alone"),
        ),
    );
});

test("an exception in a timer fails the job with its message", async () => {
    await t.deploy(
        oneWorkflow(
            "timer",
            'setTimeout(() => { throw new Error("from a timer"); }, 10); await new Promise((resolve) => setTimeout(resolve, 30_000));',
        ),
    );
    const job = await t.run("timer");
    assert.equal(job.status, "failed");
    assert.match(job.error, /from a timer/);
});

test("a promise that nothing can settle fails the job", async () => {
    await t.deploy(
        oneWorkflow("stalled", "await page.context().browser()?.close(); await new Promise(() => {});"),
    );
    const job = await t.run("stalled", {}, { timeout_seconds: 20 });
    assert.equal(job.status, "failed");
    assert.doesNotMatch(job.error, /Timed out/);
});

test("a browser that dies is named as the cause", async () => {
    await t.deploy(
        oneWorkflow(
            "crashing",
            `const cdp = await page.context().browser().newBrowserCDPSession();
await cdp.send("Browser.crash").catch(() => {});
return page.title();`,
        ),
    );
    const job = await t.run("crashing", {}, { timeout_seconds: 30 });
    assert.equal(job.status, "failed");
    assert.match(job.error, /crash|closed/i);
});

test("memory without end ends the job", async () => {
    await t.deploy(
        oneWorkflow("hungry", "const hoard: any[] = []; for (;;) hoard.push(Buffer.alloc(32 << 20, 1));"),
    );
    const job = await t.run("hungry", {}, { timeout_seconds: 60 });
    assert.equal(job.status, "failed");
    // Control groups end the box; where there are none, the limit of the process makes the allocation fail.
    assert.match(job.error, /memory|Array buffer allocation failed/);
});

test("a disk without end ends in an error of the workflow, not of the server", async () => {
    await t.deploy(
        oneWorkflow(
            "filling",
            'const { createWriteStream } = await import("node:fs"); const fs = await import("node:fs"); const os = await import("node:os"); const fd = fs.openSync(os.tmpdir() + "/fill", "w"); const block = Buffer.alloc(16 << 20); for (let i = 0; i < 1000; i++) fs.writeSync(fd, block);',
        ),
    );
    const job = await t.run("filling");
    assert.equal(job.status, "failed");
    assert.match(job.error, /ENOSPC|no space/i);
});

test("work left behind after the handler returned is ended", async () => {
    await t.deploy(
        oneWorkflow(
            "left-behind",
            `setInterval(() => {}, 1000); const held = fetch("${site.url}/hold/behind").catch(() => {}); await new Promise((resolve) => setTimeout(resolve, 100)); return "returned";`,
        ),
    );
    assert.equal(await t.result("left-behind"), "returned");
    await site.left("/hold/behind");
});

test("jobs that come together wait their turn, and all complete", async () => {
    await t.deploy(
        oneWorkflow("many", 'await page.setContent("<title>" + input.i + "</title>"); return page.title();'),
    );
    const ids = await Promise.all(Array.from({ length: 8 }, (_, i) => t.start("many", { i })));
    const jobs = await Promise.all(ids.map((id) => t.finished(id)));
    assert.deepEqual(
        jobs.map(({ result }) => result),
        ["0", "1", "2", "3", "4", "5", "6", "7"],
    );
});

test("a job that waits for its turn is cancelled at once", async () => {
    await t.deploy(oneWorkflow("occupying", `await fetch("${site.url}/hold/occupied");`));
    const ids = await Promise.all(Array.from({ length: 12 }, () => t.start("occupying")));
    const states = await Promise.all(ids.map((id) => t.ok("jobs/get", { id })));
    const queued = states.findLast(({ status }) => status === "queued");
    assert.ok(queued, JSON.stringify(states.map(({ status }) => status)));
    assert.equal((await t.ok("jobs/cancel", { id: queued.job_id })).success, true);
    const cancelled = await t.ok("jobs/get", { id: queued.job_id });
    assert.deepEqual([cancelled.status, cancelled.started_at], ["cancelled", null]);
    assert.ok(cancelled.error);

    for (const id of ids) if (id !== queued.job_id) await t.ok("jobs/cancel", { id });
    for (const id of ids) assert.equal((await t.finished(id)).status, "cancelled");
});

test("a queued job keeps the deployment that it was created for", async () => {
    await t.deploy(oneWorkflow("pinned", `await fetch("${site.url}/hold/pinned"); return "old";`));
    const id = await t.start("pinned");
    await site.visit("/hold/pinned");
    await t.deploy(oneWorkflow("pinned", 'return "new";'));
    site.release();
    assert.equal((await t.finished(id)).result, "old");
    assert.equal(await t.result("pinned"), "new");
});
