// SPDX-License-Identifier: Apache-2.0
/**
 * The contract as data: the route table of the server, and a check that every answer must pass.
 *
 * Whatever a suite asks goes through `checkAnswer`, so no test has to remember to validate. Each
 * call leaves what it has seen (coverage.mjs) in the file named by IMPRESARIO_TEST_CALLS; the last
 * suite reads it and fails for whatever is promised and was never seen.
 */
import assert from "node:assert/strict";
import { appendFileSync, readFileSync } from "node:fs";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { seen } from "./coverage.mjs";

const TABLE = process.env.IMPRESARIO_ROUTES ?? new URL("../../src/api/routes.json", import.meta.url);

/** @type {{path: string, method: string, auth: string, envelope: string, input: any, output: any}[]} */
export const routes = JSON.parse(readFileSync(TABLE, "utf8"));

/**
 * The routes that a server implements, by its own description.
 *
 * @param {string} url  origin of the server
 */
export async function implemented(url) {
    const { paths } = await (await fetch(`${url}/openapi.json`)).json();
    const found = routes.filter(({ path, method }) => paths[path]?.[method.toLowerCase()]);
    assert.equal(found.length, Object.keys(paths).length, "a route is described that the table does not have");
    return found;
}

/** Codes that an error may carry, and the one status that belongs to each. */
export const STATUS_OF = {
    BAD_REQUEST: 400,
    UNAUTHORIZED: 401,
    PAYMENT_REQUIRED: 402,
    FORBIDDEN: 403,
    NOT_FOUND: 404,
    METHOD_NOT_SUPPORTED: 405,
    NOT_ACCEPTABLE: 406,
    TIMEOUT: 408,
    CONFLICT: 409,
    PRECONDITION_FAILED: 412,
    PAYLOAD_TOO_LARGE: 413,
    UNSUPPORTED_MEDIA_TYPE: 415,
    UNPROCESSABLE_CONTENT: 422,
    TOO_MANY_REQUESTS: 429,
    INTERNAL_SERVER_ERROR: 500,
    NOT_IMPLEMENTED: 501,
    BAD_GATEWAY: 502,
    SERVICE_UNAVAILABLE: 503,
    GATEWAY_TIMEOUT: 504,
};

/** What any route may answer; its row has the others (`errors`). */
const ANYWHERE = new Set([
    "BAD_REQUEST",
    "UNAUTHORIZED",
    "METHOD_NOT_SUPPORTED",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
    "TOO_MANY_REQUESTS",
    "INTERNAL_SERVER_ERROR",
    "NOT_IMPLEMENTED",
    "SERVICE_UNAVAILABLE",
]);

/** Ids are lower-case RFC 9562 UUIDs; times have three decimals and a Z. Both are stricter than the formats' names. */
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
export const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

const ajv = new Ajv({ allErrors: true, strict: false, allowUnionTypes: true });
addFormats(ajv);
ajv.addFormat("uuid", UUID);
ajv.addFormat("date-time", { validate: (text) => TIME.test(text) && !Number.isNaN(Date.parse(text)) });

const validators = new Map();

/** The compiled check of a route's answer, made on first use. */
function outputCheck(route) {
    let check = validators.get(route);
    if (!check) validators.set(route, (check = ajv.compile(route.output ?? {})));
    return check;
}

const PATTERNS = routes.map((route) => ({
    route,
    pattern: new RegExp(`^${route.path.replace(/[.]/g, "\\.").replace(/\{[^}]+\}/g, "[^/]+")}$`),
}));

/** The route that `method path` names; slashes are folded as the server folds them. */
export function routeOf(method, target) {
    const path = target
        .split("?")[0]
        .replace(/\/{2,}/g, "/")
        .replace(/(.)\/$/, "$1");
    return PATTERNS.find(({ route, pattern }) => route.method === method && pattern.test(path))?.route;
}

/**
 * Checks one answer of an enveloped route: its content type, its envelope, its schema.
 * Returns the parsed body.
 *
 * @param {{method: string, target: string, status: number, contentType: string|null, text: string, sent?: any}} answer
 *   `sent`: the body of the request, where it is known
 */
export function checkAnswer({ method, target, status, contentType, text, sent }) {
    const where = `${method} ${target} answered ${status}`;
    const route = routeOf(method, target);

    assert.match(contentType ?? "", /^application\/json\b/, `${where}: content type`);
    const body = parse(text, where);
    if (status >= 400) checkError(body, status, where, route);
    else if (route?.envelope === "rpc") checkOutput(route, body, where);
    if (route) note(route, status < 400 ? { input: inputOf(sent), output: body.json } : { code: body.json.code });
    return body;
}

function parse(text, where) {
    try {
        return JSON.parse(text);
    } catch (cause) {
        throw new assert.AssertionError({
            message: `${where}: not JSON: ${text.slice(0, 300)} (${cause.message})`,
        });
    }
}

/** What stood under `json` in a request; undefined when that cannot be told. */
function inputOf(sent) {
    try {
        return JSON.parse(sent).json ?? {};
    } catch {
        return undefined;
    }
}

/** Clients of the RPC protocol refuse an error that has any key besides these. */
function checkError(body, status, where, route) {
    assert.deepEqual(Object.keys(body), ["json"], `${where}: the envelope of an error`);
    const { defined, code, status: inside, message, data, ...rest } = body.json;
    assert.deepEqual(rest, {}, `${where}: keys of an error`);
    assert.equal(defined, false, `${where}: defined`);
    assert.equal(inside, status, `${where}: status in the body`);
    assert.equal(STATUS_OF[code], status, `${where}: code ${code}`);
    assert.equal(typeof message, "string", `${where}: message`);
    assert.notEqual(message.trim(), "", `${where}: message`);
    if ("data" in body.json) assert.equal(typeof data, "object", `${where}: data`);
    if (route?.errors)
        assert.ok(ANYWHERE.has(code) || route.errors.includes(code), `${where}: ${code} is not among its errors`);
}

function checkOutput(route, body, where) {
    assert.deepEqual(Object.keys(body), ["json"], `${where}: the envelope of an answer`);
    const check = outputCheck(route);
    assert.ok(
        check(body.json),
        `${where}: ${ajv.errorsText(check.errors)}\n${JSON.stringify(body).slice(0, 2000)}`,
    );
}

const noted = new Set();

function note(route, call) {
    const fresh = [...seen(route, call)]
        .map((fact) => `${route.method} ${route.path} ${fact}\n`)
        .filter((line) => !noted.has(line));
    for (const line of fresh) noted.add(line);
    if (process.env.IMPRESARIO_TEST_CALLS && fresh.length > 0)
        appendFileSync(process.env.IMPRESARIO_TEST_CALLS, fresh.join(""));
}

/** The facts that every suite of this run has seen: a map from "METHOD path" to a set. */
export function factsSeen() {
    const file = process.env.IMPRESARIO_TEST_CALLS;
    const lines = file ? readFileSync(file, "utf8").split("\n") : [...noted].map((line) => line.trim());
    const facts = new Map();
    for (const line of lines.filter(Boolean)) {
        const [method, path] = line.split(" ", 2);
        const key = `${method} ${path}`;
        facts.set(key, (facts.get(key) ?? new Set()).add(line.slice(key.length + 1)));
    }
    return facts;
}
