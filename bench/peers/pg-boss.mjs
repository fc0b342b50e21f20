// SPDX-License-Identifier: Apache-2.0
/**
 * The queue of pg-boss alone: `node pg-boss.mjs SOCKETS JOBS [CALLERS]` prints how many a second went all the
 * way. Callers each send a job and wait until it is on disk; jobs are claimed a hundred at a time and completed
 * together, without the half second between polls that work() leaves.
 */
import { PgBoss } from "pg-boss";

const [host, jobs, callers = 64] = process.argv.slice(2);
const QUEUE = "nothing";
const FETCHERS = 2;
const BATCH = 100;

const boss = new PgBoss({
    host,
    user: "bench",
    database: "bench",
    max: 32,
    supervise: false,
    schedule: false,
});
boss.on("error", (error) => {
    throw error;
});
await boss.start();
if (await boss.getQueue(QUEUE)) await boss.deleteQueue(QUEUE);
await boss.createQueue(QUEUE);

let asked = 0;
let settled = 0;
async function caller() {
    while (asked < jobs) {
        asked++;
        await boss.send(QUEUE, {});
    }
}
async function fetcher() {
    while (settled < jobs) {
        const batch = await boss.fetch(QUEUE, { batchSize: BATCH });
        if (batch.length === 0) continue;
        await boss.complete(
            QUEUE,
            batch.map(({ id }) => id),
            {},
        );
        settled += batch.length;
    }
}

const from = performance.now();
await Promise.all([...Array.from({ length: callers }, caller), ...Array.from({ length: FETCHERS }, fetcher)]);
console.log(Math.round((jobs * 1000) / (performance.now() - from)));
await boss.stop({ graceful: false });
process.exit(0);
