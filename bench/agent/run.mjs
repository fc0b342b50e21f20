// SPDX-License-Identifier: Apache-2.0
/**
 * Builds a workflow for every site of the bench, then runs what was deployed on inputs and data that the
 * build never saw. Prints a line a site and writes all of it as JSON.
 *
 *   node bench/agent/run.mjs [--transcripts | --action-logs | --sources] [--provider anthropic|openai]
 *                            [--json FILE] [site ...]
 *
 * Without a mode the model of the environment builds (IMPRESARIO_MODEL_PROVIDER and the settings beside
 * it). `--transcripts` plays the recorded turns of a model through a scripted one, `--action-logs` builds
 * from recorded actions without any model, and `--sources` uploads the transcripts' workflows as a person
 * would, without a build: it tests the sites and the checks themselves.
 */
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
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

const { values: options, positionals: wanted } = parseArgs({
    allowPositionals: true,
    options: {
        transcripts: { type: "boolean" },
        "action-logs": { type: "boolean" },
        sources: { type: "boolean" },
        provider: { type: "string", default: "anthropic" },
        json: { type: "string" },
    },
});
const mode = ["transcripts", "action-logs", "sources"].find((each) => options[each]) ?? "model";
const folder = mode === "action-logs" ? "action-logs" : "sites";
const names = readdirSync(new URL(`${folder}/`, HERE))
    .map((file) => file.replace(/\.mjs$/, ""))
    .filter((name) => wanted.length === 0 || wanted.includes(name))
    .sort();

const model = mode === "transcripts" ? await Model.open() : undefined;
const server = await Server.start({
    env:
        mode === "transcripts"
            ? model.settings(options.provider)
            : mode === "model"
              ? {}
              : { IMPRESARIO_MODEL_PROVIDER: "none" },
});
const results = [];
try {
    console.log("site         built  replayed  steps   tokens  seconds");
    for (const name of names) {
        const result = await one(name);
        results.push(result);
        const { built, replayed, fresh, steps, tokens, seconds, error } = result;
        console.log(
            [
                name.padEnd(12),
                (built ? "yes" : "NO").padStart(5),
                `${replayed}/${fresh}`.padStart(9),
                String(steps ?? "-").padStart(6),
                String(tokens ?? "-").padStart(8),
                seconds.toFixed(1).padStart(8),
            ].join(" ") + (error ? `  ${String(error).split("\n")[0].slice(0, 200)}` : ""),
        );
        if (error && process.env.IMPRESARIO_TEST_VERBOSE) console.error(error);
    }
} finally {
    await server.stop();
    await model?.close();
}

const passed = results.filter(({ passed: each }) => each).length;
console.log(`${passed} passed, ${results.length - passed} failed`);
if (options.json) writeFileSync(options.json, JSON.stringify({ mode, at: new Date().toISOString(), results }, null, 2));
process.exitCode = passed === results.length && passed > 0 ? 0 : 1;

/** One site, from the sentence to the replay. Whatever goes wrong is in `error`. */
async function one(name) {
    const { default: recorded } = await import(`./sites/${name}.mjs`);
    const log = mode === "action-logs" ? await import(`./action-logs/${name}.mjs`) : {};
    // A recording may have inputs of its own: those that clicks alone can serve.
    const site = { ...recorded, ...log, ...(log.fresh ? { fresh: () => log.fresh } : {}) };
    const running = await serve(site, SEED_OF_THE_BUILD);
    const tenant = await Tenant.make(`bench-${name}`, server);
    const result = { site: name, built: false, replayed: 0, fresh: 0, passed: false, seconds: 0 };
    const started = performance.now();
    try {
        for (const [credential, value] of Object.entries(site.credentials ?? {}))
            await tenant.ok("credentials/create", { name: credential, value });

        const workflow = mode === "sources" ? await upload(tenant, name, running) : await build(tenant, site, running, result);
        result.built = true;
        result.seconds = (performance.now() - started) / 1000;
        await replay(tenant, site, running, workflow, result);
        result.passed = true;
    } catch (error) {
        result.error = error.stack;
        result.seconds ||= (performance.now() - started) / 1000;
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
    if (model) {
        model.play(turnsOf(site, running.url));
        model.faults.length = 0;
        model.secrets = Object.values(site.credentials ?? {});
    }
    const { build_id: id } = await tenant.ok("workflows/build", {
        descriptions: [site.description],
        initial_url: running.url,
        params: site.params,
        ...(mode === "action-logs" ? { action_log: actionLog(site.entries, running.url) } : {}),
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
    assert.deepEqual(model?.faults ?? [], [], "the model was asked what no provider takes");
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
        if (mode === "action-logs") holds(got, expected, site);
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
