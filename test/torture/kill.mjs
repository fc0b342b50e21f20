// SPDX-License-Identifier: Apache-2.0
/** kill -9 of the server at random moments under mixed load. */
import assert from "node:assert/strict";
import { ballast, oneWorkflow } from "../support/artifact.mjs";
import { Server, unique } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";
import { Journal } from "./journal.mjs";

/** A tenant for this many kills, so that comparing everything stays short. */
const CYCLES_OF_TENANT = 20;
const LANES = 6;
const SERVING_MS = 1_000;
/** No browser is warmed for a server that dies at once; the one slot is for jobs to be caught in it. */
const ENV = { IMPRESARIO_WARM_SLOTS: "0", IMPRESARIO_SPARE_SLOTS: "0", IMPRESARIO_JOB_SLOTS: "1" };

/** Starts it on `data`, and notes how long that took. */
export async function timedStart(data, started, env = {}) {
    const began = performance.now();
    const server = await Server.start({ data, env: { ...ENV, ...env } });
    started.push(performance.now() - began);
    return server;
}

/** A new tenant with a workflow that is ready. Of what it uploads one is kept in the store, the other as a blob. */
export async function firstJournal(server, random, name, handler = "return 1;") {
    const tenant = await Tenant.make("torture", server);
    const artifacts = [oneWorkflow(name, handler), oneWorkflow(name, handler, "{}", ballast())];
    await tenant.deploy(artifacts[0]);
    return new Journal(random, unique("t"), artifacts, name).on(server.url, tenant.key);
}

/** Load until `after` answers have come and `then_ms` have passed, then `end()`. */
export async function loadUntil(journal, after, thenMs, end) {
    let left = after;
    let ended;
    const answered = () => {
        if (--left === 0) setTimeout(() => (ended = end()), thenMs);
    };
    await journal.load({ lanes: LANES, answered });
    return ended;
}

export function percentile(times, share) {
    return [...times].sort((a, b) => a - b)[Math.ceil(times.length * share) - 1];
}

/** @param {import("./run.mjs").Part} part */
export async function kill(part) {
    const { random } = part;
    const started = [];
    let server = await timedStart(undefined, []);
    let acknowledged = 0;
    try {
        for (let done = 0; done < part.count; done += CYCLES_OF_TENANT) {
            const journal = await firstJournal(server, random, "torture-kill");
            for (let i = done; i < Math.min(done + CYCLES_OF_TENANT, part.count); i++) {
                const after = random.between(1, 60);
                const thenMs = random.between(0, 4);
                await part.cycle(i, async () => {
                    await loadUntil(journal, after, thenMs, () => server.end("SIGKILL"));
                    await server.end("SIGKILL");
                    server = await timedStart(server.data, started);
                    journal.on(server.url, journal.api.key);
                    await journal.check();
                });
            }
            await part.check("nothing is stuck", async () => {
                await journal.settle();
                await journal.check();
            });
            acknowledged += journal.acknowledged;
        }
        await part.timed(`serving again within ${SERVING_MS} ms, 95 of 100 times`, () =>
            assert.ok(percentile(started, 0.95) <= SERVING_MS, `${percentile(started, 0.95)} ms`),
        );
        await part.check("something was acknowledged", () => assert.ok(acknowledged > 0));
        part.note(
            `${acknowledged} answers; serving again after ${percentile(started, 0.5).toFixed(0)} ms in the median, ` +
                `${percentile(started, 0.95).toFixed(0)} at 95 %, ${Math.max(...started).toFixed(0)} at most`,
        );
    } finally {
        await server.stop();
    }
}
