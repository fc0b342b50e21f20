// SPDX-License-Identifier: Apache-2.0
//
// The module that a deployment is entered by.

import { readFileSync } from "node:fs";
import { basename, extname, join, normalize } from "node:path/posix";
import { Failure } from "./failure.mjs";
import { listFiles, statOf } from "./tree.mjs";

const CODE = /\.[cm]?[jt]sx?$/;

/** The entry's path relative to the root; a leading `./` does not matter. */
export function findEntry(root, entryPoint) {
    const entry = normalize(entryPoint);

    if (entry === "." || entry.startsWith("/") || entry === ".." || entry.startsWith("../")) {
        throw new Failure(`entry_point "${entryPoint}" does not lie inside the archive`);
    }
    if (statOf(join(root, entry))?.isFile()) return entry;

    const similar = similarFiles(root, entry);
    throw new Failure(
        `The entry "${entry}" is not in the archive` +
            (similar.length > 0
                ? `; did you mean ${similar.map((path) => `"${path}"`).join(" or ")}?`
                : ", and no file has a similar name"),
    );
}

/** Same name with another extension or in another folder first, then what an author may have mistyped. */
function similarFiles(root, entry) {
    const stem = (path) => basename(path, extname(path));
    const rank = (path) => {
        if (stem(path) === stem(entry)) return path.includes("/") === entry.includes("/") ? 0 : 1;
        return distance(stem(path), stem(entry)) <= 2 ? 2 : 3;
    };

    return listFiles(root)
        .map((file) => file.path)
        .filter((path) => CODE.test(path) && !path.startsWith(".libretto-share/"))
        .map((path) => ({ path, rank: rank(path) }))
        .filter((candidate) => candidate.rank < 3)
        .sort((a, b) => a.rank - b.rank)
        .slice(0, 3)
        .map((candidate) => candidate.path);
}

/** Levenshtein's distance, good enough for names of files. */
function distance(a, b) {
    let row = Array.from({ length: b.length + 1 }, (_, i) => i);

    for (let i = 1; i <= a.length; i++) {
        const next = [i];
        for (let j = 1; j <= b.length; j++) {
            next[j] = Math.min(
                next[j - 1] + 1,
                row[j] + 1,
                row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1),
            );
        }
        row = next;
    }
    return row[b.length];
}

/**
 * What the entry's text tells about the kind of deployment. A bootstrap carries its implementation
 * inside and needs no bundling; those made before libretto went into the bundle import it.
 */
export function inspectEntry(root, entry) {
    const text = readFileSync(join(root, entry), "utf8");

    return {
        text,
        bootstrap: /^(export\s+)?(const|let|var)\s+BUNDLE_GZIP_BASE64\s*=/m.test(text),
        importsLibretto: /\bfrom\s*["']libretto["']/.test(text),
        stripsJobAuth: text.includes("libretto.workflow.runtime-auth"),
    };
}
