// SPDX-License-Identifier: Apache-2.0
/**
 * From `jobs/create` to `completed`, as a client sees it, with a warm slot waiting; the workflow asks the page
 * for its title. The peer is a script that does the same: Node, Playwright, a browser, one page. Both run on the
 * same Node and the same Chromium.
 */
import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { packageOf, upload, workflowModule } from "../lib/bundles.mjs";
import { run as runCommand } from "../lib/children.mjs";
import { ask, get, kept } from "../lib/load.mjs";
import { NODE, startServer, template, warm } from "../lib/server.mjs";
import { figure, inTurn } from "../lib/turns.mjs";

const SCRIPT = fileURLToPath(new URL("../peers/playwright.mjs", import.meta.url));

export const title = "Runs";

/** What a job is doing, by the names of impresario_job_phase_seconds: all but work is what the server adds. */
const PHASES = {
    wait: "until a slot is told to run it (on disk by then)",
    load: "until its handler is called: the bundle is unpacked and imported",
    work: "in the workflow's own handler",
    result: "until the handler's result is here",
    settle: "until the result is on disk",
};

/** So many are wanted at once where the rate is asked: what waits keeps every slot busy. */
const CROWD = 20;

/** Seconds and number of each phase so far. */
async function timed(server) {
    const text = await get(`${server.url}/metrics`);
    const found = {};
    for (const [, what, phase, value] of text.matchAll(
        /^impresario_job_phase_seconds_(sum|count)\{phase="(\w+)"\} (\S+)$/gm,
    ))
        found[phase] = { ...found[phase], [what]: Number(value) };
    return found;
}

const mean = (before, after, phase) =>
    ((after[phase].sum - before[phase].sum) / (after[phase].count - before[phase].count)) * 1000;

/** A browser waits, and what started it has come to rest. */
async function warmAndStill(server) {
    await warm(server);
    await new Promise((resolve) => setTimeout(resolve, 500));
}

export async function run(bench) {
    const { keys, copy } = await template(bench);
    const server = await startServer(copy());
    const agent = kept();
    const module = workflowModule("titled", { body: "return { title: await page.title() };" });
    const call = (path, input) => ask(server.url, `/v1/${path}`, keys[0], input, agent);
    const { deployment_id: id } = await call("deployments/create", upload(packageOf(module)));
    const deployed = await call("deployments/sync", { id, wait_seconds: 60 });
    assert.equal(deployed.status, "ready", deployed.build_error);

    async function completed() {
        const { job_id } = await call("jobs/create", { workflow: "titled" });
        let state;
        do state = await call("jobs/get", { id: job_id, wait_seconds: 60 });
        while (!["completed", "failed", "cancelled"].includes(state.status));
        assert.equal(state.status, "completed", state.error);
    }

    const scripted = () => runCommand(NODE, [SCRIPT, "/usr/bin/chromium"]);

    /** How long one takes. */
    const timeOf = (one) => async () => {
        await warmAndStill(server); // nothing else is being started meanwhile
        const from = performance.now();
        await one();
        return performance.now() - from;
    };

    /** How many of a crowd end in a second, `atOnce` of them begun. */
    const rateOf = (one, atOnce) => async () => {
        let left = CROWD;
        const lane = async () => {
            while (left-- > 0) await one();
        };
        const took = await timeOf(() => Promise.all(Array.from({ length: atOnce }, lane)))();
        return CROWD / (took / 1000);
    };

    const job = timeOf(completed);

    await job();
    const first = await timed(server);
    const found = await inTurn({ ours: job, script: timeOf(scripted) }, bench.rounds * 2, bench.progress);
    bench.row({
        id: "job/warm",
        what: "jobs/create -> completed, one page, a warm slot",
        unit: "ms",
        better: "less",
        ours: found.ours,
        peer: found.script,
        peerName: "node + Playwright, cold",
        target: { times: 8 },
    });
    const last = await timed(server);
    for (const [phase, says] of Object.entries(PHASES))
        bench.row({
            id: `job/phase/${phase}`,
            what: `of that, ${says}`,
            unit: "ms",
            better: "less",
            ours: figure([mean(first, last, phase)]),
        });
    const rates = await inTurn(
        /* More scripts at a time than cores were slower together. */
        { ours: rateOf(completed, CROWD), scripts: rateOf(scripted, availableParallelism()) },
        bench.rounds,
        bench.progress,
    );
    bench.row({
        id: "job/rate",
        what: `jobs a second of ${CROWD} at once, each in its own boxes`,
        unit: "jobs/s",
        better: "more",
        ours: rates.ours,
        peer: rates.scripts,
        peerName: `node + Playwright, ${availableParallelism()} at a time, without walls`,
        target: { times: 1 },
    });
    agent.destroy();
    await server.end();
}
