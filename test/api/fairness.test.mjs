// SPDX-License-Identifier: Apache-2.0
/** What one tenant does, however much of it, leaves the others their turn; and what one may ask for at all. */
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { oneWorkflow, plain } from "../support/artifact.mjs";
import { Server } from "../support/server.mjs";
import { Site } from "../support/site.mjs";
import { Tenant } from "../support/tenant.mjs";

let site, server, busy, quiet;
before(async () => {
    site = await Site.open();
    server = await Server.start({ env: { IMPRESARIO_JOB_SLOTS: "1", IMPRESARIO_QUEUE_BUILDS: "2" } });
    busy = await Tenant.make("busy", server);
    quiet = await Tenant.make("quiet", server);
});
after(async () => {
    await server?.end();
    site?.close();
});

const holds = (path) => oneWorkflow("holds", `await fetch("${site.url}${path}");`);

test("a tenant whose jobs fill the house does not delay another one's first", async () => {
    await busy.deploy(holds("/hold/busy"));
    await quiet.deploy(oneWorkflow("quick", "return 1;"));
    const first = await busy.start("holds");
    await site.visit("/hold/busy");
    const waiting = [];
    for (let n = 0; n < 20; n++) waiting.push(await busy.start("holds"));

    assert.equal((await quiet.run("quick")).status, "completed");
    assert.equal((await busy.ok("jobs/get", { id: first })).status, "running");
    assert.equal((await busy.ok("jobs/get", { id: waiting[0] })).status, "queued", "the spare slot is not theirs");
    for (const id of waiting) await busy.ok("jobs/cancel", { id });
    await busy.ok("jobs/cancel", { id: first });
    assert.equal((await busy.finished(first)).status, "cancelled");
});

test("a job's place in the line counts turns, not all who came before", async () => {
    await busy.deploy(holds("/hold/line"));
    await quiet.deploy(holds("/hold/line-too"));
    const running = [await busy.start("holds"), await quiet.start("holds")];
    await Promise.all([site.visit("/hold/line"), site.visit("/hold/line-too")]);
    const before = [];
    for (let n = 0; n < 5; n++) before.push(await busy.start("holds"));
    const last = await quiet.start("holds");
    assert.equal((await quiet.ok("jobs/get", { id: last })).queue_position, 1);
    assert.equal((await busy.ok("jobs/get", { id: before.at(-1) })).queue_position, 5);
    for (const id of [...before, running[0]]) await busy.ok("jobs/cancel", { id });
    for (const id of [last, running[1]]) await quiet.ok("jobs/cancel", { id });
});

test("so many builds of a tenant may wait, and no more", async () => {
    const endless = plain({ "index.ts": "for (;;) {}" });
    const again = { "idempotency-key": "sent twice" };
    const { deployment_id } = await busy.ok("deployments/create", endless, again);
    await busy.ok("deployments/create", endless);
    const { status, headers, body } = await busy.call("deployments/create", endless);
    assert.equal(status, 429);
    assert.equal(body.json.code, "TOO_MANY_REQUESTS");
    assert.match(body.json.message, /2 builds wait already/);
    assert.ok(Number(headers.get("retry-after")) >= 1);
    // What is there already is answered, however full it is.
    assert.equal((await busy.ok("deployments/create", endless, again)).deployment_id, deployment_id);
    assert.equal((await busy.call("deployments/create", endless, { "idempotency-key": "new" })).status, 429);
    await quiet.deploy(oneWorkflow("quick", "return 1;"));
});

test("a key makes so many requests a second, each key by itself", async () => {
    const slow = await Server.start({ env: { IMPRESARIO_KEY_RATE: "1", IMPRESARIO_WARM_SLOTS: "0" } });
    try {
        const one = await Tenant.make("rate", slow);
        const other = await Tenant.make("rate", slow);
        const answers = await Promise.all(Array.from({ length: 20 }, () => one.call("jobs/list", {})));
        const refused = answers.filter(({ status }) => status === 429);
        assert.equal(answers.filter(({ status }) => status === 200).length + refused.length, 20);
        assert.ok(refused.length > 0 && refused.length < 20);
        assert.equal(refused[0].body.json.code, "TOO_MANY_REQUESTS");
        assert.match(refused[0].body.json.message, /this key may make 1 a second/);
        assert.equal(refused[0].headers.get("retry-after"), "1");
        assert.equal((await other.call("jobs/list", {})).status, 200);
    } finally {
        await slow.end();
    }
});
