// SPDX-License-Identifier: Apache-2.0
/** Backups of a running server, and data directories made from them. */
import assert from "node:assert/strict";
import { copyFileSync, existsSync, lstatSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { oneWorkflow } from "../support/artifact.mjs";
import { Server, impresario } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";

const SECRET = "a secret that no backup shows 5b1f";
const scratch = mkdtempSync(join(tmpdir(), "impresario-backup-"));
const file = join(scratch, "backup.tar");
const key = join(scratch, "master.key");
/** With the key, which a link led to, as those that are mounted are. */
const whole = join(scratch, "whole.tar");
let tenant, deployment, job, count = 0;

before(async () => {
    const server = await Server.start();
    try {
        tenant = await Tenant.make("backup", server);
        deployment = await tenant.deploy(oneWorkflow("kept", "return input;"));
        job = await tenant.run("kept", { n: 1 });
        await tenant.ok("credentials/create", { name: "shop", value: SECRET });
        await impresario(["backup", file, "--data", server.data]);
        copyFileSync(join(server.data, "master.key"), key);
        const link = join(scratch, "link.key");
        symlinkSync(join(server.data, "master.key"), link);
        await impresario(["backup", whole, "--data", server.data, "--master-key-file", link, "--with-key"]);
        await tenant.ok("credentials/upsert", { name: "shop", value: "changed later" });
    } finally {
        await server.stop();
    }
});
after(() => rmSync(scratch, { recursive: true }));

const fresh = () => join(scratch, `data-${count++}`);
const refused = (args, says) =>
    assert.rejects(impresario(args), ({ code, stderr }) => {
        assert.match(stderr, says);
        assert.equal(code, 2);
        return true;
    });

test("a server on what was restored has everything as it was", async () => {
    const data = fresh();
    await impresario(["restore", file, "--data", data, "--master-key-file", key]);
    const server = await Server.start({ data, args: ["--master-key-file", key] });
    try {
        const again = Object.assign(new Tenant(server.url, tenant.key), { server });
        assert.deepEqual(await again.ok("deployments/sync", { id: deployment.id }), deployment);
        assert.deepEqual(await again.ok("jobs/get", { id: job.job_id }), job);
        assert.equal((await again.ok("credentials/get", { name: "shop" })).value, SECRET);
        assert.deepEqual(await again.result("kept", { n: 2 }), { n: 2 });
    } finally {
        await server.stop();
    }
});

test("a backup with the key has the key itself, also where a link led to it", async () => {
    const data = fresh();
    await impresario(["restore", whole, "--data", data]);
    assert.ok(lstatSync(join(data, "master.key")).isFile());
    assert.equal(readFileSync(join(data, "master.key"), "utf8"), readFileSync(key, "utf8"));
});

test("neither the key nor what it seals is in the file", () => {
    const bytes = readFileSync(file);
    assert.equal(bytes.indexOf(SECRET), -1);
    assert.equal(bytes.indexOf(readFileSync(key, "utf8").trim()), -1);
});

test("another master key is refused, and nothing is left", async () => {
    const data = fresh();
    const other = join(scratch, "other.key");
    writeFileSync(other, `${"0".repeat(64)}\n`, { mode: 0o600 });
    await refused(["restore", file, "--data", data, "--master-key-file", other], /master key is not the one/);
    await refused(["restore", file, "--data", data], /--master-key-file/);
    assert.ok(!existsSync(data) && !existsSync(`${data}.restoring`));
});

test("a data directory that holds something is not touched, nor a file that is there", async () => {
    const data = mkdtempSync(join(scratch, "full-"));
    writeFileSync(join(data, "mine"), "");
    await refused(["restore", file, "--data", data, "--master-key-file", key], /not empty/);
    assert.ok(existsSync(join(data, "mine")));
    await refused(["backup", file, "--data", data], /is there already/);
});

test("what was cut off or changed anywhere is found", async () => {
    const bytes = readFileSync(file);
    const damaged = join(scratch, "damaged.tar");
    const cuts = [0, 100, bytes.length >> 1, bytes.length - 11_000].map((n) => bytes.subarray(0, n));
    const flips = Array.from({ length: 24 }, (_, i) => {
        const changed = Buffer.from(bytes);
        changed[Math.floor(((i + 0.5) * bytes.length) / 24)] ^= 1 << i % 8;
        return changed;
    });
    for (const content of [...cuts, ...flips]) {
        const data = fresh();
        writeFileSync(damaged, content);
        try {
            await impresario(["restore", damaged, "--data", data, "--master-key-file", key]);
        } catch (error) {
            assert.match(error.stderr, /damaged|not whole|Unrecognized|read /);
            assert.ok(!existsSync(data));
            continue;
        }
        // Fill of the tar, which nothing reads: what came out is as it was.
        const { stdout } = await impresario(["key", "list", "--data", data]);
        assert.ok(stdout.includes(tenant.name) && content.length === bytes.length);
    }
});
