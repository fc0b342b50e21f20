// SPDX-License-Identifier: Apache-2.0
//
// Finds workflows among what a module exports, and says what they declare.

import { Failure } from "./failure.mjs";

const WORKFLOW = Symbol.for("libretto.workflow");
const TAKES_JOB_AUTH = Symbol.for("libretto.workflow.runtime-auth");

const PROFILE_NAME = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$/;
const VIEWPORT_MOST = 16384;
const NAME_MOST = 200;

export function isWorkflow(value) {
    return (
        value !== null &&
        typeof value === "object" &&
        value[WORKFLOW] === true &&
        typeof value.name === "string" &&
        typeof value.run === "function"
    );
}

/** Every workflow that a module exports, each once: exports of their own, or in an object `workflows`. */
export function exportedWorkflows(namespace) {
    const found = new Set();

    for (const [name, value] of Object.entries(exportsOf(namespace))) {
        if (isWorkflow(value)) found.add(value);
        else if (name === "workflows" && value !== null && typeof value === "object") {
            for (const member of Object.values(value)) if (isWorkflow(member)) found.add(member);
        }
    }
    return [...found];
}

/** A CommonJS entry has its exports in `default`, where ES modules look for them. */
function exportsOf(namespace) {
    const only = Object.keys(namespace).length === 1 ? namespace.default : undefined;
    return only !== null && typeof only === "object" && !isWorkflow(only) ? only : namespace;
}

export function checkNames(workflows) {
    const seen = new Set();

    for (const { name } of workflows) {
        if (name.trim() === "") throw new Failure("A workflow has a blank name");
        if (/\p{Cc}/u.test(name))
            throw new Failure(`The workflow name ${JSON.stringify(name)} has control characters`);
        if ([...name].length > NAME_MOST) {
            throw new Failure(
                `The workflow name "${name.slice(0, 40)}..." is longer than ${NAME_MOST} characters`,
            );
        }
        if (seen.has(name)) throw new Failure(`Duplicate workflow name: "${name}"`);
        seen.add(name);
    }
}

/** The client's list and the exports must name the same workflows. */
export function checkAgainstMetadata(workflows, metadata) {
    const exported = new Set(workflows.map((workflow) => workflow.name));
    const listed = new Set(metadata.workflows.map((entry) => entry.name));
    const quote = (names) => names.map((name) => `"${name}"`).join(", ");
    const missing = [...listed].filter((name) => !exported.has(name));
    const extra = [...exported].filter((name) => !listed.has(name));

    if (missing.length === 0 && extra.length === 0) return;
    throw new Failure(
        [
            "The exported workflows are not those that .libretto-workflows.json lists",
            missing.length > 0 ? `listed but not exported: ${quote(missing)}` : "",
            extra.length > 0 ? `exported but not listed: ${quote(extra)}` : "",
        ]
            .filter((line) => line !== "")
            .join("\n"),
    );
}

/**
 * One workflow as the server keeps it. What the client listed wins, what the object says fills in.
 * @param {object} workflow the exported object
 * @param {object | undefined} listed its entry in .libretto-workflows.json
 * @param {(line: string) => void} log
 */
export function describeWorkflow(workflow, listed, log) {
    const { name } = workflow;
    const profile = listed?.authProfileName ?? workflow.authProfileName ?? null;

    return {
        name,
        credential_names: credentialNames(
            listed?.credentialNames ?? workflow.credentialNames ?? [],
            name,
        ),
        ...authProfile(
            profile,
            (listed?.authProfileRefresh ?? workflow.authProfileRefresh) === true,
            name,
            log,
        ),
        start_url: startUrl(listed?.startUrl ?? workflow.startUrl ?? null, name),
        viewport: viewport(listed?.viewport ?? workflow.viewport ?? null, name),
        gpu: (listed?.gpu ?? workflow.gpu) === true,
    };
}

export function takesJobAuth(workflow) {
    return workflow[TAKES_JOB_AUTH] === true;
}

function credentialNames(names, workflowName) {
    if (!Array.isArray(names) || names.some((name) => typeof name !== "string")) {
        throw new Failure(
            `Workflow "${workflowName}": the credential names must be a list of strings`,
        );
    }
    const normalized = names.map((name) => name.trim().toLowerCase()).filter((name) => name !== "");
    return [...new Set(normalized)];
}

function authProfile(profile, refresh, workflowName, log) {
    const legal = typeof profile === "string" && PROFILE_NAME.test(profile.trim());

    if (profile !== null && !legal) {
        log(
            `warning: workflow "${workflowName}" names the illegal auth profile ${JSON.stringify(profile)}, which is ignored`,
        );
    }
    return {
        auth_profile: legal ? profile.trim() : null,
        auth_profile_refresh: legal && refresh,
    };
}

function startUrl(url, workflowName) {
    if (url === null) return null;
    if (typeof url === "string" && URL.canParse(url)) return url;
    throw new Failure(
        `Workflow "${workflowName}" has an illegal startUrl: ${JSON.stringify(url)} is not an absolute URL`,
    );
}

function viewport(size, workflowName) {
    if (size === null) return null;

    const { width, height } = size;
    const legal = (n) => Number.isInteger(n) && n >= 1 && n <= VIEWPORT_MOST;
    if (legal(width) && legal(height)) return { width, height };
    throw new Failure(
        `Workflow "${workflowName}" has an illegal viewport ${JSON.stringify(size)}: ` +
            `width and height must be whole numbers from 1 to ${VIEWPORT_MOST}`,
    );
}
