// SPDX-License-Identifier: Apache-2.0
/**
 * The queue alone: how many jobs a second are enqueued, claimed and settled, each durably, by 64 callers who wait
 * for their answer and workers that do nothing. Ours is the real store and the real dispatcher (bench/queue.c).
 */
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { run as runCommand } from "../lib/children.mjs";
import { PEERS } from "../lib/peers.mjs";
import { startPostgres } from "../lib/postgres.mjs";
import { BINARY, NODE } from "../lib/server.mjs";
import { inTurn } from "../lib/turns.mjs";

const PROGRAM = join(dirname(BINARY), "bench", "bench_queue");

export const title = "The queue alone";

export async function run(bench) {
    const jobs = String(bench.quick ? 5000 : 20000);
    const postgres = await startPostgres(bench);
    const peer = (name) => async () =>
        Number(await runCommand(NODE, [join(PEERS, `${name}.mjs`), postgres.sockets, jobs]));
    const found = await inTurn(
        {
            ours: async () => {
                const folder = bench.scratch.folder("queue");
                const rate = Number(await runCommand(PROGRAM, [folder, jobs]));
                await rm(folder, { recursive: true });
                return rate;
            },
            boss: peer("pg-boss"),
            graphile: peer("graphile-worker"),
        },
        bench.rounds,
        bench.progress,
    );
    await postgres.end();
    const names = { boss: "pg-boss", graphile: "graphile-worker" };
    const [better, other] = Object.keys(names).sort((a, b) => found[b].median - found[a].median);
    const row = {
        what: "the queue alone: enqueue, claim, settle",
        unit: "jobs/s",
        better: "more",
        ours: found.ours,
    };
    bench.row({
        ...row,
        id: "queue/better",
        peer: found[better],
        peerName: names[better],
        target: { times: 2, atLeast: 5000 },
    });
    bench.row({ ...row, id: "queue/other", peer: found[other], peerName: names[other] });
}
