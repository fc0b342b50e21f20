// SPDX-License-Identifier: Apache-2.0
//
// A dependency layer: a node_modules folder that many deployments share, read-only. It leads to the
// server's own Playwright, so that author and runner use one copy of it.

import {
    copyFileSync,
    lstatSync,
    mkdirSync,
    readFileSync,
    readdirSync,
    readlinkSync,
    rmSync,
    symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { Failure } from "./failure.mjs";
import { runner } from "./places.mjs";

const PROVIDED = ["playwright", "playwright-core"];
const ENTRIES_MOST = 200_000;
const BYTES_MOST = 1024 * 1024 * 1024;

/** Puts links to our copies in place of whatever was installed under these names. */
export function linkProvided(modules) {
    mkdirSync(modules, { recursive: true });
    for (const name of PROVIDED) {
        rmSync(join(modules, name), { recursive: true, force: true });
        symlinkSync(join(runner, "node_modules", name), join(modules, name));
    }
}

/**
 * Copies a layer and counts it. A nested copy of what we provide is left out: lookups from there
 * then climb to the link at the top.
 */
export function copyLayer(from, to) {
    let entries = 0;
    let bytes = 0;

    const count = (size) => {
        entries++;
        bytes += size;
        if (entries > ENTRIES_MOST)
            throw new Failure(`The dependencies are more than ${ENTRIES_MOST} files`);
        if (bytes > BYTES_MOST)
            throw new Failure(`The dependencies are larger than ${BYTES_MOST} bytes`);
    };

    const walk = (source, target, nested) => {
        mkdirSync(target, { recursive: true });
        for (const name of readdirSync(source)) {
            const path = join(source, name);
            const stat = lstatSync(path);

            if (nested && PROVIDED.includes(name) && source.endsWith("/node_modules")) continue;
            count(stat.isFile() ? stat.size : 0);
            if (stat.isDirectory()) walk(path, join(target, name), true);
            else if (stat.isSymbolicLink()) symlinkSync(readlinkSync(path), join(target, name));
            else if (stat.isFile()) copyFileSync(path, join(target, name));
        }
    };

    walk(from, to, false);
    return { entries, bytes };
}

/** What npm noted about each package that it installed. `name` is the registry's also where it is installed as another. */
export function installedPackages(modules) {
    const { packages } = JSON.parse(readFileSync(join(modules, ".package-lock.json"), "utf8"));

    return Object.entries(packages).map(([path, entry]) => ({
        path,
        name: entry.name ?? path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length),
        version: entry.version,
        integrity: entry.integrity,
        bundled: entry.inBundle === true,
        wantsScript: entry.hasInstallScript === true,
    }));
}
