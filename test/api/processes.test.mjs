// SPDX-License-Identifier: Apache-2.0
/** The server's own processes: confined as the server says, and back when they die. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test, { after } from "node:test";
import { oneWorkflow } from "../support/artifact.mjs";
import { Server } from "../support/server.mjs";
import { Site } from "../support/site.mjs";
import { Tenant } from "../support/tenant.mjs";

const server = await Server.start();
after(() => server.stop());

/** Nothing when the process has just gone. */
const read = (pid, file) => {
    try {
        return readFileSync(`/proc/${pid}/${file}`, "utf8");
    } catch (error) {
        if (error.code === "ENOENT" || error.code === "ESRCH") return "";
        throw error;
    }
};
const nameOf = (pid) => read(pid, "cmdline").split("\0")[0];
const childrenOf = (pid) => read(pid, `task/${pid}/children`).trim().split(" ").filter(Boolean);

/** The process of that name, below one that starts it when it has died; it has its name a moment after it is there. */
async function helper(name, of = server) {
    for (;;) {
        const found = childrenOf(of.pid)
            .filter((pid) => nameOf(pid) === "impresario-start")
            .flatMap(childrenOf)
            .filter((pid) => nameOf(pid) === name);
        assert.ok(found.length <= 1, `${name} runs once`);
        if (found.length === 1) return Number(found[0]);
        await new Promise((resolve) => setImmediate(resolve));
    }
}

function assertConfined(pid) {
    const status = read(pid, "status");
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^Seccomp:\t2$/m);
    /* Of root's rights at most those over files, of users and groups, and to mount and to kill. */
    const rights = BigInt(`0x${/^CapBnd:\t(\w+)$/m.exec(status)[1]}`);
    const uid = Number(/^Uid:\t(\d+)/m.exec(status)[1]);
    for (const never of [12, 16, 17, 19, 22]) /* net_admin, modules, raw I/O, ptrace, boot */
        assert.ok(uid !== 0 || !(rights & (1n << BigInt(never))), `right ${never}`);
}

test("the server and each of its helpers are confined, and readyz says so", async () => {
    const { layers } = await (await fetch(`${server.url}/readyz`)).json();
    for (const [name, pid] of [
        ["server", server.pid],
        ["spawner", await helper("impresario-spawn")],
        ["egress", await helper("impresario-egress")],
        ["registry", await helper("impresario-registry")],
    ]) {
        assertConfined(pid);
        assert.equal(layers[`${name}-system-calls`], true, name);
        assert.equal(typeof layers[`${name}-files`], "boolean", name);
    }
    assert.equal(layers["spawner-network"], true);
});

test("a helper that dies comes back though the server runs no program, and jobs run", async () => {
    const t = await Tenant.make("processes", server);
    await t.deploy(oneWorkflow("before", "return 1;"));
    for (const [name, event] of [
        ["impresario-spawn", "spawner.restarted"],
        ["impresario-egress", "egress.restarted"],
        ["impresario-registry", "registry.restarted"],
    ]) {
        const old = await helper(name);
        process.kill(old, "SIGKILL");
        await server.says(new RegExp(event.replace(".", "\\.")));
        assert.notEqual(await helper(name), old);
    }
    assert.equal(await t.result("before"), 1);
    await t.deploy(oneWorkflow("after", "return 2;"));
    assert.equal(await t.result("after"), 2);
    assertConfined(await helper("impresario-spawn"));
});

test("a job that comes after the way out has died has the new one", async (c) => {
    const t = await Tenant.make("processes", server);
    const site = await Site.open();
    c.after(() => site.close());
    await t.deploy(oneWorkflow("goes-out", `return (await fetch("${site.url}/start")).status;`));
    assert.equal(await t.result("goes-out"), 200);
    while (!/^impresario_slots_warm [1-9]/m.test(await (await fetch(`${server.url}/metrics`)).text())) continue;
    const old = await helper("impresario-egress");
    process.kill(old, "SIGKILL");
    while ((await helper("impresario-egress")) === old) continue;
    assert.equal(await t.result("goes-out"), 200);
});

test("a server whose helper nobody can start again ends, and says so", async (c) => {
    const one = await Server.start();
    c.after(() => one.stop());
    const spawner = await helper("impresario-spawn", one);
    const starter = childrenOf(one.pid).find((pid) => childrenOf(pid).includes(String(spawner)));
    process.kill(Number(starter), "SIGKILL");
    process.kill(spawner, "SIGKILL");
    assert.match(await one.says(/"event":"spawner\.not_started"/), /impresario-start/);
    assert.match(await one.says(/"event":"server\.failed"/), /start it again/);
    const { code } = await one.end();
    assert.equal(code, 1);
});
