// SPDX-License-Identifier: Apache-2.0
/** What the suites of AI builds share: a server with a scripted model, sites of the bench, scripts that survive a restart. */
import assert from "node:assert/strict";
import { actionLog } from "../../bench/agent/action-log.mjs";
import { serve } from "../../bench/agent/site.mjs";
import { turnsOf } from "../../bench/agent/transcripts.mjs";
import { Model } from "./model.mjs";
import { Server } from "./server.mjs";
import { Tenant } from "./tenant.mjs";

const FINAL = new Set(["ready", "failed"]);
const PATIENCE_MS = 300_000;

/** A model, a server that uses it, and a tenant; all end with `t`. */
export async function stage(t, provider, settings = {}) {
    const model = await Model.open();
    const server = await Server.start({ env: model.settings(provider, settings) });
    t.after(async () => {
        await server.stop();
        await model.close();
    });
    return { model, server, tenant: await Tenant.make("ai", server) };
}

/** A site of the bench, open until `t` ends: its definition, what it is now, and the turns of its transcript. */
export async function siteOf(t, name) {
    const { default: site } = await import(`../../bench/agent/sites/${name}.mjs`);
    const running = await serve(site);
    t.after(() => running.close());
    return { site, running, turns: turnsOf(site, running.url) };
}

/** The body of `workflows/build` for a site. */
export const asked = ({ site, running }, more = {}) => ({
    descriptions: [site.description],
    initial_url: running.url,
    params: site.params,
    ...more,
});

/** The recorded actions for a site. */
export async function actionLogOf({ site, running }) {
    const { entries } = await import(`../../bench/agent/action-logs/${site.name}.mjs`);
    return actionLog(entries, running.url);
}

/**
 * Turns that go on where the conversation stands, not where the script stood: a server that starts again
 * asks again what it had asked. A model whose last call was lost with the server makes it again.
 */
export const byConversation =
    (turns) =>
    ({ body }) =>
        turns[body.messages.filter(({ role }) => role === "assistant").length] ?? turns.at(-1);

export async function start(tenant, body) {
    const { build_id: id, status } = await tenant.ok("workflows/build", body);
    assert.ok(["pending", "agent_running"].includes(status), status);
    return id;
}

/** Waits until `holds` is true of a build's status. */
export async function until(tenant, id, holds) {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
        const build = await tenant.ok("workflows/buildStatus", { build_id: id });
        if (holds(build)) return build;
        const story = JSON.stringify(build, null, 1);
        assert.ok(!FINAL.has(build.status), `the build has ended: ${story}`);
        assert.ok(performance.now() < deadline, `the build does not get there: ${story}`);
        await tenant.ok("workflows/buildStatus", { build_id: id, wait_seconds: 1 });
    }
}

export const ended = (tenant, id) => until(tenant, id, ({ status }) => FINAL.has(status));

/** Builds to the end, which must be a workflow, and gives the status. */
export async function built(tenant, body) {
    const build = await ended(tenant, await start(tenant, body));
    assert.equal(build.status, "ready", JSON.stringify(build, null, 1));
    return build;
}

/** Builds to the end, which must be a failure, and gives the status. */
export async function notBuilt(tenant, body) {
    const build = await ended(tenant, await start(tenant, body));
    assert.equal(build.status, "failed", JSON.stringify(build, null, 1));
    assert.equal(build.deployment_id, null);
    return build;
}

/** What the steps of a build tell, on one string. */
export const story = ({ attempted_steps: steps }) => JSON.stringify(steps);
