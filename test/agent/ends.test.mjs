// SPDX-License-Identifier: Apache-2.0
/** How a build ends that does not succeed by itself: budgets, cancelling, a server killed in each state, no model at all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { actionLogOf, asked, built, byConversation, ended, notBuilt, siteOf, stage, start, story, until } from "../support/ai.mjs";
import { Model } from "../support/model.mjs";
import { Server } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";

const looking = () => ({ text: "I look again.", calls: { tool: "snapshot", input: {} } });

for (const [budget, settings, words] of [
    ["steps", { IMPRESARIO_AI_STEPS: "4" }, /step/i],
    ["tokens", { IMPRESARIO_AI_TOKENS: "3000" }, /token/i],
    ["time", { IMPRESARIO_AI_SECONDS: "10" }, /second|time/i],
    ["money", { IMPRESARIO_AI_COST: "2000", IMPRESARIO_MODEL_PRICE_IN: "1000", IMPRESARIO_MODEL_PRICE_OUT: "1000" }, /cost|money|price/i],
]) {
    test(`a model that loops ends with its budget of ${budget}, and the error says so`, async (t) => {
        const s = await stage(t, "openai", settings);
        const it = await siteOf(t, "search");
        s.model.play(looking);
        const build = await notBuilt(s.tenant, asked(it));
        assert.match(build.error, words);
        assert.deepEqual(s.model.faults, []);
        assert.ok(build.attempted_steps.length > 0);
    });
}

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

/** Starts another server on what the first one left when it was killed. */
async function killed(t, s) {
    await s.server.end("SIGKILL");
    const again = await Server.start({ data: s.server.data, env: s.model.settings("anthropic") });
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
    const second = await start(s.tenant, asked(it));

    s.model.play(byConversation(it.turns));
    const tenant = await killed(t, s);
    for (const id of [first, second]) assert.equal((await ended(tenant, id)).status, "ready");
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

test("a build killed while it runs the workflow, or deploys it, ends well", async (t) => {
    const s = await stage(t, "anthropic");
    const it = await siteOf(t, "search");
    s.model.play(byConversation(it.turns));
    const id = await start(s.tenant, asked(it));
    await s.model.asked(it.turns.length);
    const tenant = await killed(t, s);
    const build = await ended(tenant, id);
    assert.equal(build.status, "ready", JSON.stringify(build, null, 1));
    const deployments = await tenant.ok("deployments/list", {});
    assert.equal(deployments.filter(({ status }) => status === "ready").length, 1, "it was deployed once");
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
