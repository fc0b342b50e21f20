// SPDX-License-Identifier: Apache-2.0
/** Tenants never see each other: a stranger's id has the very answer of an id that never was. */
import assert from "node:assert/strict";
import test from "node:test";
import { plain } from "../support/artifact.mjs";
import { Tenant } from "../support/tenant.mjs";

const UNKNOWN = "01900000-0000-7000-8000-000000000000";
const [owner, stranger] = [await Tenant.make("owner"), await Tenant.make("stranger")];
const artifact = plain({
    "index.ts": `import { workflow } from "impresario";
export default workflow("private-workflow", async () => { console.log("private line"); return "private result"; });
`,
});
const deployment = await owner.deploy(artifact);
const job = await owner.run("private-workflow");
const { credential_id } = await owner.ok("credentials/create", {
    name: "private_name",
    value: "private value",
});
await owner.ok("browserProfiles/ensure", { name: "private-profile" });

/** Every route that takes an id or a name, with what the owner has and what nobody has. */
const MATRIX = [
    ["deployments/sync", { id: deployment.id }, { id: UNKNOWN }],
    ["deployments/get", { id: deployment.id }, { id: UNKNOWN }],
    ["deployments/logs", { id: deployment.id }, { id: UNKNOWN }],
    ["deployments/sync", { id: deployment.id, wait_seconds: 1 }, { id: UNKNOWN, wait_seconds: 1 }],
    ["workflows/get", { workflow: "private-workflow" }, { workflow: "nobodys-workflow" }],
    ["workflows/delete", { workflow: "private-workflow" }, { workflow: "nobodys-workflow" }],
    ["jobs/create", { workflow: "private-workflow", params: {} }, { workflow: "nobodys-workflow", params: {} }],
    ["jobs/get", { id: job.job_id }, { id: UNKNOWN }],
    ["jobs/get", { id: job.job_id, wait_seconds: 1 }, { id: UNKNOWN, wait_seconds: 1 }],
    ["jobs/cancel", { id: job.job_id }, { id: UNKNOWN }],
    ["logs/list", { jobId: job.job_id }, { jobId: UNKNOWN }],
    ["logs/list", { workflow: "private-workflow" }, { workflow: "nobodys-workflow" }],
    ["jobs/list", { workflow: "private-workflow" }, { workflow: "nobodys-workflow" }],
    ["credentials/get", { name: "private_name" }, { name: "nobodys_name" }],
    ["credentials/update", { id: credential_id, value: "taken over" }, { id: UNKNOWN, value: "taken over" }],
    ["credentials/delete", { id: credential_id }, { id: UNKNOWN }],
    ["browserProfiles/delete", { name: "private-profile" }, { name: "nobodys-profile" }],
];

for (const [route, theirs, nobodys] of MATRIX) {
    test(`${route}: a stranger's ${Object.keys(theirs).join(" and ")} is as unknown as any`, async () => {
        const [foreign, unknown] = [await stranger.call(route, theirs), await stranger.call(route, nobodys)];
        assert.equal(foreign.status, unknown.status);
        // An answer may repeat what was asked for; nothing else may differ.
        const blank = (text, input) =>
            Object.values(input).reduce((all, value) => all.replaceAll(String(value), "…"), text);
        assert.equal(blank(foreign.text, theirs), blank(unknown.text, nobodys));
        assert.deepEqual(headersOf(foreign), headersOf(unknown));
    });
}

/** The headers that could tell something: not the id of the request, the time, nor a length that follows the name. */
function headersOf({ headers }) {
    return [...headers].filter(([name]) => !["x-request-id", "date", "content-length"].includes(name));
}

test("a job with a stranger's credential is 404, as with one that never was", async () => {
    await stranger.deploy(
        plain({
            "index.ts": `import { workflow } from "impresario";\nexport default workflow("own", { credentials: ["private_name"], handler: async () => 1 });\n`,
        }),
    );
    const [foreign, unknown] = [
        await stranger.call("jobs/create", { workflow: "own", credential_id }),
        await stranger.call("jobs/create", { workflow: "own", credential_id: UNKNOWN }),
    ];
    assert.deepEqual([foreign.status, unknown.status], [404, 404]);
    assert.equal(foreign.text.replaceAll(credential_id, "…"), unknown.text.replaceAll(UNKNOWN, "…"));
});

test("no list shows a stranger's things", async () => {
    for (const [route, needle] of [
        ["deployments/list", deployment.id],
        ["workflows/list", "private-workflow"],
        ["jobs/list", job.job_id],
        ["logs/list", "private line"],
        ["credentials/list", "private_name"],
        ["browserProfiles/list", "private-profile"],
    ]) {
        const [theirs, mine] = [await stranger.call(route, {}), await owner.call(route, {})];
        assert.equal(theirs.status, 200);
        assert.ok(!theirs.text.includes(needle), route);
        assert.ok(mine.text.includes(needle), route);
    }
});

test("a cursor does not carry over to another tenant", async () => {
    await owner.run("private-workflow");
    const { next_cursor: cursor } = await owner.ok("jobs/list", { limit: 1 });
    const { status, text } = await stranger.call("jobs/list", { limit: 1, cursor });
    assert.ok(status === 400 || status === 200, text);
    assert.ok(!text.includes(job.job_id));
});

test("equal names in two tenants are two things", async () => {
    const [a, b] = [await Tenant.make("same-a"), await Tenant.make("same-b")];
    for (const [tenant, value] of [
        [a, "of a"],
        [b, "of b"],
    ]) {
        await tenant.ok("credentials/create", { name: "same", value });
        await tenant.deploy(
            plain({
                "index.ts": `import { workflow } from "impresario";\nexport default workflow("same", { credentials: ["same"], handler: async (_: any, input: any) => input.credentials.same });\n`,
            }),
        );
    }
    assert.deepEqual([await a.result("same"), await b.result("same")], ["of a", "of b"]);
    await a.ok("workflows/delete", { workflow: "same" });
    assert.equal(await b.result("same"), "of b");
});

test("the owner's things are as they were", async () => {
    assert.equal((await owner.ok("credentials/get", { name: "private_name" })).value, "private value");
    assert.equal((await owner.ok("jobs/get", { id: job.job_id })).status, "completed");
    assert.equal(
        (await owner.ok("workflows/get", { workflow: "private-workflow" })).deployment_id,
        deployment.id,
    );
    assert.equal((await owner.ok("browserProfiles/list", {})).profiles.length, 1);
});
