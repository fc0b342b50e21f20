// SPDX-License-Identifier: Apache-2.0
/**
 * What every route does with wrong requests, made from the table of routes: each field is given each
 * wrong type, a step beyond each bound and a step within it, and the answer must name that very field.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { Api, send } from "../support/api.mjs";
import { implemented } from "../support/contract.mjs";
import { Tenant } from "../support/tenant.mjs";
import { exchange } from "../support/wire.mjs";

const t = await Tenant.make("inputs");
const nobody = new Api(t.url, undefined);

const OF_TYPE = { null: null, boolean: true, number: 1, string: "text", array: [], object: {} };
const NO = { uuid: ["x", "0190"], uri: ["x", "example.com"], "date-time": ["yesterday"] };
const YES = {
    uuid: "01900000-0000-7000-8000-000000000000",
    uri: "http://example.com/",
    "date-time": "2026-01-01T00:00:00.000Z",
};
/** The bytes of a source go another way than its schema: deployments.test.mjs has them. */
const STREAMED = new Set(["deployments/create source"]);

const typesOf = (schema) =>
    schema.oneOf?.flatMap(typesOf) ?? [schema.type ?? typeof schema.enum[0]].flat();

/** Values that a schema refuses, each with what is wrong about it. */
function* refused(schema) {
    const types = typesOf(schema).map((type) => (type === "integer" ? "number" : type));
    for (const [type, value] of Object.entries(OF_TYPE)) if (!types.includes(type)) yield [type, value];
    if (schema.enum) yield ["a word that is none of its words", "elsewhere"];
    if (schema.minLength > 0) yield ["too short a text", "x".repeat(schema.minLength - 1)];
    if (schema.maxLength && !schema.format) yield ["too long a text", "x".repeat(schema.maxLength + 1)];
    if (schema.minimum !== undefined) yield ["too small a number", schema.minimum - 1];
    if (schema.maximum !== undefined) yield ["too large a number", schema.maximum + 1];
    if (schema.type === "integer") yield ["no whole number", (schema.minimum ?? 0) + 0.5];
    if (schema.pattern) yield ["a text of another form", " "];
    for (const value of NO[schema.format] ?? []) yield ["no " + schema.format, value];
}

/** Values at the edge of what a schema takes. */
function* taken(schema) {
    for (const word of schema.enum ?? []) yield word;
    if (typesOf(schema).includes("boolean")) yield* [true, false];
    if (schema.minimum !== undefined) yield* [schema.minimum, schema.minimum + 1];
    if (schema.maximum !== undefined) yield* [schema.maximum, schema.maximum - 1];
    if (YES[schema.format]) yield YES[schema.format];
    else if (schema.minLength && !schema.pattern) yield "x".repeat(schema.minLength);
    if (schema.maxLength && !schema.format && !schema.pattern) yield "x".repeat(schema.maxLength);
}

/** Every field of an input, and below its objects, with a maker of the input that has only this one. */
function* fieldsOf(schema, path = [], wrap = (value) => value) {
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
        const below = (value) => wrap({ [name]: value });
        yield { path: [...path, name], field, input: below, required: schema.required?.includes(name), wrap };
        yield* fieldsOf(field, [...path, name], below);
    }
}

const at = (issues, path) => issues.filter((issue) => issue.path.join(".") === path.join("."));

for (const route of await implemented(t.url)) {
    const name = route.path.slice("/v1/".length);
    for (const { path, field, input, required, wrap } of fieldsOf(route.input)) {
        const label = `${name} ${path.join(".")}`;

        test(`${label} refuses what it is not, and is named`, async () => {
            for (const [what, value] of refused(field)) {
                const issues = await t.refuses(name, input(value));
                assert.ok(at(issues, path).length > 0, `${what}: ${JSON.stringify(issues)}`);
            }
            if (!required) return;
            const [issue] = at(await t.refuses(name, wrap({})), path);
            assert.deepEqual([issue?.message, issue?.received], ["Required", "undefined"]);
        });

        if (STREAMED.has(label)) continue;
        test(`${label} takes what is within its bounds`, async () => {
            for (const value of taken(field)) {
                const { body } = await t.call(name, input(value));
                const issues = at(body.json.data?.issues ?? [], path);
                assert.deepEqual(issues, [], `${JSON.stringify(value).slice(0, 80)} was refused`);
            }
        });
    }

    test(`${name} answers what is no request of its kind`, async () => {
        const headers = { "x-api-key": t.key, "content-type": "application/json" };
        const ask = (options) => send(t.url, route.path, { headers, ...options });
        for (const [code, asked] of [
            ["BAD_REQUEST", ask({ body: '{"json":' })],
            ["BAD_REQUEST", ask({ body: "[]" })],
            ["METHOD_NOT_SUPPORTED", ask({ method: "GET" })],
            ["METHOD_NOT_SUPPORTED", ask({ method: "DELETE" })],
            ["UNSUPPORTED_MEDIA_TYPE", ask({ headers: { ...headers, "content-type": "text/plain" }, body: "{}" })],
            ["PAYLOAD_TOO_LARGE", exchange(t.url, "POST", route.path, { ...headers, "content-length": 2 ** 40 })],
        ]) {
            const { body, text } = await asked;
            assert.equal(body.json.code, code, text);
        }
        if (route.auth === "api_key") await nobody.fails(name, {}, "UNAUTHORIZED");
    });
}
