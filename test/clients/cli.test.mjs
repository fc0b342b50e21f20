// SPDX-License-Identifier: Apache-2.0
/**
 * Speaks as the public command line client does: its headers, its bodies, its order of calls, and
 * what it makes of the answers. It was compared with the requests of CLI 0.6.45; see README.md.
 * Where the client sleeps between two polls, this one asks the server to wait.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { bootstrap } from "../support/artifact.mjs";
import { checkAnswer } from "../support/contract.mjs";
import { Tenant } from "../support/tenant.mjs";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The client's side of the wire. `base` is used as it was typed, with its slash if it has one. */
class Cli {
    constructor(base, key) {
        this.base = base;
        this.key = key;
    }

    /** One call: what stands under `json`, or an error with the one message that the client prints. */
    async call(path, input) {
        const response = await fetch(`${this.base}${path}`, {
            method: "POST",
            headers: {
                "Content-Type": "application/json",
                Origin: this.base,
                "x-api-key": this.key,
                accept: "*/*",
                "accept-language": "*",
                "sec-fetch-mode": "cors",
                "user-agent": "node",
                "accept-encoding": "gzip, deflate",
            },
            body: JSON.stringify({ json: input }),
        });
        const text = await response.text();
        const contentType = response.headers.get("content-type");
        const body = checkAnswer({ method: "POST", target: path, status: response.status, contentType, text });
        if (!response.ok) throw new Error(body.message ?? body.json?.message ?? body.error?.message);
        return body.json ?? body;
    }

    /** `cloud deploy`: profiles first, then the upload, then polls until ready with workflows, or failed. */
    async deploy({ source, entry_point }, { profiles = [], description } = {}) {
        for (const name of profiles) await this.call("/v1/browserProfiles/ensure", { name: name.trim() });
        const created = await this.call("/v1/deployments/create", {
            source,
            entry_point,
            ...(description ? { description } : {}),
        });
        assert.equal(created.status, "building", "the client polls only when it reads building");

        let deployment = { status: created.status };
        for (let polls = 0; polls < 30; polls++) {
            if (deployment.status !== "building" && deployment.status !== "ready") break;
            if (deployment.status === "ready" && deployment.workflows?.length) break;
            deployment = await this.call("/v1/deployments/sync", {
                id: created.deployment_id,
                wait_seconds: 10,
            });
            assert.ok(["building", "ready", "failed"].includes(deployment.status), deployment.status);
            if (deployment.status === "ready")
                assert.ok(deployment.workflows?.length, "ready and its workflows come together");
        }
        if (deployment.status === "failed")
            throw new Error(`Build failed: ${deployment.build_error ?? "unknown error"}`);
        return deployment;
    }

    /** `cloud jobs status --watch`. */
    async watch(id) {
        assert.match(id, UUID, "the client refuses any other id before it asks");
        for (;;) {
            const job = await this.call("/v1/jobs/get", { id, wait_seconds: 2 });
            assert.ok(!job.hosted_workflow_id, "such a job belongs to another command");
            if (["completed", "failed", "cancelled"].includes(job.status)) return job;
            assert.ok(["queued", "starting_browser", "running"].includes(job.status), job.status);
            assert.ok(!("result" in job), "the client prints every result that is there");
        }
    }
}

const t = await Tenant.make("cli");
const cli = new Cli(t.url, t.key);
const several = () =>
    bootstrap({
        "index.ts": `import { workflow, z } from "libretto";
export const alpha = workflow("cli-alpha", { input: z.object({ n: z.number().default(2) }), handler: async (_: any, { n }: any) => ({ doubled: n * 2 }) });
export const beta = workflow("cli-beta", { authProfile: " cli-profile ".trim(), credentials: ["portal_user"], handler: async (_: any, input: any) => input.credentials });
export const gamma = workflow("cli-gamma", async ({ page }: any) => { await page.setContent("<title>gamma</title>"); return page.title(); });
export const delta = workflow("cli-delta", async () => { throw new Error("delta fails\\nin two lines"); });
`,
    });

test("cloud deploy of a package with several workflows", async () => {
    const deployment = await cli.deploy(await several(), {
        profiles: ["cli-profile"],
        description: "from a client",
    });
    assert.deepEqual(deployment.workflows, ["cli-alpha", "cli-beta", "cli-delta", "cli-gamma"]);
});

test("cloud deploy again, of the same code", async () => {
    const deployment = await cli.deploy(await several(), { profiles: ["cli-profile"] });
    assert.equal(deployment.workflows.length, 4);
});

test("cloud deploy through a base URL that ends in a slash", async () => {
    const slashed = new Cli(`${t.url}/`, t.key);
    assert.equal((await slashed.deploy(await several())).status, "ready");
});

test("cloud deploy of what cannot be built prints why", async () => {
    const made = await bootstrap(
        {
            "index.ts":
                'import { workflow } from "libretto";\nexport const w = workflow("cli-broken", async () => 1);\n',
        },
        { metadata: ([only]) => [{ ...only, name: "cli-other" }] },
    );
    await assert.rejects(cli.deploy(made), /^Error: Build failed: \S.*cli-broken/s);
});

test("cloud jobs create and cloud jobs status --watch", async () => {
    const created = await cli.call("/v1/jobs/create", { workflow: "cli-alpha", params: { n: 21 } });
    assert.ok(created.status && created.message);
    const job = await cli.watch(created.job_id);
    assert.deepEqual([job.status, job.result], ["completed", { doubled: 42 }]);
});

test("cloud jobs create with every option of the command", async () => {
    const created = await cli.call("/v1/jobs/create", {
        workflow: "cli-gamma",
        params: {},
        timeout_seconds: 120,
        headless: true,
        start_url: "about:blank",
        gpu: true,
        viewport: { width: 1280, height: 720 },
        skip_callbacks: true,
        disable_default_proxy: true,
    });
    assert.equal((await cli.watch(created.job_id)).result, "gamma");
});

test("cloud jobs status of a failed job shows its error, with its lines", async () => {
    const { job_id } = await cli.call("/v1/jobs/create", { workflow: "cli-delta", params: {} });
    const job = await cli.watch(job_id);
    assert.deepEqual([job.status, job.error], ["failed", "delta fails\nin two lines"]);
});

test("cloud jobs create of an unknown workflow prints a sentence", async () => {
    await assert.rejects(cli.call("/v1/jobs/create", { workflow: "cli-nowhere", params: {} }), /cli-nowhere/);
});

test("cloud credentials push: sorted, lower-cased, created first and updated then", async () => {
    const environment = {
        LIBRETTO_CLOUD_PORTAL_USER: "ada",
        LIBRETTO_CLOUD_PORTAL_PASS: " love lace ",
        LIBRETTO_CLOUD_API_KEY: "never",
        LIBRETTO_CLOUD_BLANK: " ",
    };
    const push = async () => {
        const overwritten = [];
        for (const name of Object.keys(environment).sort()) {
            const short = name.slice("LIBRETTO_CLOUD_".length).toLowerCase();
            if (short === "api_key" || environment[name].trim() === "") continue;
            overwritten.push(
                (await cli.call("/v1/credentials/upsert", { name: short, value: environment[name] }))
                    .overwritten,
            );
        }
        return overwritten;
    };
    assert.deepEqual(await push(), [false, false]);
    assert.deepEqual(await push(), [true, true]);

    const { job_id } = await cli.call("/v1/jobs/create", { workflow: "cli-beta", params: {} });
    assert.deepEqual((await cli.watch(job_id)).result, { portal_user: "ada" });
});

test("cloud profiles list and cloud profiles delete", async () => {
    const { profiles } = await cli.call("/v1/browserProfiles/list", {});
    const [profile] = profiles.filter(({ name }) => name === "cli-profile");
    assert.ok(Array.isArray(profile.providers), "the client joins them");
    assert.ok((await cli.call("/v1/browserProfiles/delete", { name: "cli-profile" })).deleted_count > 0);
    assert.equal((await cli.call("/v1/browserProfiles/delete", { name: "cli-profile" })).deleted_count, 0);
});

test("the event after every command is answered within the client's 250 ms", async () => {
    const response = await fetch(`${t.url}/v1/telemetry/recordCliEvent`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
            json: {
                installId: "0d9c1a52-6f1e-4c57-9b0a-5b6d3c1f2a11",
                timestamp: new Date().toISOString(),
                event: "libretto cloud deploy",
                error: false,
                packageVersion: "0.6.45",
                buildChannel: "node_modules",
            },
        }),
        signal: AbortSignal.timeout(250),
    });
    assert.deepEqual(await response.json(), { json: { success: true } });
});

test("commands whose routes are not built yet print a sentence", async () => {
    for (const [path, input] of [
        [
            "/v1/schedules/create",
            { workflow: "cli-alpha", cron_expr: "0 0 * * *", timezone: "UTC", params: {}, enabled: true },
        ],
        ["/v1/tenant/settings", {}],
        [
            "/v1/workflows/share",
            { workflow: "cli-alpha", privacyReview: { capability: "workflow_privacy_review_v1" } },
        ],
        ["/v1/smsNumbers/list", {}],
        ["/v1/billing/subscription", {}],
        ["/v1/sessions/create", { timeout_seconds: 3600, headless: false, start_url: "about:blank" }],
    ]) {
        await assert.rejects(cli.call(path, input), /^Error: \w+ .* \w+/, path);
    }
});

test("a wrong key prints a sentence", async () => {
    await assert.rejects(
        new Cli(t.url, "lbt_wrong").call("/v1/jobs/get", { id: "01900000-0000-7000-8000-000000000000" }),
        /key/i,
    );
});
