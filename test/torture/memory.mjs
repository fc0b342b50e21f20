// SPDX-License-Identifier: Apache-2.0
/**
 * Allocations that fail: no_memory.c makes the n-th one of the server fail, once or from then on, while it
 * answers one request, runs one job or builds one upload. Each request is answered with success or with an
 * error, what was answered with success is there, the server lives, goes on afterwards as before, and keeps
 * no memory for each fault.
 *
 * Every n there is, as far as `count` reaches; where there are more they are taken evenly.
 */
import assert from "node:assert/strict";
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ended as buildEnded } from "../support/ai.mjs";
import { ballast, oneWorkflow } from "../support/artifact.mjs";
import { BINARY, Server, unique } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";

const MODULE = join(dirname(BINARY), "test/torture/no_memory.so");
const MODES = { once: 1, "for ever": 2 };
/** Blocks that caches may hold more of than before, whatever was done in between. */
const CACHED_BLOCKS = 2_000;
/** A job fills them with two pages of the store, as it does without any fault. */
const cachedBlocks = (name, cases) => Math.max(CACHED_BLOCKS, name === "run a job" ? 2 * cases : 0);
/** Of the reserve: what lives long and came while there was nothing else. From 128 KiB on SQLite gives back its pages. */
const RESERVE_LEFT = 256 * 1024;
const SETTLE_MS = 60_000;
/** Who waits so long for an answer that takes a second is not let in. */
const OUTSIDE_MS = 3_000;

/** What no_memory.c shares with us: mode, nth, seen, failed, live. */
class Orders {
    #fd;

    constructor(folder) {
        this.path = join(folder, "orders");
        writeFileSync(this.path, Buffer.alloc(40));
        this.#fd = openSync(this.path, "r+");
    }

    #write(at, ...numbers) {
        const bytes = Buffer.alloc(8 * numbers.length);
        numbers.forEach((n, i) => bytes.writeBigUInt64LE(BigInt(n), 8 * i));
        writeSync(this.#fd, bytes, 0, bytes.length, 8 * at);
    }

    #read(at) {
        const bytes = Buffer.alloc(8);
        readSync(this.#fd, bytes, 0, 8, 8 * at);
        return Number(bytes.readBigInt64LE());
    }

    begin(mode, nth) {
        this.#write(1, nth, 0, 0);
        this.#write(0, mode);
    }

    /** Tells how many allocations there were, and how many of them failed. */
    end() {
        this.#write(0, 0);
        return { seen: this.#read(2), failed: this.#read(3) };
    }

    get live() {
        return this.#read(4);
    }

    close() {
        closeSync(this.#fd);
    }
}

const LATE = Symbol("not answered yet");
const late = () => new Promise((resolve) => setTimeout(resolve, OUTSIDE_MS, LATE));

/**
 * A request that may be refused for now, or not be let in: `answer` is undefined then. A connection that is
 * there is answered; a new one waits in the kernel's queue, or is closed when memory ends just then.
 */
async function asked(tenant, orders, route, input, headers) {
    const asking = tenant.call(route, input, headers).catch((error) => {
        if (error instanceof TypeError) return undefined; // fetch: the connection broke
        throw error;
    });
    let got = await Promise.race([asking, late()]);
    const outside = got === LATE || got === undefined;
    if (got === LATE) {
        orders.end();
        got = await asking;
    }
    if (got?.status === 200) return { answer: got.body.json, outside };
    assert.ok(!got || [500, 503].includes(got.status), `${route} answered ${got?.status}: ${got?.text.slice(0, 500)}`);
    return { outside };
}

/** A request, and what must hold of its answer; where there was none it is sent again, without a fault. */
const request = (route, input, holds = async () => {}, headers = () => ({})) => async (tenant, orders) => {
    const sent = input(tenant);
    const head = headers(sent);
    const { answer, outside } = await asked(tenant, orders, route, sent, head);
    const counts = orders.end();
    await holds(tenant, answer ?? (await tenant.ok(route, sent, head)), sent);
    return { ...counts, outside, outcome: answer ? "answered" : "refused" };
};

const create = (artifact) =>
    request(
        "deployments/create",
        () => ({ ...artifact(), description: unique("d") }),
        async (tenant, { deployment_id: id }, { description }) => {
            const found = (await tenant.ok("deployments/list", { limit: 100 })).filter((each) => each.description === description);
            assert.deepEqual(found.map((each) => each.id), [id], "it is there once");
            await tenant.built(id);
        },
        ({ description }) => ({ "idempotency-key": description }),
    );

/** Runs a job with log lines and a result. */
async function job(tenant, orders) {
    const nonce = unique("n");
    const sent = { workflow: "sparse", params: { nonce }, nonce };
    const { answer, outside } = await asked(tenant, orders, "jobs/create", sent);
    let end;
    if (answer) end = await whileItLasts(() => tenant.call("jobs/get", { id: answer.job_id, wait_seconds: 1 }), "job");
    const counts = orders.end();
    const id = answer?.job_id ?? (await tenant.ok("jobs/create", sent)).job_id;
    const ended = await tenant.finished(id);
    if (end) assert.deepEqual(ended, end, "what has ended stays as it is");
    if (ended.status === "completed") assert.deepEqual(ended.result, { nonce });
    else assert.ok(ended.error, JSON.stringify(ended));
    if (ended.status === "completed") {
        const lines = (await tenant.logs(id)).map(({ message }) => message).filter((line) => line.startsWith("line "));
        assert.equal(lines.length, 20, `${lines.length} lines of a job that completed`);
    }
    return { ...counts, outside, outcome: ended.status };
}

/** Builds something new. */
async function build(tenant, orders) {
    const name = unique("w");
    const { answer, outside } = await asked(tenant, orders, "deployments/create", oneWorkflow(name), { "idempotency-key": name });
    let end;
    if (answer) end = await whileItLasts(() => tenant.call("deployments/sync", { id: answer.deployment_id, wait_seconds: 1 }), "build");
    const counts = orders.end();
    if (!answer) return { ...counts, outside, outcome: "refused" };
    const built = await tenant.built(answer.deployment_id);
    if (end) assert.equal(built.status, end.status, "what has ended stays as it is");
    if (built.status === "failed") assert.ok(built.build_error);
    return { ...counts, outside, outcome: built.status };
}

/** Asks until it has ended. Undefined when the server refuses to say, or has no memory to let us in. */
async function whileItLasts(ask, what) {
    for (const began = performance.now(); ;) {
        const answer = await Promise.race([ask().catch(() => undefined), late()]);
        if (answer?.status !== 200) return undefined;
        if (!["building", "queued", "starting_browser", "running"].includes(answer.body.json.status)) return answer.body.json;
        assert.ok(performance.now() - began < SETTLE_MS, `the ${what} does not end: ${answer.body.json.status}`);
    }
}

const PATHS = {
    "create a small deployment": create(() => small),
    "create a large deployment": create(() => large),
    "create a job": request(
        "jobs/create",
        () => ({ workflow: "sparse", params: { n: 1 }, nonce: unique("n") }),
        async (tenant, { job_id: id }) => void (await tenant.ok("jobs/cancel", { id })),
    ),
    "keep a credential": request("credentials/upsert", () => ({ name: "kept", value: unique("v") }), async (tenant, answer, { name, value }) => {
        assert.equal((await tenant.ok("credentials/get", { name })).value, value);
    }),
    "get a job": request("jobs/get", (tenant) => ({ id: tenant.known.job }), async (tenant, answer) => assert.deepEqual(answer, tenant.known.jobs_get)),
    "list logs": request("logs/list", (tenant) => ({ jobId: tenant.known.job, limit: 100 }), async (tenant, answer) => assert.deepEqual(answer, tenant.known.logs_list)),
    "sync a deployment": request("deployments/sync", (tenant) => ({ id: tenant.known.deployment }), async (tenant, answer) =>
        assert.deepEqual(answer, tenant.known.deployments_sync),
    ),
    "list workflows": request("workflows/list", () => ({}), async (tenant, answer) =>
        assert.deepEqual(answer.deployed_workflows.map(({ name }) => name), ["sparse"]),
    ),
    "ask for a workflow": request(
        "workflows/build",
        () => ({ descriptions: [unique("d")], initial_url: "http://127.0.0.1:9/", action_log: useless }),
        async (tenant, { build_id: id }) => assert.equal((await buildEnded(tenant, id)).status, "failed"),
    ),
    "run a job": job,
    "build an upload": build,
};

const HANDLER = `for (let i = 0; i < 20; i++) console.log("line " + i);
return { nonce: input.nonce };`;
const small = oneWorkflow("sparse", HANDLER);
const large = oneWorkflow("sparse", HANDLER, "{}", ballast());

/** Nothing can be made of it, so that the build ends soon. Bodies of this size are read on threads of their own. */
const useless = [{ ts: "2026-01-01T00:00:00.000Z", action: "think", source: "user", success: true, note: "x".repeat(100_000) }];

/** A tenant with a workflow and a job that has ended, and what the server says of them. */
async function known(server) {
    const tenant = await Tenant.make("torture", server);
    const { id: deployment } = await tenant.deploy(small);
    const id = await tenant.start("sparse", { nonce: "first" });
    await tenant.finished(id);
    tenant.known = {
        job: id,
        deployment,
        jobs_get: await tenant.ok("jobs/get", { id }),
        logs_list: await tenant.ok("logs/list", { jobId: id, limit: 100 }),
        deployments_sync: await tenant.ok("deployments/sync", { id: deployment }),
    };
    return tenant;
}

async function reserveUsed(server) {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return Number(/^impresario_memory_reserve_used_bytes (\d+)$/m.exec(text)[1]);
}

/** One path, one mode, every n. */
async function sweep(part, { server, orders, tenant }, name, mode) {
    const path = PATHS[name];
    orders.begin(MODES[mode], Number.MAX_SAFE_INTEGER);
    const { seen } = await path(tenant, orders);
    const before = { live: orders.live, reserve: await reserveUsed(server) };
    const all = Math.min(seen, part.count);
    const n = Math.max(0, all - part.from);
    if (n === 0) return part.note(`${name}, ${mode}: nothing is left, there are ${all}`);
    const told = {};
    let outsiders = 0;
    for (let i = part.from; i < all; i++) {
        const nth = 1 + Math.floor((i * seen) / all);
        await part.check(`${name}: allocation ${nth} of ${seen} fails, ${mode}`, async () => {
            // A connection that is open: a new one has to wait where there is no memory for it. The answer to the first
            // may close the one that it came by.
            for (let turn = 0; turn < 2; turn++) await (await fetch(`${server.url}/healthz`)).text();
            orders.begin(MODES[mode], nth);
            try {
                const { outside, outcome } = await path(tenant, orders);
                told[outcome] = (told[outcome] ?? 0) + 1;
                outsiders += outside;
            } finally {
                orders.end();
            }
        });
        assert.ok(!server.ended, `the server has ended, with allocation ${nth} of ${seen} of "${name}": ${server.lastWords.slice(-1500)}`);
    }
    await part.check(`${name}: few were not let in`, () => assert.ok(outsiders <= Math.max(1, n / 4), `${outsiders} of ${n}`));
    const grown = orders.live - before.live;
    const used = (await reserveUsed(server)) - before.reserve;
    await part.check(`${name}: nothing is left of faults that came ${mode}`, () => {
        assert.ok(grown < cachedBlocks(name, n), `${grown} blocks more after ${n} faults`);
        assert.ok(used < RESERVE_LEFT, `${used} bytes of the reserve were not given back`);
    });
    part.note(
        `${name}, ${mode}: ${n} of ${seen} allocations, ${JSON.stringify(told)}, ${outsiders} not let in, ` +
            `${grown} blocks and ${used} bytes of the reserve more`,
    );
}

/** @param {import("./run.mjs").Part} part */
export async function memory(part) {
    if (!existsSync(MODULE)) return part.cannot(`there is no ${MODULE}: a build with a sanitizer has none`);
    const folder = mkdtempSync(join(tmpdir(), "impresario-memory-"));
    const orders = new Orders(folder);
    const server = await Server.start({ env: { LD_PRELOAD: MODULE, NO_MEMORY_FILE: orders.path, IMPRESARIO_KEY_RATE: "100000" } });
    try {
        const tenant = await known(server);
        for (const name of Object.keys(PATHS)) {
            for (const mode of Object.keys(MODES)) {
                if (`${name}, ${mode}`.includes(part.match)) await sweep(part, { server, orders, tenant }, name, mode);
            }
        }
    } finally {
        orders.close();
        await server.stop();
        rmSync(folder, { recursive: true });
    }
}
