// SPDX-License-Identifier: Apache-2.0
/**
 * Archives that nobody wrote in good faith (test/hostile/archives.mjs): each ends in a clear word,
 * within the limits of the server, and touches nothing outside.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test, { after, describe } from "node:test";
import { createGzip } from "node:zlib";
import { ARCHIVES, GOOD, LIMITS, MARK } from "../hostile/archives.mjs";
import { oneWorkflow } from "../support/artifact.mjs";
import { Server } from "../support/server.mjs";
import { entry, sourceOf, tar } from "../support/tar.mjs";
import { Tenant } from "../support/tenant.mjs";

const server = await Server.start({ env: { ...LIMITS, IMPRESARIO_WARM_SLOTS: "0" } });
after(() => server.stop());
const t = await Tenant.make("hostile", server);

describe("each archive of the corpus", { concurrency: 2 }, () => {
    for (const { what, source, error, refused } of ARCHIVES) {
        test(what, async () => {
            if (refused) {
                const [{ path, message }] = await t.refuses("deployments/create", { source: source() });
                assert.deepEqual(path, ["source"]);
                assert.match(message, refused);
            } else if (error) {
                const said = await t.buildError({ source: source() });
                assert.match(said, error);
                assert.doesNotMatch(said, /Impresario failed here|needed more than|MiB that it may use/);
            } else {
                await t.deploy({ source: source() });
            }
        });
    }
});

// What is too large to be held here streams into its gzip.

test("two gigabytes of zeros from two megabytes: the limit is named", async () => {
    const chunk = Buffer.alloc(4 << 20);
    const header = entry({ name: "zeros.bin", size: 2 ** 31 }).subarray(0, 512);
    const source = await gzipOf(function* () {
        yield tar(GOOD).subarray(0, -1024);
        yield header;
        for (let i = 0; i < 512; i++) yield chunk;
        yield Buffer.alloc(1024);
    });
    assert.match(await t.buildError({ source }), /more than 64 MiB/);
});

test("a million entries: the limit is named", async () => {
    const source = await gzipOf(function* () {
        yield tar(GOOD).subarray(0, -1024);
        const one = entry({ name: "f/0000000" });
        for (let i = 0; i < 1000; i++) {
            yield Buffer.concat(Array.from({ length: 1000 }, (_, k) => numbered(one, i * 1000 + k)));
        }
        yield Buffer.alloc(1024);
    });
    assert.match(await t.buildError({ source }), /more than 20000 entries/);
});

test("a list of workflows that is too large or no JSON does not stop the server", async () => {
    for (const data of ["{", "[]", '{"workflows":7}', " ".repeat(3 << 20)]) {
        const { status } = await t.build({
            source: sourceOf([...GOOD, { name: ".libretto-workflows.json", data }]),
        });
        assert.ok(["ready", "failed"].includes(status));
    }
});

test("nothing lies where it should not", () => {
    const places = ["/", "/tmp", "/var/tmp", tmpdir(), homedir(), process.cwd(), dirname(server.data), server.data];
    for (const place of places) assert.ok(!existsSync(join(place, MARK)), place);
    const anywhere = readdirSync(server.data, { recursive: true, encoding: "utf8" });
    assert.deepEqual(
        anywhere.filter((path) => path.includes(MARK)),
        [],
    );
    assert.deepEqual(
        anywhere.filter((path) => path.startsWith("staging/")),
        [],
    );
});

test("after all this an honest bundle is built and runs", async () => {
    await t.deploy(oneWorkflow("honest", "return 42;"));
    assert.equal(await t.result("honest"), 42);
});

/** base64 of the gzip of what `parts` yields, without holding it. */
async function gzipOf(parts) {
    const gzip = createGzip({ level: 1 });
    const out = [];
    gzip.on("data", (chunk) => out.push(chunk));
    for (const part of parts()) {
        if (!gzip.write(part)) await new Promise((resolve) => gzip.once("drain", resolve));
    }
    gzip.end();
    await new Promise((resolve) => gzip.once("end", resolve));
    return Buffer.concat(out).toString("base64");
}

/** A copy of a header under another number, with its checksum put right. */
function numbered(header, n) {
    const copy = Buffer.from(header);
    copy.write(String(n).padStart(7, "0"), 2);
    copy.fill(" ", 148, 156);
    copy.write(
        copy
            .reduce((sum, byte) => sum + byte, 0)
            .toString(8)
            .padStart(6, "0") + "\0 ",
        148,
        "latin1",
    );
    return copy;
}
