// SPDX-License-Identifier: Apache-2.0
/** The level of the walls: kept with what ran behind them, and enough or not for what is required. */
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { oneWorkflow, plain } from "../support/artifact.mjs";
import { Server } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";

/* With the host's network the walls are "strong" at best, on any machine. */
const HOST = {
    IMPRESARIO_JOB_NETWORK: "host",
    IMPRESARIO_BUILD_WORKERS: "1",
    IMPRESARIO_JOB_SLOTS: "1",
    IMPRESARIO_SPARE_SLOTS: "0",
};
let server = await Server.start({ env: HOST });
after(() => server.stop());

const ready = async () => (await fetch(`${server.url}/readyz`)).json();

test("a build has the level from when it is taken up, a job from when it leaves the queue; phases are timed", async () => {
    const t = await Tenant.make("levels", server);
    assert.equal((await ready()).sandbox, "strong");
    const { id } = await t.deploy(oneWorkflow("levelled", "return 1;"));
    const job = await t.run("levelled");
    assert.equal(job.sandbox_level, "strong");
    assert.equal((await t.ok("jobs/list", {})).jobs[0].sandbox_level, "strong");
    for (const route of ["deployments/sync", "deployments/get"])
        assert.equal((await t.ok(route, { id })).sandbox_level, "strong");

    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    for (const [kind, phases] of Object.entries({
        build: ["prepare", "discover", "all"],
        job: ["wait", "load", "work", "result", "settle"],
        slot: ["start"],
    }))
        for (const phase of phases) {
            const name = `impresario_${kind}_phase_seconds`;
            assert.match(metrics, new RegExp(`^${name}_sum\\{phase="${phase}"\\} \\d+\\.\\d{3}$`, "m"));
            assert.match(metrics, new RegExp(`^${name}_count\\{phase="${phase}"\\} [1-9]`, "m"));
        }

    /* The only slot is held until the job in it is cancelled. */
    await t.deploy(oneWorkflow("holds", "await new Promise((end) => setTimeout(end, 600_000));"));
    const holds = await t.start("holds");
    await t.reached(holds, "running");
    const queued = await t.start("levelled");
    assert.equal((await t.ok("jobs/get", { id: queued })).sandbox_level, null);
    assert.equal((await t.ok("jobs/list", {})).jobs[0].sandbox_level, null);
    await t.ok("jobs/cancel", { id: holds });
    assert.equal((await t.finished(queued)).sandbox_level, "strong");

    /* The only builder is held until discovery's time is over. */
    await t.ok("deployments/create", plain({ "index.ts": "setInterval(() => {}, 1000); await new Promise(() => {});" }));
    const { deployment_id: waits } = await t.ok("deployments/create", oneWorkflow("waits"));
    for (const route of ["deployments/sync", "deployments/get"])
        assert.equal((await t.ok(route, { id: waits })).sandbox_level, null);
    const listed = await t.ok("deployments/list", {});
    assert.equal(listed.find((each) => each.id === waits).sandbox_level, null);
    assert.equal(listed.find((each) => each.id === id).sandbox_level, "strong");
});

test("before the walls are known reads and creates are answered, builds and jobs wait", async () => {
    const { data } = server;
    let t = await Tenant.make("early", server);
    await t.deploy(oneWorkflow("early", "return 1;"));
    await server.end();
    server = await Server.start({ data, env: HOST, early: true });
    const health = await ready();
    const known = health.sandbox !== null;
    assert.equal(health.waits, known ? null : "builds and jobs wait until the walls of boxes were tried");
    assert.equal(health.layers !== null, known);
    t = Object.assign(new Tenant(server.url, await server.key(t.name)), { name: t.name, server });
    const id = await t.start("early");
    const { deployment_id } = await t.ok("deployments/create", oneWorkflow("later", "return 2;"));
    assert.equal((await t.finished(id)).sandbox_level, "strong");
    const built = await t.ok("deployments/sync", { id: deployment_id, wait_seconds: 60 });
    assert.deepEqual([built.status, built.sandbox_level], ["ready", "strong"]);
    const { waits, sandbox } = await ready();
    assert.deepEqual([waits, sandbox], [null, "strong"]);
});

test("below what is required builds and jobs are refused, and it is said why", async () => {
    let t = await Tenant.make("required", server);
    await t.deploy(oneWorkflow("wanted", "return 1;"));
    assert.equal((await ready()).refuses, null);
    const { data } = server;
    await server.end();
    server = await Server.start({ data, env: { ...HOST, IMPRESARIO_SANDBOX_REQUIRE: "full" } });
    t = Object.assign(new Tenant(server.url, await server.key(t.name)), { name: t.name, server });

    const { refuses, sandbox } = await ready();
    assert.equal(sandbox, "strong");
    const why = /the walls here are "strong", and sandbox_require is "full": .*network: jobs and installs use the host/s;
    assert.match(refuses, why);
    assert.match(await t.buildError(oneWorkflow("refused")), new RegExp(`sandbox unavailable: walls: ${why.source}`, "s"));
    for (let i = 0; i < 5; i++) {
        const job = await t.run("wanted");
        assert.equal(job.status, "failed");
        assert.equal(job.started_at, null);
        assert.match(job.error, new RegExp(`sandbox unavailable: walls: ${why.source}.*See .impresario doctor`, "s"));
    }
});
