// SPDX-License-Identifier: Apache-2.0
/** workflows/build, buildStatus, cancelBuild: what a client sends and reads. How workflows are written has suites of its own. */
import assert from "node:assert/strict";
import test from "node:test";
import { actionLogOf, asked, siteOf } from "../support/ai.mjs";
import { Site } from "../support/site.mjs";
import { Tenant } from "../support/tenant.mjs";

const t = await Tenant.make("ai-builds");
/** A log from which no workflow can be made: builds of it end by themselves, and soon. */
const USELESS = [{ ts: "2026-01-01T00:00:00.000Z", action: "think", source: "user", success: true }];
const body = { descriptions: ["Nothing much"], initial_url: "http://127.0.0.1:9/", action_log: USELESS };
const lines = (entries) => entries.map((entry) => JSON.stringify(entry)).join("\n");

/** Follows a build to its end, through every change that can be waited for, and calls `see` with each status. */
async function follow(build_id, see) {
    for (let wait_seconds = 0; ; wait_seconds = 30) {
        const build = await t.ok("workflows/buildStatus", { build_id, wait_seconds });
        await see?.(build);
        if (build.status === "ready" || build.status === "failed") return build;
    }
}

test("a build goes through its states, is listed until it is ready, and says all that is documented", async (c) => {
    const it = await siteOf(c, "search");
    const { build_id, status } = await t.ok("workflows/build", asked(it, { action_log: await actionLogOf(it) }));
    assert.equal(status, "pending");
    const listed = new Map();
    const end = await follow(build_id, async () => {
        const { in_progress_builds: builds } = await t.ok("workflows/list", {});
        for (const each of builds.filter((one) => one.build_id === build_id)) listed.set(each.status, each);
    });

    assert.equal(end.status, "ready", end.error);
    assert.equal(end.error, null);
    assert.ok(end.summary && end.workflow_name && end.created_at < end.updated_at);
    assert.equal((await t.ok("workflows/get", { workflow: end.workflow_name })).deployment_id, end.deployment_id);
    assert.deepEqual(end.attempted_steps.map(({ step }) => step), end.attempted_steps.map((_, i) => i + 1));
    // That it is listed while it is deployed, which is a moment here, test/agent/ends.test.mjs holds.
    assert.equal(listed.get("agent_running")?.workflow_name, null, [...listed.keys()].join());
    const { in_progress_builds: left } = await t.ok("workflows/list", {});
    assert.ok(!left.some((one) => one.build_id === build_id), "what is ready is listed as a workflow");
});

test("a build that waits for its turn is pending, and listed as such", async (c) => {
    const site = await Site.open();
    c.after(() => site.close());
    const held = { ...body, initial_url: `${site.url}/hold/build`, action_log: [{ ...USELESS[0], action: "goto", url: `${site.url}/hold/build` }] };
    const first = await t.ok("workflows/build", held);
    await site.visit("/hold/build");
    const second = await t.ok("workflows/build", body);
    const { in_progress_builds: builds } = await t.ok("workflows/list", {});
    const status = (id) => builds.find(({ build_id }) => build_id === id).status;
    assert.deepEqual([status(first.build_id), status(second.build_id)], ["agent_running", "pending"]);
    await t.ok("workflows/cancelBuild", { build_id: first.build_id });
    for (const { build_id } of [first, second]) assert.equal((await follow(build_id)).status, "failed");
});

/** Each form that a field may have. */
const FORMS = {
    "a description as a text": { descriptions: "Nothing much" },
    "several descriptions": { descriptions: ["Nothing", "much"] },
    "params": { params: { query: "a word" } },
    "a list of actions": { action_log: USELESS },
    "actions as lines of JSON": { action_log: lines(USELESS) },
    "a list of requests": { network_log: [{ method: "GET", url: body.initial_url }] },
    "requests as lines of JSON": { network_log: lines([{ method: "GET" }, { method: "POST" }]) },
    "an entry point in a folder": { entry_point: "src/index.ts" },
};
for (const [what, change] of Object.entries(FORMS)) {
    test(`build takes ${what}`, async () => {
        const { build_id } = await t.ok("workflows/build", { ...body, ...change });
        await t.ok("workflows/cancelBuild", { build_id });
        const build = await follow(build_id);
        assert.equal(build.status, "failed");
        assert.equal(build.deployment_id, null);
    });
}

const REFUSED = {
    "an initial_url that is no web page": [{ initial_url: "ftp://example.com/" }, "initial_url", "BAD_REQUEST"],
    "an entry point outside": [{ entry_point: "../index.ts" }, "entry_point", "BAD_REQUEST"],
    "an entry point that is no module": [{ entry_point: "index.txt" }, "entry_point", "BAD_REQUEST"],
    "no description": [{ descriptions: [] }, "descriptions", "BAD_REQUEST"],
};
for (const [what, [change, field]] of Object.entries(REFUSED)) {
    test(`build refuses ${what}`, async () => {
        const issues = await t.refuses("workflows/build", { ...body, ...change });
        assert.equal(issues[0].path[0], field);
    });
}

test("params larger than a mebibyte are too large", async () => {
    const error = await t.fails("workflows/build", { ...body, params: { text: "x".repeat(1 << 20) } }, "PAYLOAD_TOO_LARGE");
    assert.match(error.message, /params/);
});

test("without a model and without actions the settings are named", async () => {
    const { action_log, ...rest } = body;
    assert.match((await t.fails("workflows/build", rest, "PRECONDITION_FAILED")).message, /IMPRESARIO_MODEL_PROVIDER/);
});

test("an Idempotency-Key makes a repeated build one", async () => {
    const headers = { "idempotency-key": "one-build" };
    const first = await t.ok("workflows/build", body, headers);
    assert.deepEqual(await t.ok("workflows/build", body, headers), first);
    await t.fails("workflows/build", { ...body, descriptions: ["Another"] }, "CONFLICT", headers);
    await follow(first.build_id);
});

test("a build that has ended cannot be cancelled", async () => {
    const { build_id } = await t.ok("workflows/build", body);
    assert.equal((await t.ok("workflows/cancelBuild", { build_id })).success, true);
    await follow(build_id);
    const again = await t.ok("workflows/cancelBuild", { build_id });
    assert.deepEqual([again.success, again.message], [false, "The build is failed already"]);
});
