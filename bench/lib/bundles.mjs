// SPDX-License-Identifier: Apache-2.0
/** What is uploaded: small packages that Impresario and plain Node both understand. */
import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { sourceOfFiles } from "../../test/support/tar.mjs";

/** A workflow without any library: Node alone can import it too. */
export function workflowModule(name, { head = "", body = "return null;", more = {} } = {}) {
    return `${head}
export const only = {
    [Symbol.for("libretto.workflow")]: true,
    name: ${JSON.stringify(name)},
    ...${JSON.stringify(more)},
    async run({ page }, input) { ${body} },
};
`;
}

/** The files of a package with one workflow in index.js. */
export function packageOf(module, dependencies = {}, more = {}) {
    const manifest = { name: "bench", version: "1.0.0", private: true, type: "module", dependencies };
    return { "package.json": JSON.stringify(manifest), "index.js": module, ...more };
}

/** The body of `deployments/create` for these files. */
export const upload = (files) => ({ source: sourceOfFiles(files), entry_point: "index.js" });

/** The same with an archive of exactly `size` bytes, which do not compress. */
export function uploadOfSize(size) {
    // A gzip member that stores its bytes as they are: nobody looks inside before the build.
    let padding = size;
    for (;;) {
        const archive = gzipSync(randomBytes(padding), { level: 0 });
        if (archive.length <= size) return { source: padded(archive, size), entry_point: "index.js" };
        padding -= archive.length - size;
    }
}

const padded = (archive, size) =>
    Buffer.concat([archive, Buffer.alloc(size - archive.length)]).toString("base64");
