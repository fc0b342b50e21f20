// SPDX-License-Identifier: Apache-2.0
/**
 * Makes what is uploaded. Two shapes:
 *
 * - `plain`: a package as a person writes it, TypeScript and all, on the `impresario` module;
 * - `bootstrap`: what the public client uploads: one module that carries the bundled implementation
 *   in itself, a generated package.json, a list of the workflows, the author's sources to read.
 *
 * Both give the body of `deployments/create`.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { sourceOfFiles } from "./tar.mjs";

const RUNNER = new URL("../../runner/package.json", import.meta.url);
const RUNTIME = fileURLToPath(new URL("client-runtime.mjs", import.meta.url));
const requireFromRunner = createRequire(RUNNER);

/**
 * A package as a person writes it.
 *
 * @param {Record<string, string>} files  path to content; package.json is made when it is absent
 * @param {{entry?: string, dependencies?: Record<string, string>, overrides?: object, description?: string}} [options]
 */
export function plain(files, { entry, dependencies = {}, overrides, ...rest } = {}) {
    const manifest = JSON.stringify({ name: "authored", private: true, type: "module", dependencies, overrides });
    return {
        source: sourceOfFiles({ "package.json": manifest, ...files }),
        ...(entry === undefined ? {} : { entry_point: entry }),
        ...rest,
    };
}

/** A file that makes an archive one that is kept as a blob, not in the store. */
export const ballast = () => ({ "ballast.txt": randomBytes(36 * 1024).toString("base64") });

/** A plain package with one workflow and `files` around it: `body` is the body of its handler. */
export function oneWorkflow(name, body = "return null;", options = "{}", files = {}) {
    return plain({
        ...files,
        "index.ts": `import { workflow } from "impresario";
import { z } from "zod";
export const only = workflow(${JSON.stringify(name)}, { ...(${options}), handler: async ({ page, session }: any, input: any) => {
${body}
} });
`,
    });
}

/**
 * What the public client uploads, made anew on each call under a fresh random name. Authors write
 * `import { workflow } from "libretto"`.
 *
 * @param {Record<string, string>} files  the author's package, without its package.json
 * @param {object} [options]
 * @param {string} [options.entry]  the author's entry; what is uploaded always enters at index.js
 * @param {"current"|"before"|"oldest"} [options.generation]  `current` knows `__libretto`; `before` has
 *   a bootstrap that takes it out for a runtime that does not; `oldest` has never heard of it
 * @param {Record<string, string>} [options.external]  packages left out of the bundle, with their specs
 * @param {boolean} [options.keepNames]  compile as tools do that keep the names of functions
 * @param {(metadata: any[]) => any[]} [options.metadata]  last change to the list that travels beside the code
 * @param {Record<string, string>} [options.extra]  further files of the archive
 */
export async function bootstrap(files, options = {}) {
    const {
        entry = "index.ts",
        generation = "current",
        external = {},
        metadata = (all) => all,
        extra = {},
    } = options;
    const folder = mkdtempSync(join(tmpdir(), "impresario-author-"));
    try {
        for (const [path, content] of Object.entries(files)) {
            mkdirSync(dirname(join(folder, path)), { recursive: true });
            writeFileSync(join(folder, path), content);
        }
        const implementation = await bundle(folder, entry, options);
        const workflows = describe(workflowsIn(implementation), entry, files);
        const name = `deploy-${Date.now().toString(36)}-${randomBytes(4).toString("hex")}`;
        const manifest = {
            name,
            private: true,
            type: "module",
            dependencies: {
                libretto: "^0.6.45",
                playwright: "^1.62.0",
                "playwright-core": "1.65.1",
                ...external,
            },
        };
        const shared = Object.entries(files).map(([path, content]) => [
            `.libretto-share/source/${path}`,
            content,
        ]);
        return {
            source: sourceOfFiles({
                "index.js": bootstrapModule(name, implementation, workflows, generation),
                "package.json": JSON.stringify(manifest, null, 2),
                ".libretto-workflows.json": JSON.stringify({ workflows: metadata(workflows) }, null, 2),
                ...Object.fromEntries(shared),
                ...extra,
            }),
            entry_point: "index.js",
        };
    } finally {
        rmSync(folder, { recursive: true });
    }
}

/** The author's package in one CommonJS module, as the client bundles it. */
async function bundle(folder, entry, { generation = "current", external = {}, keepNames = false }) {
    const { build } = requireFromRunner("esbuild");
    const result = await build({
        absWorkingDir: folder,
        entryPoints: [entry],
        bundle: true,
        write: false,
        platform: "node",
        target: "node20",
        format: "cjs",
        keepNames,
        alias: { libretto: RUNTIME, zod: requireFromRunner.resolve("zod") },
        external: ["playwright", "playwright-core", "chromium-bidi", ...Object.keys(external)],
        define: { RUNTIME_AUTH: String(generation === "current") },
        logLevel: "silent",
    });
    return result.outputFiles[0].text;
}

/** Loads a bundle here, as the client does before it uploads, and gives the workflows that it exports. */
function workflowsIn(implementation) {
    const module = { exports: {} };
    new Function("module", "exports", "require", implementation)(module, module.exports, (name) =>
        name === "playwright" || name.startsWith("node:") ? requireFromRunner(name) : {},
    );
    const isWorkflow = (value) => value?.[Symbol.for("libretto.workflow")] === true;
    const exported = Object.entries(module.exports).flatMap(([key, value]) =>
        key === "workflows" && !isWorkflow(value) ? Object.values(value ?? {}) : [value],
    );
    return [...new Set(exported.filter(isWorkflow))];
}

/** The list that travels beside the bootstrap: absent fields are left out, never null. */
function describe(workflows, entry, files) {
    const { toJSONSchema } = requireFromRunner("zod");
    return workflows
        .map((each) => ({
            name: each.name,
            credentialNames: each.credentialNames,
            inputSchema: each.inputSchema && toJSONSchema(each.inputSchema),
            outputSchema: each.outputSchema && toJSONSchema(each.outputSchema),
            authProfileName: each.authProfileName,
            authProfileRefresh: each.authProfileRefresh,
            startUrl: each.startUrl,
            gpu: each.gpu,
            viewport: each.viewport,
            sourceFile: entry,
            sourceFiles: Object.keys(files).sort(),
        }))
        .sort((a, b) => a.name.localeCompare(b.name));
}

/** The module that the server imports: one proxy a workflow, the implementation packed inside. */
function bootstrapModule(name, implementation, workflows, generation) {
    const strip =
        generation === "oldest"
            ? ""
            : `
const RUNTIME_AUTH = Symbol.for("libretto.workflow.runtime-auth");
const RUNTIME_SUPPORTS_HOSTED_AUTH = ${generation === "current"};`;
    const input =
        generation === "oldest"
            ? "input"
            : "RUNTIME_SUPPORTS_HOSTED_AUTH || target[RUNTIME_AUTH] === true ? input : without(input)";
    const proxies = workflows.map((each, i) => {
        const { credentialNames, authProfileName, authProfileRefresh, startUrl, gpu, viewport } = each;
        const launch = { credentialNames, authProfileName, authProfileRefresh, startUrl, gpu, viewport };
        return `export const workflow_${i} = proxy(${JSON.stringify(each.name)}, ${JSON.stringify(launch)});`;
    });
    return `import { createRequire, Module } from "node:module";
import { existsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

const BRAND = Symbol.for("libretto.workflow");${strip}

const BUNDLE_HASH = "${createHash("sha256").update(implementation).digest("hex").slice(0, 16)}";
const BUNDLE_GZIP_BASE64 = "${gzipSync(implementation).toString("base64")}";
const BUNDLE_FILENAME = join(
  tmpdir(),
  "${name}-" + BUNDLE_HASH + ".cjs",
);
const fromTemp = createRequire(join(tmpdir(), "start.cjs"));
const fromHere = createRequire(import.meta.url || __filename);

// Bare names that cannot be found from the temp folder are looked up from this file's place.
function load() {
  const original = Module.prototype.require;
  Module.prototype.require = function (name) {
    try {
      return original.call(this, name);
    } catch (error) {
      if (error?.code !== "MODULE_NOT_FOUND" || /^[./]|^node:/.test(name)) throw error;
      return fromHere(name);
    }
  };
  try {
    if (!existsSync(BUNDLE_FILENAME)) {
      writeFileSync(BUNDLE_FILENAME, gunzipSync(Buffer.from(BUNDLE_GZIP_BASE64, "base64")));
    }
    return fromTemp(BUNDLE_FILENAME);
  } finally {
    Module.prototype.require = original;
  }
}

const without = ({ __libretto, ...rest }) => rest;

function proxy(name, launch) {
  return {
    [BRAND]: true,
    name,
    ...launch,
    async run(context, input) {
      const all = Object.entries(load()).flatMap(([key, value]) =>
        key === "workflows" && value?.[BRAND] !== true ? Object.values(value) : [value]);
      const target = all.find((value) => value?.[BRAND] === true && value.name === name);
      return target.run(context, ${input});
    },
  };
}

${proxies.join("\n")}
`;
}
