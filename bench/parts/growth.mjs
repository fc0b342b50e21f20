// SPDX-License-Identifier: Apache-2.0
/**
 * The same questions to a tenant with very many deployments, workflows, jobs and lines, and to one with few. Each
 * asks for things chosen by chance, so that no cache holds the answer. Then many tenants, and many connections.
 */
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { uploadOfSize } from "../lib/bundles.mjs";
import { ask, pressure, requestFile } from "../lib/load.mjs";
import { peakMib, residentMib } from "../lib/processes.mjs";
import { deploymentId, jobId, seed, workflowName } from "../lib/seed.mjs";
import { number } from "../lib/report.mjs";
import { NO_BUILDS, NO_SLOTS, startServer, template } from "../lib/server.mjs";
import { figure, inTurn } from "../lib/turns.mjs";

const ASKED = 20_000;

/** A thousand deployments and jobs, with as many jobs to a workflow and lines to a job as there are in `large`. */
const smallOf = (large) => ({
    deployments: 1000,
    workflows: (1000 * large.workflows) / large.jobs,
    jobs: 1000,
    lines: (1000 * large.lines) / large.jobs,
});

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

/** What nothing matches: as long as it takes, nobody else is answered. */
async function walks(bench, server, key) {
    const asked = {
        "jobs/list": { status: "failed" },
        "logs/list": { level: "error" },
    };
    for (const [route, input] of Object.entries(asked)) {
        const took = [];
        for (let round = 0; round < bench.rounds; round++) {
            const from = performance.now();
            await ask(server.url, `/v1/${route}`, key, input);
            took.push(performance.now() - from);
        }
        bench.row({
            id: `growth/${route}/none`,
            what: `${route} by what no row has: until it answers`,
            unit: "ms",
            better: "less",
            ours: figure(took),
            target: { atMost: 50 },
        });
    }
}

/** Creates from many tenants in turn, beside the same from one. */
async function tenants(bench, made) {
    const { keys } = made;
    const { path, body } = { path: "/v1/deployments/create", body: { json: uploadOfSize(4096) } };
    const subject = (name, used) => async () => {
        const fresh = await startServer(made.copy(), [...NO_SLOTS, ...NO_BUILDS]);
        const file = requestFile(join(fresh.data, "..", `tenants-${name}`), used.map((key) => ({ path, key, body })));
        const { rate } = await pressure(fresh.url, file, { seconds: bench.seconds(3, 1) });
        await fresh.end();
        return rate;
    };
    const found = await inTurn(
        { ours: subject("many", keys), one: subject("one", keys.slice(0, 1)) },
        bench.rounds,
        bench.progress,
    );
    bench.row({
        id: "growth/tenants",
        what: `deployments/create, 4 KB, from ${number(keys.length)} tenants at once`,
        unit: "requests/s",
        better: "more",
        ours: found.ours,
        peer: found.one,
        peerName: "from one",
        target: { times: 1 / 1.5 },
    });
}

/** Connections that asked once and wait: what each costs, and what others notice. */
async function idleConnections(bench, made, key) {
    const many = 10_000;
    const server = await startServer(made.copy(), [...NO_SLOTS, "--connections", "12000"]);
    const { port } = new URL(server.url);
    const sockets = [];
    const open = () =>
        new Promise((resolve, reject) => {
            const socket = connect(port, "127.0.0.1", () => socket.write("GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n"));
            socket.once("data", () => resolve(sockets.push(socket))).on("error", reject);
        });
    const file = requestFile(join(server.data, "..", "beside"), [
        { path: "/v1/jobs/list", key, body: { json: {} } },
    ]);
    const asked = async () => (await pressure(server.url, file, { seconds: bench.seconds(3, 1) })).rate;
    const alone = [];
    const beside = [];
    await asked();
    const memory = residentMib(server.pid);
    for (let round = 0; round < bench.rounds; round++) alone.push(await asked());
    for (let i = 0; i < many; i += 100) {
        bench.progress(i, many, "idle connections");
        await Promise.all(Array.from({ length: 100 }, open));
    }
    const held = residentMib(server.pid) - memory;
    for (let round = 0; round < bench.rounds; round++) beside.push(await asked());
    for (const socket of sockets) socket.destroy();
    await server.end();
    bench.row({
        id: "growth/connections/memory",
        what: `${number(many)} idle connections: memory of each`,
        unit: "KiB",
        better: "less",
        ours: figure([(held * 1024) / many]),
        target: { atMost: 64 },
    });
    bench.row({
        id: "growth/connections/rate",
        what: `jobs/list beside ${number(many)} idle connections`,
        unit: "requests/s",
        better: "more",
        ours: figure(beside),
        peer: figure(alone),
        peerName: "without them",
        target: { times: 1 / 1.5 },
    });
}

export async function run(bench) {
    const made = await template(bench, bench.quick ? 100 : 1000);
    const [key] = made.keys;
    const large = bench.quick
        ? { deployments: 100_000, workflows: 10_000, jobs: 20_000, lines: 500_000 }
        : { deployments: 1_000_000, workflows: 10_000, jobs: 100_000, lines: 10_000_000 };
    const servers = {};
    for (const [name, size] of Object.entries({ ours: large, small: smallOf(large) })) {
        bench.progress(0, 1, `${number(size.deployments)} deployments`);
        const data = made.copy();
        seed(data, size);
        servers[name] = { server: await startServer(data, NO_SLOTS), size };
    }
    const among = `${number(large.deployments)} deployments, ${number(large.workflows)} workflows, ${number(large.lines)} lines`;
    const peerName = "the same at 1,000";

    const any = (n) => 1 + Math.floor(Math.random() * n);
    const routes = {
        "deployments/sync": ({ deployments }) => ({ id: deploymentId(any(deployments)) }),
        "workflows/get": ({ workflows }) => ({ workflow: workflowName(any(workflows)) }),
        "deployments/list": ({ deployments }) => ({ limit: 100, cursor: deploymentId(any(deployments)) }),
        "deployments/logs": ({ deployments }) => ({ id: deploymentId(any(deployments)) }),
        "jobs/get": ({ jobs }) => ({ id: jobId(any(jobs)) }),
        "jobs/list": ({ jobs }) => ({ limit: 20, cursor: jobId(any(jobs)) }),
        "jobs/list of a workflow": ({ workflows }) => ({ workflow: workflowName(any(workflows)) }),
        "logs/list": () => ({}),
        "logs/list of a job": ({ jobs }) => ({ jobId: jobId(any(jobs)), limit: 10 }),
    };
    for (const [name, input] of Object.entries(routes)) {
        const [route] = name.split(" ");
        const path = `/v1/${route}`;
        const subjects = {};
        for (const [which, { server, size }] of Object.entries(servers)) {
            const file = requestFile(
                join(server.data, "..", `asked-${which}`),
                Array.from({ length: ASKED }, () => ({ path, key, body: { json: input(size) } })),
            );
            await ask(server.url, path, key, input(size));
            const seconds = bench.seconds(2, 1);
            subjects[which] = async () => (await pressure(server.url, file, { seconds })).rate;
        }
        const found = await inTurn(subjects, bench.rounds, bench.progress);
        bench.row({
            id: `growth/${name}`,
            what: `${name}${name === "deployments/list" ? ", pages of 100" : ""}, among ${among}`,
            unit: "requests/s",
            better: "more",
            ours: found.ours,
            peer: found.small,
            peerName,
            target: { times: 1 / 1.5 },
        });
    }
    await walks(bench, servers.ours.server, key);
    await tenants(bench, made);
    await idleConnections(bench, made, key);

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
