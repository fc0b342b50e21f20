// SPDX-License-Identifier: Apache-2.0
/** jobs/create, list, get, cancel: what a client sends and reads. What runs inside has a suite of its own. */
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { send } from "../support/api.mjs";
import { oneWorkflow, plain } from "../support/artifact.mjs";
import { TIME, UUID } from "../support/contract.mjs";
import { Server } from "../support/server.mjs";
import { Site } from "../support/site.mjs";
import { Tenant } from "../support/tenant.mjs";

const UNKNOWN = "01900000-0000-7000-8000-000000000000";
const t = await Tenant.make("jobs");
const site = await Site.open();
after(() => site.close());

const deployment = await t.deploy(
    plain({
        "index.ts": `import { workflow } from "impresario";
export const echo = workflow("echo", async (_: any, input: any) => input);
export const hold = workflow("hold", async (_: any, { path }: any) => (await fetch("${site.url}" + path)).text());
export const fails = workflow("fails", async () => { throw new Error("as it should"); });
export const lost = workflow("lost", async ({ page }: any, { at }: any) => { await page.goto(at); throw new Error("lost"); });
export const secretive = workflow("secretive", { credentials: ["chosen"], handler: async (_: any, input: any) => input.credentials.chosen });
`,
    }),
);

test("create answers with an id, a status and a message, never a result", async () => {
    const created = await t.ok("jobs/create", { workflow: "echo", params: { a: 1 } });
    assert.deepEqual(Object.keys(created).sort(), ["job_id", "message", "status", "success"]);
    assert.match(created.job_id, UUID);
    assert.notEqual(created.message, "");
    await t.finished(created.job_id);
});

test("get gives every documented field of a completed job", async () => {
    const params = { city: "Kraków", nested: { list: [1, 2.5, null, true], empty: {} } };
    const job = await t.run("echo", params);
    assert.equal(job.status, "completed");
    assert.equal(job.workflow, "echo");
    assert.equal(job.deployment_id, deployment.id);
    assert.equal(job.deployment_version, 1);
    assert.match(job.workflow_id, UUID);
    assert.deepEqual(job.params, params);
    assert.deepEqual(job.result, params);
    assert.equal(job.error, null);
    assert.equal(job.mapped_stack, null);
    assert.equal(job.hosted_workflow_id ?? null, null);
    assert.match(job.started_at, TIME);
    assert.ok(job.created_at <= job.started_at && job.started_at <= job.completed_at);
});

test("a failed job has an error and no result", async () => {
    const job = await t.run("fails");
    assert.equal(job.status, "failed");
    assert.equal(job.error, "as it should");
    assert.ok(!("result" in job));
    assert.match(job.completed_at, TIME);
    assert.match(job.mapped_stack, /index\.ts:4/);
});

test("artifacts give screenshot and HTML of the page at which a handler threw, and null for other jobs", async () => {
    const failed = await t.run("lost", { at: `${site.url}/start` });
    assert.equal(failed.status, "failed");
    const { job_id, screenshot, html } = await t.ok("jobs/artifacts", { id: failed.job_id });
    assert.equal(job_id, failed.job_id);
    assert.match(html, /<h1>Start here<\/h1>/);
    const png = Buffer.from(screenshot, "base64");
    assert.equal(png.toString("base64"), screenshot);
    assert.deepEqual([...png.subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
    assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [1366, 768]);

    const { job_id: id } = await t.run("echo", {});
    assert.deepEqual(await t.ok("jobs/artifacts", { id }), { job_id: id, screenshot: null, html: null });
});

test("params may be absent, and are an empty object then", async () => {
    const { job_id } = await t.ok("jobs/create", { workflow: "echo" });
    const job = await t.finished(job_id);
    assert.deepEqual([job.params, job.result], [{}, {}]);
});

test("before its end a job has no result and no end, and says that it runs", async () => {
    const id = await t.start("hold", { path: "/hold/early" });
    await site.visit("/hold/early");
    const job = await t.ok("jobs/get", { id });
    assert.equal(job.status, "running");
    assert.ok(!("result" in job));
    assert.equal(job.completed_at, null);
    assert.match(job.started_at, TIME);
    site.release();
    assert.equal((await t.finished(id)).result, "released");
});

test("wait_seconds answers the moment the job ends", async () => {
    const id = await t.start("hold", { path: "/hold/wait" });
    await site.visit("/hold/wait");
    const waiting = t.ok("jobs/get", { id, wait_seconds: 60 });
    site.release();
    let job = await waiting;
    while (job.status === "queued" || job.status === "starting_browser" || job.status === "running") {
        job = await t.ok("jobs/get", { id, wait_seconds: 60 });
    }
    assert.equal(job.status, "completed");
    const before = Date.now();
    await t.ok("jobs/get", { id, wait_seconds: 60 });
    assert.ok(Date.now() - before < 10_000, "a final job is answered at once");
    assert.equal((await t.refuses("jobs/get", { id, wait_seconds: 61 }))[0].path[0], "wait_seconds");
});

test("an unknown workflow is 404 and named", async () => {
    const error = await t.fails("jobs/create", { workflow: "nowhere", params: {} }, "NOT_FOUND");
    assert.match(error.message, /nowhere/);
});

test("an unknown job is 404, an id that is no UUID 400", async () => {
    for (const route of ["jobs/get", "jobs/cancel", "jobs/artifacts"]) {
        await t.fails(route, { id: UNKNOWN }, "NOT_FOUND");
        assert.deepEqual(await t.refuses(route, { id: "not-a-uuid" }), [
            { validation: "uuid", code: "invalid_string", message: "Invalid uuid", path: ["id"] },
        ]);
        assert.equal((await t.refuses(route, {}))[0].message, "Required");
    }
});

const proxy = { country: "US" };
const REFUSED = {
    "workflow missing": [{ workflow: undefined }, "workflow", /^Required$/],
    "workflow empty": [{ workflow: "" }, "workflow", /./],
    "params a list": [{ params: [] }, "params", /^Expected object, received array$/],
    "params null": [{ params: null }, "params", /^Expected object, received null$/],
    "params with the reserved key": [{ params: { __libretto: {} } }, "params", /__libretto/],
    "nonce empty": [{ nonce: "" }, "nonce", /./],
    "nonce too long": [{ nonce: "n".repeat(256) }, "nonce", /255/],
    "timeout_seconds 0": [
        { timeout_seconds: 0 },
        "timeout_seconds",
        /^Number must be greater than or equal to 1$/,
    ],
    "timeout_seconds 3601": [
        { timeout_seconds: 3601 },
        "timeout_seconds",
        /^Number must be less than or equal to 3600$/,
    ],
    "timeout_seconds 1.5": [{ timeout_seconds: 1.5 }, "timeout_seconds", /^Expected integer, received float$/],
    "headless a word": [{ headless: "true" }, "headless", /^Expected boolean, received string$/],
    "gpu a number": [{ gpu: 1 }, "gpu", /^Expected boolean, received number$/],
    "start_url no URL": [{ start_url: "nowhere" }, "start_url", /^Invalid url$/],
    "viewport without height": [{ viewport: { width: 10 } }, "viewport", /^Required$/],
    "viewport of no width": [{ viewport: { width: 0, height: 10 } }, "viewport", /./],
    "viewport too wide": [{ viewport: { width: 16385, height: 10 } }, "viewport", /16384/],
    "callback_url alone": [{ callback_url: "https://example.com/hook" }, "callback_secret", /./],
    "callback_secret alone": [{ callback_secret: "s" }, "callback_url", /./],
    "callback_url no URL": [{ callback_url: "x", callback_secret: "s" }, "callback_url", /^Invalid url$/],
    "skip_callbacks a word": [{ skip_callbacks: "no" }, "skip_callbacks", /boolean/],
    "proxy without country": [{ residential_proxy: {} }, "residential_proxy", /^Required$/],
    "proxy country of three letters": [{ residential_proxy: { country: "USA" } }, "residential_proxy", /./],
    "proxy state outside the US": [
        { residential_proxy: { country: "DE", state: "BY" } },
        "residential_proxy",
        /./,
    ],
    "proxy zip with a city": [
        { residential_proxy: { ...proxy, zip: "10001", city: "nyc" } },
        "residential_proxy",
        /./,
    ],
    "proxy asn with a state": [
        { residential_proxy: { ...proxy, asn: "AS7922", state: "NY" } },
        "residential_proxy",
        /./,
    ],
    "proxy and none": [{ residential_proxy: proxy, disable_default_proxy: true }, undefined, /./],
    "credential_id no UUID": [{ credential_id: "x" }, "credential_id", /^Invalid uuid$/],
};
for (const [what, [change, path, message]] of Object.entries(REFUSED)) {
    test(`create refuses ${what}`, async () => {
        const issues = await t.refuses("jobs/create", { workflow: "echo", params: {}, ...change });
        if (path)
            assert.ok(
                issues.some((issue) => issue.path[0] === path),
                JSON.stringify(issues),
            );
        assert.ok(
            issues.some((issue) => message.test(issue.message)),
            JSON.stringify(issues),
        );
    });
}

test("every issue of a request is reported at once", async () => {
    const issues = await t.refuses("jobs/create", {
        params: 1,
        timeout_seconds: 9999,
        headless: 1,
        start_url: "x",
    });
    assert.deepEqual(issues.map(({ path }) => path[0]).sort(), [
        "headless",
        "params",
        "start_url",
        "timeout_seconds",
        "workflow",
    ]);
});

test("whole numbers are whole however they are written", async () => {
    for (const text of ["300.0", "3e2", "300"]) {
        const { status, text: answer } = await send(t.url, "/v1/jobs/create", {
            headers: { "content-type": "application/json", "x-api-key": t.key },
            body: `{"json":{"workflow":"echo","timeout_seconds":${text}}}`,
        });
        assert.equal(status, 200, answer);
    }
});

test("everything that a client may send along is taken", async () => {
    const job = await t.run(
        "echo",
        { a: 1 },
        {
            timeout_seconds: 60,
            headless: true,
            gpu: true,
            viewport: { width: 640, height: 480 },
            callback_url: "https://example.com/hook",
            callback_secret: "secret",
            skip_callbacks: true,
            disable_default_proxy: false,
            residential_proxy: { country: "us", state: "ny", city: "new-york" },
            unknown_to_us: true,
        },
    );
    assert.equal(job.status, "completed", job.error);
    const warnings = (await t.logs(job.job_id)).filter(({ level }) => level === "warn");
    assert.ok(
        warnings.some(({ message }) => /proxy/i.test(message)),
        "a proxy has no effect here, and the log says so",
    );
});

const TAKEN = [
    { headless: false, gpu: false, start_url: `${site.url}/start` },
    { headless: true, gpu: true, viewport: { width: 1, height: 16384 } },
    { residential_proxy: { country: "US", zip: "10001" }, skip_callbacks: false },
    { residential_proxy: { country: "de", city: "berlin" }, skip_callbacks: true },
    { residential_proxy: { country: "US", asn: "AS7922" } },
    { residential_proxy: { country: "US", state: "NY" }, disable_default_proxy: false },
    { disable_default_proxy: true },
    { timeout_seconds: 1 },
    { timeout_seconds: 3600, nonce: "n".repeat(255) },
];
for (const options of TAKEN) {
    test(`create takes ${JSON.stringify(options).slice(0, 100)}`, async () => {
        const { job_id: id } = await t.ok("jobs/create", { workflow: "echo", ...options });
        await t.ok("jobs/cancel", { id });
        await t.finished(id);
    });
}

test("a job without a warm browser is queued, then starts one, then runs; and a queue has places", async (c) => {
    const server = await Server.start({ env: { IMPRESARIO_WARM_SLOTS: "0", IMPRESARIO_JOB_SLOTS: "1", IMPRESARIO_SPARE_SLOTS: "0" } });
    c.after(() => server.stop());
    const mine = await Tenant.make("jobs-cold", server);
    await mine.deploy(oneWorkflow("cold", "return 1;"));
    const [first, second] = [await mine.start("cold"), await mine.start("cold")];
    const statuses = new Set();
    let job;
    do {
        // A browser takes half a second to start: whoever asks again at once sees it.
        job = await mine.ok("jobs/get", { id: first, wait_seconds: statuses.has("starting_browser") ? 30 : 0 });
        statuses.add(job.status);
        const { jobs } = await mine.ok("jobs/list", {});
        const listed = jobs.find(({ job_id }) => job_id === first);
        if (job.status === "starting_browser") {
            assert.deepEqual([listed.status, job.started_at], ["starting_browser", null]);
            const next = await mine.ok("jobs/get", { id: second });
            assert.deepEqual([next.status, next.queue_position, next.started_at], ["queued", 0, null]);
            assert.equal((await mine.ok("jobs/list", { status: "queued" })).jobs[0].job_id, second);
        }
    } while (job.completed_at === null);
    assert.ok(statuses.has("starting_browser"), [...statuses].join());
    assert.equal(job.status, "completed");
    assert.ok(!("queue_position" in job));
    await mine.finished(second);
});

test("as many slots are kept warm as jobs came at once, where there is room", async (c) => {
    const server = await Server.start({ env: { IMPRESARIO_WARM_SLOTS: "1", IMPRESARIO_JOB_SLOTS: "3" } });
    c.after(() => server.stop());
    const mine = await Tenant.make("jobs-demand", server);
    await mine.deploy(oneWorkflow("burst", "return 1;"));
    const warm = async (n) => {
        for (let ready; ready !== n; ) ready = (await (await fetch(`${server.url}/readyz`)).json()).warm;
    };
    await warm(1);
    const ids = await Promise.all(Array.from({ length: 5 }, () => mine.start("burst")));
    for (const id of ids) assert.equal((await mine.finished(id)).status, "completed");
    await warm(3);
});

test("the same nonce and the same body are the same job", async () => {
    const input = { workflow: "echo", params: { n: 1 }, nonce: "n-1" };
    const first = await t.ok("jobs/create", input);
    const again = await t.ok("jobs/create", input);
    assert.equal(again.job_id, first.job_id);
    await t.finished(first.job_id);
    assert.equal((await t.ok("jobs/create", input)).job_id, first.job_id);

    const clash = await t.fails("jobs/create", { ...input, params: { n: 2 } }, "CONFLICT");
    assert.equal(clash.data.job_id, first.job_id);
});

test("an Idempotency-Key is a nonce that travels outside the body", async () => {
    const input = { workflow: "echo", params: { n: 1 } };
    const headers = { "idempotency-key": "key-of-one-job" };
    const first = await t.ok("jobs/create", input, headers);
    assert.equal((await t.ok("jobs/create", input, headers)).job_id, first.job_id);
    await t.fails("jobs/create", { ...input, params: {} }, "CONFLICT", headers);
    await t.finished(first.job_id);
});

test("credential_id injects one credential under its own name, if the workflow declares it", async () => {
    const { credential_id: chosen } = await t.ok("credentials/create", {
        name: "chosen",
        value: "the chosen value",
    });
    const { credential_id: other } = await t.ok("credentials/create", { name: "other", value: "x" });
    assert.equal(await t.result("secretive", {}, { credential_id: chosen }), "the chosen value");
    await t.fails("jobs/create", { workflow: "secretive", credential_id: other }, "BAD_REQUEST");
    await t.fails("jobs/create", { workflow: "secretive", credential_id: UNKNOWN }, "NOT_FOUND");
});

test("list gives every documented field, newest first, in pages", async () => {
    const mine = await Tenant.make("jobs-list");
    assert.deepEqual(await mine.ok("jobs/list", {}), { jobs: [], next_cursor: null });
    const mineDeployed = await mine.deploy(
        plain({
            "index.ts": `import { workflow } from "impresario";
export const good = workflow("good", async () => 1);
export const bad = workflow("bad", async () => { throw new Error("no"); });
`,
        }),
    );
    const ids = [];
    for (const name of ["good", "bad", "good"]) ids.unshift((await mine.run(name)).job_id);

    const { jobs, next_cursor } = await mine.ok("jobs/list", {});
    assert.equal(next_cursor, null);
    assert.deepEqual(
        jobs.map(({ job_id }) => job_id),
        ids,
    );
    assert.deepEqual(
        jobs.map(({ status }) => status),
        ["completed", "failed", "completed"],
    );
    for (const job of jobs) {
        assert.equal(job.deployment_id, mineDeployed.id);
        assert.match(job.completed_at, TIME);
    }

    const paged = [];
    let cursor;
    do {
        const page = await mine.ok("jobs/list", { limit: 2, ...(cursor ? { cursor } : {}) });
        assert.ok(page.jobs.length <= 2);
        paged.push(...page.jobs.map(({ job_id }) => job_id));
        cursor = page.next_cursor;
    } while (cursor !== null);
    assert.deepEqual(paged, ids);

    const failed = await mine.ok("jobs/list", { status: "failed" });
    assert.deepEqual(
        failed.jobs.map(({ job_id }) => job_id),
        [ids[1]],
    );
    const good = await mine.ok("jobs/list", { workflow: "good" });
    assert.deepEqual(
        good.jobs.map(({ job_id }) => job_id),
        [ids[0], ids[2]],
    );
    assert.deepEqual((await mine.ok("jobs/list", { workflow: "nowhere" })).jobs, []);
});

test("list refuses what it cannot do", async () => {
    const [issue] = await t.refuses("jobs/list", { status: "sleeping" });
    assert.equal(issue.code, "invalid_enum_value");
    assert.deepEqual(issue.options, [
        "queued",
        "starting_browser",
        "running",
        "completed",
        "failed",
        "cancelled",
    ]);
    for (const limit of [0, 101])
        assert.deepEqual((await t.refuses("jobs/list", { limit }))[0].path, ["limit"]);
    await t.fails("jobs/list", { cursor: "no cursor of ours" }, "BAD_REQUEST");
});

test("cancel ends a running job with an error and no result", async () => {
    const id = await t.start("hold", { path: "/hold/cancel" });
    await site.visit("/hold/cancel");
    const running = await t.ok("jobs/list", { status: "running" });
    assert.deepEqual(
        running.jobs.map(({ job_id, status, completed_at }) => [job_id, status, completed_at]),
        [[id, "running", null]],
    );
    assert.equal((await t.ok("jobs/get", { id })).status, "running");
    const cancelled = await t.ok("jobs/cancel", { id });
    assert.equal(cancelled.success, true);
    assert.notEqual(cancelled.message, "");
    const job = await t.finished(id);
    assert.equal(job.status, "cancelled");
    const { jobs } = await t.ok("jobs/list", { status: "cancelled" });
    assert.ok(jobs.some(({ job_id }) => job_id === id));
    assert.ok(job.error);
    assert.ok(!("result" in job));
    assert.match(job.completed_at, TIME);
});

test("cancel of a job that has ended says so and changes nothing", async () => {
    const before = await t.run("echo", {});
    const answer = await t.ok("jobs/cancel", { id: before.job_id });
    assert.equal(answer.success, false);
    assert.match(answer.message, /completed/);
    assert.deepEqual(await t.ok("jobs/get", { id: before.job_id }), before);
});

test("params larger than a mebibyte are refused", async () => {
    const { status } = await t.call("jobs/create", {
        workflow: "echo",
        params: { text: "x".repeat((1 << 20) + 1) },
    });
    assert.ok(status === 400 || status === 413, `answered ${status}`);
});

test("params of nearly a mebibyte come back whole", async () => {
    const params = { text: "ä".repeat(500_000) };
    const job = await t.run("echo", params);
    assert.deepEqual(job.result, params);
});
