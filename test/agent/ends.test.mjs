// SPDX-License-Identifier: Apache-2.0
/** How a build ends that does not succeed by itself: budgets, cancelling, a server killed in each state, no model at all. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { actionLogOf, asked, built, byConversation, ended, notBuilt, siteOf, stage, start, story, until } from "../support/ai.mjs";
import { plain } from "../support/artifact.mjs";
import { Server } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";

const RUNNER = process.env.IMPRESARIO_RUNNER ?? fileURLToPath(new URL("../../runner", import.meta.url));

/** Makes the next run of a site's workflow wait at its first request: `reached` when it is there. */
function withGate(t, { site }) {
    const gate = {};
    gate.opened = new Promise((resolve) => (gate.open = resolve));
    gate.reached = new Promise((resolve) => {
        const { answer } = site;
        t.after(() => (site.answer = answer));
        let looks = 0;
        site.answer = async (ask, data) => {
            // The first to come is the build's browser, which looks at the page.
            if (ask.path === "/" && (looks += 1) === 2) {
                resolve();
                await gate.opened;
            }
            return answer.call(site, ask, data);
        };
    });
    return gate;
}

const looking = () => ({ text: "I look again.", calls: { tool: "snapshot", input: {} } });

const spent = ({ details: { steps, tokens_in, tokens_out, cost } }) => ({ steps, tokens: tokens_in + tokens_out, cost });

for (const [budget, setting, most, more, used] of [
    ["steps", "AI_STEPS", 4, {}, ({ steps }) => steps],
    ["tokens", "AI_TOKENS", 3000, {}, ({ tokens }) => tokens],
    ["money", "AI_COST", 2000, { IMPRESARIO_MODEL_PRICE_IN: "1000", IMPRESARIO_MODEL_PRICE_OUT: "2000" }, ({ cost }) => cost],
]) {
    test(`a model that loops ends with its budget of ${budget}, and the error says so`, async (t) => {
        const s = await stage(t, "openai", { [`IMPRESARIO_${setting}`]: String(most), ...more });
        const it = await siteOf(t, "search");
        s.model.play(looking);
        const build = await notBuilt(s.tenant, asked(it));
        assert.match(build.error, new RegExp(`used up its .*\\b${most} .*setting ${setting.toLowerCase()}`));
        assert.deepEqual(s.model.faults, []);
        const end = spent(build);
        // It ends with the turn that used the rest, and not before.
        const { tokens_in: read, tokens_out: written } = build.attempted_steps.findLast(({ kind }) => kind === "model");
        const last = { steps: 1, tokens: read + written, cost: Math.trunc(read + 2 * written) };
        assert.ok(used(end) >= most, JSON.stringify(end));
        assert.ok(used(end) - used(last) < most, JSON.stringify([end, last]));
        assert.equal(end.steps, s.model.requests.length);
        assert.equal(end.cost > 0, budget === "money");
    });
}

test("a model that never answers ends with the budget of time, however often the server starts again", async (t) => {
    const s = await stage(t, "openai", { IMPRESARIO_AI_SECONDS: "10" });
    const it = await siteOf(t, "search");
    s.model.play(byConversation([looking(), { fail: "slow", gate: new Promise(() => {}) }]));
    const id = await start(s.tenant, asked(it));
    await s.model.asked(2);
    const { details: before } = await s.tenant.ok("workflows/buildStatus", { build_id: id });

    const tenant = await killed(t, s, "openai", { IMPRESARIO_AI_SECONDS: "10" });
    const build = await ended(tenant, id);
    assert.equal(build.status, "failed");
    assert.match(build.error, /worked for 10 s.*setting ai_seconds/);
    assert.ok(before.worked_ms > 0 && build.details.worked_ms >= 10_000, JSON.stringify([before, build.details]));
    assert.ok(build.details.worked_ms < 60_000, "the call was not waited for");
});

test("a build that waits and a build that works can be cancelled, and both say so", async (t) => {
    const s = await stage(t, "anthropic", { IMPRESARIO_AI_BUILDS: "1" });
    const it = await siteOf(t, "search");
    s.model.play(() => ({ fail: "slow", gate: new Promise(() => {}) }));
    const first = await start(s.tenant, asked(it));
    await s.model.asked(1);
    const second = await start(s.tenant, asked(it));

    const { in_progress_builds: listed } = await s.tenant.ok("workflows/list", {});
    assert.deepEqual(listed.map(({ build_id: id }) => id).sort(), [first, second].sort());
    for (const id of [second, first]) {
        assert.equal((await s.tenant.ok("workflows/cancelBuild", { build_id: id })).success, true);
        const build = await ended(s.tenant, id);
        assert.equal(build.status, "failed");
        assert.match(build.error, /cancel/i);
        assert.equal((await s.tenant.ok("workflows/cancelBuild", { build_id: id })).success, false);
    }
    // The place is free again.
    s.model.play(byConversation(it.turns));
    await built(s.tenant, asked(it));
});

/** Starts another server on what the first one left when it was killed, or stopped. */
async function killed(t, s, provider = "anthropic", settings = {}, signal = "SIGKILL") {
    const { code } = await s.server.end(signal);
    if (signal !== "SIGKILL") assert.equal(code, 0, s.server.lastWords);
    const again = await Server.start({ data: s.server.data, env: s.model.settings(provider, settings) });
    t.after(() => again.stop());
    const tenant = new Tenant(again.url, s.tenant.key);
    return Object.assign(tenant, { name: s.tenant.name, server: again });
}

test("a build that waited when the server was killed is built by the next one", async (t) => {
    const s = await stage(t, "anthropic", { IMPRESARIO_AI_BUILDS: "1" });
    const it = await siteOf(t, "search");
    s.model.play(() => ({ fail: "slow", gate: new Promise(() => {}) }));
    const first = await start(s.tenant, asked(it));
    await s.model.asked(1);
    const other = await Tenant.make("waits", s.server); // where the name is free, too
    const second = await start(other, asked(it));

    s.model.play(byConversation(it.turns));
    const tenant = await killed(t, s);
    assert.equal((await ended(tenant, first)).status, "ready");
    assert.equal((await ended(new Tenant(tenant.url, other.key), second)).status, "ready");
});

for (const at of [1, 2, 3, 4]) {
    test(`a build killed while the model thinks for the ${at + 1}. time goes on from there`, async (t) => {
        const s = await stage(t, "anthropic");
        const it = await siteOf(t, "search");
        const play = byConversation(it.turns);
        s.model.play((request) =>
            request.turn === at ? { fail: "slow", gate: new Promise(() => {}) } : play(request),
        );
        const id = await start(s.tenant, asked(it));
        await s.model.asked(at + 1);

        s.model.play(play);
        const tenant = await killed(t, s);
        const build = await ended(tenant, id);
        assert.equal(build.status, "ready", JSON.stringify(build, null, 1));
        assert.deepEqual(s.model.faults, []);
        assert.deepEqual(await tenant.result(build.workflow_name, { query: "castle" }), it.site.expected(it.running.data, { query: "castle" }));
    });
}

test("a server that is stopped while the model thinks ends well, and the next one goes on", async (t) => {
    const s = await stage(t, "anthropic");
    const it = await siteOf(t, "search");
    s.model.play(() => ({ fail: "slow", gate: new Promise(() => {}) }));
    const id = await start(s.tenant, asked(it));
    await s.model.asked(1);
    s.model.play(byConversation(it.turns));
    const tenant = await killed(t, s, "anthropic", {}, "SIGTERM");
    const build = await ended(tenant, id);
    assert.equal(build.status, "ready", JSON.stringify(build, null, 1));
});

test("a build killed while it proves the workflow proves it again", async (t) => {
    const s = await stage(t, "anthropic");
    const it = await siteOf(t, "search");
    // The workflow's own run tells when it is under way, and waits there until the server is gone.
    const gate = withGate(t, it);
    s.model.play(byConversation(it.turns));
    const id = await start(s.tenant, asked(it));
    await gate.reached;
    const { status } = await s.tenant.ok("workflows/buildStatus", { build_id: id });
    assert.equal(status, "agent_running");
    const again = killed(t, s);
    gate.open();
    const tenant = await again;
    const build = await ended(tenant, id);
    assert.equal(build.status, "ready", JSON.stringify(build, null, 1));
    const deployments = await tenant.ok("deployments/list", {});
    assert.equal(deployments.length, 1, "it was deployed once");
});

test("a build killed while its workflow is deployed becomes ready without its model", async (t) => {
    // One place for builds of deployments, and one that takes it: what was proven has to wait for it.
    const s = await stage(t, "anthropic", { IMPRESARIO_BUILD_WORKERS: "1", IMPRESARIO_DISCOVER_SECONDS: "120" });
    const it = await siteOf(t, "search");
    const play = byConversation(it.turns);
    s.model.play(async (request) => {
        const turn = play(request);
        if (turn === it.turns.at(-1)) await s.tenant.ok("deployments/create", plain({ "index.ts": "await new Promise((done) => setTimeout(done, 1e9));" }));
        return turn;
    });
    const id = await start(s.tenant, asked(it));
    const { deployment_id: deployment, attempted_steps: told } = await until(s.tenant, id, ({ status }) => status === "deploying");
    const requests = s.model.requests.length;
    const { in_progress_builds: listed } = await s.tenant.ok("workflows/list", {});

    const tenant = await killed(t, s, "anthropic", { IMPRESARIO_DISCOVER_SECONDS: "2" });
    const build = await ended(tenant, id);
    assert.equal(build.status, "ready", JSON.stringify(build, null, 1));
    const { status, workflow_name: name } = listed.find(({ build_id: each }) => each === id);
    assert.deepEqual([status, name], ["deploying", build.workflow_name]);
    assert.equal(build.deployment_id, deployment);
    assert.equal(build.attempted_steps.length, told.length);
    assert.equal(s.model.requests.length, requests, "the model was asked again");
    const deployments = await tenant.ok("deployments/list", {});
    assert.deepEqual(deployments.filter(({ status }) => status === "ready").map(({ id: each }) => each), [deployment]);
    assert.deepEqual(await tenant.result(build.workflow_name, { query: "castle" }), it.site.expected(it.running.data, { query: "castle" }));
});

test("a sandbox that does not start is the server's fault: it is tried again, and the model hears nothing of it", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "impresario-runner-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const runner = join(folder, "runner");
    symlinkSync(RUNNER, runner); // the server looks at its walls when it starts, and needs it for that
    const s = await stage(t, "anthropic", { IMPRESARIO_RUNNER: runner, IMPRESARIO_WARM_SLOTS: "0" });
    unlinkSync(runner);
    const it = await siteOf(t, "search");
    s.model.play(byConversation(it.turns));
    const id = await start(s.tenant, asked(it));
    await until(s.tenant, id, ({ attempted_steps: steps }) => steps.some(({ kind }) => kind === "server"));
    assert.equal(s.model.requests.length, 1);
    symlinkSync(RUNNER, runner);
    const build = await ended(s.tenant, id);
    assert.equal(build.status, "ready", JSON.stringify(build, null, 1));
    assert.doesNotMatch(JSON.stringify(s.model.requests.map(({ body }) => body.messages)), /did not start|sandbox/);
});

test("a server that cannot start a sandbox at all ends the build with the reason", async (t) => {
    const s = await stage(t, "anthropic", { IMPRESARIO_RUNNER: join(tmpdir(), "impresario-no-runner"), IMPRESARIO_WARM_SLOTS: "0" });
    const it = await siteOf(t, "search");
    s.model.play(byConversation(it.turns));
    const build = await notBuilt(s.tenant, asked(it));
    assert.match(build.error, /impresario-no-runner.*fault of the server, not of the workflow.*impresario doctor/s);
    assert.equal(build.attempted_steps.filter(({ kind }) => kind === "server").length, 4, story(build));
    assert.equal(s.model.requests.length, 1);
});

test("a disk that takes no files is the server's fault as well", async (t) => {
    const s = await stage(t, "anthropic");
    const it = await siteOf(t, "search");
    s.model.play(byConversation(it.turns));
    const build = await builtDespiteDisk(s.server, s.tenant, asked(it));
    assert.equal(build.status, "ready", story(build));
    assert.deepEqual(s.model.faults, []);
});

test("a disk that takes no files is the server's fault without a model too", async (t) => {
    const server = await Server.start({ env: { IMPRESARIO_MODEL_PROVIDER: "none" } });
    t.after(() => server.stop());
    const it = await siteOf(t, "search");
    const tenant = await Tenant.make("no-model-no-disk", server);
    const build = await builtDespiteDisk(server, tenant, asked(it, { action_log: await actionLogOf(it) }));
    assert.equal(build.status, "ready", story(build));
});

/** A build that meets a server which cannot keep what a clean run needs, until it has said so. */
async function builtDespiteDisk(server, tenant, what) {
    const inTheWay = join(server.data, "blobs", "proofs");
    writeFileSync(inTheWay, "");
    const id = await start(tenant, what);
    await until(tenant, id, ({ attempted_steps: steps }) => steps.some(({ kind }) => kind === "server"));
    rmSync(inTheWay);
    return ended(tenant, id);
}

test("a request is taken up to 32 MiB, and one byte more is refused by name", async (t) => {
    const s = await stage(t, "openai");
    s.model.play([{ calls: { tool: "give_up", input: { reason: "I have seen enough." } } }]);
    const line = JSON.stringify({ method: "GET", url: "http://shop.test/items", status: 200, contentType: "application/json", responseBody: "x".repeat(9000) }) + "\n";
    const body = (network_log) => ({ descriptions: ["List the items."], initial_url: "http://127.0.0.1:9/", params: {}, network_log });
    const most = 32 * 1024 * 1024;
    const room = most - Buffer.byteLength(JSON.stringify({ json: body("") }));
    const lines = line.repeat(Math.floor(room / (JSON.stringify(line).length - 2)));
    const log = lines + " ".repeat(room - (JSON.stringify(lines).length - 2));
    assert.equal(Buffer.byteLength(JSON.stringify({ json: body(log) })), most);

    const build = await notBuilt(s.tenant, body(log));
    assert.equal(build.error, "I have seen enough.");
    assert.deepEqual(s.model.faults, []);
    const [{ body: told }] = s.model.requests;
    assert.match(JSON.stringify(told.messages), /more from number \d+ on: read_log/);
    assert.ok(JSON.stringify(told).length < 100_000, "the log was not shortened");

    const { message } = await s.tenant.fails("workflows/build", body(`${log} `), "PAYLOAD_TOO_LARGE");
    assert.match(message, /32 MiB/);
});

test("without a model: a log of actions is enough, and without one the settings are named", async (t) => {
    const server = await Server.start({ env: { IMPRESARIO_MODEL_PROVIDER: "none" } });
    t.after(() => server.stop());
    const tenant = await Tenant.make("no-model", server);
    const it = await siteOf(t, "search");

    const refused = await tenant.fails("workflows/build", asked(it), "PRECONDITION_FAILED");
    assert.match(refused.message, /IMPRESARIO_MODEL_PROVIDER/);
    assert.match(refused.message, /IMPRESARIO_MODEL\b/);

    const log = await actionLogOf(it);
    for (const action_log of [log, log.map((each) => JSON.stringify(each)).join("\n")]) {
        const build = await built(tenant, asked(it, { action_log }));
        assert.ok(build.attempted_steps.length > 0, story(build));
        const got = JSON.stringify(await tenant.result(build.workflow_name, { query: "hidden" }));
        for (const { title } of it.site.expected(it.running.data, { query: "hidden" }).results) assert.ok(got.includes(title), `${title} is not in ${got}`);
    }
});

test("a log in which nothing can be repeated fails the build and says why", async (t) => {
    const server = await Server.start({ env: { IMPRESARIO_MODEL_PROVIDER: "none" } });
    t.after(() => server.stop());
    const tenant = await Tenant.make("no-actions", server);
    const it = await siteOf(t, "search");
    const build = await notBuilt(tenant, asked(it, { action_log: [{ ts: "2026-01-01T00:00:00.000Z", action: "think", source: "user", success: true }] }));
    assert.match(build.error, /action/i);
});

test("another tenant's build is as unknown as one that never was", async (t) => {
    const s = await stage(t, "anthropic");
    const it = await siteOf(t, "search");
    s.model.play([{ calls: { tool: "give_up", input: { reason: "no" } } }]);
    const id = await start(s.tenant, asked(it));
    const other = await Tenant.make("other", s.server);
    for (const route of ["workflows/buildStatus", "workflows/cancelBuild"]) await other.fails(route, { build_id: id }, "NOT_FOUND");
    await ended(s.tenant, id);
});
