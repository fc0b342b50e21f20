// SPDX-License-Identifier: Apache-2.0
//
// Zod schemas as JSON Schema. They describe a workflow to people and tools; they never decide
// whether a job may run.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { app } from "./places.mjs";

/**
 * The zod that the deployment has installed, as the module that its bundle imports: the package comes a
 * second time for `require`, which would be loaded beside it.
 */
export async function ownZod() {
    const { resolve } = createRequire(join(app, "package.json"));
    const load = (path) => import(pathToFileURL(path).href);
    try {
        const manifest = resolve("zod/package.json");
        const entry = JSON.parse(readFileSync(manifest, "utf8")).exports["."].import;
        return await load(join(dirname(manifest), entry.default ?? entry));
    } catch {
        return load(resolve("zod")); /* older ones say less of themselves */
    }
}

/** The converter of the zod that the deployment has installed, else that of ours. */
async function converter() {
    try {
        const zod = await ownZod();
        const toJSONSchema = zod.toJSONSchema ?? zod.z?.toJSONSchema ?? zod.default?.toJSONSchema;
        if (toJSONSchema !== undefined) return toJSONSchema;
    } catch {
        /* none installed, or one too old to load: ours understands every Zod 4 schema */
    }
    return (await import("zod")).toJSONSchema;
}

let loaded;

/**
 * @param {any} schema what a workflow has as `inputSchema` or `outputSchema`
 * @param {string} what for the log, as in: input schema of "x"
 * @returns {Promise<object | null>} null when there is none or JSON Schema cannot express it
 */
export async function toJSONSchema(schema, what, log) {
    if (schema === undefined || schema === null) return null;

    try {
        /* Newer schemas bring the converter of their own zod with them. */
        if (typeof schema.toJSONSchema === "function") return schema.toJSONSchema();
        loaded ??= converter();
        return (await loaded)(schema);
    } catch (error) {
        log(`note: the ${what} has no JSON Schema: ${error.message.split("\n")[0]}`);
        return null;
    }
}
