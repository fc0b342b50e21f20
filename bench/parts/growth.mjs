// SPDX-License-Identifier: Apache-2.0
/**
 * The same questions to a tenant with very many deployments and workflows, and to one with a thousand. Each asks
 * for things chosen by chance, so that no cache holds the answer.
 */
import { request } from "node:http";
import { join } from "node:path";
import { ask, pressure, requestFile } from "../lib/load.mjs";
import { peakMib, residentMib } from "../lib/processes.mjs";
import { deploymentId, seed, workflowName } from "../lib/seed.mjs";
import { number } from "../lib/report.mjs";
import { NO_SLOTS, startServer, template } from "../lib/server.mjs";
import { figure, inTurn } from "../lib/turns.mjs";

const ASKED = 20_000;
const SMALL = { deployments: 1000, workflows: 1000 };

export const title = "Growth";

/** Sends one request and reads the answer away, however large. @returns {Promise<number>} bytes */
function read(url, path, key, input) {
    return new Promise((resolve, reject) => {
        const headers = { "content-type": "application/json", "x-api-key": key };
        const sent = request(url + path, { method: "POST", headers }, (answer) => {
            let n = 0;
            answer.on("data", (piece) => (n += piece.length));
            answer.on("end", () =>
                answer.statusCode === 200
                    ? resolve(n)
                    : reject(new Error(`${path} answered ${answer.statusCode}`)),
            );
        });
        sent.on("error", reject).end(JSON.stringify({ json: input }));
    });
}

export async function run(bench) {
    const made = await template(bench);
    const [key] = made.keys;
    const large = { deployments: bench.quick ? 100_000 : 1_000_000, workflows: 10_000 };
    const servers = {};
    for (const [name, size] of Object.entries({ ours: large, small: SMALL })) {
        bench.progress(0, 1, `${number(size.deployments)} deployments`);
        const data = made.copy();
        seed(data, size);
        servers[name] = { server: await startServer(data, NO_SLOTS), size };
    }
    const among = `${number(large.deployments)} deployments, ${number(large.workflows)} workflows`;
    const peerName = "the same at 1,000";

    const any = (n) => 1 + Math.floor(Math.random() * n);
    const routes = {
        "deployments/sync": ({ deployments }) => ({ id: deploymentId(any(deployments)) }),
        "workflows/get": ({ workflows }) => ({ workflow: workflowName(any(workflows)) }),
        "deployments/list": ({ deployments }) => ({ limit: 100, cursor: deploymentId(any(deployments)) }),
    };
    for (const [route, input] of Object.entries(routes)) {
        const path = `/v1/${route}`;
        const subjects = {};
        for (const [name, { server, size }] of Object.entries(servers)) {
            const file = requestFile(
                join(server.data, "..", `asked-${name}`),
                Array.from({ length: ASKED }, () => ({ path, key, body: { json: input(size) } })),
            );
            await ask(server.url, path, key, input(size));
            const seconds = bench.seconds(5, 2);
            subjects[name] = async () => (await pressure(server.url, file, { seconds })).rate;
        }
        const found = await inTurn(subjects, bench.rounds, bench.progress);
        bench.row({
            id: `growth/${route}`,
            what: `${route}${route.endsWith("list") ? ", pages of 100" : ""}, among ${among}`,
            unit: "requests/s",
            better: "more",
            ours: found.ours,
            peer: found.small,
            peerName,
            target: { times: 1 / 1.5 },
        });
    }

    const { server } = servers.ours;
    const idle = residentMib(server.pid);
    const from = performance.now();
    bench.progress(0, 1, "the whole list");
    const bytes = await read(server.url, "/v1/deployments/list", key, {});
    const took = (performance.now() - from) / 1000;
    bench.row({
        id: "growth/list-memory",
        what: `deployments/list whole (${number(bytes / 2 ** 20)} MiB in ${number(took)} s): peak memory over idle`,
        unit: "MiB",
        better: "less",
        ours: figure([Math.max(0, peakMib(server.pid) - idle)]),
        target: { atMost: 16 },
    });
    bench.row({
        id: "growth/memory",
        what: `resident memory after the load, among ${among}`,
        unit: "MiB",
        better: "less",
        ours: figure([idle]),
        peer: figure([residentMib(servers.small.server.pid)]),
        peerName,
        target: { times: 1 / 1.5 },
    });
    for (const { server } of Object.values(servers)) await server.end();
}
