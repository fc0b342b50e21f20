// SPDX-License-Identifier: Apache-2.0
/**
 * Runs every suite against one server, prints what failed and how long each file took, and ends
 * with a line that counts. Arguments, if any, choose files by a part of their path.
 */
import { appendFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { run } from "node:test";
import { fileURLToPath } from "node:url";
import { Server } from "./support/server.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const AT_ONCE = 2;
/** Reads what the others called, so it comes when they have ended. */
const LAST = "api/routes-called.test.mjs";

const wanted = process.argv.slice(2);
const files = ["agent", "api", "cli", "clients", "secrets"]
    .flatMap((folder) => readdirSync(join(HERE, folder)).map((name) => `${folder}/${name}`))
    .filter((path) => path.endsWith(".test.mjs"))
    .filter((path) => wanted.length === 0 || wanted.some((part) => path.includes(part)))
    .sort();

const scratch = mkdtempSync(join(tmpdir(), "impresario-run-"));
process.env.IMPRESARIO_TEST_CALLS ??= join(scratch, "calls");
appendFileSync(process.env.IMPRESARIO_TEST_CALLS, "");

const counts = { passed: 0, failed: 0, skipped: 0 };
const perFile = new Map();

/** Runs files in processes of their own and counts the tests that hold no others. */
async function runAll(paths) {
    const stream = run({ files: paths.map((path) => join(HERE, path)), concurrency: AT_ONCE });
    const of = ({ file }) => {
        const path = relative(HERE, file ?? "");
        if (!perFile.has(path)) perFile.set(path, { passed: 0, failed: 0, skipped: 0, ms: 0 });
        return perFile.get(path);
    };
    const count = (data, outcome) => {
        if (data.details?.type === "suite") return;
        counts[outcome] += 1;
        of(data)[outcome] += 1;
        of(data).ms += data.details?.duration_ms ?? 0;
    };

    for await (const { type, data } of stream) {
        if (type === "test:pass") count(data, data.skip === undefined ? "passed" : "skipped");
        if (type === "test:fail" && data.details?.error?.failureType !== "subtestsFailed") {
            count(data, "failed");
            const { error } = data.details;
            const text = error.cause?.stack ?? error.cause?.message ?? error.stack;
            console.log(
                `FAIL ${relative(HERE, data.file ?? "")}: ${data.name}\n  ${String(text).replaceAll("\n", "\n  ")}`,
            );
        }
        if ((type === "test:stderr" || type === "test:stdout") && process.env.IMPRESARIO_TEST_VERBOSE) {
            process.stderr.write(data.message);
        }
    }
}

const server = await Server.start();
process.env.IMPRESARIO_TEST_SERVER = JSON.stringify({ url: server.url, data: server.data });
try {
    await runAll(files.filter((path) => path !== LAST));
    if (files.includes(LAST)) await runAll([LAST]);
} finally {
    const { code, signal } = await server.stop();
    if (code !== 0) {
        counts.failed += 1;
        console.log(`FAIL the server ended with ${signal ?? code}\n${server.lastWords}`);
    }
    rmSync(scratch, { recursive: true });
}

for (const [path, { passed, failed, skipped, ms }] of [...perFile].sort()) {
    const rest = [failed && `${failed} failed`, skipped && `${skipped} skipped`].filter(Boolean).join(", ");
    console.log(
        `${failed ? "not ok" : "ok"} ${path}: ${passed} passed${rest ? `, ${rest}` : ""} (${(ms / 1000).toFixed(1)} s)`,
    );
}
const skipped = counts.skipped ? `, ${counts.skipped} skipped` : "";
console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
process.exitCode = counts.failed === 0 ? 0 : 1;
