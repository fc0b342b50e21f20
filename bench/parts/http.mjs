// SPDX-License-Identifier: Apache-2.0
/** Small questions, many at once: `deployments/sync` and `workflows/get` at 64 keep-alive connections. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { packageOf, upload, workflowModule } from "../lib/bundles.mjs";
import { ask, costedPressure, pressure, requestFile } from "../lib/load.mjs";
import { startNginx, startOrpc } from "../lib/peers.mjs";
import { NO_SLOTS, startServer, template } from "../lib/server.mjs";
import { figure, inTurn } from "../lib/turns.mjs";

const SCHEMA = { type: "object", properties: { limit: { type: "integer" } }, required: ["limit"] };
const NAME = "catalogue";

export const title = "The API";

export async function run(bench) {
    const { keys, copy } = await template(bench);
    const ours = await startServer(copy(), NO_SLOTS);
    const module = workflowModule(NAME, { more: { inputSchema: SCHEMA } });
    const { deployment_id: id } = await ask(
        ours.url,
        "/v1/deployments/create",
        keys[0],
        upload(packageOf(module)),
    );
    const deployment = await ask(ours.url, "/v1/deployments/sync", keys[0], { id, wait_seconds: 60 });
    assert.equal(deployment.status, "ready", deployment.build_error);
    const workflow = await ask(ours.url, "/v1/workflows/get", keys[0], { workflow: NAME });
    const node = await startOrpc(bench, "node", { keys, deployment, workflow });
    const bun = await startOrpc(bench, "bun", { keys, deployment, workflow });

    const routes = [
        { path: "/v1/deployments/sync", input: { id }, answer: deployment },
        { path: "/v1/workflows/get", input: { workflow: NAME }, answer: workflow },
    ];
    for (const { path, input, answer } of routes) {
        for (const peer of [node, bun])
            assert.deepEqual(await ask(peer.url, path, keys[0], input), answer, "the peer answers the same");
        const file = requestFile(join(bench.scratch.root, "requests"), [
            { path, key: keys[0], body: { json: input } },
        ]);
        const nginx = await startNginx(bench, JSON.stringify({ json: answer }));
        const seconds = bench.seconds(5, 2);
        const costs = { ours: [], node: [], bun: [] };
        const subject = (server, name) => async () => {
            const { rate, cost } = await costedPressure(server, file, { seconds });
            costs[name].push(cost);
            return rate;
        };
        const ceiling = async () => (await pressure(nginx.url, file, { seconds })).rate;
        const found = await inTurn(
            {
                ours: subject(ours, "ours"),
                node: subject(node, "node"),
                bun: subject(bun, "bun"),
                nginx: ceiling,
            },
            bench.rounds,
            bench.progress,
        );
        await nginx.end();
        const what = `${path.slice(4)}, 64 keep-alive connections`;
        const row = { what, unit: "requests/s", better: "more", ours: found.ours };
        bench.row({
            ...row,
            id: `${path.slice(4)}/node`,
            peer: found.node,
            peerName: "oRPC on Node",
            target: { times: 8 },
        });
        bench.row({ ...row, id: `${path.slice(4)}/bun`, peer: found.bun, peerName: "oRPC on Bun" });
        bench.row({
            ...row,
            id: `${path.slice(4)}/nginx`,
            peer: found.nginx,
            peerName: "nginx, a constant",
            target: { times: 1 / 3 },
        });
        bench.row({
            id: `${path.slice(4)}/cost`,
            what: `${path.slice(4)}: processor time a request`,
            unit: "us",
            better: "less",
            ours: figure(costs.ours),
            peer: figure(costs.node),
            peerName: "oRPC on Node",
        });
    }
    for (const child of [ours, node, bun]) await child.end();
}
