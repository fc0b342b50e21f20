// SPDX-License-Identifier: Apache-2.0
//
// The unpacked files of a deployment: walking them, and putting them where they belong.

import { existsSync, lstatSync, readdirSync, renameSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** What stands at `path`, links followed; null for nothing, and for a link that leads nowhere or in a circle. */
export function statOf(path) {
    try {
        return statSync(path);
    } catch {
        return null;
    }
}

/** Bytewise, so that the order is the same on every machine. */
export function inOrder(a, b) {
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/**
 * All files and links below a folder, sorted by path; folders themselves are not listed.
 * @returns {{ path: string, kind: "file" | "link", executable: boolean }[]}
 */
export function listFiles(root) {
    const found = [];

    const walk = (folder) => {
        for (const name of readdirSync(join(root, folder))) {
            const path = folder === "" ? name : `${folder}/${name}`;
            const stat = lstatSync(join(root, path));

            if (stat.isDirectory()) walk(path);
            else if (stat.isSymbolicLink()) found.push({ path, kind: "link", executable: false });
            else if (stat.isFile())
                found.push({ path, kind: "file", executable: (stat.mode & 0o100) !== 0 });
        }
    };

    walk("");
    return found.sort((a, b) => inOrder(a.path, b.path));
}

/**
 * When the package lies in one folder (`package/` of `npm pack`, a folder that somebody packed
 * whole), that folder becomes the root. Returns its name, or null when there was nothing to do.
 */
export function stripTopFolder(root) {
    const entries = readdirSync(root, { withFileTypes: true });

    if (entries.length !== 1 || !entries[0].isDirectory()) return null;
    const top = entries[0].name;
    if (!existsSync(join(root, top, "package.json"))) return null;

    /* A name that none of the children can have, since they could be called like their parent. */
    const aside = join(root, ".top-folder-being-stripped");
    renameSync(join(root, top), aside);
    for (const name of readdirSync(aside)) renameSync(join(aside, name), join(root, name));
    rmdirSync(aside);
    return top;
}

/** What lies at the top, for a message: folders end with a slash. */
export function topNames(root, limit = 20) {
    const names = readdirSync(root, { withFileTypes: true })
        .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
        .sort(inOrder);

    if (names.length === 0) return "nothing";
    const shown = names.slice(0, limit).join(", ");
    return names.length > limit ? `${shown} and ${names.length - limit} more` : shown;
}
