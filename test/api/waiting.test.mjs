// SPDX-License-Identifier: Apache-2.0
/** Requests with wait_seconds: how many of one tenant wait at once. */
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { oneWorkflow } from "../support/artifact.mjs";
import { Server } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";
import { Wire } from "../support/wire.mjs";

/** src/base/bounds.h, LIMIT_WAITERS */
const WAITERS = 250;
const server = await Server.start({ env: { IMPRESARIO_BUILD_WORKERS: "0", IMPRESARIO_WARM_SLOTS: "0" } });
after(() => server.stop());

test("beyond its share of connections a tenant is answered at once, and others still wait", async () => {
    const [one, other] = [await Tenant.make("waits", server), await Tenant.make("other", server)];
    const wires = [];
    const ask = async (tenant, id) => {
        const wire = await Wire.open(tenant.url);
        wires.push(wire);
        wire.send(
            Wire.request(
                "POST",
                "/v1/deployments/sync",
                { "content-type": "application/json", "x-api-key": tenant.key },
                JSON.stringify({ json: { id, wait_seconds: 60 } }),
            ),
        );
        return wire.answer({ method: "POST", target: "/v1/deployments/sync" });
    };
    const start = async (tenant) => (await tenant.ok("deployments/create", oneWorkflow("w", "return 1;"))).deployment_id;
    const [id, theirs] = [await start(one), await start(other)];

    // All but one of these wait; nobody builds, so that one which is answered was not let wait.
    const first = await Promise.any(Array.from({ length: WAITERS + 1 }, () => ask(one, id)));
    assert.deepEqual([first.status, first.body.json.status], [200, "building"]);
    const waits = ask(other, theirs);
    assert.equal((await ask(one, id)).body.json.status, "building");
    assert.equal(await Promise.race([waits, Promise.resolve("waits")]), "waits");
    waits.catch(() => {}); // it ends with its connection
    for (const wire of wires) wire.close();
});
