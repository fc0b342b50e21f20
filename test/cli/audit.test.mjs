// SPDX-License-Identifier: Apache-2.0
/** The audit log: each deed has its row, and a log that was touched says where. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { oneWorkflow } from "../support/artifact.mjs";
import { Server, impresario, unique } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";

const VALUE = unique("a value that no log shows");
const scratch = mkdtempSync(join(tmpdir(), "impresario-audit-"));
const data = join(scratch, "data");
const ids = {};
let tenant, rows, head, count = 0;

const audit = async (...args) => JSON.parse((await impresario(["audit", ...args, "-o", "json"])).stdout);

/** One of each deed, on a server that then ends. */
before(async () => {
    const server = await Server.start({ data });
    try {
        tenant = await Tenant.make("audit", server);
        ids.deployment = (await tenant.deploy(oneWorkflow("audited", "return 1;"))).id;
        ids.job = (await tenant.ok("jobs/create", { workflow: "audited", nonce: "n" })).job_id;
        await tenant.ok("jobs/create", { workflow: "audited", nonce: "n" });
        await tenant.finished(ids.job);
        ids.other = (await tenant.ok("jobs/create", { workflow: "audited" })).job_id;
        await tenant.ok("jobs/cancel", { id: ids.other });
        const { credential_id: id } = await tenant.ok("credentials/create", { name: "shop", value: VALUE });
        await tenant.ok("credentials/upsert", { name: "shop", value: VALUE });
        await tenant.ok("credentials/update", { id, name: "market" });
        await tenant.ok("credentials/delete", { id });
        ids.credential = id;
        assert.equal((await tenant.call("credentials/delete", { id })).status, 404);
        const useless = { ts: "2026-01-01T00:00:00.000Z", action: "think", source: "user", success: true };
        const { build_id: build } = await tenant.ok("workflows/build", {
            descriptions: ["Nothing much"],
            initial_url: "http://127.0.0.1:9/",
            action_log: [useless],
        });
        ids.build = build;
        await tenant.ok("workflows/delete", { workflow: "audited" });
        for (let i = 0; i < 5; i++) {
            const answer = await fetch(`${server.url}/v1/jobs/list`, {
                method: "POST",
                headers: { "x-api-key": "lbt_no" },
            });
            assert.equal(answer.status, 401);
        }
        await server.revokedKey(tenant.name);
        await impresario(["backup", join(scratch, "backup.tar"), "--data", data]);
    } finally {
        await server.end();
    }
    rows = await audit("list", "--data", data);
    ({ head } = await audit("verify", "--data", data));
});
after(() => rmSync(scratch, { recursive: true }));

test("each deed has one row, with who did it to what, in their order", () => {
    const told = rows.map(({ actor, action, subject, detail }) => [actor.replace(/ .*/, ""), action, subject, detail]);
    const of = (action) => told.filter((row) => row[1] === action);
    assert.deepEqual(rows.map(({ seq }) => seq), rows.map((_, i) => i + 1));
    assert.deepEqual(of("server.started").length, 1);
    assert.deepEqual(told[0].slice(0, 2), ["server", "server.started"]);
    assert.deepEqual(told.at(-1).slice(0, 2), ["server", "server.stopped"]);
    assert.deepEqual(of("job.created"), [
        ["key", "job.created", ids.job, "audited"],
        ["key", "job.created", ids.other, "audited"],
    ]);
    assert.deepEqual(of("job.cancelled").length, 1);
    assert.equal(of("deployment.created")[0][2], ids.deployment);
    assert.deepEqual(
        told.filter(([, action]) => action.startsWith("credential.")).map((row) => row.slice(1)),
        [
            ["credential.created", ids.credential, "shop"],
            ["credential.changed", ids.credential, "shop"],
            ["credential.changed", ids.credential, "market"],
            ["credential.deleted", ids.credential, "market"],
        ],
    );
    assert.deepEqual(of("workflow.deleted"), [["key", "workflow.deleted", "audited", ""]]);
    assert.deepEqual(of("ai_build.created"), [["key", "ai_build.created", ids.build, ""]]);
    assert.equal(of("key.created").length, 2);
    assert.equal(of("key.revoked").length, 1);
    assert.equal(of("store.backed_up")[0][0], "host");
    assert.ok(rows.filter(({ actor }) => actor.startsWith("key ")).every(({ tenant_id: id }) => id));
    assert.ok(!JSON.stringify(rows).includes(VALUE));
});

test("refused keys are told of at most once a minute, and the key is not", () => {
    const refused = rows.filter(({ action }) => action === "auth.refused");
    assert.equal(refused.length, 1);
    assert.match(refused[0].actor, /^peer 127\.0\.0\.1$/);
    assert.ok(!JSON.stringify(refused).includes("lbt_"));
});

test("a whole log says so, also while its server runs, and knows a head from before", async () => {
    const { stdout } = await impresario(["audit", "verify", "--data", data]);
    assert.match(stdout, new RegExp(`^${rows.length} rows, whole\nhead ${head}\n$`));
    const server = await Server.start({ data });
    try {
        const now = await audit("verify", "--data", data, "--head", head);
        assert.equal(now.whole, true);
        assert.equal(now.rows, rows.length + 1);
    } finally {
        await server.end();
    }
});

test("a backup has the log until then, and what was restored goes on with it", async () => {
    const restored = join(scratch, "restored");
    const key = join(data, "master.key");
    await impresario(["restore", join(scratch, "backup.tar"), "--data", restored, "--master-key-file", key]);
    const { whole } = await audit("verify", "--data", restored, "--master-key-file", key);
    const list = await audit("list", "--data", restored);
    assert.ok(whole);
    assert.deepEqual(list.slice(-2).map(({ action }) => action), ["key.revoked", "store.restored"]);
    assert.deepEqual(list.slice(0, -1), rows.slice(0, list.length - 1));
});

/** A copy of the data directory, after `sql`. */
function touched(sql) {
    const copy = join(scratch, `copy-${count++}`);
    cpSync(data, copy, { recursive: true });
    const script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.executescript(sys.argv[2])";
    execFileSync("python3", ["-c", script, join(copy, "impresario.db"), sql]);
    return copy;
}

for (const [what, sql, says] of [
    ["that was changed", "UPDATE audit SET detail = 'other' WHERE seq = 4", /^broken: row 4 was changed\n$/],
    ["that is gone", "DELETE FROM audit WHERE seq = 5", /^broken: row 5 is missing\n$/],
    ["and all behind it that are cut off", "DELETE FROM audit WHERE seq >= 6", /^broken: row 6 is missing: .* cut off/],
    [
        "that is signed with another head",
        "DELETE FROM audit WHERE seq > 6; UPDATE audit_head SET seq = 6, digest = (SELECT digest FROM audit WHERE seq = 6)",
        /not signed with this master key/,
    ],
]) {
    test(`a row ${what} is named`, () =>
        assert.rejects(impresario(["audit", "verify", "--data", touched(sql)]), ({ code, stdout }) => {
            assert.match(stdout, says);
            assert.equal(code, 1);
            return true;
        }));
}

test("a command beside the server signs with the server's key or not at all", async () => {
    const copy = touched("SELECT 1");
    const key = join(scratch, "elsewhere.key");
    renameSync(join(copy, "master.key"), key);
    const create = ["key", "create", "--data", copy, "--tenant", "t", "--label", "l"];
    await assert.rejects(impresario(create), /name it with --master-key-file/);
    assert.ok(!existsSync(join(copy, "master.key")), "none was made");
    writeFileSync(join(copy, "master.key"), `${"0".repeat(64)}\n`, { mode: 0o600 });
    await assert.rejects(impresario(create), /is not the one that the audit log is signed under/);
    await impresario([...create, "--master-key-file", key]);
    assert.ok((await audit("verify", "--data", copy, "--master-key-file", key)).whole);
});

test("what is not there or not understood is said", async () => {
    const refused = (args, says) =>
        assert.rejects(impresario(["audit", ...args]), ({ code, stderr }) => {
            assert.match(stderr, says);
            assert.equal(code, 2);
            return true;
        });
    await refused(["verify", "--data", join(scratch, "nothing")], /there is no store at/);
    await refused(["mend", "--data", data], /neither list nor verify/);
    await refused(["verify", "--data", data, "--head", "5:00"], /is no head/);
});
