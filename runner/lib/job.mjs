// SPDX-License-Identifier: Apache-2.0
//
// One run of one workflow, from its assignment to its last frame. The process ends with it.

import { VIEWPORT } from "./browser.mjs";
import { loadWorkflow } from "./code.mjs";
import { captureOutput } from "./console.mjs";
import { describeError } from "./errors.mjs";
import { gatherEvidence } from "./evidence.mjs";
import { Failure } from "./failure.mjs";
import { cutMessage, phase, send, sendText } from "./frames.mjs";
import { redactor } from "./redact.mjs";
import { encodeResult, redactedResult } from "./result.mjs";
import { stackMapper } from "./stack.mjs";

const NO_EVIDENCE = { screenshot: null, html: null };

/**
 * Never returns by itself: the last frame ends the process.
 * @param {object} run the `run` frame
 * @param {{ browser: import("playwright").Browser, page: import("playwright").Page,
 *     unpacked: Promise<void> }} slot
 */
export async function runJob(run, { browser, page, unpacked }) {
    const redact = redactor(secretsOf(run));
    const mapped = stackMapper({ entry: run.entry, kind: run.kind, sourceFiles: run.source_files });
    const log = (level, message) =>
        send({ t: "log", level, message: cutMessage(redact(message)), ts: Date.now() });
    const inWords = (thrown) => mapped(thrown) ?? describeError(thrown);
    const flushOutput = captureOutput(log);

    /* The last frame of a run that failed, from the moment it is known; evidence is added to it. */
    let failure = null;
    let ended = false;

    const end = (frame) => {
        ended = true;
        flushOutput();
        sendText(frame);
        process.exit(0);
    };

    /* The first failure is the one that counts. */
    const fail = async (kind, thrown, words) => {
        if (failure !== null || ended) return;
        const stack = kind === "handler" ? mapped(thrown) : null;

        failure = {
            t: "error",
            kind,
            error: cutMessage(redact(words)),
            stack: stack === null ? null : cutMessage(redact(stack)),
            ...NO_EVIDENCE,
        };
        if (kind === "handler") Object.assign(failure, await gatherEvidence(page, redact));
        end(JSON.stringify(failure));
    };

    let crashed = false;
    page.on("crash", () => (crashed = true));
    process.on("unhandledRejection", (reason) =>
        log("error", `Unhandled promise rejection: ${inWords(reason)}`),
    );
    process.on("uncaughtException", (thrown) =>
        fail(
            "handler",
            thrown,
            `${describeError(thrown)}\nthrown outside of the handler, in a timer or an event`,
        ),
    );
    process.on("exit", (code) => {
        if (ended) return;
        flushOutput();
        send(
            failure ?? {
                t: "error",
                kind: "exit",
                error: `The workflow exited before it finished (exit code ${code})`,
                stack: null,
                ...NO_EVIDENCE,
            },
        );
    });

    for (const name of run.declared_missing ?? []) {
        log(
            "warn",
            `The workflow declares the credential "${name}", which is not stored; it runs without it`,
        );
    }

    let stage = "setup";
    try {
        await openPage(page, run);
        phase("page_opened");
        await unpacked;

        stage = "handler";
        const workflow = await loadWorkflow(run.entry, run.workflow);
        phase("handler_started");
        const value = await workflow.run(
            { session: run.job_id, page, logger: loggerOf() },
            inputOf(run),
        );
        phase("handler_returned");

        stage = "result";
        const encoded = encodeResult(value);
        const result = run.redact_result === true ? redactedResult(encoded, redact) : encoded;
        if (failure === null) end(`{"t":"result","result":${result}}`);
    } catch (thrown) {
        await fail(
            kindOf(thrown, stage),
            thrown,
            wordsOf(thrown, stage, crashed || !browser.isConnected()),
        );
    }
}

function secretsOf(run) {
    return [...Object.values(run.credentials ?? {}), run.job_auth?.token].filter(
        (value) => typeof value === "string",
    );
}

async function openPage(page, run) {
    const size = run.viewport ?? VIEWPORT;
    if (size.width !== VIEWPORT.width || size.height !== VIEWPORT.height)
        await page.setViewportSize(size);

    if (!run.start_url) return;
    try {
        await page.goto(run.start_url, { waitUntil: "commit" });
    } catch (error) {
        throw new Failure(`The start URL "${run.start_url}" could not be opened: ${error.message}`);
    }
}

/** Params as given, the stored credentials over any of the same name, and the job's own token. */
function inputOf(run) {
    const input = { ...run.params };
    const credentials = run.credentials ?? {};

    if (Object.keys(credentials).length > 0 || run.declared_missing?.length > 0) {
        const given = typeof input.credentials === "object" ? input.credentials : {};
        input.credentials = { ...given, ...credentials };
    }
    if (run.job_auth) input.__libretto = { job: run.job_auth };
    return input;
}

/** Handlers written before March 2026 expect one in their context. */
function loggerOf() {
    const say = (method) => (event, data) =>
        data === undefined ? console[method](event) : console[method](event, data);
    return { info: say("info"), warn: say("warn"), error: say("error") };
}

function kindOf(thrown, stage) {
    if (stage === "handler" && thrown instanceof Failure) return "setup";
    if (stage === "handler" && thrown?.name === "LibrettoWorkflowInputError") return "input";
    return stage;
}

function wordsOf(thrown, stage, browserGone) {
    const words = thrown instanceof Failure ? thrown.message : describeError(thrown);
    return stage === "handler" && browserGone
        ? `The browser ended while the workflow ran\n${words}`
        : words;
}
