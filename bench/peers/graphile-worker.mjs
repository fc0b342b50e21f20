// SPDX-License-Identifier: Apache-2.0
/**
 * The queue of graphile-worker alone: `node graphile-worker.mjs SOCKETS JOBS [CALLERS]` prints how many a second
 * went all the way. Callers each add a job and wait until it is on disk; a worker with the settings that its
 * authors use for speed takes many at a time into its local queue and completes them together.
 */
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";

const [host, jobs, callers = 64] = process.argv.slice(2);
const pgPool = new pg.Pool({ host, user: "bench", database: "bench", max: 32 });
const logger = new Logger(() => () => {});
const preset = {
    worker: {
        concurrentJobs: 64,
        pollInterval: 2000,
        localQueue: { size: 500, refetchDelay: { durationMs: 10 } },
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
    },
};
const utils = await makeWorkerUtils({ pgPool, logger });
await utils.migrate();

let left = jobs;
const { promise: done, resolve } = Promise.withResolvers();
const taskList = {
    nothing: async () => {
        if (--left === 0) resolve();
    },
};
const runner = await run({ pgPool, logger, preset, noHandleSignals: true, taskList });

let asked = 0;
async function caller() {
    while (asked < jobs) {
        asked++;
        await utils.addJob("nothing", {});
    }
}
const from = performance.now();
await Promise.all(Array.from({ length: callers }, caller));
await done;
for (;;) {
    const { rows } = await pgPool.query("SELECT count(*)::int AS n FROM graphile_worker._private_jobs");
    if (rows[0].n === 0) break; // a job that is settled is removed
}
console.log(Math.round((jobs * 1000) / (performance.now() - from)));
await runner.stop();
process.exit(0);
