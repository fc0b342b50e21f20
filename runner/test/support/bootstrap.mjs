// SPDX-License-Identifier: Apache-2.0
//
// Makes artifacts of the shape that a client uploads: an entry that carries its implementation,
// compressed, unpacks it to the temporary folder on the first run, and requires it from there.

import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

/**
 * @param {object} options
 * @param {{ [module: string]: string }} options.modules the implementation, CommonJS, by author's path;
 *     it shares one scope and puts its workflows into `exports`
 * @param {object[]} options.workflows entries of .libretto-workflows.json
 * @param {string} [options.packageName]
 * @param {boolean} [options.stripsJobAuth]
 * @returns {{ [path: string]: string }} files
 */
export function bootstrapArtifact({
    modules,
    workflows,
    packageName = "deploy-mwxyz123-0011aabb",
    dependencies = {},
    stripsJobAuth = true,
    imports = "",
}) {
    const parts = Object.entries(modules).map(([path, code]) => `// ${path}\n${code}`);
    const code = ['"use strict";', ...parts].join("\n");
    const hash = createHash("sha256").update(code).digest("hex").slice(0, 16);
    const shared = Object.fromEntries(
        Object.entries(modules).map(([path, text]) => [
            `.libretto-share/source/${path}`,
            `// a comment of the author\n${text}`,
        ]),
    );

    return {
        "package.json": JSON.stringify({
            name: packageName,
            private: true,
            type: "module",
            dependencies,
        }),
        ".libretto-workflows.json": JSON.stringify({ workflows }),
        "index.js": [
            imports,
            'import { createRequire } from "node:module";',
            'import { existsSync, writeFileSync } from "node:fs";',
            'import { tmpdir } from "node:os";',
            'import { join } from "node:path";',
            'import { gunzipSync } from "node:zlib";',
            stripsJobAuth ? 'const AUTH = Symbol.for("libretto.workflow.runtime-auth");' : "",
            `const BUNDLE_GZIP_BASE64 = "${gzipSync(code).toString("base64")}";`,
            `const file = join(tmpdir(), "${packageName}-" + "${hash}" + ".cjs");`,
            "function load() {",
            "    if (!existsSync(file)) writeFileSync(file, gunzipSync(Buffer.from(BUNDLE_GZIP_BASE64, 'base64')));",
            "    return createRequire(file)(file);",
            "}",
            ...workflows.map(
                ({ name }, i) =>
                    `export const workflow_${i} = { [Symbol.for("libretto.workflow")]: true, name: ${JSON.stringify(name)},` +
                    ` run: async (ctx, input) => Object.values(load()).find((w) => w.name === ${JSON.stringify(name)}).run(ctx, input) };`,
            ),
        ].join("\n"),
        ...shared,
    };
}
