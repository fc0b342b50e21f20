// SPDX-License-Identifier: Apache-2.0
/** The front door: what every route shares before a handler sees anything. */
import assert from "node:assert/strict";
import test from "node:test";
import { Api, send } from "../support/api.mjs";
import { routes } from "../support/contract.mjs";
import { Tenant } from "../support/tenant.mjs";
import { exchange } from "../support/wire.mjs";

const t = await Tenant.make("protocol");
const JSON_TYPE = { "content-type": "application/json" };
const headers = { ...JSON_TYPE, "x-api-key": t.key };
const LIST = "/v1/credentials/list";

/** Posts to a route that needs no input. */
const post = (body, more = {}, target = LIST) =>
    send(t.url, target, { headers: { ...headers, ...more }, body });

/** The same, without the headers that a client library adds. */
const exact = (...request) => exchange(t.url, ...request);

// Paths and methods

test("an unknown path is 404 in the envelope, with and without a key", async () => {
    for (const target of ["/v1/nothing/here", "/v1/jobs", "/v2/jobs/get", "/", "/favicon.ico", "/v1"]) {
        for (const head of [headers, JSON_TYPE]) {
            const { status, body } = await send(t.url, target, { headers: head, body: '{"json":{}}' });
            assert.deepEqual([status, body.json.code], [404, "NOT_FOUND"], target);
        }
    }
    const { status } = await send(t.url, "/nothing", { method: "GET" });
    assert.equal(status, 404);
});

test("a path is exact: case, encoding and dots make another path", async () => {
    for (const target of ["/v1/Credentials/list", "/v1/credentials/list/x", "/v1/credentials/./list/../../x"]) {
        const { status } = await exact("POST", target, headers, '{"json":{}}');
        assert.equal(status, 404, target);
    }
});

test("a wrong method is 405 and names the right one", async () => {
    for (const method of ["GET", "PUT", "DELETE", "PATCH"]) {
        const answer = await send(t.url, LIST, { method, headers });
        assert.deepEqual([answer.status, answer.body.json.code], [405, "METHOD_NOT_SUPPORTED"], method);
        assert.match(answer.headers.get("allow") ?? "POST", /POST/);
    }
});

test("slashes fold: doubled anywhere, one at the end", async () => {
    for (const target of ["//v1/credentials/list", "/v1//credentials///list", "/v1/credentials/list/"]) {
        const { status, text } = await exact("POST", target, headers, '{"json":{}}');
        assert.equal(status, 200, `${target}: ${text}`);
    }
});

test("no API path redirects", async () => {
    const { status } = await exact("POST", "//v1/credentials/list/", headers, '{"json":{}}');
    assert.equal(status, 200);
});

test("every route of the table that is not built yet is 501 with a sentence", async () => {
    for (const { method, path, envelope } of routes) {
        const target = path.replace(/\{[^}]+\}/g, "x");
        const body = method === "GET" ? undefined : envelope === "rpc" ? '{"json":{}}' : "{}";
        const response = await fetch(t.url + target, { method, headers, body, redirect: "manual" });
        const text = await response.text();
        assert.ok(![404, 405].includes(response.status), `${method} ${target}: ${response.status} ${text}`);
        assert.ok(
            response.status < 500 || response.status === 501,
            `${method} ${target}: ${response.status} ${text}`,
        );
        if (response.status === 501) assert.match(text, /\w+ \w+ \w+/, `${method} ${target} explains itself`);
    }
});

// Content types and bodies

test("another content type is 415", async () => {
    for (const type of [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/json",
    ]) {
        const { status, body } = await post('{"json":{}}', { "content-type": type });
        assert.deepEqual([status, body.json.code], [415, "UNSUPPORTED_MEDIA_TYPE"], type);
    }
});

test("JSON may name a charset, in any case", async () => {
    for (const type of [
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
        "application/json;",
    ]) {
        const { status, text } = await post('{"json":{}}', { "content-type": type });
        assert.equal(status, 200, `${type}: ${text}`);
    }
});

test("an empty body is never refused for its content type", async () => {
    for (const type of [undefined, "application/json", "text/plain", "application/x-www-form-urlencoded"]) {
        const { status, text } = await exact("POST", LIST, { "x-api-key": t.key, "content-type": type });
        assert.equal(status, 200, `${type}: ${text}`);
    }
});

test("a missing content type is taken as JSON", async () => {
    const { status, text } = await exact("POST", LIST, { "x-api-key": t.key }, '{"json":{}}');
    assert.equal(status, 200, text);
});

test("no input is an empty object: no body, {}, no json", async () => {
    for (const body of ["", "{}", '{"meta":[]}', '{"other":1}', "  {}  "]) {
        const { status, text } = await post(body);
        assert.equal(status, 200, `${body}: ${text}`);
    }
});

test("and an empty object lacks what a route requires", async () => {
    const { status, body } = await post("{}", {}, "/v1/jobs/get");
    assert.equal(status, 400);
    assert.deepEqual(body.json.data.issues[0].path, ["id"]);
});

const MALFORMED = [
    "{",
    "nonsense",
    '{"json":}',
    '{"json":{}',
    '{"json":{}}x',
    "{'json':{}}",
    '{"json":{},}',
    "\u0000",
    '{"json":{"a":01}}',
    '{"json":{"a":NaN}}',
];
for (const body of MALFORMED) {
    test(`malformed JSON is 400 without data: ${JSON.stringify(body)}`, async () => {
        const { status, body: answer } = await post(body);
        assert.deepEqual([status, answer.json.code], [400, "BAD_REQUEST"]);
        assert.match(answer.json.message, /malformed|JSON/i);
        assert.ok(!("data" in answer.json));
    });
}

test("a body that is JSON but no object is 400", async () => {
    for (const body of ["[]", '"text"', "1", "true", "null"]) {
        const { status } = await post(body);
        assert.equal(status, 400, body);
    }
});

test("a json that is no object is named with what it is", async () => {
    for (const [json, received] of [
        ["[]", "array"],
        ['"x"', "string"],
        ["1", "number"],
        ["null", "null"],
        ["true", "boolean"],
    ]) {
        const { status, body } = await post(`{"json":${json}}`);
        assert.equal(status, 400, json);
        assert.deepEqual(body.json.data.issues, [
            {
                code: "invalid_type",
                expected: "object",
                received,
                path: [],
                message: `Expected object, received ${received}`,
            },
        ]);
    }
});

test("a byte order mark, deep nesting and odd text do no harm", async () => {
    const deep = (n) => `{"json":{"x":${"[".repeat(n)}${"]".repeat(n)}}}`;
    assert.equal((await post(deep(40))).status, 200);
    assert.equal((await post(deep(100))).status, 400);
    assert.equal((await post(deep(100_000))).status, 400);
    assert.ok([200, 400].includes((await post('\ufeff{"json":{}}')).status));
});

const UNSTORABLE = {
    "a NUL": Buffer.from('{"json":{"name":"a\\u0000b","value":"v"}}'),
    "a lone high surrogate": Buffer.from('{"json":{"name":"a\\ud800b","value":"v"}}'),
    "a lone low surrogate": Buffer.from('{"json":{"name":"a\\udc00b","value":"v"}}'),
    "invalid UTF-8": Buffer.concat([
        Buffer.from('{"json":{"name":"a'),
        Buffer.from([0xff]),
        Buffer.from('","value":"v"}}'),
    ]),
    "an overlong form": Buffer.concat([
        Buffer.from('{"json":{"name":"a'),
        Buffer.from([0xc0, 0xaf]),
        Buffer.from('","value":"v"}}'),
    ]),
    "a surrogate in UTF-8": Buffer.concat([
        Buffer.from('{"json":{"name":"a'),
        Buffer.from([0xed, 0xa0, 0x80]),
        Buffer.from('","value":"v"}}'),
    ]),
};
for (const [what, body] of Object.entries(UNSTORABLE)) {
    test(`text that cannot be given back is refused: ${what}`, async () => {
        const { status } = await post(body, {}, "/v1/credentials/create");
        assert.equal(status, 400);
    });
}

test("a pair of surrogates is one character", async () => {
    const { status, text } = await post(
        '{"json":{"name":"note \\ud83d\\udd11","value":"v"}}',
        {},
        "/v1/credentials/create",
    );
    assert.equal(status, 200, text);
    await t.ok("credentials/get", { name: "note 🔑" });
});

test("meta beside json is taken, whatever it says", async () => {
    for (const meta of ["[]", '[[1,"when"]]', '[[99,"x"],[0,"y",1]]', '[["string-type","x"]]']) {
        const { status, text } = await post(`{"json":{},"meta":${meta}}`);
        assert.equal(status, 200, `${meta}: ${text}`);
    }
});

test("a path that meta marks as undefined is absent", async () => {
    const { status, body } = await post('{"json":{"id":null},"meta":[[3,"id"]]}', {}, "/v1/jobs/get");
    assert.equal(status, 400);
    assert.equal(body.json.data.issues[0].message, "Required");
    const listed = await post(
        '{"json":{"limit":null,"status":null},"meta":[[3,"limit"],[3,"status"]]}',
        {},
        "/v1/jobs/list",
    );
    assert.equal(listed.status, 200, listed.text);
});

test("null for an optional field is refused and names it", async () => {
    const issues = await t.refuses("jobs/list", { limit: null, status: null });
    assert.deepEqual(issues.map(({ path }) => path[0]).sort(), ["limit", "status"]);
    const [limit] = issues.filter(({ path }) => path[0] === "limit");
    assert.equal(limit.message, "Expected number, received null");
});

test("unknown fields are dropped", async () => {
    await t.ok("credentials/list", { nonsense: { deeply: ["nested"] }, limit: "not even a number" });
});

test("an issue of each kind has the shape that clients know", async () => {
    const [missing] = await t.refuses("jobs/get", {});
    assert.deepEqual(missing, {
        code: "invalid_type",
        expected: "string",
        received: "undefined",
        path: ["id"],
        message: "Required",
    });
    const [wrong] = await t.refuses("jobs/list", { limit: "5" });
    assert.deepEqual(wrong, {
        code: "invalid_type",
        expected: "number",
        received: "string",
        path: ["limit"],
        message: "Expected number, received string",
    });
    const [big] = await t.refuses("jobs/list", { limit: 101 });
    assert.deepEqual(big, {
        code: "too_big",
        maximum: 100,
        type: "number",
        inclusive: true,
        exact: false,
        path: ["limit"],
        message: "Number must be less than or equal to 100",
    });
    const [small] = await t.refuses("jobs/list", { limit: 0 });
    assert.deepEqual(small, {
        code: "too_small",
        minimum: 1,
        type: "number",
        inclusive: true,
        exact: false,
        path: ["limit"],
        message: "Number must be greater than or equal to 1",
    });
    const [uuid] = await t.refuses("jobs/get", { id: "x" });
    assert.deepEqual(uuid, {
        validation: "uuid",
        code: "invalid_string",
        message: "Invalid uuid",
        path: ["id"],
    });
    const [url] = await t.refuses("jobs/create", { workflow: "w", start_url: "x" });
    assert.deepEqual(url, {
        validation: "url",
        code: "invalid_string",
        message: "Invalid url",
        path: ["start_url"],
    });
});

// Keys

test("no key, a wrong key and a malformed key have one answer", async () => {
    const answers = [];
    for (const head of [
        {},
        { "x-api-key": "" },
        { "x-api-key": "nonsense" },
        { "x-api-key": `${t.key}x` },
        { "x-api-key": t.key.toUpperCase() },
        { authorization: "Bearer nonsense" },
        { authorization: "Basic abc" },
    ]) {
        const answer = await exact("POST", LIST, { ...JSON_TYPE, ...head }, '{"json":{}}');
        assert.equal(answer.status, 401, JSON.stringify(head));
        answers.push(answer.text);
    }
    assert.deepEqual(new Set(answers).size, 1, answers.join("\n"));
    assert.equal(JSON.parse(answers[0]).json.code, "UNAUTHORIZED");
});

test("a bearer token is a key", async () => {
    const { status } = await send(t.url, LIST, {
        headers: { ...JSON_TYPE, authorization: `Bearer ${t.key}` },
        body: "{}",
    });
    assert.equal(status, 200);
});

test("a key is asked for before the input is read", async () => {
    const { status } = await send(t.url, "/v1/jobs/get", { headers: JSON_TYPE, body: '{"json":{"id":1}}' });
    assert.equal(status, 401);
});

test("a revoked key is as good as none, at once", async () => {
    const api = new Api(t.url, await t.server.revokedKey(t.name));
    await api.fails("credentials/list", {}, "UNAUTHORIZED");
    await t.ok("credentials/list", {});
});

test("two keys of one tenant see the same", async () => {
    const other = new Api(t.url, await t.server.key(t.name, "second"));
    await t.ok("credentials/upsert", { name: "seen-by-both", value: "1" });
    assert.equal((await other.ok("credentials/get", { name: "seen-by-both" })).value, "1");
});

// Headers of ours

test("every answer has a request id; a sane one that came is used", async () => {
    const { headers: given } = await post("{}", { "x-request-id": "my-own-id-42" });
    assert.equal(given.get("x-request-id"), "my-own-id-42");
    const first = (await post("{}")).headers.get("x-request-id");
    const second = (await post("{}")).headers.get("x-request-id");
    assert.ok(first && second && first !== second);
    const { headers: failed } = await send(t.url, "/v1/nothing", { headers, body: "{}" });
    assert.ok(failed.get("x-request-id"));
    const { headers: odd } = await post("{}", { "x-request-id": "x".repeat(5000) });
    assert.ok((odd.get("x-request-id") ?? "").length < 1000);
});

test("an Origin beside a key is ignored", async () => {
    for (const origin of [t.url, `${t.url}/`, "https://elsewhere.example", "null"]) {
        assert.equal((await post("{}", { origin })).status, 200, origin);
    }
});

// What operators ask

test("healthz and readyz answer without a key", async () => {
    for (const path of ["/healthz", "/readyz"]) {
        const response = await fetch(t.url + path);
        assert.equal(response.status, 200, await response.text());
    }
});

test("metrics speak Prometheus' format", async () => {
    const response = await fetch(`${t.url}/metrics`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type"), /^text\/plain/);
    const lines = (await response.text()).trim().split("\n");
    for (const line of lines.filter((each) => each && !each.startsWith("#"))) {
        assert.match(line, /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^}]*\})? [-+0-9.eEInfNa]+( \d+)?$/);
    }
    assert.ok(lines.some((line) => line.startsWith("# TYPE ")));
    const { layers } = await (await fetch(`${t.url}/readyz`)).json();
    assert.ok(Object.keys(layers).includes("system-calls"));
    for (const [name, stands] of Object.entries(layers))
        assert.ok(lines.includes(`impresario_sandbox_layer{name="${name}"} ${Number(stands)}`), name);
});

test("openapi.json describes every implemented route", async () => {
    const response = await fetch(`${t.url}/openapi.json`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type"), /^application\/json/);
    const document = await response.json();
    assert.match(document.openapi, /^3\./);

    for (const { method, path } of routes.filter(({ envelope }) => envelope === "rpc")) {
        const target = path.replace(/\{[^}]+\}/g, "x");
        const { status } = await send(t.url, target, { method, headers });
        if (status === 501) continue;
        const described = document.paths[path]?.[method.toLowerCase()];
        assert.ok(described?.responses["200"], `${method} ${path} is not described`);
    }
});
