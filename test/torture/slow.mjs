// SPDX-License-Identifier: Apache-2.0
/**
 * Thousands of slow clients at once (slow_clients.mjs). Who is quick beside them hardly notices, each costs
 * little, and each is cut at the time that bounds.h says.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { oneWorkflow } from "../support/artifact.mjs";
import { Server, unique } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";
import { percentile } from "./kill.mjs";
import { keep } from "./figures.mjs";

const CLIENTS = fileURLToPath(new URL("slow_clients.mjs", import.meta.url));
/** Of src/base/bounds.h: LIMIT_HEAD_SECONDS, LIMIT_LATE_SECONDS, and LIMIT_IDLE_SECONDS and that lateness. */
const CUT_MS = { heads: 20_000, bodies: 30_000, readers: 105_000 };
/** A deadline is looked for this much later at most: every half of the shortest, and a busy machine. */
const LATE_MS = 15_000;
const LANES = 2;
/** A short sitting does not wait for readers to be cut, which takes longest. */
const SHORT = 2_000;
const MEASURE_MS = { short: 4_000, full: 10_000 };
const MOST_RATIO = 2;
/** What is no difference, on a machine that does other things too. */
const NOISE_MS = 5;
/** Of src/net/http.c: CONNECTION_MEMORY, which the library zeroes as a whole after each answer, and CONNECTION_REST. */
const MOST_BYTES = 36 * 1024;
/** Descriptors that this test and the server need beside those of the slow ones. */
const BESIDE = 1_000;

const hardLimit = () => Number(execFileSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).replace("unlimited", "1000000"));
const rss = (pid) => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1024;

const descriptors = (pid) => readdirSync(`/proc/${pid}/fd`).length;
const pause = () => new Promise((resolve) => setTimeout(resolve, 200));

/** The 99th percentile of what a quick client waits, in ms, by route. */
async function quick(tenant, id, artifact, forMs) {
    const times = { "deployments/sync": [], "deployments/create": [] };
    const inputs = { "deployments/sync": () => ({ id }), "deployments/create": () => ({ ...artifact, description: unique("d") }) };
    const end = performance.now() + forMs;
    const lane = async () => {
        while (performance.now() < end) {
            for (const [route, took] of Object.entries(times)) {
                const began = performance.now();
                await tenant.ok(route, inputs[route]());
                took.push(performance.now() - began);
            }
        }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    return Object.fromEntries(Object.entries(times).map(([route, took]) => [route, percentile(took, 0.99)]));
}

/** @param {import("./run.mjs").Part} part */
export async function slow(part) {
    const most = hardLimit() - BESIDE;
    const count = Math.min(part.count, most);
    const short = count < SHORT;
    const forMs = short ? MEASURE_MS.short : MEASURE_MS.full;
    if (count < part.count) part.note(`${part.count} were wanted; descriptors (ulimit -Hn) allow ${count}`);
    // Uploads are taken and not built: what is measured is the front, not this machine's cores.
    const server = await Server.start({
        env: { IMPRESARIO_BUILD_WORKERS: "0", IMPRESARIO_QUEUE_BUILDS: "1000000", IMPRESARIO_WARM_SLOTS: "0" },
    });
    let clients;
    try {
        const tenant = await Tenant.make("torture", server);
        const artifact = oneWorkflow("slow");
        const { deployment_id: id } = await tenant.ok("deployments/create", artifact);
        await quick(tenant, id, artifact, forMs); // warms both sides up
        const descriptorsBefore = descriptors(server.pid);
        const before = await quick(tenant, id, artifact, forMs);
        const alone = rss(server.pid);

        clients = spawn(process.execPath, [CLIENTS, new URL(server.url).port, tenant.key, String(count)], { stdio: ["pipe", "pipe", "inherit"] });
        const lines = createInterface({ input: clients.stdout })[Symbol.asyncIterator]();
        const next = async () => JSON.parse((await lines.next()).value);
        await part.check(`${count} slow clients are let in`, async () => assert.deepEqual(await next(), { open: count }));
        const beside = await quick(tenant, id, artifact, forMs);
        const each = (rss(server.pid) - alone) / count;
        clients.stdin.write("no more\n");
        const stopped = performance.now();
        const { cut } = await next();
        if (!short) {
            while (descriptors(server.pid) > descriptorsBefore + BESIDE / 10) await pause();
            cut.readers = { most_ms: performance.now() - stopped };
        }
        const after = await quick(tenant, id, artifact, forMs);

        const figures = { clients: count, bytes_each: Math.round(each), p99_ms: { before, beside, after }, cut };
        keep("slow", figures);
        part.note(JSON.stringify(figures));
        for (const route of Object.keys(beside)) {
            await part.timed(`${route} is answered as quickly as without them`, () => {
                const baseline = Math.max(before[route], after[route]);
                assert.ok(beside[route] <= MOST_RATIO * baseline + NOISE_MS, `${beside[route]} ms at 99 %, ${baseline} ms without`);
            });
        }
        await part.check("each costs little memory", () => assert.ok(each <= MOST_BYTES, `${each} bytes`));
        for (const [name, { n, least_ms: least, most_ms: longest }] of Object.entries(cut)) {
            await part.check(`slow ${name} are cut in time`, () => {
                assert.ok(n === undefined || n >= Math.floor(count / 3), `${n} of them were cut`);
                assert.ok(!(least < CUT_MS[name] - 1_000) && longest <= CUT_MS[name] + LATE_MS, `after ${least} to ${longest} ms`);
            });
        }
    } finally {
        if (clients && clients.exitCode === null) {
            clients.stdin.end();
            await once(clients, "exit");
        }
        await server.stop();
    }
}
