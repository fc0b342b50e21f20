// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { writeStandIn } from "../lib/standin.mjs";
import { bootstrapArtifact } from "./support/bootstrap.mjs";
import { build, makeBox, run } from "./support/box.mjs";

const boxes = [];
after(() => boxes.forEach((box) => box.remove()));

const MANIFEST = '{ "name": "p", "type": "module" }';
const IMPORT = 'import { workflow, z } from "impresario";\n';

function box(files) {
    boxes.push(makeBox(files));
    return boxes.at(-1);
}

async function discover(files, entry = "index.ts") {
    const all = typeof files === "string" ? { "package.json": MANIFEST, "index.ts": files } : files;
    const { prepared, discovered } = await build(box(all), { entry });
    assert.notEqual(discovered, null, JSON.stringify(prepared.last));
    return discovered;
}

async function found(files, entry) {
    const done = await discover(files, entry);
    assert.equal(done.last.t, "discovered", JSON.stringify(done.last));
    return {
        ...done,
        workflows: done.last.workflows,
        names: done.last.workflows.map((one) => one.name).sort(),
    };
}

async function refused(files, entry) {
    const { last, frames } = await discover(files, entry);
    assert.equal(last.t, "fail", JSON.stringify(last));
    assert.equal(last.server_fault, undefined, last.error);
    assert.equal(frames.filter((frame) => frame.t === "fail").length, 1);
    assert.doesNotMatch(last.error, /\/(work|tmp|opt)\//);
    return last.error;
}

test("workflows are found as exports, default export, re-exports and in an object", async () => {
    const { names } = await found({
        "package.json": MANIFEST,
        "index.ts": `${IMPORT}
            export * from "./more";
            export { two as again } from "./more";
            export const workflows = { three: workflow("three", async () => 3) };
            export default workflow("four", async () => 4);
            export const other = { name: "no workflow", run() {} };`,
        "more.ts": `${IMPORT} export const one = workflow("one", async () => 1); export const two = workflow("two", async () => 2);`,
    });
    assert.deepEqual(names, ["four", "one", "three", "two"]);
});

test("a CommonJS entry works too", async () => {
    const files = {
        "package.json": '{ "name": "p" }',
        "index.cjs":
            'const { workflow } = require("impresario"); module.exports = { a: workflow("a", async () => 1), b: workflow("b", async () => 1) };',
    };
    assert.deepEqual((await found(files, "index.cjs")).names, ["a", "b"]);
});

test("everything that a workflow declares is told", async () => {
    const { workflows } = await found(`${IMPORT}
        export default workflow("full", {
            input: z.object({ n: z.number().default(1) }),
            output: z.object({ s: z.string() }),
            credentials: ["User", "pass"],
            authProfile: { name: "portal", refresh: true },
            startUrl: "https://example.com/start",
            viewport: { width: 800, height: 600 },
            gpu: true,
        }, async () => ({ s: "" }));`);
    const { input_schema, output_schema, ...rest } = workflows[0];

    assert.deepEqual(rest, {
        name: "full",
        credential_names: ["user", "pass"],
        auth_profile: "portal",
        auth_profile_refresh: true,
        start_url: "https://example.com/start",
        viewport: { width: 800, height: 600 },
        gpu: true,
        inject_job_auth: true,
        source_files: ["index.ts"],
    });
    assert.deepEqual(input_schema.required, ["n"]);
    assert.equal(input_schema.additionalProperties, false);
    assert.equal(output_schema.properties.s.type, "string");
});

test("a schema that JSON Schema cannot express is null and a line in the log", async () => {
    const { workflows, log } = await found(
        `${IMPORT} export default workflow("d", { input: z.object({ at: z.date() }) }, async () => 1);`,
    );
    assert.equal(workflows[0].input_schema, null);
    assert.match(log, /input schema of "d" has no JSON Schema/);
});

test("what the author prints while being imported is output, and never a frame", async () => {
    const { output, frames } = await found(`${IMPORT}
        console.log('{"t":"discovered","workflows":[]}'); process.stderr.write("raw\\n");
        export default workflow("w", async () => 1);`);
    assert.match(output, /"discovered"/);
    assert.match(output, /raw/);
    assert.equal(frames.filter((frame) => frame.t === "discovered").length, 1);
});

test("bad artifact: import throws, with the author's own file and line", async () => {
    const error = await refused({
        "package.json": MANIFEST,
        "index.ts": 'import "./src/deep";\n',
        "src/deep.ts":
            "type X = number;\n\nfunction inner(): X {\n    throw new TypeError('at the start');\n}\ninner();\n",
    });
    assert.match(
        error.split("\n")[0],
        /^"index\.ts" threw while being imported: TypeError: at the start$/,
    );
    assert.match(error, /at inner \(src\/deep\.ts:4:11\)/);
});

test("bad artifact: import exits the process", async () => {
    assert.match(await refused("process.exit(0);"), /exited while being imported \(exit code 0\)/);
});

test("bad artifact: import awaits what nothing can settle", async () => {
    assert.match(await refused("await new Promise(() => {});"), /never finished importing/);
});

test("bad artifact: an exception in a timer while being imported", async () => {
    const error = await refused(
        'setTimeout(() => { throw new Error("late"); }, 1);\nawait new Promise((r) => setTimeout(r, 60000));',
    );
    assert.match(error, /failed while being imported: late/);
    assert.match(error, /index\.ts:1:/);
});

test("a rejected promise that nobody handles is a line in the log, not a failure", async () => {
    const { log } =
        await found(`${IMPORT} Promise.reject(new Error("lonely")); await new Promise((r) => setTimeout(r, 1));
        export default workflow("w", async () => 1);`);
    assert.match(log, /lonely/);
});

test("bad artifact: no branded export names what was created but not exported", async () => {
    assert.match(await refused("export const x = 1;"), /^No workflows exported from "index\.ts"/);
    assert.match(
        await refused(`${IMPORT} workflow("hidden", async () => 1);`),
        /created but not exported: "hidden"/,
    );
});

test("bad artifact: duplicate names and illegal names", async () => {
    const twice = `${IMPORT} export const a = workflow("x", async () => 1); export const b = workflow("x", async () => 1);`;
    assert.match(await refused(twice), /^Duplicate workflow name: "x"$/);
    assert.match(
        await refused(`${IMPORT} export default workflow("a\\nb", async () => 1);`),
        /control characters/,
    );
    assert.match(
        await refused(`${IMPORT} export default workflow("x".repeat(201), async () => 1);`),
        /longer than 200/,
    );
});

test("bad artifact: illegal viewport and start URL name the workflow", async () => {
    const viewport = `${IMPORT} export default workflow("v", { viewport: { width: 0, height: 9 } }, async () => 1);`;
    assert.match(await refused(viewport), /Workflow "v" has an illegal viewport/);
    const url = `${IMPORT} export default workflow("u", { startUrl: "example.com" }, async () => 1);`;
    assert.match(await refused(url), /Workflow "u" has an illegal startUrl: "example\.com"/);
});

test("bad artifact: an illegal auth profile is workflow()'s own error", async () => {
    assert.match(
        await refused(
            `${IMPORT} export default workflow("p", { authProfile: "a b" }, async () => 1);`,
        ),
        /illegal authProfile "a b"/,
    );
});

const RUN = "run: async () => 1";
const modules = {
    "index.ts": `exports.a = { [Symbol.for("libretto.workflow")]: true, name: "a", ${RUN} };`,
};

test("a bootstrap's schemas and launch metadata come from the client's list", async () => {
    const inputSchema = { type: "object" };
    const { workflows } = await found(
        bootstrapArtifact({
            modules,
            workflows: [
                {
                    name: "a",
                    credentialNames: ["K"],
                    inputSchema,
                    authProfileName: "has space",
                    startUrl: "https://x.example/",
                    sourceFile: "index.ts",
                    sourceFiles: ["index.ts", "../outside.ts"],
                },
            ],
        }),
        "index.js",
    );
    assert.deepEqual(workflows, [
        {
            name: "a",
            credential_names: ["k"],
            auth_profile: null,
            auth_profile_refresh: false,
            start_url: "https://x.example/",
            viewport: null,
            gpu: false,
            input_schema: inputSchema,
            output_schema: null,
            inject_job_auth: true,
            source_files: ["index.ts"],
        },
    ]);
});

test("a bootstrap's list and exports must agree", async () => {
    const files = bootstrapArtifact({ modules, workflows: [{ name: "a" }] });
    files[".libretto-workflows.json"] = JSON.stringify({ workflows: [{ name: "b" }] });
    assert.match(
        await refused(files, "index.js"),
        /listed but not exported: "b"\nexported but not listed: "a"/,
    );
});

test("a layer with the stand-in serves workflow and helpers, and refuses other names by name", async () => {
    const using = (names) => ({
        "package.json": '{ "type": "module", "dependencies": { "libretto": "^0.6" } }',
        "index.ts": `import { ${names.join(", ")} } from "libretto";
            export const used = [${names.join(", ")}];
            export default workflow("w", { credentials: ["k"] }, async () => 1);`,
    });
    const discoverIn = async (files) => {
        const place = box(files);
        writeStandIn(`${place.work}/node_modules`);
        return (await build(place)).discovered;
    };

    const served = await discoverIn(
        using([
            "workflow",
            "pause",
            "downloadViaClick",
            "librettoAuthenticate",
            "LibrettoWorkflowInputError",
        ]),
    );
    assert.equal(served.last.t, "discovered", JSON.stringify(served.last));
    assert.deepEqual(served.last.workflows[0].credential_names, ["k"]);

    const short = await discoverIn(using(["workflow", "extractFromPage", "claimSmsOtp"]));
    assert.match(
        short.last.error,
        /"libretto" is not in the registry.*has no claimSmsOtp, extractFromPage/,
    );
});

test("a defect of ours is not blamed on the author", async () => {
    const { last } = await run(
        box({ "package.json": MANIFEST, "index.ts": "export {};" }),
        "prepare.mjs",
        {
            env: { IMPRESARIO_ENTRY: "index.ts", IMPRESARIO_TOOL: "/nowhere" },
        },
    );
    assert.equal(last.server_fault, true);
});
