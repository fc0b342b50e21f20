// SPDX-License-Identifier: Apache-2.0
//
// package.json as a deployment ships it: what it must hold, and which of its dependencies the
// registry is asked for.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./failure.mjs";
import { inOrder, statOf, topNames } from "./tree.mjs";

/** Ours whatever the spec says: one copy, the one that the runner itself has loaded. */
export const PROVIDED = new Set(["impresario", "playwright", "playwright-core", "chromium-bidi"]);

const MANIFEST_MOST = 1024 * 1024;
const NAME = /^(@[a-z0-9-*~][a-z0-9-*._~]*\/)?[a-z0-9-~][a-z0-9-._~]*$/i;

/** Other places that may name a package which the code imports, in the order of asking. */
const WEAKER = ["devDependencies", "peerDependencies", "optionalDependencies"];

/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {Record<string, string>} dependencies
 * @property {object | null} overrides what is installed in place of what dependencies ask for
 * @property {(name: string) => { spec: string, section: string } | null} elsewhere
 *     where else than in `dependencies` a package is named
 */

/** @returns {Manifest} */
export function readManifest(root) {
    const path = join(root, "package.json");
    const stat = statOf(path);

    if (stat && !stat.isFile())
        throw new Failure("package.json is a folder: it must be a file that holds a JSON object");
    if (!stat) {
        throw new Failure(
            `package.json is missing from the root of the archive, which holds: ${topNames(root)}\n` +
                `Pack the folder that contains package.json, for example: tar czf bundle.tar.gz -C my-package .`,
        );
    }

    const text = readFileSync(path, "utf8").replace(/^\uFEFF/, "");
    if (text.length > MANIFEST_MOST)
        throw new Failure(`package.json is larger than ${MANIFEST_MOST} bytes`);

    let value;
    try {
        value = JSON.parse(text);
    } catch (error) {
        throw new Failure(`package.json is not valid JSON: ${error.message}`);
    }
    if (!isRecord(value)) throw new Failure("package.json must hold a JSON object");

    return {
        name: typeof value.name === "string" ? value.name : "",
        dependencies: section(value, "dependencies"),
        overrides: record(value, "overrides"),
        elsewhere(name) {
            for (const weaker of WEAKER) {
                const spec = section(value, weaker)[name];
                if (spec !== undefined) return { spec, section: weaker };
            }
            return null;
        },
    };
}

function record(manifest, key) {
    const value = manifest[key] ?? null;

    if (value !== null && !isRecord(value))
        throw new Failure(`"${key}" in package.json must be an object`);
    return value;
}

function section(manifest, key) {
    const value = record(manifest, key) ?? {};

    for (const [name, spec] of Object.entries(value)) {
        if (typeof spec !== "string") {
            throw new Failure(
                `"${key}" in package.json: the version of "${name}" must be a string`,
            );
        }
    }
    return value;
}

function isRecord(value) {
    return value !== null && typeof value === "object" && !Array.isArray(value);
}

/**
 * Why a registry cannot serve this spec, or null when it can: it serves versions, ranges, tags and
 * `npm:` aliases.
 */
export function whyNotFromRegistry(spec) {
    const wanted = spec.startsWith("npm:") ? spec.slice(4).replace(/^@[^/@]+\//, "") : spec.trim();
    const scheme = /^([a-z+]+):/i.exec(wanted)?.[1].toLowerCase();

    switch (scheme) {
        case "workspace":
        case "catalog":
            return `"${scheme}:" has a meaning only inside the repository it comes from`;
        case "file":
        case "link":
        case "portal":
            return "it points to a folder or file outside of a registry";
        case "http":
        case "https":
            return "it is downloaded from a URL, not from a registry";
        case undefined:
            break;
        default:
            return "it is fetched from a repository, not from a registry";
    }
    if (/^[.~]{0,2}\//.test(wanted) || /\.(tgz|tar|tar\.gz)$/i.test(wanted)) {
        return "it points to a folder or file outside of a registry";
    }
    if (wanted.includes("/")) return "it is fetched from a repository, not from a registry";
    return null;
}

/**
 * The dependencies that a registry is asked for, sorted, without those that we provide.
 * @param {Record<string, string>} dependencies
 * @param {Set<string>} [dropped] names that are not needed this time
 */
export function dependencySet(dependencies, dropped = new Set()) {
    /** @type {Record<string, string>} */
    const set = {};

    for (const name of Object.keys(dependencies).sort(inOrder)) {
        if (PROVIDED.has(name) || dropped.has(name)) continue;

        const spec = dependencies[name];
        if (!NAME.test(name) || name.length > 214) {
            throw new Failure(
                `package.json depends on "${name}", which is not a legal package name`,
            );
        }
        const why = whyNotFromRegistry(spec);
        if (why !== null) {
            throw new Failure(
                `The dependency "${name}": "${spec}" cannot be installed here: ${why}\n` +
                    `Publish it to the registry and name a version, or make its code part of the archive.`,
            );
        }
        set[name] = spec;
    }
    return set;
}
