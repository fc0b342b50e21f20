// SPDX-License-Identifier: Apache-2.0
/**
 * Workflows that print more than is kept: what they say is bounded, nobody else waits for it, and they end in
 * their own way.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test, { after } from "node:test";
import { oneWorkflow, plain } from "../support/artifact.mjs";
import { isSanitized, Server } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";

const KEPT_BYTES = 50 * 1024 * 1024;
const LINE_BYTES = 64 * 1024;
/** Of the server, beside what it had: lines on their way, and the pages of a store that grows. */
const MEMORY_BYTES = (isSanitized() ? 2048 : 64) * 1024 * 1024;
const OVER = "The log of this job is longer than is kept; the rest is dropped";

const server = await Server.start({ env: { IMPRESARIO_JOB_SLOTS: "2" } });
after(() => server.stop());
const bomber = await Tenant.make("bomber", server);
const other = await Tenant.make("other", server);
await other.deploy(oneWorkflow("calm", "return 1;"));
await bomber.deploy(
    plain({
        "index.ts": `import { workflow } from "impresario";
import { spawnSync } from "node:child_process";
const sh = (script: string) => spawnSync("/bin/sh", ["-c", script], { stdio: "inherit" });
export const many = workflow("many", async (_: any, { mebibytes }: any) => {
  const line = "x".repeat(1000);
  for (let i = 0; i < mebibytes * 1024; i++) console.log(line);
  return "done";
});
export const short = workflow("short", async () => { for (let i = 0; i < 50_000; i++) console.log("y"); return "done"; });
export const endless = workflow("endless", async () => { for (;;) console.log("never enough"); });
export const huge = workflow("huge", async () => { console.log("z".repeat(3_000_000)); return "done"; });
export const child = workflow("child", async (_: any, { script }: any) => (sh(script), "done"));
`,
    }),
);

const rss = () => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))[1]) * 1024;

/** Runs a bomb to its end; meanwhile another tenant writes and runs a job. `calm`: that job ended before it. */
async function beside(workflow, params, more) {
    let most = 0;
    let over = false;
    let calm = false;
    const id = await bomber.start(workflow, params, more);
    const asks = (async () => {
        while (!over) {
            await other.ok("credentials/upsert", { name: "busy", value: "busy" });
            most = Math.max(most, rss());
        }
    })();
    const beside = other.run("calm").then(({ status }) => ((calm = !over), status));
    const job = await bomber.finished(id);
    over = true;
    await asks;
    assert.equal(await beside, "completed");
    return { job, most, calm };
}

const bytesOf = (logs) => logs.reduce((sum, { message }) => sum + Buffer.byteLength(message), 0);

test("a log that grows past its bound ends with a word, and the job goes on", async () => {
    const before = rss();
    const { job, most } = await beside("many", { mebibytes: 70 });
    assert.deepEqual([job.status, job.result], ["completed", "done"]);
    const logs = await bomber.logs(job.job_id);
    assert.equal(logs.filter(({ message }) => message === OVER).length, 1);
    const bytes = bytesOf(logs);
    assert.ok(bytes <= KEPT_BYTES && bytes > KEPT_BYTES * 0.8, `${bytes} bytes`);
    assert.ok(most - before < MEMORY_BYTES, `from ${before} to ${most}`);
});

test("many short lines are kept", async () => {
    const { job } = await beside("short");
    assert.equal(job.status, "completed");
    assert.equal((await bomber.logs(job.job_id)).filter(({ message }) => message === "y").length, 50_000);
});

test("one that prints without end is stopped by its time limit", async () => {
    const before = rss();
    const { job, most, calm } = await beside("endless", {}, { timeout_seconds: 20 });
    assert.equal(job.status, "failed");
    assert.match(job.error, /20 s/);
    assert.ok(calm, "another one's job waited for it");
    assert.ok(most - before < MEMORY_BYTES, `from ${before} to ${most}`);
});

test("a line longer than its bound is cut, and says so", async () => {
    const { job } = await beside("huge");
    assert.equal(job.status, "completed");
    const line = (await bomber.logs(job.job_id)).find(({ message }) => message.startsWith("zzz")).message;
    assert.ok(Buffer.byteLength(line) <= LINE_BYTES);
    assert.match(line, /\d+ more bytes/);
});

for (const [what, script] of Object.entries({
    "a line without end on stdout": "head -c 8000000 /dev/zero | tr '\\0' a",
    "a line without end on stderr": "head -c 8000000 /dev/zero | tr '\\0' a >&2",
    "what is no text": "head -c 4000000 /dev/urandom",
    "empty lines": "head -c 200000 /dev/zero | tr '\\0' '\\n'",
})) {
    test(`a process of a job prints ${what}: it is bounded, and the job ends as it would`, async () => {
        const before = rss();
        const { job, most } = await beside("child", { script });
        assert.deepEqual([job.status, job.result], ["completed", "done"]);
        const logs = await bomber.logs(job.job_id);
        for (const { message } of logs) assert.ok(Buffer.byteLength(message) <= LINE_BYTES + 3 * 1024, `${message.length}`);
        assert.ok(bytesOf(logs) <= KEPT_BYTES);
        assert.ok(most - before < MEMORY_BYTES, `from ${before} to ${most}`);
    });
}
