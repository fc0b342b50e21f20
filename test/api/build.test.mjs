// SPDX-License-Identifier: Apache-2.0
/** What becomes of an upload: the shapes that are understood, and whose fault it is when one is not. */
import assert from "node:assert/strict";
import test from "node:test";
import { gunzipSync } from "node:zlib";
import { bootstrap, oneWorkflow, plain } from "../support/artifact.mjs";
import { sourceOf, sourceOfFiles } from "../support/tar.mjs";
import { DISCOVER_SECONDS } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";

const t = await Tenant.make("build");
const LIMIT = new RegExp(`\\b${DISCOVER_SECONDS} s`);
const WORKFLOW = 'import { workflow } from "impresario";\n';

/** The error of a build whose entry is `code`. */
const errorOf = (code, options) => t.buildError(plain({ "index.ts": code }, options));

// (a) what the public client uploads

test("(a) a client's artifact: its workflows are found and run", async () => {
    const artifact = await bootstrap({
        "index.ts": 'export * from "./src/one";\nexport { default as two } from "./src/two.js";\n',
        "src/one.ts": `import { workflow, z } from "libretto";
export const one = workflow("client-one", { input: z.object({ n: z.number().default(20) }), handler: async (_ctx, { n }) => n + 1 });
`,
        "src/two.ts": `import { workflow } from "libretto";
export default workflow("client-two", async ({ page }) => { await page.setContent("<title>two</title>"); return page.title(); });
`,
    });
    const deployment = await t.deploy(artifact);
    assert.equal(deployment.entry_point, "index.js");
    assert.deepEqual(deployment.workflows, ["client-one", "client-two"]);
    assert.equal(await t.result("client-one"), 21);
    assert.equal(await t.result("client-two"), "two");
    assert.deepEqual((await t.ok("workflows/get", { workflow: "client-one" })).input_schema.properties, {
        n: { type: "number", default: 20 },
    });
});

test("(a) an artifact older than the list of workflows is understood without it", async () => {
    const made = await bootstrap({
        "index.ts":
            'import { workflow } from "libretto";\nexport const w = workflow("client-unlisted", async () => 1);\n',
    });
    const without = rewritten(made, (entries) =>
        entries.filter(({ name }) => name !== ".libretto-workflows.json"),
    );
    assert.deepEqual((await t.deploy(without)).workflows, ["client-unlisted"]);
});

test("(a) a list that names other workflows than the exports fails, and says which", async () => {
    const made = await bootstrap(
        {
            "index.ts":
                'import { workflow } from "libretto";\nexport const w = workflow("client-true", async () => 1);\n',
        },
        { metadata: ([only]) => [{ ...only, name: "client-false" }] },
    );
    const error = await t.buildError(made);
    assert.match(error, /client-true/);
    assert.match(error, /client-false/);
});

test("(a) the client's own tar: a folder entry first, members below ./, odd twins from other systems", async () => {
    const made = await bootstrap({
        "index.ts":
            'import { workflow } from "libretto";\nexport const w = workflow("client-dotted", async () => 1);\n',
    });
    const dotted = rewritten(made, (entries) => [
        { name: "./", type: "5" },
        ...entries.map((each) => ({ ...each, name: `./${each.name}` })),
        { name: "./._index.js", data: "an AppleDouble twin" },
        { name: "./.libretto-share/source/linked.ts", type: "2", link: "/home/author/elsewhere.ts" },
    ]);
    const deployment = await t.deploy(dotted);
    assert.deepEqual(deployment.workflows, ["client-dotted"]);
    assert.match(await t.buildLog(deployment.id), /linked\.ts/);
});

// (b) a hand-made tarball

test("(b) TypeScript: imports without extension, .js that means .ts, JSON, paths of tsconfig, other extensions", async () => {
    await t.deploy(
        plain({
            "tsconfig.json": JSON.stringify({
                compilerOptions: { baseUrl: ".", paths: { "@lib/*": ["lib/*"] } },
            }),
            "index.ts": `import { workflow } from "impresario";
import { a } from "./a";
import { b } from "./b.js";
import { c } from "@lib/c";
import { d } from "./d.mjs";
import { e } from "./folder";
import data from "./data.json";
const typed: number = 1 satisfies number;
export default workflow("hand-imports", async () => [a, b, c, d, e, data.f, typed]);
`,
            "a.ts": "export const a: string = 'a';\n",
            "b.ts": "export const b = 'b';\n",
            "lib/c.ts": "export const c = 'c';\n",
            "d.mts": "export const d = 'd';\n",
            "folder/index.ts": "export const e = 'e';\n",
            "data.json": '{"f":"f"}',
        }),
    );
    assert.deepEqual(await t.result("hand-imports"), ["a", "b", "c", "d", "e", "f", 1]);
});

test("(b) a JavaScript entry in a folder", async () => {
    await t.deploy(
        plain(
            { "src/main.mjs": `${WORKFLOW}export default workflow("hand-js", async () => "js");\n` },
            { entry: "src/main.mjs" },
        ),
    );
    assert.equal(await t.result("hand-js"), "js");
});

test("(b) an entry point may begin with ./", async () => {
    await t.deploy(
        plain(
            { "main.ts": `${WORKFLOW}export default workflow("hand-dot", async () => 1);\n` },
            { entry: "./main.ts" },
        ),
    );
});

test("(b) everything below one folder, as npm pack writes it", async () => {
    const files = {
        "package/package.json": '{"name":"x","type":"module"}',
        "package/index.ts": `${WORKFLOW}export default workflow("hand-packed", async () => 1);\n`,
    };
    assert.deepEqual((await t.deploy({ source: sourceOfFiles(files) })).workflows, ["hand-packed"]);
});

test("(b) a shipped node_modules and .git are not looked at", async () => {
    await t.deploy(
        plain({
            "index.ts": `${WORKFLOW}export default workflow("hand-littered", async () => 1);\n`,
            "node_modules/impresario/package.json": '{"name":"impresario","main":"index.js"}',
            "node_modules/impresario/index.js":
                'throw new Error("this is not the module you are looking for");',
            ".git/config": "[core]",
        }),
    );
    assert.equal(await t.result("hand-littered"), 1);
});

test("(b) a bundle on the libretto module, which no registry here need have", async () => {
    const deployment = await t.deploy(
        plain(
            {
                "index.ts":
                    'import { workflow } from "libretto";\nexport default workflow("hand-libretto", async (_: any, input: any) => input);\n',
            },
            { dependencies: { libretto: "^0.6.45" } },
        ),
    );
    assert.deepEqual(await t.result("hand-libretto", { a: 1 }), { a: 1 });
    assert.ok(await t.buildLog(deployment.id));
});

test("(b) top-level code sees no network and no environment of the server", async () => {
    const { id } = await t.deploy(
        plain({
            "index.ts": `import { workflow } from "impresario";
const net = await fetch("${t.url}/healthz").then(() => "network", () => "no network");
console.log("at import:", net, Object.keys(process.env).filter((name) => /KEY|TOKEN|SECRET|IMPRESARIO_TEST/.test(name)).join(",") || "clean");
export default workflow("hand-sealed", async () => 1);
`,
        }),
    );
    assert.match(await t.buildLog(id), /at import: no network clean/);
});

// (c) any number of workflows

test("(c) named, default, re-exported, in an object named workflows; the same object once", async () => {
    const deployment = await t.deploy(
        plain({
            "index.ts": `import { workflow } from "impresario";
export * from "./more";
export { renamed as another } from "./more";
const shared = workflow("c-shared", async () => "shared");
export const again = shared;
export default shared;
export const workflows = { inside: workflow("c-inside", async () => "inside"), shared };
export const notOne = { name: "c-not-one", run() {} };
export function helper() {}
`,
            "more.ts": `import { workflow } from "impresario";
export const renamed = workflow("c-renamed", async () => "renamed");
export const plain = workflow("c-plain", { handler: async () => "plain" });
`,
        }),
    );
    assert.deepEqual(deployment.workflows, ["c-inside", "c-plain", "c-renamed", "c-shared"]);
    assert.equal(await t.result("c-inside"), "inside");
    assert.equal(await t.result("c-renamed"), "renamed");
});

test("(c) a hundred workflows", async () => {
    const lines = Array.from(
        { length: 100 },
        (_, i) => `export const w${i} = workflow("hundred-${i}", async () => ${i});`,
    );
    assert.equal((await t.deploy(plain({ "index.ts": WORKFLOW + lines.join("\n") }))).workflows.length, 100);
    assert.equal(await t.result("hundred-73"), 73);
});

test("(c) duplicate names fail, and are named", async () => {
    const error = await errorOf(
        `${WORKFLOW}export const a = workflow("twin", async () => 1);\nexport const b = workflow("twin", async () => 2);\n`,
    );
    assert.match(error, /Duplicate workflow name: "twin"/);
});

test("(c) no workflow exported fails; one that was made and not exported is named", async () => {
    assert.match(await errorOf("export const nothing = 1;\n"), /no workflows? .*index\.ts/i);
    assert.match(
        await errorOf(`${WORKFLOW}workflow("forgotten", async () => 1);\nexport const nothing = 1;\n`),
        /forgotten/,
    );
});

// (d) packages kept outside

test("(d) packages outside the bundle are installed, for both shapes (npm registry)", async () => {
    await t.deploy(
        await bootstrap(
            {
                "index.ts":
                    'import { workflow } from "libretto";\nimport odd from "is-odd";\nexport const w = workflow("external-client", async () => odd(3));\n',
            },
            { external: { "is-odd": "3.0.1" } },
        ),
    );
    assert.equal(await t.result("external-client"), true);

    await t.deploy(
        plain(
            {
                "index.ts": `${WORKFLOW}import odd from "is-odd";\nexport default workflow("external-plain", async () => odd(4));\n`,
            },
            { dependencies: { "is-odd": "3.0.1" } },
        ),
    );
    assert.equal(await t.result("external-plain"), false);
});

test("(d) a dependency that is only an ES module (npm registry)", async () => {
    await t.deploy(
        plain(
            {
                "index.ts": `${WORKFLOW}import camelcase from "camelcase";\nexport default workflow("external-esm", async () => camelcase("foo-bar"));\n`,
            },
            { dependencies: { camelcase: "8.0.0" } },
        ),
    );
    assert.equal(await t.result("external-esm"), "fooBar");
});

test("(d) a lockfile is honoured (npm registry)", async () => {
    const lock = {
        name: "authored",
        lockfileVersion: 3,
        requires: true,
        packages: {
            "": { name: "authored", dependencies: { "is-number": "^7.0.0 || ^6.0.0" } },
            "node_modules/is-number": {
                version: "6.0.0",
                integrity:
                    "sha512-Wu1VHeILBK8KAWJUAiSZQX94GmOE45Rg6/538fKwiloUu21KncEkYGPqob2oSZ5mUT73vLGrHQjKw3KMPwfDzg==",
                engines: { node: ">=0.10.0" },
            },
        },
    };
    await t.deploy(
        plain(
            {
                "package-lock.json": JSON.stringify(lock),
                "index.ts": `${WORKFLOW}import { createRequire } from "node:module";
export default workflow("external-locked", async () => createRequire(import.meta.url)("is-number/package.json").version);
`,
            },
            { dependencies: { "is-number": "^7.0.0 || ^6.0.0" } },
        ),
    );
    assert.equal(await t.result("external-locked"), "6.0.0");
});

test("(d) the same dependencies are installed once (npm registry)", async () => {
    const using = (name) =>
        plain(
            {
                "index.ts": `${WORKFLOW}import odd from "is-odd";\nexport default workflow("${name}", async () => odd(1));\n`,
            },
            { dependencies: { "is-odd": "3.0.1" } },
        );
    await t.deploy(using("layer-first"));
    const { id } = await t.deploy(using("layer-second"));
    const log = await t.buildLog(id);
    assert.match(log, /installed already/);
    assert.doesNotMatch(log, /installing is-odd/);
});

test("(d) a package that does not exist fails with its name and spec (npm registry)", async () => {
    const error = await errorOf(
        `${WORKFLOW}import x from "impresario-no-such-package";\nexport default workflow("x", async () => x);\n`,
        {
            dependencies: { "impresario-no-such-package": "^1.2.3" },
        },
    );
    assert.match(error, /impresario-no-such-package/);
    assert.match(error, /\^1\.2\.3/);
});

test("(d) a version that does not exist fails with its name and spec (npm registry)", async () => {
    const error = await errorOf(
        `${WORKFLOW}import x from "is-odd";\nexport default workflow("x", async () => x);\n`,
        { dependencies: { "is-odd": "99.0.0" } },
    );
    assert.match(error, /is-odd/);
    assert.match(error, /99\.0\.0/);
});

for (const spec of ["workspace:^", "catalog:", "link:../elsewhere", "file:../elsewhere"]) {
    test(`(d) a ${spec} dependency fails with its name and spec`, async () => {
        const error = await errorOf(
            `${WORKFLOW}import x from "elsewhere";\nexport default workflow("x", async () => x);\n`,
            { dependencies: { elsewhere: spec } },
        );
        assert.match(error, /elsewhere/);
        assert.ok(error.includes(spec), error);
    });
}

// The same content

test("the same code uploaded again, never in the same bytes, is built once", async () => {
    const files = {
        "index.ts":
            'import { workflow } from "libretto";\nexport const w = workflow("once-built", async () => 1);\n',
    };
    const [one, two] = [await bootstrap(files), await bootstrap(files)];
    assert.notEqual(one.source, two.source);
    const first = await t.deploy(one);
    const second = await t.deploy(two);
    assert.notEqual(second.id, first.id);
    assert.deepEqual(second.workflows, first.workflows);
    assert.equal((await t.ok("workflows/get", { workflow: "once-built" })).deployment_id, second.id);
    assert.match(await t.buildLog(second.id), /built before/);
    assert.doesNotMatch(await t.buildLog(second.id), /Importing the entry/);
});

test("the same code uploaded many times at once ends well every time", async () => {
    const artifact = oneWorkflow("at-once", "return 1;");
    const created = await Promise.all(Array.from({ length: 6 }, () => t.ok("deployments/create", artifact)));
    for (const { deployment_id: id } of created) {
        const { status, workflows } = await t.built(id);
        assert.deepEqual([status, workflows], ["ready", ["at-once"]]);
    }
});

test("code that differs in one letter is another build", async () => {
    const made = (n) =>
        bootstrap({
            "index.ts": `import { workflow } from "libretto";\nexport const w = workflow("one-letter", async () => ${n});\n`,
        });
    await t.deploy(await made(1));
    assert.equal(await t.result("one-letter"), 1);
    await t.deploy(await made(2));
    assert.equal(await t.result("one-letter"), 2);
});

test("versions of deployments count up, in the order of creation", async () => {
    const mine = await Tenant.make("build-versions");
    const versions = [];
    for (let i = 0; i < 2; i++) {
        await mine.deploy(oneWorkflow("counted", `return ${i};`));
        versions.push((await mine.run("counted")).deployment_version);
    }
    assert.deepEqual(versions, [1, 2]);
});

// Bad code

test("a syntax error: file, line and column, all of them", async () => {
    const error = await t.buildError(
        plain({
            "index.ts": 'import "./one";\nimport "./two";\n',
            "one.ts": "const a = ;\n",
            "two.ts": "\n\nlet = = 3;\n",
        }),
    );
    assert.match(error, /one\.ts:1:\d+/);
    assert.match(error, /two\.ts:3:\d+/);
});

test("an import that cannot be resolved: file and line", async () => {
    const error = await errorOf('\nimport { x } from "./missing";\nexport { x };\n');
    assert.match(error, /index\.ts:2:\d+/);
    assert.match(error, /missing/);
});

test("a package that was not declared: file, line and what to do", async () => {
    const error = await errorOf('import x from "left-pad";\nexport { x };\n');
    assert.match(error, /index\.ts:1:\d+/);
    assert.match(error, /left-pad/);
});

test("an import that throws: message and the author's own position", async () => {
    const error = await t.buildError(
        plain({
            "index.ts": 'import "./deep";\n',
            "deep.ts": '// a comment\nthrow new TypeError("thrown at import");\n',
        }),
    );
    assert.match(error, /thrown at import/);
    assert.match(error, /deep\.ts:2/);
    assert.doesNotMatch(error, /\/work\/app/);
});

test("an import that rejects without an error", async () => {
    assert.match(await errorOf('await Promise.reject("just text");\n'), /just text/);
});

test("an import that never ends: the limit is named", async () => {
    assert.match(await errorOf("await new Promise((resolve) => setInterval(() => {}, 1000));\n"), LIMIT);
});

test("an import that spins: the limit is named", async () => {
    assert.match(await errorOf("for (;;) {}\n"), LIMIT);
});

test("an import that waits for nothing: that is said", async () => {
    assert.match(await errorOf("await new Promise(() => {});\n"), /never finished/);
});

test("an import that exits the process", async () => {
    assert.match(await errorOf("process.exit(3);\n"), /exit/i);
});

test("an import that exhausts memory", async () => {
    assert.match(
        await errorOf("const hoard = [];\nfor (;;) hoard.push(new Array(1e6).fill(hoard.length));\n"),
        /memory/i,
    );
});

test("an import that writes megabytes: the limit is named, and the log is bounded", async () => {
    const code = `${WORKFLOW}${printing(50_000)}export default workflow("loud-import", async () => 1);\n`;
    const { id, build_error: error } = await t.build(plain({ "index.ts": code }));
    assert.match(error ?? "ready", /wrote more than \d+ MiB/);
    assert.ok((await t.buildLog(id)).length < 20 << 20);
});

test("an import that writes less than that loses no line", async () => {
    const code = `${WORKFLOW}${printing(1000)}export default workflow("wordy-import", async () => 1);\n`;
    const { id } = await t.deploy(plain({ "index.ts": code }));
    const lines = (await t.buildLog(id)).split("\n").filter((line) => /^\d+ y+$/.test(line));
    assert.equal(lines.length, 1000);
});

test("what is printed at import stands in the build log", async () => {
    const { id } = await t.deploy(
        plain({
            "index.ts": `${WORKFLOW}console.log("printed out");\nconsole.error("printed err");\nexport default workflow("printing", async () => 1);\n`,
        }),
    );
    const { lines } = await t.ok("deployments/logs", { id });
    assert.equal(lines.find(({ message }) => message === "printed out")?.stream, "stdout");
    assert.equal(lines.find(({ message }) => message === "printed err")?.stream, "stderr");
});

const BAD_WORKFLOWS = {
    "a name of blanks": ['workflow("  ", async () => 1)', /name/i],
    "a name of 201 characters": [`workflow("${"n".repeat(201)}", async () => 1)`, /200|name/i],
    "a name with a control character": ['workflow("a\\u0007b", async () => 1)', /name/i],
    "no handler": ['workflow("handlerless", {} as any)', /handlerless/],
    "an illegal profile": ['workflow("profiled", { authProfile: "a b/c", handler: async () => 1 })', /a b\/c/],
    "an illegal viewport": [
        'workflow("viewed", { viewport: { width: 0, height: -1 }, handler: async () => 1 })',
        /viewed/,
    ],
    "an illegal startUrl": [
        'workflow("started", { startUrl: "not a url", handler: async () => 1 })',
        /started/,
    ],
};
for (const [what, [code, says]] of Object.entries(BAD_WORKFLOWS)) {
    test(`a workflow with ${what} fails, and is named`, async () => {
        assert.match(await errorOf(`${WORKFLOW}export default ${code};\n`), says);
    });
}

test("an error says what it is in its first line, and is not longer than 16 KiB", async () => {
    const error = await errorOf(`throw new Error("first line\\n" + "z".repeat(100_000));\n`);
    assert.ok(Buffer.byteLength(error) <= 16 << 10);
    assert.match(error.split("\n")[0], /first line/);
});

test("the log tells the whole story of a failure", async () => {
    const { id, build_error: error } = await t.build(
        plain({ "index.ts": 'throw new Error("for the log");\n' }),
    );
    const log = await t.buildLog(id);
    assert.ok(log.includes("for the log"), log);
    assert.ok(error.includes("for the log"));
});

/** Code that prints so many lines of a kilobyte. */
function printing(lines) {
    return `for (let i = 0; i < ${lines}; i++) console.log(i + " " + "y".repeat(1000));\n`;
}

/** The artifact with other tar entries: the client's own tar differs from ours in ways that must not matter. */
function rewritten(artifact, change) {
    const bytes = gunzipSync(Buffer.from(artifact.source, "base64"));
    const entries = [];
    for (let at = 0; bytes[at] !== 0;) {
        const size = parseInt(bytes.toString("latin1", at + 124, at + 135), 8);
        const name = bytes.toString("utf8", at, at + 100).replace(/\0.*$/s, "");
        entries.push({ name, data: bytes.subarray(at + 512, at + 512 + size) });
        at += 512 + Math.ceil(size / 512) * 512;
    }
    return { ...artifact, source: sourceOf(change(entries)) };
}
