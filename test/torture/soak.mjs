// SPDX-License-Identifier: Apache-2.0
/**
 * Steady mixed load for as many minutes as wanted: jobs at 5 000 an hour, builds, credentials, reads. After the
 * warm-up memory and descriptors of each of our processes stay as they are, and at the end nothing is left:
 * no process, no control group, no mount, no file beside the store. `var/torture/soak.json` has the course.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { oneWorkflow } from "../support/artifact.mjs";
import { Server, unique } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";
import { keep } from "./figures.mjs";
import { percentile } from "./kill.mjs";
import { descendants, nameOf, parentOf, read } from "./processes.mjs";

const JOBS_AN_HOUR = 5_100;
const EVERY_MS = { jobs: 3_600_000 / JOBS_AN_HOUR, builds: 20_000, credentials: 1_000, reads: 200 };
const SAMPLE_MS = 2_000;
/** Of the whole: until then caches fill and the first of everything is made. */
const WARM_UP = 0.25;
/** A cache of pages may grow to 8 MiB on each of its few connections while the store grows. */
const MORE_BYTES = 12 * 1024 * 1024;
/** Boxes and requests under way, which a sample may meet or miss. */
const MORE_DESCRIPTORS = 24;
const IDLE_MS = 60_000;

const HANDLER = `for (let i = 0; i < 5; i++) console.log("step " + i);
await page.setContent("<title>" + input.n + "</title>");
return { title: await page.title() };`;

const pidOf = (name) => Number(name.split("#")[1]);

/** Memory and descriptors of the server and its helpers, by name; boxes come and go, and are not among them. */
function sample(server) {
    const now = {};
    for (const pid of descendants(server.pid)) {
        const name = pid === server.pid ? "server" : nameOf(pid);
        if (pid !== server.pid && !/^impresario-(spawn|egress|registry|start)/.test(name)) continue;
        const rss = Number(/^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
        let fds = 0;
        try {
            fds = readdirSync(`/proc/${pid}/fd`).length;
        } catch {
            continue; // it has ended, or is not ours to look at
        }
        now[`${name}#${pid}`] = { rss, fds };
    }
    return now;
}

/** Does `work` each `every` ms until `end`, however long one takes, and tells how long each took. */
async function steadily(every, end, work) {
    const took = [];
    const under = new Set();
    for (let due = performance.now(); due < end; due += every) {
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
        const began = performance.now();
        const one = work().then(() => void took.push(performance.now() - began));
        under.add(one);
        one.finally(() => under.delete(one)).catch(() => {});
    }
    await Promise.all(under);
    return took;
}

const figuresOf = (took) => ({ n: took.length, p50_ms: percentile(took, 0.5), p99_ms: percentile(took, 0.99) });

function groupsOf(data) {
    const { dev, ino } = statSync(data);
    const name = `impresario-${dev.toString(16)}-${ino.toString(16)}`;
    return readdirSync("/sys/fs/cgroup", { recursive: true }).filter((path) => path.includes(name));
}

/** @param {import("./run.mjs").Part} part */
export async function soak(part) {
    const minutes = part.count;
    const temporary = mkdtempSync(join(tmpdir(), "impresario-soak-"));
    const mounts = read("/proc/self/mounts").split("\n").length;
    const server = await Server.start({ env: { TMPDIR: temporary, IMPRESARIO_WARM_BUILDS: "0" } });
    const course = [];
    try {
        const tenant = await Tenant.make("torture", server);
        const artifact = oneWorkflow("steady", HANDLER);
        const { id: deployment } = await tenant.deploy(artifact);
        await tenant.result("steady", { n: "first" });
        // Those that stay; a box has the spawner's name, too, until it is one.
        const first = sample(server);
        const stay = Object.keys(sample(server)).filter((name) => name in first && !/spawn/.test(nameOf(parentOf(pidOf(name)))));
        const began = performance.now();
        const end = began + minutes * 60_000;
        let n = 0;
        const watch = steadily(SAMPLE_MS, end, async () => void course.push({ at_ms: performance.now() - began, ...sample(server) }));
        const [jobs, builds, credentials, reads] = await Promise.all([
            steadily(EVERY_MS.jobs, end, async () => {
                const title = `n${n++}`;
                assert.deepEqual(await tenant.result("steady", { n: title }), { title });
            }),
            steadily(EVERY_MS.builds, end, () => tenant.deploy(oneWorkflow(unique("other"), "return 1;"))),
            steadily(EVERY_MS.credentials, end, () => tenant.ok("credentials/upsert", { name: "steady", value: unique("v") })),
            steadily(EVERY_MS.reads, end, async () => {
                await tenant.ok("deployments/sync", { id: deployment });
                await tenant.ok("jobs/list", { limit: 20 });
            }),
        ]);
        await watch;
        const figures = { minutes, jobs: figuresOf(jobs), builds: figuresOf(builds), credentials: figuresOf(credentials), reads: figuresOf(reads) };
        await part.check("every job and every request ended well", () => assert.ok(jobs.length >= (minutes * JOBS_AN_HOUR) / 60 - 1, `${jobs.length} jobs`));

        const warm = course.filter(({ at_ms: at }) => at > minutes * 60_000 * WARM_UP);
        const third = Math.max(1, Math.floor(warm.length / 3));
        figures.processes = {};
        for (const name of stay) {
            const most = (samples, what) => Math.max(...samples.map((each) => each[name]?.[what] ?? 0));
            const change = {
                rss: [most(warm.slice(0, third), "rss"), most(warm.slice(-third), "rss")],
                fds: [most(warm.slice(0, third), "fds"), most(warm.slice(-third), "fds")],
            };
            figures.processes[name] = change;
            await part.check(`${name} needs no more at the end than after the warm-up`, () => {
                assert.ok(change.rss[1] > 0, "it has ended");
                assert.ok(change.rss[1] - change.rss[0] <= MORE_BYTES, `memory: from ${change.rss[0]} to ${change.rss[1]}`);
                assert.ok(change.fds[1] - change.fds[0] <= MORE_DESCRIPTORS, `descriptors: from ${change.fds[0]} to ${change.fds[1]}`);
            });
        }
        part.note(JSON.stringify(figures));
        keep("soak", { ...figures, course });
        await part.check("what a job leaves is taken away", async () => {
            for (const until = performance.now() + IDLE_MS; ;) {
                const ready = await (await fetch(`${server.url}/readyz`)).json();
                if (ready.busy === 0 && readdirSync(join(server.data, "staging")).length === 0) break;
                assert.ok(performance.now() < until, JSON.stringify(ready));
            }
            assert.deepEqual(readdirSync(temporary), [], "no file in the folder for temporary ones");
        });
        const all = descendants(server.pid).map((pid) => ({ pid, began: read(`/proc/${pid}/stat`).split(" ")[21] }));
        await server.end();
        await part.check("nothing is left of the server", async () => {
            const left = () => all.filter(({ pid, began: when }) => when && read(`/proc/${pid}/stat`).split(" ")[21] === when);
            for (const until = performance.now() + IDLE_MS; left().length > 0 && performance.now() < until;)
                await new Promise((resolve) => setImmediate(resolve));
            assert.deepEqual(left(), [], "processes");
            assert.deepEqual(groupsOf(server.data), [], "control groups");
            assert.equal(read("/proc/self/mounts").split("\n").length, mounts, "mounts");
            const files = readdirSync(server.data).sort();
            assert.deepEqual(files.filter((name) => !/^(blobs|impresario\.db(-shm|-wal)?|layers|lock|master\.key|registry|revocations|staging)$/.test(name)), []);
            assert.deepEqual(readdirSync(join(server.data, "staging")), []);
        });
    } finally {
        await server.stop();
        rmSync(temporary, { recursive: true });
    }
}
