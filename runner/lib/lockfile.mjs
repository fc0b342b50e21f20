// SPDX-License-Identifier: Apache-2.0
//
// package-lock.json of an author, made to fit what is installed here.

import { Failure } from "./failure.mjs";

/**
 * The lock with our root instead of the author's: without what we provide, without development
 * dependencies (npm drops what nothing needs any more). Addresses go, so that packages come from
 * the registry configured here; their digests stay and are checked. null when the text is no lock
 * that can be used.
 */
export function adaptLockfile(text, root) {
    let lock;
    try {
        lock = JSON.parse(text);
    } catch {
        return null;
    }
    if (lock === null || typeof lock.packages !== "object" || !(lock.lockfileVersion >= 2))
        return null;

    const packages = {};
    for (const [path, entry] of Object.entries(lock.packages)) {
        if (path === "") continue;
        if (entry.dev === true || !path.startsWith("node_modules/")) continue;
        const { resolved, ...kept } = entry;

        if (entry.link === true || (resolved !== undefined && !/^https?:/.test(resolved))) {
            throw new Failure(
                `package-lock.json takes "${path.replace(/^.*node_modules\//, "")}" from ` +
                    `"${resolved ?? "a folder"}", not from a registry, which is not allowed here`,
            );
        }
        packages[path] = kept;
    }
    return JSON.stringify({
        name: root.name,
        version: root.version,
        lockfileVersion: 3,
        requires: true,
        packages: { "": root, ...packages },
    });
}
