// SPDX-License-Identifier: Apache-2.0
/**
 * Uploads: `deployments/create` until blob and row are on disk. Ours builds nothing meanwhile
 * (`--build-workers 0`), since the peers build nothing at all. Small ones come from 64 tenants, as no tenant
 * may have so many waiting.
 */
import { writeFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { run as runCommand } from "../lib/children.mjs";
import { uploadOfSize } from "../lib/bundles.mjs";
import { ask, costedPressure, kept, requestFile } from "../lib/load.mjs";
import { startOrpc } from "../lib/peers.mjs";
import { peakMib, residentMib } from "../lib/processes.mjs";
import { NO_BUILDS, NO_SLOTS, startServer, template } from "../lib/server.mjs";
import { figure, inTurn } from "../lib/turns.mjs";

const CREATE = "/v1/deployments/create";
const TENANTS = 64;
const SMALL = 4096;
const LARGE_MIB = 32;
const AT_ONCE = 16;

export const title = "Uploads";

/** A fresh server for each turn: what an earlier turn left on the disk is not carried on. */
function fresh(bench, made, use) {
    const starts = {
        ours: () => startServer(made.copy(), [...NO_SLOTS, ...NO_BUILDS]),
        node: () => startOrpc(bench, "node", { keys: made.keys }),
        bun: () => startOrpc(bench, "bun", { keys: made.keys }),
    };
    const subject = (name, start) => async () => {
        const server = await start();
        try {
            return await use(server, name);
        } finally {
            await server.end();
            await rm(server.data, { recursive: true });
            await runCommand("sync", []); // the disk is as idle for the next one
        }
    };
    return Object.fromEntries(Object.entries(starts).map(([name, start]) => [name, subject(name, start)]));
}

async function small(bench, made) {
    const body = { json: uploadOfSize(SMALL) };
    const file = requestFile(
        join(bench.scratch.root, "uploads"),
        made.keys.map((key) => ({ path: CREATE, key, body })),
    );
    const seconds = bench.seconds(5, 3);
    const costs = { ours: [], node: [], bun: [] };
    const use = async (server, name) => {
        const { rate, cost } = await costedPressure(server, file, { seconds });
        costs[name].push(cost);
        return rate;
    };
    const found = await inTurn(fresh(bench, made, use), bench.rounds, bench.progress);
    const row = {
        what: "deployments/create, 4 KB source, 64 connections",
        unit: "requests/s",
        better: "more",
    };

    bench.row({
        ...row,
        id: "create-small/node",
        ours: found.ours,
        peer: found.node,
        peerName: "oRPC on Node",
        target: { times: 5 },
    });
    bench.row({ ...row, id: "create-small/bun", ours: found.ours, peer: found.bun, peerName: "oRPC on Bun" });
    bench.row({
        id: "create-small/cost",
        what: "deployments/create, 4 KB source: processor time a request",
        unit: "us",
        better: "less",
        ours: figure(costs.ours),
        peer: figure(costs.node),
        peerName: "oRPC on Node",
    });
}

async function large(bench, made) {
    const body = Buffer.from(JSON.stringify({ json: uploadOfSize(LARGE_MIB << 20) }));
    const memory = { ours: [], node: [] };
    const use = async (server, name) => {
        const agent = kept(AT_ONCE);
        const idle = residentMib(server.pid);
        const from = performance.now();
        await Promise.all(
            made.keys.slice(0, AT_ONCE).map((key) => ask(server.url, CREATE, key, body, agent)),
        );
        const seconds = (performance.now() - from) / 1000;
        memory[name].push(peakMib(server.pid) - idle);
        agent.destroy();
        return (AT_ONCE * LARGE_MIB) / seconds;
    };
    const { ours, node } = fresh(bench, made, use);
    const found = await inTurn({ ours, node }, bench.rounds, bench.progress);
    const what = `deployments/create, ${LARGE_MIB} MiB source, ${AT_ONCE} at once`;

    bench.row({
        id: "create-large/rate",
        what,
        unit: "MiB/s",
        better: "more",
        ours: found.ours,
        peer: found.node,
        peerName: "oRPC on Node",
        target: { times: 3 },
    });
    bench.row({
        id: "create-large/memory",
        what: `${what}: peak memory over idle`,
        unit: "MiB",
        better: "less",
        ours: figure(memory.ours),
        peer: figure(memory.node),
        peerName: "oRPC on Node",
        target: { atMost: 64 },
    });
}

/** One upload alone against what a shell would do with the same text: decode it and unpack it, unsynced. */
async function pipeline(bench, made) {
    const folder = bench.scratch.folder("pipeline");
    const noise = join(folder, "noise");
    await mkdir(noise);
    for (let i = 0; i < 32; i++)
        await runCommand("dd", ["if=/dev/urandom", `of=${noise}/${i}`, "bs=1M", "count=1", "status=none"]);
    await runCommand("tar", ["czf", join(folder, "noise.tgz"), "-C", noise, "."]);
    const text = (await runCommand("base64", ["-w0", join(folder, "noise.tgz")])).trim();
    writeFileSync(join(folder, "text"), text);
    const body = Buffer.from(JSON.stringify({ json: { source: text, entry_point: "index.js" } }));
    const server = await startServer(made.copy(), [...NO_SLOTS, ...NO_BUILDS]);
    const agent = kept();
    const timed = async (what) => {
        const from = performance.now();
        await what();
        return performance.now() - from;
    };
    let n = 0;
    const found = await inTurn(
        {
            ours: () => timed(() => ask(server.url, CREATE, made.keys[0], body, agent)),
            shell: () => {
                const to = join(folder, `unpacked-${n++}`);
                return timed(() =>
                    runCommand("sh", [
                        "-c",
                        `mkdir "$1" && base64 -d <"$2" | tar xz -C "$1"`,
                        "sh",
                        to,
                        join(folder, "text"),
                    ]),
                );
            },
        },
        bench.rounds,
        bench.progress,
    );
    agent.destroy();
    await server.end();
    bench.row({
        id: "ingest/shell",
        what: `one ${LARGE_MIB} MiB source: sent, decoded, digested, on disk`,
        unit: "ms",
        better: "less",
        ours: found.ours,
        peer: found.shell,
        peerName: "base64 -d | tar xz",
    });
}

export async function run(bench) {
    const made = await template(bench, TENANTS);

    await small(bench, made);
    await large(bench, made);
    await pipeline(bench, made);
}
