// SPDX-License-Identifier: Apache-2.0
/**
 * The level "basic": a machine that has no user namespaces (src/exec/without_userns.c makes one), where
 * only root can build boxes, and does so only where that was chosen.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import test, { after } from "node:test";
import { oneWorkflow } from "../support/artifact.mjs";
import { BINARY, Server } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";

const WITHOUT = join(dirname(BINARY), "src", "exec", "without_userns");
const NOBODY = 60999;
const root = process.getuid() === 0;
const ENV = { IMPRESARIO_BUILD_WORKERS: "1", IMPRESARIO_JOB_SLOTS: "1", IMPRESARIO_SPARE_SLOTS: "0" };
/** Processes are counted by user at this level: other users than those of a server that runs on this machine. */
const ACCEPTED = { ...ENV, IMPRESARIO_SANDBOX_REQUIRE: "basic", IMPRESARIO_SANDBOX_UID: "61200" };

let server;
after(() => server?.stop());

const start = (env, data) => Server.start({ data, env, under: [WITHOUT] });
const ready = async () => (await fetch(`${server.url}/readyz`)).json();

/** Its exit status, and what it printed. */
function doctor(args, options = {}) {
    return new Promise((resolve) => {
        execFile(WITHOUT, [BINARY, "doctor", ...args], { encoding: "utf8", ...options }, (error, stdout) =>
            resolve({ status: error?.code ?? 0, stdout }),
        );
    });
}

const LOOK = `
    const { readFileSync } = await import("node:fs");
    const { userInfo } = await import("node:os");
    await page.goto("data:text/html,<title>Hi</title>");
    return {
        title: await page.title(),
        user: userInfo().username,
        uid: process.getuid(),
        rights: readFileSync("/proc/self/status", "utf8").match(/^Cap.*$/gm).map((line) => line.split("\\t")[1]),
    };`;

test("where it was chosen, a build and a job with a page run, and say so", { skip: !root }, async () => {
    server = await start(ACCEPTED);
    const { sandbox, refuses, layers } = await ready();
    assert.equal(sandbox, "basic");
    assert.equal(refuses, null);
    assert.equal(layers["user-namespaces"], false);
    for (const wall of ["namespaces", "files", "privileges", "system-calls", "secrets", "limits", "network"])
        assert.equal(layers[wall], true, wall);
    assert.match(
        await server.says(/sandbox.level/),
        /basic.*user-namespaces: boxes are in the host's, and Chromium has no sandbox of its own/,
    );

    const t = await Tenant.make("basic", server);
    const deployment = await t.deploy(oneWorkflow("looks", LOOK));
    assert.equal(deployment.sandbox_level, "basic");
    const job = await t.run("looks");
    assert.equal(job.status, "completed", JSON.stringify(job));
    assert.equal(job.sandbox_level, "basic");
    assert.equal(job.result.title, "Hi");
    assert.equal(job.result.user, "sandbox");
    assert.ok(job.result.uid >= 61200 && job.result.uid < 61456, String(job.result.uid));
    assert.deepEqual(job.result.rights, Array(5).fill("0".repeat(16)));
});

test("where it was not chosen, builds and jobs are refused, with the remedy", { skip: !root }, async () => {
    let t = await Tenant.make("strong", server);
    await t.deploy(oneWorkflow("wanted", "return 1;"));
    const { data } = server;
    await server.end();
    server = await start({ ...ENV, IMPRESARIO_SANDBOX_UID: "61200" }, data);
    t = Object.assign(new Tenant(server.url, await server.key(t.name)), { name: t.name, server });

    const why =
        /the walls here are "basic", and sandbox_require is "strong": .*user-namespaces: .*user namespaces cannot be made here: Operation not permitted.*--sandbox-require basic/s;
    const { refuses, sandbox } = await ready();
    assert.equal(sandbox, "basic");
    assert.match(refuses, why);
    assert.match(await t.buildError(oneWorkflow("refused")), new RegExp(`sandbox unavailable: walls: ${why.source}`, "s"));
    const job = await t.run("wanted");
    assert.equal(job.status, "failed");
    assert.equal(job.started_at, null);
    assert.match(job.error, new RegExp(`sandbox unavailable: walls: ${why.source}.*See .impresario doctor`, "s"));
});

test("where there are user namespaces, having accepted less gives up nothing", { skip: !root }, async () => {
    await server.stop();
    server = await Server.start({ env: ACCEPTED });
    assert.match((await ready()).sandbox, /^(full|strong)$/);
    const t = await Tenant.make("accepting", server);
    await t.deploy(oneWorkflow("looks", "return process.getuid();"));
    const job = await t.run("looks");
    assert.equal(job.result, 1000);
    assert.match(job.sandbox_level, /^(full|strong)$/);
});

test("doctor names the level, what is missing and what to do about it", { skip: !root }, async () => {
    const strict = await doctor(["--sandbox-uid", "61200"]);
    assert.equal(strict.status, 1);
    assert.match(strict.stdout, /Sandbox level: basic\. The server runs nothing here: sandbox_require is strong\./);
    assert.match(strict.stdout, /\nuser-namespaces: .*--sandbox-require basic\n/);

    const accepting = await doctor(["--sandbox-require", "basic", "--sandbox-uid", "61200", "-o", "json"]);
    assert.equal(accepting.status, 0);
    const { sandbox_level: level, ready, walls } = JSON.parse(accepting.stdout);
    assert.equal(level, "basic");
    assert.equal(ready, true);
    const found = Object.fromEntries(walls.map((wall) => [wall.name, wall]));
    assert.equal(found["user-namespaces"].state, "weak");
    assert.equal(found.chromium.state, "weak");
    assert.match(found.chromium.found, /without a sandbox of its own/);
    for (const wall of ["namespaces", "files", "privileges", "system-calls", "secrets", "limits"])
        assert.equal(found[wall].state, "ok", found[wall].found);
});

test("who is not root has no such level, whatever is chosen", async () => {
    const { status, stdout } = await doctor(
        ["--sandbox-require", "basic"],
        root ? { uid: NOBODY, gid: NOBODY, cwd: "/" } : {},
    );
    assert.equal(status, 1);
    assert.match(stdout, /Sandbox level: below\./);
    assert.match(stdout, /\nnamespaces +missing +namespaces: .*user namespace/);
});
