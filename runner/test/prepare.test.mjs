// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, test } from "node:test";
import { bootstrapArtifact } from "./support/bootstrap.mjs";
import { makeBox, run } from "./support/box.mjs";

const boxes = [];
after(() => boxes.forEach((box) => box.remove()));

function box(files) {
    boxes.push(makeBox(files));
    return boxes.at(-1);
}

const manifest = (more = {}) => JSON.stringify({ name: "p", type: "module", ...more });
const prepare = (files, entry = "index.ts") =>
    run(box(files), "prepare.mjs", { env: { IMPRESARIO_ENTRY: entry } });

async function refused(files, entry) {
    const { last, status } = await prepare(files, entry);
    assert.equal(last.t, "fail", JSON.stringify(last));
    assert.equal(status, 1);
    assert.equal(last.server_fault, undefined);
    return last.error;
}

async function prepared(files, entry) {
    const done = await prepare(files, entry);
    assert.equal(done.last.t, "prepared", JSON.stringify(done.last));
    const [key] = done.frames.filter(({ t }) => t === "key");
    assert.equal(key.content_key, done.last.content_key);
    return { ...done, ...done.last };
}

const names = (tar) =>
    execFileSync("tar", ["-t"], { input: tar }).toString().split("\n").filter(Boolean);

test("bad artifact: no package.json lists the top-level names", async () => {
    assert.match(
        await refused({ "index.ts": "", "src/a.ts": "" }),
        /package\.json is missing.*index\.ts, src\//,
    );
});

test("bad artifact: package.json that is not JSON, or no object", async () => {
    assert.match(await refused({ "package.json": "{", "index.ts": "" }), /not valid JSON/);
    assert.match(
        await refused({ "package.json": "[]", "index.ts": "" }),
        /must hold a JSON object/,
    );
    assert.match(
        await refused({ "package.json": '{"dependencies":[]}', "index.ts": "" }),
        /"dependencies".*must be an object/,
    );
});

test("bad artifact: entry missing names similar files", async () => {
    const error = await refused(
        { "package.json": manifest(), "index.ts": "", "src/other.ts": "" },
        "index.js",
    );
    assert.match(error, /"index\.js" is not in the archive; did you mean "index\.ts"\?/);
    assert.match(
        await refused({ "package.json": manifest(), "b/zzzz.ts": "" }),
        /no file has a similar name/,
    );
    assert.match(
        await refused({ "package.json": manifest() }, "../index.ts"),
        /does not lie inside/,
    );
});

test("bad artifact: a spec that no registry serves is refused with package and spec", async () => {
    const error = await refused({
        "package.json": manifest({ dependencies: { mine: "workspace:^" } }),
        "index.ts": "",
    });
    assert.match(error.split("\n")[0], /"mine": "workspace:\^"/);
});

test("bad artifact: syntax errors come with file, line and column, all of them", async () => {
    const error = await refused({
        "package.json": manifest(),
        "index.ts": 'import "./a";\nimport "./b";\n',
        "a.ts": "const x = ;\n",
        "b.ts": "\n  let let = 1;\n",
    });
    assert.match(error, /^a\.ts:1:11: Unexpected ";"/m);
    assert.match(error, /^b\.ts:2:7: /m);
});

test("bad artifact: unresolved import names file and line", async () => {
    const error = await refused({
        "package.json": manifest(),
        "index.ts": '\nimport { a } from "./gone";\nconsole.log(a);\n',
    });
    assert.match(error, /^index\.ts:2:19: Could not resolve "\.\/gone"/);
});

test("a package that is not declared is an error that says what to add", async () => {
    const error = await refused({
        "package.json": manifest(),
        "index.ts": 'import pad from "left-pad";\npad();\n',
    });
    assert.match(error, /^index\.ts:1:17: .*add "left-pad" to dependencies/);
});

test("a package declared for development only is an error that says where to move it", async () => {
    const files = {
        "package.json": manifest({ devDependencies: { "left-pad": "1" } }),
        "index.ts": 'import "left-pad";',
    };
    assert.match(await refused(files), /only in devDependencies.*move it to dependencies/);
});

test("a plain entry becomes one ES module with its source map, beside the entry", async () => {
    const { kind, entry, entry_point, dependencies, bundle } = await prepared(
        {
            "package.json": manifest({ dependencies: { ms: "^2", playwright: "catalog:" } }),
            "src/index.ts": 'import ms from "ms";\nexport const x: number = ms("1s");\n',
        },
        "./src/index.ts",
    );
    assert.equal(kind, "plain");
    assert.equal(entry, "src/index.impresario.mjs");
    assert.equal(entry_point, "src/index.ts");
    assert.deepEqual(dependencies, { ms: "^2" });
    const packed = names(bundle);
    for (const name of [
        "./src/index.impresario.mjs",
        "./src/index.impresario.mjs.map",
        "./src/index.ts",
    ]) {
        assert.ok(packed.includes(name), name);
    }
});

test("imports are found as authors write them", async () => {
    const { bundle } = await prepared({
        "package.json": manifest(),
        "tsconfig.json":
            '{ "compilerOptions": { "baseUrl": ".", "paths": { "@lib/*": ["src/lib/*"] } } } // comments are fine',
        "index.ts": [
            'import { a } from "./src/a";',
            'import { b } from "./src/b.js";',
            'import { c } from "./src/c.mjs";',
            'import { d } from "@lib/d";',
            'import data from "./data.json";',
            'import legacy from "./legacy.cjs";',
            'import { view } from "./view";',
            "export const all = [a, b, c, d, data.e, legacy.here, view];",
        ].join("\n"),
        "src/a.ts": "export const a = 'value-a';",
        "src/b.ts": "export const b = 'value-b';",
        "src/c.mts": "export const c = 'value-c';",
        "src/lib/d.ts": "export const d = 'value-d';",
        "data.json": '{ "e": "value-e" }',
        "legacy.cjs":
            "const fs = require('fs'); module.exports = { here: fs.existsSync(__dirname) };",
        "view.tsx": "export const view = 'value-view';",
    });
    const code = execFileSync("tar", ["-xO", "./index.impresario.mjs"], {
        input: bundle,
    }).toString();
    for (const value of ["a", "b", "c", "d", "e", "view"])
        assert.match(code, new RegExp(`value-${value}`));
});

test("an author's own require and __dirname do not collide with those of the bundle", async () => {
    await prepared(
        {
            "package.json": manifest(),
            "index.mts": [
                'import { createRequire } from "node:module";',
                'import { dirname } from "node:path";',
                "const require = createRequire(import.meta.url);",
                "const __dirname = dirname(import.meta.url);",
                'export const found = [require("node:fs"), __dirname];',
            ].join("\n"),
        },
        "index.mts",
    );
});

test("paths that give an editor its types do not disturb the build", async () => {
    const { bundle } = await prepared({
        "package.json": manifest({ dependencies: { ms: "2" } }),
        "tsconfig.json": JSON.stringify({
            compilerOptions: {
                paths: { impresario: ["./t/impresario.d.ts"], ms: ["./t/ms.d.ts"] },
            },
        }),
        "t/impresario.d.ts": "export declare function workflow(...a: any[]): any;",
        "t/ms.d.ts": "declare const ms: any; export default ms;",
        "index.ts":
            'import ms from "ms";\nimport { workflow } from "impresario";\nexport default workflow("w", ms);',
    });
    const code = execFileSync("tar", ["-xO", "./index.impresario.mjs"], {
        input: bundle,
    }).toString();
    assert.match(code, /from "ms";/);
    assert.match(code, /libretto\.workflow/);
});

test("undeclared zod is built in with a word in the log; impresario always is", async () => {
    const { log, dependencies } = await prepared({
        "package.json": manifest(),
        "index.ts":
            'import { z } from "zod";\nimport { workflow } from "impresario";\nexport default workflow("w", { input: z.object({}) }, async () => 1);',
    });
    assert.match(log, /zod is not among the dependencies/);
    assert.deepEqual(dependencies, {});
});

test("libretto stays outside; the names that the code takes from it are listed", async () => {
    const { libretto, libretto_imports, dependencies } = await prepared({
        "package.json": manifest({ devDependencies: { libretto: "^0.6" } }),
        "index.ts":
            'import { workflow, pause as rest } from "libretto";\nexport default workflow("w", async () => rest("x"));',
    });
    assert.equal(libretto, "real");
    assert.deepEqual(libretto_imports, ["pause", "workflow"]);
    assert.deepEqual(dependencies, { libretto: "^0.6" });
});

test("a folder around everything is stripped", async () => {
    const { bundle, log } = await prepared({
        "package/package.json": manifest(),
        "package/index.ts": "export {};",
    });
    assert.ok(names(bundle).includes("./package.json"));
    assert.match(log, /package\//);
});

test("a package-lock.json comes along; those of other tools are mentioned", async () => {
    const { lockfile, log } = await prepared({
        "package.json": manifest(),
        "index.ts": "",
        "package-lock.json": "{}",
        "yarn.lock": "",
    });
    assert.equal(lockfile, "{}");
    const other = await prepared({ "package.json": manifest(), "index.ts": "", "yarn.lock": "" });
    assert.equal(other.lockfile, null);
    assert.match(other.log, /yarn\.lock is not read/);
    assert.doesNotMatch(log, /yarn/);
});

const artifact = (more) =>
    bootstrapArtifact({
        modules: { "index.ts": "exports.w = {};" },
        workflows: [{ name: "w", credentialNames: [] }],
        ...more,
    });

test("a bootstrap is taken as it is, and libretto is not installed for it", async () => {
    const { kind, entry, dependencies, metadata, inject_job_auth, libretto } = await prepared(
        artifact({
            dependencies: { libretto: "workspace:^", playwright: "catalog:", lodash: "^4" },
        }),
        "index.js",
    );
    assert.equal(kind, "bootstrap");
    assert.equal(entry, "index.js");
    assert.deepEqual(dependencies, { lodash: "^4" });
    assert.equal(metadata.workflows[0].name, "w");
    assert.equal(inject_job_auth, true);
    assert.equal(libretto, "none");
});

test("a bootstrap of the generation that imports libretto gets it installed", async () => {
    const files = artifact({
        dependencies: { libretto: "^0.1" },
        imports: 'import { workflow } from "libretto";',
        stripsJobAuth: false,
    });
    const { libretto, dependencies, inject_job_auth } = await prepared(files, "index.js");
    assert.equal(libretto, "real");
    assert.deepEqual(dependencies, { libretto: "^0.1" });
    assert.equal(inject_job_auth, false);
});

test("the client's list of workflows is read strictly", async () => {
    const broken = { ...artifact(), ".libretto-workflows.json": "{" };
    assert.match(await refused(broken, "index.js"), /\.libretto-workflows\.json is not valid JSON/);
    const large = {
        ...artifact(),
        ".libretto-workflows.json": JSON.stringify({ workflows: [], x: "x".repeat(1024 * 1024) }),
    };
    assert.match(await refused(large, "index.js"), /at most 1048576 bytes/);
});

test("two uploads of the same code have one content key, different code has another", async () => {
    const key = async (files, entry) => (await prepared(files, entry)).content_key;
    const first = await key(artifact({ packageName: "deploy-mwua7g0j-1c4355e6" }), "index.js");

    assert.match(first, /^[0-9a-f]{64}$/);
    assert.equal(
        await key(artifact({ packageName: "deploy-mwua7h11-ffffffff" }), "index.js"),
        first,
    );
    assert.notEqual(await key(artifact({ dependencies: { ms: "2" } }), "index.js"), first);
    assert.notEqual(
        await key(artifact({ modules: { "index.ts": "exports.w = 1;" } }), "index.js"),
        first,
    );
    assert.notEqual(await key({ ...artifact(), "extra.txt": "" }, "index.js"), first);

    const overridden = artifact();
    const overrides = { ms: "1" };
    overridden["package.json"] = JSON.stringify({ ...JSON.parse(overridden["package.json"]), overrides });
    assert.notEqual(await key(overridden, "index.js"), first);
    assert.deepEqual((await prepared(overridden, "index.js")).overrides, overrides);

    const plain = { "package.json": manifest(), "index.ts": "export {};" };
    assert.equal(await key(plain), await key(plain));
    assert.notEqual(await key({ ...plain, "index.ts": "export { };" }), await key(plain));
});

test("zod is only built in where a file may ask for it", async () => {
    const size = async (text) =>
        (await prepared({ "package.json": manifest(), "index.ts": text })).bundle.length;
    const asking = [
        'import { workflow, z } from "impresario"; console.log(workflow, z);',
        "import { z as schemas } from 'impresario'; console.log(schemas);",
        'import * as all from "impresario"; console.log(all);',
        'const { z } = require("impresario"); console.log(z);',
        'export { z } from "impresario";',
        'export * from "impresario";',
        'import { workflow } from "impresario"; console.log(workflow, await import("impresario"));',
    ];

    const without = 'import { workflow, pause } from "impresario"; console.log(workflow, pause);';
    assert.ok((await size(without)) < 100_000);
    for (const text of asking) assert.ok((await size(text)) > 500_000, text);
});
