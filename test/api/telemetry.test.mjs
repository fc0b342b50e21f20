// SPDX-License-Identifier: Apache-2.0
/** telemetry/recordCliEvent: asked after every command of the client, by nobody in particular. */
import assert from "node:assert/strict";
import test from "node:test";
import { Api } from "../support/api.mjs";
import { sharedServer } from "../support/server.mjs";

const server = await sharedServer();
const nobody = new Api(server.url, undefined);
const event = {
    installId: "0d9c1a52-6f1e-4c57-9b0a-5b6d3c1f2a11",
    timestamp: "2026-01-01T00:00:00.000Z",
    event: "libretto cloud deploy",
    error: false,
    packageVersion: "0.6.45",
    buildChannel: "node_modules",
};

test("an event needs no key", async () => {
    assert.deepEqual(await nobody.ok("telemetry/recordCliEvent", event), { success: true });
});

test("a key that is wrong does no harm", async () => {
    await new Api(server.url, "nonsense").ok("telemetry/recordCliEvent", event);
});

test("only the documented fields are needed, and others are dropped", async () => {
    const { packageVersion, buildChannel, ...needed } = event;
    await nobody.ok("telemetry/recordCliEvent", needed);
    await nobody.ok("telemetry/recordCliEvent", { ...event, cloudUserId: "someone", more: [1] });
    for (const change of [{ error: true }, { buildChannel: "source" }, { buildChannel: "unknown" }])
        await nobody.ok("telemetry/recordCliEvent", { ...event, ...change });
});

test("wrong events are refused", async () => {
    const missing = await nobody.refuses("telemetry/recordCliEvent", {});
    assert.deepEqual(missing.map(({ path }) => path[0]).sort(), ["error", "event", "installId", "timestamp"]);
    for (const [change, path] of [
        [{ installId: "x" }, "installId"],
        [{ timestamp: "yesterday" }, "timestamp"],
        [{ event: "e".repeat(81) }, "event"],
        [{ error: "no" }, "error"],
        [{ buildChannel: "elsewhere" }, "buildChannel"],
    ]) {
        const [issue] = await nobody.refuses("telemetry/recordCliEvent", { ...event, ...change });
        assert.deepEqual(issue.path, [path]);
    }
});

test("what nobody in particular may send is small", async () => {
    const large = { ...event, more: "m".repeat(32 * 1024) };
    const error = await nobody.fails("telemetry/recordCliEvent", large, "PAYLOAD_TOO_LARGE");
    assert.match(error.message, /larger than the 16 KiB/);
});

test("an enumeration says what it would have taken", async () => {
    const [issue] = await nobody.refuses("telemetry/recordCliEvent", { ...event, buildChannel: "elsewhere" });
    assert.equal(issue.code, "invalid_enum_value");
    assert.deepEqual(issue.options, ["node_modules", "source", "unknown"]);
    assert.equal(issue.received, "elsewhere");
    assert.equal(
        issue.message,
        "Invalid enum value. Expected 'node_modules' | 'source' | 'unknown', received 'elsewhere'",
    );
});

test("an event shows in the metrics as a count and nothing more", async () => {
    const marked = {
        ...event,
        event: "libretto marked-event-of-a-test",
        installId: "0d9c1a52-6f1e-4c57-9b0a-5b6d3c1f2a12",
    };
    await nobody.ok("telemetry/recordCliEvent", marked);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    assert.ok(!metrics.includes(marked.installId));
});
