// SPDX-License-Identifier: Apache-2.0
//
// The content key: equal for two uploads of the same code, although a client invents a new package
// name for each, writes it into package.json and into the bootstrap, and packs with new times.

import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { METADATA } from "./metadata.mjs";
import { inOrder, listFiles } from "./tree.mjs";

/** Part of every key. Change it when a build of the same files must not be reused any more. */
const EDITION = "impresario-build-2";

const INVENTED_NAME = /^deploy-[0-9a-z]+-[0-9a-f]{8}$/;

/**
 * @param {string} root
 * @param {{ entry: string, bootstrap: boolean, packageName: string, metadata: unknown,
 *     dependencies: Record<string, string>, overrides: object | null }} build
 */
export function contentKey(root, build) {
    const hash = createHash("sha256");

    /* Lengths first, so that no two different lists of parts give the same bytes. */
    const part = (label, content) => {
        const bytes = Buffer.from(content);
        hash.update(`${label.length} ${label} ${bytes.length}\n`);
        hash.update(bytes);
    };

    part("edition", EDITION);
    part("kind", build.bootstrap ? "bootstrap" : "plain");
    part("entry", build.entry);
    part("dependencies", JSON.stringify(build.dependencies));
    part("overrides", JSON.stringify(build.overrides));
    part("scripts", process.env.IMPRESARIO_INSTALL_SCRIPTS ?? "[]");
    part("metadata", canonical(build.metadata));

    for (const file of listFiles(root)) {
        if (file.path === METADATA || (build.bootstrap && file.path === "package.json")) continue;
        const path = join(root, file.path);

        if (file.kind === "link") part(`link ${file.path}`, readlinkSync(path));
        else if (build.bootstrap && file.path === build.entry)
            part(`file ${file.path}`, anonymous(path, build.packageName));
        else part(`${file.executable ? "program" : "file"} ${file.path}`, readFileSync(path));
    }
    return hash.digest("hex");
}

function anonymous(path, packageName) {
    const text = readFileSync(path, "utf8");
    return INVENTED_NAME.test(packageName)
        ? text.replaceAll(`"${packageName}-"`, '"deploy-"')
        : text;
}

/** JSON with sorted keys: the order in which a client writes them means nothing. */
function canonical(value) {
    return JSON.stringify(value, (_key, inner) =>
        inner !== null && typeof inner === "object" && !Array.isArray(inner)
            ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => inOrder(a, b)))
            : inner,
    );
}
