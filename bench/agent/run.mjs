// SPDX-License-Identifier: Apache-2.0
/**
 * Builds a workflow for every site of the bench, then runs what was deployed on inputs and data that the
 * build never saw. Prints a line a site, writes all of it as JSON, and ends with a line that counts.
 *
 *   node bench/agent/run.mjs [--transcripts | --action-logs | --recorded | --sources] [--provider anthropic|openai]
 *                            [--short] [--at-once N] [--json FILE] [site ...]
 *
 * Without a mode the model of the environment builds (IMPRESARIO_MODEL_PROVIDER and the settings beside
 * it). `--transcripts` plays the recorded turns of a model through a scripted one, by the protocol of each
 * provider or of the one that is named; `--action-logs` builds from recorded actions without any model;
 * `--recorded` is both. `--sources` uploads the transcripts' workflows as a person would, without a build: it
 * tests the sites and the checks themselves. `--short` gives every transcript to one provider only, to each
 * in turn.
 */
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { byConversation } from "../../test/support/ai.mjs";
import { plain } from "../../test/support/artifact.mjs";
import { Model } from "../../test/support/model.mjs";
import { Server } from "../../test/support/server.mjs";
import { Tenant } from "../../test/support/tenant.mjs";
import { actionLog } from "./action-log.mjs";
import { serve } from "./site.mjs";
import { sourceOf, turnsOf } from "./transcripts.mjs";

const HERE = new URL(".", import.meta.url);
const SEED_OF_THE_BUILD = 1;
const SEED_OF_THE_CHECK = 2;
/** A build ends by its own budget; this is for one that does not. */
const BUILD_MS = 40 * 60_000;
const PROVIDERS = ["anthropic", "openai"];

const { values: options, positionals: wanted } = parseArgs({
    allowPositionals: true,
    options: {
        transcripts: { type: "boolean" },
        "action-logs": { type: "boolean" },
        recorded: { type: "boolean" },
        sources: { type: "boolean" },
        provider: { type: "string" },
        short: { type: "boolean" },
        "at-once": { type: "string", default: String(availableParallelism()) },
        json: { type: "string" },
    },
});
if (options.provider) assert.ok(PROVIDERS.includes(options.provider), `--provider is ${PROVIDERS.join(" or ")}`);
const atOnce = Number(options["at-once"]);
assert.ok(Number.isInteger(atOnce) && atOnce > 0, "--at-once is a number of sites");

const namesIn = (folder) =>
    readdirSync(new URL(`${folder}/`, HERE))
        .map((file) => file.replace(/\.mjs$/, ""))
        .filter((name) => wanted.length === 0 || wanted.includes(name))
        .sort();

/** What is done: rounds, each with a server of its own, since a server has one model or none. */
function* rounds() {
    const sites = namesIn("sites");
    const providers = options.provider ? [options.provider] : PROVIDERS;

    if (options.transcripts || options.recorded)
        for (const [turn, by] of providers.entries())
            yield { by, names: options.short ? sites.filter((_name, i) => i % providers.length === turn) : sites };
    if (options["action-logs"] || options.recorded) yield { by: "action-log", names: namesIn("action-logs") };
    if (options.sources) yield { by: "source", names: sites };
    if (!options.transcripts && !options["action-logs"] && !options.recorded && !options.sources)
        yield { by: "model", names: sites };
}

const results = [];
const faults = [];
const started = performance.now();
console.log("by          site         built  replayed  steps   tokens  seconds");
for (const { by, names } of rounds()) await round(by, names);

for (const fault of faults) console.log(`FAIL ${fault}`);
const passed = results.filter(({ passed: each }) => each).length;
const failed = results.length - passed + faults.length;
if (results.length === 0) console.log(`there is no site ${wanted.join(", ")}`);
console.log(`${passed} passed, ${failed} failed (${Math.round((performance.now() - started) / 1000)} s)`);
if (options.json) writeFileSync(options.json, JSON.stringify({ at: new Date().toISOString(), faults, results }, null, 2));
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

/** All sites by one way of building them, some at once. */
async function round(by, names) {
    const model = PROVIDERS.includes(by) ? await Model.open() : undefined;
    const settings = model ? model.settings(by) : by === "model" ? {} : { IMPRESARIO_MODEL_PROVIDER: "none" };
    const server = await Server.start({ env: { ...settings, IMPRESARIO_AI_BUILDS: String(atOnce) } });
    const scripts = new Map();
    const waiting = [...names];

    model?.play((request) => {
        const [url] = [...scripts.keys()].filter((each) => JSON.stringify(request.body.messages).includes(`First page: ${each}`));
        return scripts.get(url)(request);
    });
    try {
        const work = async () => {
            while (waiting.length > 0) {
                const result = await one(waiting.shift(), by, server, model, scripts);
                results.push(result);
                show(result);
            }
        };
        await Promise.all(Array.from({ length: atOnce }, work));
    } finally {
        const { code, signal } = await server.stop();
        if (code !== 0) faults.push(`${by}: the server ended with ${signal ?? code}`);
        faults.push(...(model?.faults ?? []).map((fault) => `${by}: asked what no provider takes: ${fault}`));
        await model?.close();
    }
}

function show({ by, site, built, replayed, fresh, steps, tokens, seconds, error }) {
    console.log(
        [
            by.padEnd(11),
            site.padEnd(12),
            (built ? "yes" : "NO").padStart(5),
            `${replayed}/${fresh}`.padStart(9),
            String(steps ?? "-").padStart(6),
            String(tokens ?? "-").padStart(8),
            seconds.toFixed(1).padStart(8),
        ].join(" ") + (error ? `  FAIL ${String(error).split("\n")[0].slice(0, 200)}` : ""),
    );
    if (error && process.env.IMPRESARIO_TEST_VERBOSE) console.error(error);
}

/** One site, from the sentence to the replay. Whatever goes wrong is in `error`. */
async function one(name, by, server, model, scripts) {
    const { default: recorded } = await import(`./sites/${name}.mjs`);
    const log = by === "action-log" ? await import(`./action-logs/${name}.mjs`) : {};
    // A recording may have inputs of its own: those that clicks alone can serve.
    const site = { ...recorded, ...log, ...(log.fresh ? { fresh: () => log.fresh } : {}) };
    const running = await serve(site, SEED_OF_THE_BUILD);
    const result = { by, site: name, built: false, replayed: 0, fresh: 0, passed: false, seconds: 0 };
    const began = performance.now();
    try {
        const tenant = await Tenant.make(`bench-${name}`, server);
        for (const [credential, value] of Object.entries(site.credentials ?? {}))
            await tenant.ok("credentials/create", { name: credential, value });
        model?.secrets.push(...Object.values(site.credentials ?? {}));
        scripts.set(running.url, byConversation(turnsOf(recorded, running.url)));

        const workflow = by === "source" ? await upload(tenant, name, running) : await build(tenant, site, running, result);
        result.built = true;
        result.seconds = (performance.now() - began) / 1000;
        await replay(tenant, site, running, workflow, result);
        result.passed = true;
    } catch (error) {
        result.error = error.stack;
        result.seconds ||= (performance.now() - began) / 1000;
    } finally {
        await running.close();
    }
    return result;
}

async function upload(tenant, name, running) {
    const { workflows } = await tenant.deploy(plain({ "index.ts": sourceOf(name, running.url) }));
    return workflows[0].name ?? workflows[0];
}

async function build(tenant, site, running, result) {
    const { build_id: id } = await tenant.ok("workflows/build", {
        descriptions: [site.description],
        initial_url: running.url,
        params: site.params,
        ...(site.entries ? { action_log: actionLog(site.entries, running.url) } : {}),
    });
    const deadline = performance.now() + BUILD_MS;
    let status;
    do {
        status = await tenant.ok("workflows/buildStatus", { build_id: id, wait_seconds: 30 });
        assert.ok(performance.now() < deadline, "the build does not end");
    } while (status.status !== "ready" && status.status !== "failed");

    result.steps = status.attempted_steps.length;
    result.tokens = (status.details?.tokens_in ?? 0) + (status.details?.tokens_out ?? 0);
    result.story = status.attempted_steps;
    assert.equal(status.status, "ready", `${status.error}\n${JSON.stringify(status.attempted_steps.slice(-4), null, 1)}`);
    return status.workflow_name;
}

/** Runs the deployed workflow on other data, and on inputs that the site says are fresh. */
async function replay(tenant, site, running, workflow, result) {
    running.reseed(SEED_OF_THE_CHECK);
    const inputs = site.fresh(running.data);
    result.fresh = inputs.length;
    for (const params of inputs) {
        const expected = site.expected(running.data, params);
        const got = await tenant.result(workflow, params);
        // A recording cannot know the shape that is asked for: what is wanted must be in what it returns.
        if (site.entries) holds(got, expected, site);
        else assert.deepEqual(got, expected, `on ${JSON.stringify(params)}`);
        site.verify?.(running.data, params, got);
        result.replayed += 1;
    }
}

/** Every value of `expected` stands somewhere in the text of `got`. */
function holds(got, expected, site) {
    const text = JSON.stringify(got);
    for (const value of (site.shows ?? leaves)(expected))
        assert.ok(text.includes(String(value)), `${value} is not in ${text.slice(0, 1500)}`);
}

function leaves(value) {
    return typeof value === "object" && value !== null ? Object.values(value).flatMap(leaves) : [value];
}
