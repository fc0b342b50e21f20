// SPDX-License-Identifier: Apache-2.0
/**
 * What an author's workflow brings with it in an artifact shaped like the public client's: the
 * function that makes a workflow, and the order in which a run treats its input. It is written from
 * the facts that the contract states, and holds none of the client's code.
 *
 * `RUNTIME_AUTH` is set when it is bundled: false makes it behave as runtimes did before they knew
 * `__libretto`, and hand whatever they receive to the author's schema.
 */
import "playwright";
import { z } from "zod";

/* global RUNTIME_AUTH */
export const BRAND = Symbol.for("libretto.workflow");
const AUTH_BRAND = Symbol.for("libretto.workflow.runtime-auth");

class LibrettoWorkflowInputError extends Error {
    constructor(name, issues) {
        const lines = issues.map(({ path, message }) => `  - ${path.join(".") || "(root)"}: ${message}`);
        super([`Invalid input for workflow "${name}":`, ...lines].join("\n"));
        this.name = "LibrettoWorkflowInputError";
    }
}

let jobAuth;

/** The address and the token that the server gave this run for its one-time codes, if it did. */
export const currentJobAuth = () => jobAuth;

/** Does nothing in production and throws everywhere else, as the real one does. */
export async function pause() {
    if (process.env.NODE_ENV !== "production") throw new Error("pause() needs an interactive runner");
}

/** Clicks, and reads the download that the click starts. */
export async function downloadViaClick(page, selector) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.locator(selector).click()]);
    const chunks = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk);
    return { filename: download.suggestedFilename(), text: Buffer.concat(chunks).toString("utf8") };
}

export function workflow(name, ...rest) {
    const options = typeof rest[0] === "function" ? {} : rest[0];
    const handler = rest.find((each) => typeof each === "function") ?? options.handler;
    const names = [...new Set((options.credentials ?? []).map((each) => each.trim().toLowerCase()))];
    const profile =
        typeof options.authProfile === "string" ? { name: options.authProfile } : options.authProfile;

    return {
        [BRAND]: true,
        ...(RUNTIME_AUTH ? { [AUTH_BRAND]: true } : {}),
        name,
        inputSchema: options.input,
        outputSchema: options.output,
        credentialNames: names,
        authProfileName: profile?.name,
        authProfileRefresh: profile?.refresh,
        startUrl: options.startUrl,
        gpu: options.gpu,
        viewport: options.viewport,
        async run(context, given) {
            const raw = { ...given };
            if (RUNTIME_AUTH) {
                jobAuth = raw.__libretto?.job;
                delete raw.__libretto;
            }
            const { credentials, ...input } = names.length > 0 ? raw : { ...raw, credentials: undefined };
            if (names.length === 0 && "credentials" in raw) input.credentials = raw.credentials;
            if (!options.input)
                return handler(
                    context,
                    names.length > 0 ? { ...input, credentials: declared(names, credentials) } : input,
                );

            const parsed = options.input.safeParse(input);
            if (!parsed.success) throw new LibrettoWorkflowInputError(name, parsed.error.issues);
            const value = parsed.data;
            return handler(
                context,
                names.length > 0 ? { ...value, credentials: declared(names, credentials) } : value,
            );
        },
    };
}

/** Of the credentials given, those that the workflow declares, under their lower-case names. */
function declared(names, credentials = {}) {
    const environment = process.env.LIBRETTO_HOSTED_RUNTIME ? {} : process.env;
    return Object.fromEntries(
        names
            .map((name) => [name, credentials[name] ?? environment[`LIBRETTO_CLOUD_${name.toUpperCase()}`]])
            .filter(([, value]) => typeof value === "string"),
    );
}

export { z };
