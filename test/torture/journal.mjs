// SPDX-License-Identifier: Apache-2.0
/**
 * One tenant's mixed load, and the journal of what it was promised.
 *
 * The journal is written from answers alone. A request without an answer (the server died, or said
 * 5xx) may have happened or not: both are right, but it must be one of them, and the same request sent
 * again with its key must give one thing, never two. check() compares it all with what the server says.
 */
import assert from "node:assert/strict";
import { Api } from "../support/api.mjs";

export const FINAL = new Set(["completed", "failed", "cancelled"]);
const WEIGHTS = { job: 5, cancel: 2, put: 3, remove: 1, deploy: 1, sync: 2, jobs: 1, deployments: 1 };
const GONE = Symbol("no such credential");

export class Journal {
    /** By nonce and by Idempotency-Key: `{input, id}`; `id` undefined while nobody has answered. */
    jobs = new Map();
    deployments = new Map();
    /** By name: `{id, may}`; `may` is all that the value may be, one when it is known. */
    credentials = new Map();
    /** Final states that were seen or promised, by job and by deployment. */
    ended = new Map();
    acknowledged = 0;
    #names = 0;
    #busy = new Set();
    #stopped = false;

    /**
     * @param {import("./random.mjs").Random} random
     * @param {string} stem  starts every key and name; must be new to this server
     * @param {object[]} artifacts  of which one after the other is uploaded, again and again
     * @param {string} workflow  what jobs run
     */
    constructor(random, stem, artifacts, workflow) {
        Object.assign(this, { random, stem, artifacts, workflow });
    }

    /** The server, which has another address after each start. */
    on(url, key) {
        this.api = new Api(url, key);
        return this;
    }

    /**
     * Asks one thing after the other in `lanes` lanes until a connection breaks or stop() is called;
     * `answered` hears of each answer.
     */
    async load({ lanes, answered }) {
        this.#stopped = false;
        const lane = async () => {
            while (!this.#stopped && (await this.#one())) answered();
        };
        await Promise.all(Array.from({ length: lanes }, lane));
    }

    stop() {
        this.#stopped = true;
    }

    /** False when there was no answer. */
    async #one() {
        try {
            await this[`_${this.random.weighed(WEIGHTS)}`]();
            return true;
        } catch (error) {
            if (error instanceof TypeError) return false; // fetch: the connection broke
            throw error;
        }
    }

    #fresh(kind) {
        return `${this.stem}-${kind}-${this.#names++}`;
    }

    /** What a route answered with success, or undefined when it refused for now, which promises nothing. */
    async #ask(route, input, headers) {
        const { status, body, text } = await this.api.call(route, input, headers);
        if (status === 200) {
            this.acknowledged++;
            return body.json;
        }
        assert.ok([429, 500, 503].includes(status), `${route} answered ${status}: ${text.slice(0, 500)}`);
        return undefined;
    }

    async _job() {
        const nonce = this.#fresh("job");
        const kept = { input: { workflow: this.workflow, params: { nonce }, nonce } };
        this.jobs.set(nonce, kept);
        kept.id = (await this.#ask("jobs/create", kept.input))?.job_id;
    }

    async _deploy() {
        const key = this.#fresh("deployment");
        const kept = { input: { ...this.artifacts[this.deployments.size % this.artifacts.length], description: key } };
        this.deployments.set(key, kept);
        kept.id = (
            await this.#ask("deployments/create", kept.input, { "idempotency-key": key })
        )?.deployment_id;
    }

    async _cancel() {
        const known = [...this.jobs.values()].filter(({ id }) => id && !this.ended.has(id));
        if (known.length === 0) return this._job();
        const { id } = this.random.pick(known);
        if ((await this.#ask("jobs/cancel", { id }))?.success) this.ended.set(id, "any");
    }

    /** Names belong to one request at a time, else nobody could say which value came last. */
    async #withName(name, work) {
        this.#busy.add(name);
        try {
            return await work();
        } finally {
            this.#busy.delete(name);
        }
    }

    #free() {
        return [...this.credentials.keys()].filter((name) => !this.#busy.has(name));
    }

    async _put() {
        const free = this.#free();
        const name = free.length > 0 && this.random.next() < 0.6 ? this.random.pick(free) : this.#fresh("secret");
        return this.#withName(name, async () => {
            const value = `${name}=${this.#names++}`;
            const kept = this.credentials.get(name) ?? { may: new Set([GONE]) };
            this.credentials.set(name, kept);
            kept.may.add(value);
            const answer = await this.#ask("credentials/upsert", { name, value });
            if (answer) Object.assign(kept, { id: answer.credential_id, may: new Set([value]) });
        });
    }

    async _remove() {
        const name = this.#free().find((each) => this.credentials.get(each).id);
        if (!name) return this._put();
        return this.#withName(name, async () => {
            const kept = this.credentials.get(name);
            const sure = kept.may.size === 1;
            kept.may.add(GONE);
            const { status, body, text } = await this.api.call("credentials/delete", { id: kept.id });
            // Where an earlier delete was not answered there may be nothing left to find.
            if (status === 404) assert.ok(!sure, `lost: ${name}, ${text}`);
            if ((status === 200 && body.json.success) || status === 404) {
                Object.assign(kept, { id: undefined, may: new Set([GONE]) });
            }
        });
    }

    async _sync() {
        const known = [...this.deployments.values()].filter(({ id }) => id);
        if (known.length === 0) return this._deploy();
        const { id } = this.random.pick(known);
        const deployment = await this.#ask("deployments/sync", { id });
        if (deployment && deployment.status !== "building") this.#saw(id, deployment.status);
    }

    async _jobs() {
        const page = await this.#ask("jobs/list", { limit: 20 });
        for (const job of page?.jobs ?? []) if (FINAL.has(job.status)) this.#saw(job.job_id, job.status);
    }

    async _deployments() {
        const page = await this.#ask("deployments/list", { limit: 20 });
        for (const { id, status } of page ?? []) if (status !== "building") this.#saw(id, status);
    }

    /** What has ended stays as it is. */
    #saw(id, status) {
        const before = this.ended.get(id);
        if (before && before !== "any") assert.equal(status, before, `${id} was ${before}`);
        this.ended.set(id, status);
    }

    /** Sends again what nobody answered, and compares everything. Throws what is lost, double or wrong. */
    async check() {
        await this.#repeat();
        await this.#checkJobs();
        await this.#checkDeployments();
        await this.#checkCredentials();
    }

    async #repeat() {
        for (const kept of this.jobs.values()) {
            if (!kept.id) kept.id = (await this.api.ok("jobs/create", kept.input)).job_id;
        }
        for (const [key, kept] of this.deployments) {
            if (kept.id) continue;
            const answer = await this.api.ok("deployments/create", kept.input, { "idempotency-key": key });
            kept.id = answer.deployment_id;
        }
    }

    async #checkJobs() {
        const found = new Map();
        for (let cursor; ;) {
            const { jobs, next_cursor: next } = await this.api.ok("jobs/list", {
                limit: 100,
                ...(cursor ? { cursor } : {}),
            });
            for (const job of jobs) found.set(job.job_id, job);
            if (!next || jobs.length === 0) break;
            cursor = next;
        }
        for (const [nonce, { id }] of this.jobs) {
            assert.ok(found.has(id), `lost: job ${id} of ${nonce} was acknowledged`);
            const { status } = found.get(id);
            if (this.ended.has(id)) assert.ok(FINAL.has(status), `job ${id} had ended, now it is ${status}`);
            if (FINAL.has(status)) this.#saw(id, status);
        }
        assert.equal(found.size, this.jobs.size, "double: more jobs than nonces");
    }

    async #checkDeployments() {
        const found = new Map();
        for (let cursor; ;) {
            const { status, headers, body, text } = await this.api.call("deployments/list", {
                limit: 100,
                ...(cursor ? { cursor } : {}),
            });
            assert.equal(status, 200, text);
            for (const deployment of body.json) found.set(deployment.id, deployment);
            cursor = headers.get("x-next-cursor");
            if (!cursor || body.json.length === 0) break;
        }
        for (const [key, { id }] of this.deployments) {
            assert.ok(found.has(id), `lost: deployment ${id} of ${key} was acknowledged`);
            const { status, description } = found.get(id);
            assert.equal(description, key);
            if (this.ended.has(id)) assert.equal(status, this.ended.get(id));
            else if (status !== "building") this.#saw(id, status);
        }
        const ours = [...found.values()].filter(({ description }) => description?.startsWith(this.stem));
        assert.equal(ours.length, this.deployments.size, "double: more deployments than keys");
    }

    async #checkCredentials() {
        const { credentials } = await this.api.ok("credentials/list", {});
        const listed = new Map(credentials.map(({ name, credential_id: id }) => [name, id]));
        for (const [name, kept] of this.credentials) {
            let value = GONE;
            if (listed.has(name)) ({ value } = await this.api.ok("credentials/get", { name }));
            assert.ok(
                kept.may.has(value),
                `lost: ${name} is ${String(value)}, not ${[...kept.may].map(String).join(" or ")}`,
            );
            Object.assign(kept, { id: listed.get(name), may: new Set([value]) });
        }
    }

    /** Cancels what waits, and sees every job and every build to its end. */
    async settle() {
        for (const { id } of this.jobs.values()) {
            if (!this.ended.has(id)) await this.api.ok("jobs/cancel", { id });
        }
        for (const { id } of this.jobs.values()) {
            await untilEnded(() => this.api.ok("jobs/get", { id, wait_seconds: 30 }), FINAL, `job ${id}`);
        }
        for (const { id } of this.deployments.values()) {
            const ends = new Set(["ready", "failed"]);
            await untilEnded(() => this.api.ok("deployments/sync", { id, wait_seconds: 30 }), ends, `build ${id}`);
        }
    }
}

/** The contract gives a build 240 s, and no job of these suites runs longer. */
const PATIENCE_MS = 240_000;

async function untilEnded(ask, ends, what) {
    for (const began = performance.now(); ;) {
        const { status } = await ask();
        if (ends.has(status)) return;
        assert.ok(performance.now() - began < PATIENCE_MS, `stuck: ${what} is ${status}`);
    }
}
