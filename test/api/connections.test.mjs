// SPDX-License-Identifier: Apache-2.0
/** One connection and what travels over it: sizes, chunks, pipelines, and peers that misbehave. */
import assert from "node:assert/strict";
import test from "node:test";
import { send } from "../support/api.mjs";
import { Server } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";
import { exchange, Wire } from "../support/wire.mjs";

const t = await Tenant.make("connections");
const JSON_TYPE = { "content-type": "application/json" };
const headers = { ...JSON_TYPE, "x-api-key": t.key };
const LIST = "/v1/credentials/list";
const PATIENCE_MS = 20_000;

test("a body beyond its limit is 413, before it has been sent", async () => {
    const wire = await Wire.open(t.url);
    wire.send(
        `POST ${LIST} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-api-key: ${t.key}\r\ncontent-length: 999999999999\r\n\r\n`,
    );
    const { status, body } = await wire.answer({ method: "POST", target: LIST });
    assert.deepEqual([status, body.json.code], [413, "PAYLOAD_TOO_LARGE"]);
    wire.close();
});

test("a chunked body beyond its limit is 413 as well", async () => {
    const wire = await Wire.open(t.url);
    wire.send(
        `POST ${LIST} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-api-key: ${t.key}\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
    const chunk = Buffer.alloc(1 << 20, " ");
    for (let i = 0; i < 8; i++)
        wire.send(Buffer.concat([Buffer.from("100000\r\n"), chunk, Buffer.from("\r\n")]));
    wire.send("0\r\n\r\n");
    const { status } = await wire.answer({ method: "POST", target: LIST });
    assert.equal(status, 413);
    wire.close();
});

test("a body just within its limit is taken", async () => {
    const { status, text } = await send(t.url, LIST, {
        headers,
        body: `{"json":{"ignored":"${"x".repeat((2 << 20) - 100)}"}}`,
    });
    assert.equal(status, 200, text);
});

test("a chunked body is a body", async () => {
    const wire = await Wire.open(t.url);
    wire.send(
        `POST ${LIST} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-api-key: ${t.key}\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
    wire.send('5\r\n{"jso\r\n').send('6\r\nn":{}}\r\n').send("0\r\n\r\n");
    assert.equal((await wire.answer({ method: "POST", target: LIST })).status, 200);
    wire.close();
});

test("a connection stays usable after every kind of refusal", async () => {
    const wire = await Wire.open(t.url);
    const good = () => Wire.request("POST", LIST, headers, '{"json":{}}');
    const bad = [
        ["POST", "/v1/nothing", headers, "{}", 404],
        ["GET", LIST, headers, "", 405],
        ["POST", LIST, { ...headers, "content-type": "text/plain" }, "x", 415],
        ["POST", LIST, headers, "{", 400],
        ["POST", "/v1/jobs/get", headers, '{"json":{"id":1}}', 400],
        ["POST", LIST, JSON_TYPE, "{}", 401],
        ["POST", "/v1/jobs/get", headers, '{"json":{"id":"01900000-0000-7000-8000-000000000000"}}', 404],
        ["POST", "/v1/sessions/create", headers, "{}", 501],
    ];
    for (const [method, target, head, body, expected] of bad) {
        const { status, text } = await wire
            .send(Wire.request(method, target, head, body))
            .answer({ method, target });
        assert.equal(status, expected, text);
        assert.equal(
            (await wire.send(good()).answer({ method: "POST", target: LIST })).status,
            200,
            `after ${expected}`,
        );
    }
    wire.close();
});

test("requests may follow each other before their answers", async () => {
    const wire = await Wire.open(t.url);
    const ask = (target, body) => [target, Wire.request("POST", target, headers, body)];
    const filler = " ".repeat(1 << 20); // bodies of this size have threads of their own
    const asked = [
        [...ask(LIST, '{"json":{}}'), 200],
        [...ask(LIST, `{"json":{}}${filler}`), 200],
        [...ask("/v1/nothing", "{}"), 404],
        [...ask(LIST, `{"json":${filler}`), 400],
        [...ask(LIST, `{"json":{"limit":"${filler}"}}`), 200],
        [...ask(LIST, '{"json":{}}'), 200],
    ];
    wire.send(Buffer.concat(asked.map(([, bytes]) => bytes)));
    for (const [target, , expected] of asked) assert.equal((await wire.answer({ method: "POST", target })).status, expected);
    wire.close();
});

test("an answer promises to keep an idle connection for a minute or more", async () => {
    const { headers: answered } = await exchange(t.url, "POST", LIST, headers, "{}");
    const seconds = /timeout=(\d+)/.exec(answered.get("keep-alive") ?? "")?.[1];
    assert.ok(Number(seconds) >= 60, `Keep-Alive: ${answered.get("keep-alive")}`);
});

test("Expect: 100-continue is answered before the body comes", async () => {
    const wire = await Wire.open(t.url);
    const body = '{"json":{}}';
    wire.send(
        `POST ${LIST} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-api-key: ${t.key}\r\nexpect: 100-continue\r\ncontent-length: ${body.length}\r\n\r\n`,
    );
    assert.equal((await wire.answer()).status, 100);
    assert.equal((await wire.send(body).answer({ method: "POST", target: LIST })).status, 200);
    wire.close();
});

test("what is no HTTP gets a 400 or a closed connection, and harms nobody", async () => {
    for (const bytes of [
        "GET\r\n\r\n",
        `POST ${LIST} HTTP/1.1\r\ncontent-length: -5\r\nhost: x\r\n\r\n`,
        "\r\n".repeat(10) + "nonsense nonsense nonsense\r\n\r\n",
    ]) {
        const wire = await Wire.open(t.url);
        wire.send(Buffer.from(bytes, "latin1"));
        const outcome = await Promise.race([
            wire.answer().then(
                ({ status }) => status,
                () => "closed",
            ),
            wire.closed().then(() => "closed"),
        ]);
        assert.ok(outcome === "closed" || outcome === 400, String(outcome));
        wire.close();
    }
    await t.ok("credentials/list", {});
});

test("a client that speaks TLS, or says nothing at all, harms nobody", async () => {
    const [tls, silent] = [await Wire.open(t.url), await Wire.open(t.url)];
    tls.send(Buffer.from("1603010200010001fc0303", "hex"));
    await t.ok("credentials/list", {});
    for (const wire of [tls, silent]) wire.close();
});

test("a client that goes in the middle of its body harms nobody", async () => {
    const wire = await Wire.open(t.url);
    wire.send(
        `POST ${LIST} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-api-key: ${t.key}\r\ncontent-length: 1000\r\n\r\n{"json"`,
    );
    wire.close();
    await t.ok("credentials/list", {});
});

test("beyond what may be held of bodies it is 503, and what clients left behind is let go", async () => {
    const server = await Server.start();
    try {
        const tenant = await Tenant.make("bodies", server);
        const BUILD = "/v1/workflows/build";
        // Half of each body: 16 of them are HELD_MAX of src/net/http.c, and one more finds no room.
        const half = 16 << 20;
        const head = { ...JSON_TYPE, "x-api-key": tenant.key, "content-length": 2 * half };
        const bytes = Wire.request("POST", BUILD, head, Buffer.alloc(half, " "));
        const wires = await Promise.all(Array.from({ length: 17 }, () => Wire.open(server.url)));
        const refused = await Promise.any(wires.map((wire) => wire.send(bytes).answer({ method: "POST", target: BUILD })));
        assert.deepEqual(
            [refused.status, refused.body.json.code, refused.headers.get("retry-after")],
            [503, "SERVICE_UNAVAILABLE", "5"],
        );

        for (const wire of wires) wire.close();
        const begun = async () =>
            Number(/^impresario_http_requests_under_way (\d+)$/m.exec(await (await fetch(`${server.url}/metrics`)).text())[1]);
        for (const began = performance.now(); (await begun()) > 1; )
            assert.ok(performance.now() - began < PATIENCE_MS, `${await begun()} requests stay under way`);
    } finally {
        await server.stop();
    }
});
