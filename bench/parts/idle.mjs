// SPDX-License-Identifier: Apache-2.0
/**
 * A server that nobody asks. Wake-ups are what the kernel counted for every thread of the server and its
 * helpers, not for the browser that waits in its box. The first answer is measured from the start of the process.
 */
import { get } from "../lib/load.mjs";
import { startOrpc } from "../lib/peers.mjs";
import { proportionalMb, residentMb, wakeUps, withChildren } from "../lib/processes.mjs";
import { startEarly, template, warm } from "../lib/server.mjs";
import { figure } from "../lib/turns.mjs";

const HELPERS = /^impresario-(start|spawn|egress|registry)$/;
const SETTLE_MS = 3000;
/** The deadline of the last question's connection, which is looked at once more though it has gone: LIMIT_HEAD_SECONDS. */
const FORGET_MS = 22_000;

export const title = "Idle";

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Ours starts a browser for the next job first. */
async function rest(name, server) {
    if (name === "ours") await warm(server);
    await wait(SETTLE_MS);
}

/** Milliseconds from the start of the process to its first answer. */
async function firstAnswer(server) {
    await get(`${server.url}/healthz`);
    return performance.now() - server.started;
}

export async function run(bench) {
    const made = await template(bench);
    const first = { ours: [], node: [] };
    const memory = { ours: [], node: [], all: [] };
    const woken = { ours: [], node: [] };
    const seconds = bench.seconds(60, 10);
    const starts = {
        ours: () => startEarly(made.copy()),
        node: () => startOrpc(bench, "node", { keys: made.keys }),
    };

    for (let round = 0; round < bench.rounds; round++)
        for (const [name, start] of Object.entries(starts)) {
            bench.progress(round, bench.rounds, `${name}: start and rest`);
            const server = await start();
            first[name].push(await firstAnswer(server));
            await rest(name, server);
            const pids = withChildren(server.pid, HELPERS);
            memory[name].push(residentMb(server.pid));
            if (name === "ours") memory.all.push(pids.map(proportionalMb).reduce((a, b) => a + b));
            if (round === 0) {
                // Watched once: what wakes up does so by itself, whatever else the machine does.
                bench.progress(round, bench.rounds, `${name}: ${seconds} s of nothing`);
                await wait(FORGET_MS);
                const before = wakeUps(pids);
                await wait(seconds * 1000);
                woken[name].push(wakeUps(pids) - before);
            }
            await server.end();
        }
    bench.row({
        id: "idle/memory",
        what: "idle: resident memory of the server",
        unit: "MB",
        better: "less",
        ours: figure(memory.ours),
        peer: figure(memory.node),
        peerName: "oRPC on Node",
        target: { atMost: 15 },
    });
    bench.row({
        id: "idle/memory-all",
        what: "idle: memory of the server and its helpers, each shared page counted once",
        unit: "MB",
        better: "less",
        ours: figure(memory.all),
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
