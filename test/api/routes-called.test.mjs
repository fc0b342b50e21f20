// SPDX-License-Identifier: Apache-2.0
/** The last suite: every route that the server implements was called with success by some other. */
import assert from "node:assert/strict";
import test from "node:test";
import { routes, routesCalled } from "../support/contract.mjs";
import { Tenant } from "../support/tenant.mjs";

const t = await Tenant.make("routes-called");
const called = routesCalled();

for (const { method, path, envelope } of routes) {
    test(`${method} ${path} was called with success, or is not built yet`, async () => {
        if (called.get(`${method} ${path}`)?.has(200)) return;

        const target = path.replace(/\{[^}]+\}/g, "x");
        const body = method === "GET" ? undefined : envelope === "rpc" ? '{"json":{}}' : "{}";
        const { status } = await fetch(t.url + target, {
            method,
            headers: { "content-type": "application/json", "x-api-key": t.key },
            body,
        });
        assert.equal(status, 501, `${method} ${path} is implemented, and no suite has called it`);
    });
}
