// SPDX-License-Identifier: Apache-2.0
/** Through @orpc/client 1.x, the library that other clients of this protocol are built on. */
import assert from "node:assert/strict";
import test from "node:test";
import { createORPCClient, ORPCError } from "@orpc/client";
import { RPCLink } from "@orpc/client/fetch";
import { oneWorkflow } from "../support/artifact.mjs";
import { Tenant } from "../support/tenant.mjs";

const t = await Tenant.make("orpc");
const clientWith = (key) =>
    createORPCClient(new RPCLink({ url: `${t.url}/v1`, headers: { "x-api-key": key } }));
const client = clientWith(t.key);

/** The error that a call ends in, which must be one that the library could read. */
async function errorOf(promise) {
    const error = await promise.then(
        () => assert.fail("it was answered"),
        (each) => each,
    );
    assert.ok(error instanceof ORPCError, String(error));
    return error;
}

test("deploy, run, read: values come as they are", async () => {
    const created = await client.deployments.create({
        ...oneWorkflow("orpc-echo", "console.log('through the library'); return input;"),
        description: "orpc",
    });
    assert.equal(created.status, "building");
    let deployment;
    do deployment = await client.deployments.sync({ id: created.deployment_id, wait_seconds: 30 });
    while (deployment.status === "building");
    assert.equal(deployment.status, "ready", deployment.build_error);
    assert.equal(typeof deployment.created_at, "string", "times stay text");

    const { job_id: id } = await client.jobs.create({
        workflow: "orpc-echo",
        params: { n: 1, list: [true, null], text: "ü" },
    });
    let job;
    do job = await client.jobs.get({ id, wait_seconds: 30 });
    while (!["completed", "failed", "cancelled"].includes(job.status));
    assert.deepEqual(job.result, { n: 1, list: [true, null], text: "ü" });

    const { logs } = await client.logs.list({ jobId: id });
    assert.ok(logs.some(({ message }) => message === "through the library"));
});

test("no input, and undefined fields", async () => {
    assert.deepEqual(await client.credentials.list(), { credentials: [] });
    assert.deepEqual(
        await client.workflows.list(undefined).then(({ in_progress_builds }) => in_progress_builds),
        [],
    );
    assert.ok((await client.jobs.list({ limit: undefined, status: undefined })).jobs.length > 0);
});

test("dates, NaN, holes in lists, sets and maps arrive as JSON has them", async () => {
    const params = {
        when: new Date(0),
        list: [1, undefined, 3],
        nan: NaN,
        big: 5n,
        set: new Set([1]),
        map: new Map([["a", 1]]),
        url: new URL("http://x.example/"),
    };
    const { job_id: id } = await client.jobs.create({ workflow: "orpc-echo", params });
    const job = await client.jobs.get({ id });
    assert.equal(job.params.when, "1970-01-01T00:00:00.000Z");
    assert.equal(job.params.big, "5");
    assert.equal(job.params.url, "http://x.example/");
    assert.deepEqual(job.params.set, [1]);
    await t.finished(id);
});

test("an error comes with code, status, message and data", async () => {
    const refused = await errorOf(client.jobs.get({ id: "x" }));
    assert.deepEqual(
        [refused.code, refused.status, refused.message, refused.defined],
        ["BAD_REQUEST", 400, "Input validation failed", false],
    );
    assert.deepEqual(refused.data.issues[0].path, ["id"]);

    const missing = await errorOf(client.jobs.get({ id: "01900000-0000-7000-8000-000000000000" }));
    assert.deepEqual([missing.code, missing.status], ["NOT_FOUND", 404]);

    const unauthorized = await errorOf(clientWith("wrong").jobs.list({}));
    assert.deepEqual([unauthorized.code, unauthorized.status], ["UNAUTHORIZED", 401]);

    const unbuilt = await errorOf(client.smsOtp.claims.create({}));
    assert.deepEqual([unbuilt.code, unbuilt.status], ["NOT_IMPLEMENTED", 501]);

    const unknown = await errorOf(client.nothing.like.this({}));
    assert.deepEqual([unknown.code, unknown.status], ["NOT_FOUND", 404]);

    await client.credentials.create({ name: "orpc", value: "1" });
    const conflict = await errorOf(client.credentials.create({ name: "orpc", value: "1" }));
    assert.deepEqual([conflict.code, conflict.status], ["CONFLICT", 409]);
});
