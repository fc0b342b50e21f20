// SPDX-License-Identifier: Apache-2.0
/** Tenants never see each other: a stranger's id has the very answer of an id that never was. */
import assert from "node:assert/strict";
import test from "node:test";
import { Api } from "../support/api.mjs";
import { plain } from "../support/artifact.mjs";
import { implemented } from "../support/contract.mjs";
import { Tenant } from "../support/tenant.mjs";

const UNKNOWN = "01900000-0000-7000-8000-000000000000";
const [owner, stranger] = [await Tenant.make("owner"), await Tenant.make("stranger")];
const OF = new Map([
    [owner, "private"],
    [stranger, "own"],
]);

/** A deployment of one workflow, which declares one credential. */
const bundle = (name, credential, says = "a line") =>
    plain({
        "index.ts": `import { workflow } from "impresario";
export default workflow(${JSON.stringify(name)}, { credentials: [${JSON.stringify(credential)}], handler: async () => { console.log(${JSON.stringify(says)}); return "a result"; } });
`,
    });

const RECORDED = { ts: "2026-01-01T00:00:00.000Z", action: "goto", source: "user", success: true, url: "http://127.0.0.1:9/" };

/** Makes a tenant's things: what each kind of reference can name. */
async function things(tenant) {
    const stem = OF.get(tenant);
    const deployment = await tenant.deploy(bundle(`${stem}-workflow`, `${stem}_name`, `${stem} line`));
    await tenant.deploy(bundle(`${stem}-deleted`, "nothing"));
    await tenant.ok("workflows/delete", { workflow: `${stem}-deleted` });
    const credential = async (name) =>
        (await tenant.ok("credentials/create", { name, value: `${stem} value` })).credential_id;
    const deletedCredential = await credential(`${stem}_deleted`);
    await tenant.ok("credentials/delete", { id: deletedCredential });
    await tenant.ok("browserProfiles/ensure", { name: `${stem}-profile` });
    await tenant.ok("browserProfiles/ensure", { name: `${stem}-deleted-profile` });
    await tenant.ok("browserProfiles/delete", { name: `${stem}-deleted-profile` });
    const { build_id } = await tenant.ok("workflows/build", {
        descriptions: ["never finished"],
        initial_url: RECORDED.url,
        action_log: [RECORDED],
    });
    await tenant.ok("workflows/cancelBuild", { build_id });
    return {
        deployment: { is: deployment.id, never: UNKNOWN, malformed: "x" },
        job: { is: (await tenant.run(`${stem}-workflow`)).job_id, never: UNKNOWN, malformed: "x" },
        build: { is: build_id, never: UNKNOWN, malformed: "x" },
        workflow: { is: `${stem}-workflow`, was: `${stem}-deleted`, never: "nobodys-workflow", malformed: "" },
        credential: { is: await credential(`${stem}_name`), was: deletedCredential, never: UNKNOWN, malformed: "x" },
        name: { is: `${stem}_name`, was: `${stem}_deleted`, never: "nobodys_name", malformed: "" },
        profile: { is: `${stem}-profile`, was: `${stem}-deleted-profile`, never: "nobodys-profile", malformed: ".." },
    };
}

const theirs = await things(owner);
const mine = await things(stranger);

/** What a field refers to, by its name or by its route and name. A field that could and does not is null. */
const REFERS = {
    build_id: "build",
    jobId: "job",
    workflow: "workflow",
    credential_id: "credential",
    "deployments/sync id": "deployment",
    "deployments/get id": "deployment",
    "deployments/logs id": "deployment",
    "jobs/get id": "job",
    "jobs/cancel id": "job",
    "jobs/artifacts id": "job",
    "credentials/get name": "name",
    "credentials/update id": "credential",
    "credentials/delete id": "credential",
    "browserProfiles/delete name": "profile",
    "credentials/create name": null,
    "credentials/upsert name": null,
    "credentials/update name": null,
    "browserProfiles/ensure name": null,
    "telemetry/recordCliEvent installId": null,
    "telemetry/recordCliEvent cloudUserId": null,
};

/** What else a request with that field needs to get as far as the thing. */
const BESIDE = {
    "credentials/update id": { value: "changed" },
    "jobs/create credential_id": { workflow: mine.workflow.is },
};

/** Routes for which a thing that is not there is no fault: they filter, or make sure that it is gone. */
const EMPTY = new Set(["jobs/list workflow", "logs/list workflow", "browserProfiles/delete name"]);

const all = (await implemented(stranger.url)).map((route) => ({ ...route, name: route.path.slice("/v1/".length) }));
const couldRefer = ([field, { type, format }]) => format === "uuid" || (type === "string" && /^(name|workflow)$|id$/i.test(field));
const rows = all
    .flatMap((route) =>
        Object.entries(route.input.properties)
            .filter(couldRefer)
            .map(([field]) => ({ route, field, label: `${route.name} ${field}` })),
    )
    .map((row) => ({ ...row, kind: REFERS[row.label] ?? (row.label in REFERS ? null : REFERS[row.field]) }));

test("every field that can name a thing is in the table", () => {
    assert.deepEqual(
        rows.filter(({ kind }) => kind === undefined).map(({ label }) => label),
        [],
    );
});

const revoked = new Api(stranger.url, await stranger.server.revokedKey(stranger.name));
const nobody = new Api(stranger.url, undefined);

/** Everything of an answer but what differs from request to request, and what was asked for. */
function bare({ status, headers, text }, asked) {
    const rest = [...headers].filter(([name]) => !["x-request-id", "date", "content-length"].includes(name));
    return { status, rest, text: text.replaceAll(asked, "…") };
}

/** Routes that remove come last, so that the others find what they look for. */
const removes = ({ route }) => route.name.endsWith("/delete");
const references = rows.filter(({ kind }) => kind).sort((a, b) => removes(a) - removes(b));

for (const { route, field, label, kind } of references) {
    const ask = (api, value) => api.call(route.name, { ...BESIDE[label], [field]: value });

    test(`${label}: a stranger's is as unknown as what never was, and as what is gone`, async () => {
        const never = bare(await ask(stranger, mine[kind].never), mine[kind].never);
        assert.equal(never.status, EMPTY.has(label) ? 200 : 404, never.text);
        for (const value of [theirs[kind].is, theirs[kind].was, mine[kind].was].filter(Boolean)) {
            // What ran under a name stays in the lists when the name is gone.
            if (value === mine[kind].was && label === "logs/list workflow") continue;
            assert.deepEqual(bare(await ask(stranger, value), value), never, value);
        }
    });

    test(`${label}: what is malformed is refused, and one's own is found`, async () => {
        const issues = await stranger.refuses(route.name, { ...BESIDE[label], [field]: mine[kind].malformed });
        assert.deepEqual(issues.map(({ path }) => path[0]), [field]);
        const { status, text } = await ask(stranger, mine[kind].is);
        assert.equal(status, 200, text);
    });
}

for (const route of all.filter(({ auth }) => auth === "api_key")) {
    test(`${route.name}: without a key that opens, every question has one answer`, async () => {
        const values = references
            .filter((row) => row.route.name === route.name)
            .flatMap(({ field, kind }) =>
                [mine[kind].is, theirs[kind].is, mine[kind].never, mine[kind].malformed].map((value) => ({ [field]: value })),
            );
        const answers = [];
        for (const api of [nobody, revoked])
            for (const input of [{}, ...values]) answers.push(bare(await api.call(route.name, input), "no value"));
        for (const answer of answers) assert.deepEqual(answer, answers[0]);
        assert.equal(answers[0].status, 401);
    });
}

test("no list shows a stranger's things", async () => {
    for (const [route, needle] of [
        ["deployments/list", theirs.deployment.is],
        ["workflows/list", "private-workflow"],
        ["jobs/list", theirs.job.is],
        ["logs/list", "private line"],
        ["credentials/list", "private_name"],
        ["browserProfiles/list", "private-profile"],
    ]) {
        const [strangers, owners] = [await stranger.call(route, {}), await owner.call(route, {})];
        assert.equal(strangers.status, 200);
        assert.ok(!strangers.text.includes(needle), route);
        assert.ok(owners.text.includes(needle), route);
    }
});

test("a cursor does not carry over to another tenant", async () => {
    await owner.run("private-workflow");
    const { next_cursor: cursor } = await owner.ok("jobs/list", { limit: 1 });
    const { status, text } = await stranger.call("jobs/list", { limit: 1, cursor });
    assert.ok(status === 400 || status === 200, text);
    assert.ok(!text.includes(theirs.job.is));
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
    assert.equal((await owner.ok("jobs/get", { id: theirs.job.is })).status, "completed");
    assert.equal(
        (await owner.ok("workflows/get", { workflow: "private-workflow" })).deployment_id,
        theirs.deployment.is,
    );
    assert.equal((await owner.ok("browserProfiles/list", {})).profiles.length, 1);
});
