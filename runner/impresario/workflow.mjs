// SPDX-License-Identifier: Apache-2.0
//
// A workflow is a plain object that carries two brands, a name, what it declares, and `run`. The
// brands are global symbols, so that whoever holds the object can tell it from others without
// sharing a module with its author.

const WORKFLOW = Symbol.for("libretto.workflow");
const TAKES_JOB_AUTH = Symbol.for("libretto.workflow.runtime-auth");

/** Set by whoever wants to know what was created, exported or not: a Set of workflows. */
const CREATED = Symbol.for("impresario.workflows.created");

const PROFILE_NAME = /^[A-Za-z0-9._-]{1,128}$/;

const OPTIONS = new Set([
    "input",
    "output",
    "credentials",
    "authProfile",
    "startUrl",
    "viewport",
    "gpu",
    "handler",
]);

/** The input that a job came with is not what the workflow's schema asks for. */
export class WorkflowInputError extends Error {
    constructor(workflowName, issues) {
        const lines = issues.map((issue) => `  - ${issuePath(issue)}: ${issue.message}`);
        super([`Invalid input for workflow "${workflowName}":`, ...lines].join("\n"));
        this.name = "LibrettoWorkflowInputError";
        this.issues = issues;
    }
}

function issuePath(issue) {
    const keys = (issue.path ?? []).map((step) =>
        typeof step === "object" && step !== null ? step.key : step,
    );
    return keys.length === 0 ? "(root)" : keys.map(String).join(".");
}

/**
 * workflow(name, handler), workflow(name, options, handler) or workflow(name, { ...options, handler })
 */
export function workflow(name, optionsOrHandler, lastHandler) {
    const options = typeof optionsOrHandler === "function" ? {} : (optionsOrHandler ?? {});
    const handler =
        typeof optionsOrHandler === "function"
            ? optionsOrHandler
            : (lastHandler ?? options.handler);

    if (typeof name !== "string" || name.trim() === "")
        throw new TypeError("A workflow needs a name");
    if (typeof handler !== "function") throw new TypeError(`Workflow "${name}" has no handler`);
    for (const key of Object.keys(options)) {
        if (!OPTIONS.has(key))
            throw new TypeError(`Workflow "${name}" has an option "${key}" that is not known here`);
    }

    const profile = readProfile(name, options.authProfile);
    const credentialNames = readCredentialNames(name, options.credentials);
    const made = {
        [WORKFLOW]: true,
        [TAKES_JOB_AUTH]: true,
        name,
        inputSchema: options.input,
        outputSchema: options.output,
        credentialNames,
        authProfileName: profile?.name,
        authProfileRefresh: profile?.refresh,
        startUrl: options.startUrl,
        viewport: options.viewport,
        gpu: options.gpu,
        async run(ctx, input) {
            return handler(ctx, await readInput(name, options.input, credentialNames, input));
        },
    };

    globalThis[CREATED]?.add(made);
    return made;
}

function readProfile(name, profile) {
    if (profile === undefined) return undefined;

    const { name: profileName, refresh } =
        typeof profile === "string" ? { name: profile } : profile;
    if (!PROFILE_NAME.test(profileName) || profileName === "." || profileName === "..") {
        throw new TypeError(
            `Workflow "${name}" has an illegal authProfile "${profileName}": ` +
                `use letters, digits, ".", "_" and "-", at most 128`,
        );
    }
    return { name: profileName, refresh: refresh === true ? true : undefined };
}

function readCredentialNames(name, credentials) {
    if (credentials === undefined) return [];
    if (
        !Array.isArray(credentials) ||
        credentials.some((one) => typeof one !== "string" || one.trim() === "")
    ) {
        throw new TypeError(`Workflow "${name}": credentials must be a list of names`);
    }
    return [...new Set(credentials.map(normalized))];
}

function normalized(credentialName) {
    return credentialName.trim().toLowerCase();
}

/**
 * Takes the runtime's own part out of the input, sets the declared credentials aside, validates
 * the rest, and gives the credentials back. A workflow that declares none keeps a field of that
 * name as its own.
 */
async function readInput(name, schema, credentialNames, input) {
    if (input === null || typeof input !== "object" || Array.isArray(input))
        return validate(name, schema, input);

    const { __libretto: _runtime, ...given } = input;
    if (credentialNames.length === 0) return validate(name, schema, given);

    const { credentials: offered, ...params } = given;
    const credentials = {};
    for (const [key, value] of Object.entries(offered ?? {})) {
        if (credentialNames.includes(normalized(key)) && typeof value === "string")
            credentials[normalized(key)] = value;
    }

    const parsed = await validate(name, schema, params);
    return { ...parsed, credentials };
}

/** Any schema of the Standard Schema interface will do: Zod's are, and so are others. */
async function validate(name, schema, value) {
    if (schema === undefined) return value;

    const standard = schema["~standard"];
    if (typeof standard?.validate !== "function") {
        throw new TypeError(
            `The input schema of workflow "${name}" is not a schema that can validate`,
        );
    }
    const result = await standard.validate(value);
    if (result.issues) throw new WorkflowInputError(name, result.issues);
    return result.value;
}
