// SPDX-License-Identifier: Apache-2.0
//
// The box in which a deployment is imported for the first time, without network: says which
// workflows it exports. The author's top-level code runs here; its output goes to the build log.

import { closeSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { pathToFileURL } from "node:url";
import { mapPath } from "./lib/bundle-paths.mjs";
import {
    checkAgainstMetadata,
    checkNames,
    describeWorkflow,
    exportedWorkflows,
    takesJobAuth,
} from "./lib/collect.mjs";
import { describeError } from "./lib/errors.mjs";
import { Failure } from "./lib/failure.mjs";
import { box, fail, log, phase } from "./lib/frames.mjs";
import { app } from "./lib/places.mjs";
import { toJSONSchema } from "./lib/schemas.mjs";
import { stackMapper } from "./lib/stack.mjs";
import { isStandIn, missingFromStandIn } from "./lib/standin.mjs";

const PREPARED_IN = 5;
const CREATED = Symbol.for("impresario.workflows.created");

/* Node's exit code when the event loop runs dry below a top-level await. */
const UNSETTLED_AWAIT = 13;

const prepared = JSON.parse(readFileSync(PREPARED_IN, "utf8"));
closeSync(PREPARED_IN);

const shownEntry = prepared.entry_point;
const mapped = stackMapper({
    entry: prepared.entry,
    kind: prepared.kind,
    sourceFiles: prepared.metadata?.workflows.flatMap((entry) => entry.sourceFiles ?? []) ?? [],
});

let importing = false;

function importFailure(what, thrown) {
    return new Failure(`"${shownEntry}" ${what}: ${mapped(thrown) ?? describeError(thrown)}`);
}

process.on("exit", (code) => {
    if (!importing) return;
    fail(
        new Failure(
            code === UNSETTLED_AWAIT
                ? `"${shownEntry}" never finished importing: it awaits something that nothing can settle`
                : `"${shownEntry}" exited while being imported (exit code ${code})`,
        ),
    );
});
process.on("uncaughtException", (thrown) => {
    importing = false;
    fail(importFailure("failed while being imported", thrown));
    process.exit(1);
});
process.on("unhandledRejection", (reason) => {
    log(
        `warning: a promise was rejected and nobody handled it: ${mapped(reason) ?? describeError(reason)}`,
    );
});

async function discover() {
    const standIn = isStandIn();
    if (standIn) refuseMissingNames();

    phase("import");
    const created = (globalThis[CREATED] = new Set());
    const namespace = await importEntry();
    const workflows = exportedWorkflows(namespace);
    const forgotten = [...created]
        .filter((workflow) => !workflows.includes(workflow))
        .map(({ name }) => `"${name}"`);

    if (workflows.length === 0) {
        throw new Failure(
            `No workflows exported from "${shownEntry}"` +
                (forgotten.length > 0
                    ? `\ncreated but not exported: ${forgotten.join(", ")}`
                    : "") +
                `\nExport each workflow from the entry, or put them into an exported object named "workflows".`,
        );
    }
    if (forgotten.length > 0) log(`warning: created but not exported: ${forgotten.join(", ")}`);
    checkNames(workflows);
    if (prepared.metadata !== null) checkAgainstMetadata(workflows, prepared.metadata);

    return { t: "discovered", workflows: await Promise.all(workflows.map(describe)) };
}

function refuseMissingNames() {
    const missing = missingFromStandIn(prepared.libretto_imports ?? []);
    if (missing.length === 0) return;
    throw new Failure(
        `"libretto" is not in the registry, and what stands in for it here has no ${missing.join(", ")}\n` +
            `Make the package available in the registry, or deploy with the client, which builds it in.`,
    );
}

async function importEntry() {
    process.chdir(app);
    importing = true;
    try {
        return await import(pathToFileURL(join(app, prepared.entry)).href);
    } catch (thrown) {
        throw importFailure("threw while being imported", thrown);
    } finally {
        importing = false;
    }
}

async function describe(workflow) {
    const listed = prepared.metadata?.workflows.find((entry) => entry.name === workflow.name);
    const schema = (given, value, kind) =>
        given ?? toJSONSchema(value, `${kind} schema of "${workflow.name}"`, log);

    return {
        ...describeWorkflow(workflow, listed, log),
        input_schema: await schema(listed?.inputSchema, workflow.inputSchema, "input"),
        output_schema: await schema(listed?.outputSchema, workflow.outputSchema, "output"),
        inject_job_auth: prepared.inject_job_auth || takesJobAuth(workflow),
        source_files: sourceFiles(listed),
    };
}

/** The author's own files that went into the code: the client lists them, our source map knows them. */
function sourceFiles(listed) {
    if (prepared.kind === "bootstrap") {
        const files = Array.isArray(listed?.sourceFiles) ? listed.sourceFiles : [];
        return files.filter((file) => typeof file === "string" && !file.split("/").includes(".."));
    }
    const map = JSON.parse(readFileSync(join(app, mapPath(prepared.entry)), "utf8"));
    return map.sources
        .map((source) => join(dirname(prepared.entry), source))
        .filter((source) => !source.startsWith("../") && !source.startsWith("/"))
        .sort();
}

/** What the author's code printed may still be queued here; it is part of the build log. */
function drained(stream) {
    return new Promise((resolve) => {
        stream.once("error", resolve);
        if (stream.writable) stream.write("", resolve);
        else resolve();
    });
}

const status = await box(discover);
await Promise.all([drained(process.stdout), drained(process.stderr)]);
process.exit(status);
