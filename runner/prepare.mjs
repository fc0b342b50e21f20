// SPDX-License-Identifier: Apache-2.0
//
// The first box of a build, without network: reads what was uploaded, makes one module of it where
// it is not one already, and says what has to be installed. None of the author's code runs here.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bundle } from "./lib/bundle.mjs";
import { findEntry, inspectEntry } from "./lib/entry.mjs";
import { box, log, phase, send } from "./lib/frames.mjs";
import { contentKey } from "./lib/key.mjs";
import { dependencySet, readManifest } from "./lib/manifest.mjs";
import { readMetadata } from "./lib/metadata.mjs";
import { pack } from "./lib/packer.mjs";
import { app } from "./lib/places.mjs";
import { statOf, stripTopFolder } from "./lib/tree.mjs";

const LOCKFILE_MOST = 6 * 1024 * 1024;
const OTHER_LOCKFILES = ["pnpm-lock.yaml", "yarn.lock", "bun.lock", "bun.lockb"];

async function prepare() {
    phase("inspect");
    const top = stripTopFolder(app);
    if (top !== null) log(`everything lies in the folder ${top}/, which becomes the root`);

    const manifest = readManifest(app);
    const entry = findEntry(app, process.env.IMPRESARIO_ENTRY || "index.ts");
    const inspected = inspectEntry(app, entry);
    const found = inspected.bootstrap
        ? readBootstrap(manifest, entry, inspected)
        : await buildPlain(manifest, entry);

    phase("pack");
    await pack();
    return { t: "prepared", ...found, lockfile: readLockfile(), overrides: manifest.overrides };
}

/** The server may know what becomes of this content, and end the box. */
function tellKey(content) {
    const content_key = contentKey(app, content);
    send({ t: "key", content_key });
    return content_key;
}

/** An artifact of the client: its implementation is inside, and so is libretto since mid-2026. */
function readBootstrap(manifest, entry, inspected) {
    const dropped = new Set(inspected.importsLibretto ? [] : ["libretto"]);
    const dependencies = dependencySet(manifest.dependencies, dropped);
    const metadata = readMetadata(app);

    return {
        kind: "bootstrap",
        entry,
        entry_point: entry,
        content_key: tellKey({
            entry,
            bootstrap: true,
            packageName: manifest.name,
            metadata,
            dependencies,
            overrides: manifest.overrides,
        }),
        dependencies,
        metadata,
        inject_job_auth: inspected.stripsJobAuth,
        libretto: "libretto" in dependencies ? "real" : "none",
        libretto_imports: [],
    };
}

/** Anything else is built. The key is taken from what was uploaded, before the build adds to it. */
async function buildPlain(manifest, entry) {
    const declared = dependencySet(manifest.dependencies);
    const content_key = tellKey({
        entry,
        bootstrap: false,
        packageName: manifest.name,
        metadata: null,
        dependencies: declared,
        overrides: manifest.overrides,
    });

    phase("bundle");
    const built = await bundle(app, entry, manifest, log);
    const dependencies = dependencySet({ ...declared, ...built.adopted });

    return {
        kind: "plain",
        entry: built.entry,
        entry_point: entry,
        content_key,
        dependencies,
        metadata: null,
        inject_job_auth: false,
        libretto: "libretto" in dependencies ? "real" : "none",
        libretto_imports: built.librettoImports,
    };
}

function readLockfile() {
    for (const name of ["npm-shrinkwrap.json", "package-lock.json"]) {
        const path = join(app, name);
        if (!statOf(path)?.isFile()) continue;

        const text = readFileSync(path, "utf8");
        if (text.length <= LOCKFILE_MOST) return text;
        log(`${name} is larger than ${LOCKFILE_MOST} bytes and is not used`);
    }
    for (const name of OTHER_LOCKFILES) {
        if (existsSync(join(app, name)))
            log(`${name} is not read: only npm's package-lock.json fixes versions here`);
    }
    return null;
}

process.exit(await box(prepare));
