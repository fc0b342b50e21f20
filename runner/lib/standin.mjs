// SPDX-License-Identifier: Apache-2.0
//
// When a registry has no `libretto`, an install puts a package of that name into the layer that
// leads to our own module. It serves the names that we implement; a build whose code imports
// others is refused, by name.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as standIn from "../impresario/libretto.mjs";
import { runner, work } from "./places.mjs";

const MARK = "impresario-stand-in";

/** @param {string} modules the node_modules folder that becomes the layer */
export function writeStandIn(modules) {
    const folder = join(modules, "libretto");
    const manifest = {
        name: "libretto",
        version: "0.0.0-impresario",
        type: "module",
        exports: "./index.js",
    };

    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest) + "\n");
    writeFileSync(
        join(folder, "index.js"),
        `export * from ${JSON.stringify(join(runner, "impresario", "libretto.mjs"))};\n`,
    );
    writeFileSync(join(folder, MARK), "");
}

/** Whether the `libretto` of this box is ours. */
export function isStandIn() {
    return existsSync(join(work, "node_modules", "libretto", MARK));
}

/** @param {string[]} names what the code imports from libretto */
export function missingFromStandIn(names) {
    return names.filter((name) => !(name in standIn));
}
