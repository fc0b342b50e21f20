// SPDX-License-Identifier: Apache-2.0
/**
 * A server that nobody asks. Wake-ups are what the kernel counted for every thread of the server and its two
 * helpers, not for the browser that waits in its box. The first answer is measured from the start of the process.
 */
import { request } from "node:http";
import { startOrpc } from "../lib/peers.mjs";
import { residentMib, wakeUps, withChildren } from "../lib/processes.mjs";
import { startServer, template } from "../lib/server.mjs";
import { figure } from "../lib/turns.mjs";

const HELPERS = /^impresario-(spawn|egress)/;
const SETTLE_MS = 5000;

export const title = "Idle";

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Milliseconds from the start of the process to the first byte of its first answer. */
function firstAnswer(server) {
    return new Promise((resolve, reject) => {
        request(`${server.url}/healthz`, (answer) => {
            resolve(performance.now() - server.started);
            answer.resume();
        })
            .on("error", reject)
            .end();
    });
}

export async function run(bench) {
    const made = await template(bench);
    const first = { ours: [], node: [] };
    const memory = { ours: [], node: [] };
    const all = [];
    const woken = { ours: [], node: [] };
    const seconds = bench.seconds(60, 10);
    const starts = {
        ours: () => startServer(made.copy()),
        node: () => startOrpc(bench, "node", { keys: made.keys }),
    };

    for (let round = 0; round < bench.rounds; round++)
        for (const [name, start] of Object.entries(starts)) {
            bench.progress(round, bench.rounds, `${name}: the first answer`);
            const server = await start();
            first[name].push(await firstAnswer(server));
            await server.end();
        }

    // The minute is watched once: what wakes up does so by itself, whatever else the machine does.
    for (const [name, start] of Object.entries(starts)) {
        const server = await start();
        await firstAnswer(server);
        bench.progress(0, 1, `${name}: ${seconds} s of nothing`);
        await wait(SETTLE_MS);
        const pids = withChildren(server.pid, HELPERS);
        const before = wakeUps(pids);
        await wait(seconds * 1000);
        woken[name].push(wakeUps(pids) - before);
        memory[name].push(residentMib(server.pid));
        if (name === "ours") all.push(pids.map(residentMib).reduce((a, b) => a + b));
        await server.end();
    }
    bench.row({
        id: "idle/memory",
        what: "idle: resident memory of the server",
        unit: "MiB",
        better: "less",
        ours: figure(memory.ours),
        peer: figure(memory.node),
        peerName: "oRPC on Node",
        target: { atMost: 15 },
    });
    bench.row({
        id: "idle/memory-all",
        what: "idle: resident memory of its three processes, shared pages counted thrice",
        unit: "MiB",
        better: "less",
        ours: figure(all),
    });
    bench.row({
        id: "idle/wake-ups",
        what: `idle: wake-ups of the server and its helpers in ${seconds} s`,
        unit: "wake-ups",
        better: "less",
        ours: figure(woken.ours),
        peer: figure(woken.node),
        peerName: "oRPC on Node",
        target: { atMost: 0 },
    });
    bench.row({
        id: "idle/first-answer",
        what: "from exec to the first answer",
        unit: "ms",
        better: "less",
        ours: figure(first.ours),
        peer: figure(first.node),
        peerName: "oRPC on Node",
        target: { atMost: 50 },
    });
}
