// SPDX-License-Identifier: Apache-2.0
/** workflows/list, get, delete, and who owns a name. */
import assert from "node:assert/strict";
import test from "node:test";
import { bootstrap, plain } from "../support/artifact.mjs";
import { TIME } from "../support/contract.mjs";
import { Tenant } from "../support/tenant.mjs";

/** A package that declares `names`; `mark` is what each of them returns. */
const declaring = (names, mark) =>
    plain({
        "index.ts": `import { workflow } from "impresario";
export const workflows = {
${names.map((name, i) => `  w${i}: workflow(${JSON.stringify(name)}, async () => ${JSON.stringify(mark)}),`).join("\n")}
};
`,
    });

test("list gives each workflow with every documented field, latest change first", async () => {
    const t = await Tenant.make("workflows-list");
    assert.deepEqual(await t.ok("workflows/list", {}), { deployed_workflows: [], in_progress_builds: [] });
    assert.deepEqual(await t.ok("workflows/list"), { deployed_workflows: [], in_progress_builds: [] });

    const first = await t.deploy(declaring(["one", "two"], 1));
    const second = await t.deploy(declaring(["three"], 2));
    const { deployed_workflows: listed } = await t.ok("workflows/list", {});
    assert.deepEqual(listed.map(({ name }) => name).sort(), ["one", "three", "two"]);
    assert.equal(listed[0].name, "three");
    for (const each of listed) {
        assert.equal(each.deployment_id, each.name === "three" ? second.id : first.id);
        assert.equal(each.deployment_status, "ready");
        assert.ok(each.created_at <= each.updated_at);
    }
});

test("get gives every documented field", async () => {
    const t = await Tenant.make("workflows-get");
    const deployment = await t.deploy(
        plain({
            "index.ts": `import { workflow } from "impresario";
import { z } from "zod";
export default workflow("described", {
  input: z.object({ city: z.string(), days: z.number().int().default(3) }),
  output: z.object({ degrees: z.number() }),
  handler: async () => ({ degrees: 20 }),
});
export const bare = workflow("bare", async () => 1);
`,
        }),
    );
    const described = await t.ok("workflows/get", { workflow: "described" });
    assert.equal(described.workflow, "described");
    assert.equal(described.deployment_id, deployment.id);
    assert.equal(described.deployment_status, "ready");
    assert.equal(described.deployment_created_at, deployment.created_at);
    assert.equal(described.deployment_built_at, deployment.built_at);
    assert.match(described.created_at, TIME);
    assert.match(described.updated_at, TIME);
    assert.deepEqual(described.input_schema, {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        type: "object",
        properties: {
            city: { type: "string" },
            days: { type: "integer", default: 3, minimum: -9007199254740991, maximum: 9007199254740991 },
        },
        required: ["city", "days"],
        additionalProperties: false,
    });
    assert.deepEqual(described.output_schema.properties, { degrees: { type: "number" } });

    const bare = await t.ok("workflows/get", { workflow: "bare" });
    assert.deepEqual([bare.input_schema, bare.output_schema], [null, null]);
});

test("the schemas of a client's artifact come through unchanged", async () => {
    const t = await Tenant.make("workflows-schemas");
    const given = {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        type: "object",
        title: "as it came",
        properties: {},
    };
    await t.deploy(
        await bootstrap(
            {
                "index.ts": `import { workflow } from "libretto";\nexport const w = workflow("from-client", async () => 1);\n`,
            },
            { metadata: (all) => all.map((each) => ({ ...each, inputSchema: given })) },
        ),
    );
    const got = await t.ok("workflows/get", { workflow: "from-client" });
    assert.deepEqual(got.input_schema, given);
    assert.equal(got.output_schema, null);
});

test("a schema that JSON Schema cannot say is null, and the build log tells", async () => {
    const t = await Tenant.make("workflows-inexpressible");
    const { id } = await t.deploy(
        plain({
            "index.ts": `import { workflow } from "impresario";
import { z } from "zod";
export default workflow("dated", { input: z.object({ when: z.date().optional() }), handler: async () => 1 });
`,
        }),
    );
    assert.equal((await t.ok("workflows/get", { workflow: "dated" })).input_schema, null);
    assert.match(await t.buildLog(id), /dated/);
});

test("a name is any text without control characters, and its case counts", async () => {
    const t = await Tenant.make("workflows-names");
    const names = ["a/b c", "Größe ✓", "UPPER", "upper", "x".repeat(200)];
    const deployment = await t.deploy(declaring(names, 1));
    assert.deepEqual([...deployment.workflows].sort(), [...names].sort());
    for (const workflow of names) assert.equal((await t.ok("workflows/get", { workflow })).workflow, workflow);
});

test("workflows of a deployment are sorted by code point", async () => {
    const t = await Tenant.make("workflows-sorted");
    const { workflows } = await t.deploy(declaring(["b", "a", "B", "Z", "ä"], 1));
    assert.deepEqual(workflows, ["B", "Z", "a", "b", "ä"]);
});

test("an unknown name is 404, an illegal one 400", async () => {
    const t = await Tenant.make("workflows-unknown");
    for (const route of ["workflows/get", "workflows/delete"]) {
        const error = await t.fails(route, { workflow: "nowhere" }, "NOT_FOUND");
        assert.match(error.message, /nowhere/);
        const [required] = await t.refuses(route, {});
        assert.deepEqual([required.message, required.path], ["Required", ["workflow"]]);
        const [empty] = await t.refuses(route, { workflow: "" });
        assert.equal(empty.code, "too_small");
        const [long] = await t.refuses(route, { workflow: "x".repeat(201) });
        assert.equal(long.code, "too_big");
    }
});

test("a name belongs to the newest ready deployment that declares it", async () => {
    const t = await Tenant.make("workflows-owner");
    const first = await t.deploy(declaring(["shared", "only-first"], "first"));
    assert.equal(await t.result("shared"), "first");
    const created = (await t.ok("workflows/get", { workflow: "shared" })).created_at;

    const second = await t.deploy(declaring(["shared"], "second"));
    const shared = await t.ok("workflows/get", { workflow: "shared" });
    assert.equal(shared.deployment_id, second.id);
    assert.equal(shared.created_at, created);
    assert.equal(await t.result("shared"), "second");

    const kept = await t.ok("workflows/get", { workflow: "only-first" });
    assert.equal(kept.deployment_id, first.id);
    assert.equal(await t.result("only-first"), "first");
    assert.equal((await t.ok("deployments/sync", { id: first.id })).status, "ready");
});

test("a failed deployment takes no name away", async () => {
    const t = await Tenant.make("workflows-failed-owner");
    const good = await t.deploy(declaring(["steady"], "good"));
    await t.buildError(
        plain({
            "index.ts": `import { workflow } from "impresario"; throw new Error("no");\nexport const w = workflow("steady", async () => 0);`,
        }),
    );
    assert.equal((await t.ok("workflows/get", { workflow: "steady" })).deployment_id, good.id);
    const { in_progress_builds } = await t.ok("workflows/list", {});
    assert.deepEqual(in_progress_builds, []);
});

test("deleting ends the name; a later deployment brings it back as a new workflow", async () => {
    const t = await Tenant.make("workflows-delete");
    await t.deploy(declaring(["gone", "stays"], 1));
    const before = await t.run("gone");
    const deleted = await t.ok("workflows/delete", { workflow: "gone" });
    assert.equal(deleted.success, true);
    assert.notEqual(deleted.message, "");

    await t.fails("workflows/get", { workflow: "gone" }, "NOT_FOUND");
    await t.fails("jobs/create", { workflow: "gone", params: {} }, "NOT_FOUND");
    await t.fails("workflows/delete", { workflow: "gone" }, "NOT_FOUND");
    assert.deepEqual(
        (await t.ok("workflows/list", {})).deployed_workflows.map(({ name }) => name),
        ["stays"],
    );
    assert.equal((await t.ok("jobs/get", { id: before.job_id })).workflow, "gone");

    await t.deploy(declaring(["gone"], 2));
    const after = await t.run("gone");
    assert.equal(after.result, 2);
    assert.notEqual(after.workflow_id, before.workflow_id);
});
