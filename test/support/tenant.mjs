// SPDX-License-Identifier: Apache-2.0
/** One tenant of a server, with what nearly every test does: deploy, run, read the logs. */
import assert from "node:assert/strict";
import { Api } from "./api.mjs";
import { sharedServer, unique } from "./server.mjs";

const FINAL = new Set(["completed", "failed", "cancelled"]);
const PATIENCE_MS = 240_000;

export class Tenant extends Api {
    /** A new tenant on the server that all suites share, or on `server`. */
    static async make(stem, server) {
        const on = server ?? (await sharedServer());
        const name = unique(stem);
        const tenant = new Tenant(on.url, await on.key(name));
        return Object.assign(tenant, { name, server: on });
    }

    /** Uploads, and waits until the build has ended, well or not. Gives the deployment. */
    async build(artifact) {
        const { deployment_id: id, status } = await this.ok("deployments/create", artifact);
        assert.equal(status, "building");
        return this.built(id);
    }

    /** Waits for the end of a build. */
    async built(id) {
        const deadline = Date.now() + PATIENCE_MS;
        for (;;) {
            const deployment = await this.ok("deployments/sync", { id, wait_seconds: 30 });
            if (deployment.status !== "building") return deployment;
            assert.ok(Date.now() < deadline, `deployment ${id} is still building`);
        }
    }

    /** Uploads what must become ready. Gives the deployment. */
    async deploy(artifact) {
        const deployment = await this.build(artifact);
        assert.equal(
            deployment.status,
            "ready",
            `${deployment.build_error}\n${await this.buildLog(deployment.id)}`,
        );
        return deployment;
    }

    /** Uploads what must fail, and gives its `build_error`. */
    async buildError(artifact) {
        const deployment = await this.build(artifact);
        assert.equal(deployment.status, "failed", JSON.stringify(deployment));
        return deployment.build_error;
    }

    /** The whole log of a build, one message a line. */
    async buildLog(id) {
        const messages = [];
        for (let cursor; ;) {
            const {
                lines,
                next_cursor: next,
                done,
            } = await this.ok("deployments/logs", { id, ...(cursor ? { cursor } : {}) });
            messages.push(...lines.map(({ message }) => message));
            if (lines.length === 0 || next === null || next === cursor || (done && lines.length === 0))
                return messages.join("\n");
            cursor = next;
        }
    }

    /** Starts a job and gives its id. */
    async start(workflow, params = {}, more = {}) {
        return (await this.ok("jobs/create", { workflow, params, ...more })).job_id;
    }

    /** Waits for the end of a job. */
    async finished(id) {
        const deadline = Date.now() + PATIENCE_MS;
        for (;;) {
            const job = await this.ok("jobs/get", { id, wait_seconds: 30 });
            if (FINAL.has(job.status)) return job;
            assert.ok(Date.now() < deadline, `job ${id} has not ended: ${JSON.stringify(job)}`);
        }
    }

    /** Waits until a job is in `status`. */
    async reached(id, status) {
        for (;;) {
            const job = await this.ok("jobs/get", { id });
            if (job.status === status) return job;
            assert.ok(!FINAL.has(job.status), `job ${id} ended: ${JSON.stringify(job)}`);
            await this.ok("jobs/get", { id, wait_seconds: 1 });
        }
    }

    /** Runs a job to its end, whichever that is. */
    async run(workflow, params, more) {
        return this.finished(await this.start(workflow, params, more));
    }

    /** Runs a job that must complete, and gives its result. */
    async result(workflow, params, more) {
        const job = await this.run(workflow, params, more);
        assert.equal(job.status, "completed", `${job.error}\n${job.mapped_stack}`);
        return job.result;
    }

    /** The log entries of a job, oldest first. */
    async logs(jobId) {
        const all = [];
        for (let pageToken; ;) {
            const { logs, nextPageToken } = await this.ok("logs/list", {
                jobId,
                limit: 1000,
                ...(pageToken ? { pageToken } : {}),
            });
            all.push(...logs);
            if (nextPageToken === null) return all;
            pageToken = nextPageToken;
        }
    }
}
