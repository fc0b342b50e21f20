// SPDX-License-Identifier: Apache-2.0
/**
 * kill -9 in each phase of a build and of a job. The phase is waited for, never guessed: by an answer of
 * the API, or by the mark that the workflow leaves at a site of this test.
 */
import assert from "node:assert/strict";
import { oneWorkflow } from "../support/artifact.mjs";
import { Server } from "../support/server.mjs";
import { Site } from "../support/site.mjs";
import { Tenant } from "../support/tenant.mjs";
import { FINAL } from "./journal.mjs";
import { percentile } from "./kill.mjs";

const TRIES = 3;

/** A tenant whose server is killed and started again. */
async function restarted(tenant, started, end = "SIGKILL") {
    const { data } = tenant.server;
    await tenant.server.end(end);
    const began = performance.now();
    tenant.server = await Server.start({ data });
    started.push(performance.now() - began);
    tenant.url = tenant.server.url;
}

/** Asks until `status` is one of `wanted`; an end that came first is as good, for the kill comes late then. */
async function until(tenant, id, wanted) {
    for (;;) {
        const { status } = await tenant.ok("jobs/get", { id });
        if (wanted.includes(status) || FINAL.has(status)) return;
    }
}

/** Each waits until the job is so far. The workflow visits `/began/N`, waits at `/hold/N`, visits `/ends/N`. */
const JOB_PHASES = {
    acknowledged: async () => {},
    "a browser starts": (tenant, id) => until(tenant, id, ["starting_browser", "running"]),
    "the row says running": (tenant, id) => until(tenant, id, ["running"]),
    "its code began": (tenant, id, site, n) => site.visit(`/began/${n}`),
    "its code is under way": (tenant, id, site, n) => site.visit(`/hold/${n}`),
    "its code ends": async (tenant, id, site, n) => {
        await site.visit(`/hold/${n}`);
        site.release();
        await site.visit(`/ends/${n}`);
    },
    "it has ended": async (tenant, id, site, n) => {
        await site.visit(`/hold/${n}`);
        site.release();
        await tenant.finished(id);
    },
};

/** @param {import("./run.mjs").Part} part */
export async function phasesOfJobs(part) {
    const site = await Site.open();
    const started = [];
    const tenant = await Tenant.make("torture", await Server.start());
    const outcomes = {};
    try {
        await tenant.deploy(
            oneWorkflow(
                "marking",
                `await fetch("${site.url}/began/" + input.n);
await fetch("${site.url}/hold/" + input.n);
await fetch("${site.url}/ends/" + input.n);
return input.n;`,
            ),
        );
        const names = Object.keys(JOB_PHASES);
        for (let i = 0; i < part.count; i++) {
            const phase = names[i % names.length];
            await part.check(`cycle ${i}, when ${phase}`, async () => {
                const n = `${part.seed}-${i}`;
                const id = await tenant.start("marking", { n }, { nonce: n, timeout_seconds: 60 });
                await JOB_PHASES[phase](tenant, id, site, n);
                const before = await tenant.ok("jobs/get", { id });
                await restarted(tenant, started);
                const after = await tenant.ok("jobs/get", { id });
                assert.notEqual(after.status, "running", "a run of an earlier server is settled before anybody asks");
                if (before.started_at !== null) assert.ok(FINAL.has(after.status), `${after.status} again`);
                if (FINAL.has(before.status)) assert.deepEqual(after, before, "what has ended stays as it is");
                if (!FINAL.has(after.status)) {
                    await site.visit(`/hold/${n}`);
                    site.release();
                }
                const job = await tenant.finished(id);
                const marks = site.visits(`/began/${n}`);
                assert.ok(marks <= 1, `its code ran ${marks} times`);
                if (job.status === "completed") assert.equal(marks, 1);
                else assert.match(job.error, /^WORKER_LOST/);
                outcomes[job.status] = (outcomes[job.status] ?? 0) + 1;
            });
        }
        part.note(`${JSON.stringify(outcomes)}; restarts: median ${percentile(started, 0.5).toFixed(0)} ms`);
    } finally {
        await tenant.server.stop();
        await site.close();
    }
}

/** Each waits until the build is so far: its log names the steps. */
const BUILD_PHASES = {
    acknowledged: async () => {},
    "it was taken up": (tenant, id) => logged(tenant, id, () => true),
    "its code is imported": (tenant, id) => logged(tenant, id, ({ phase }) => phase === "discover"),
    "it has ended": (tenant, id) => tenant.built(id),
};

/** Asks for the build's log until a line pleases, or the build has ended. */
async function logged(tenant, id, pleases) {
    for (let cursor; ;) {
        const page = await tenant.ok("deployments/logs", { id, ...(cursor ? { cursor } : {}), wait_seconds: 1 });
        if (page.lines.some(pleases)) return;
        if (page.done) return;
        cursor = page.next_cursor ?? cursor;
    }
}

/** @param {import("./run.mjs").Part} part */
export async function phasesOfBuilds(part) {
    const started = [];
    const tenant = await Tenant.make("torture", await Server.start({ env: { IMPRESARIO_WARM_SLOTS: "0" } }));
    const outcomes = {};
    const names = Object.keys(BUILD_PHASES);
    try {
        for (let i = 0; i < part.count; i++) {
            const phase = names[i % names.length];
            const kills = part.random.between(1, TRIES + 1);
            await part.check(`cycle ${i}, ${kills} times when ${phase}`, async () => {
                const name = `built-${part.seed}-${i}`;
                const { deployment_id: id } = await tenant.ok("deployments/create", oneWorkflow(name));
                for (let n = 0; n < kills; n++) {
                    await BUILD_PHASES[phase](tenant, id);
                    await restarted(tenant, started);
                }
                const built = await tenant.built(id);
                const { deployed_workflows: workflows } = await tenant.ok("workflows/list", {});
                const found = workflows.some((each) => each.name === name);
                assert.equal(found, built.status === "ready", "names appear with `ready`, and only then");
                if (built.status === "failed") {
                    assert.match(built.build_error, /interrupted by a restart of the server three times/);
                    assert.ok(kills >= TRIES, `it was interrupted ${kills} times`);
                }
                outcomes[built.status] = (outcomes[built.status] ?? 0) + 1;
            });
        }
        part.note(`${JSON.stringify(outcomes)}; restarts: median ${percentile(started, 0.5).toFixed(0)} ms`);
    } finally {
        await tenant.server.stop();
    }
}
