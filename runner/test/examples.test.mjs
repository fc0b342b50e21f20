// SPDX-License-Identifier: Apache-2.0
//
// The examples are built and run as a user would run them.

import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { makeBox, runner, runWorkflow } from "./support/box.mjs";

const examples = join(dirname(runner), "examples");
const boxes = [];
after(() => boxes.forEach((box) => box.remove()));

async function result(workflow, assignment) {
    const box = makeBox();
    boxes.push(box);
    cpSync(examples, box.app, { recursive: true });
    const ran = await runWorkflow(box, workflow, assignment);
    assert.equal(ran.last.t, "result", JSON.stringify({ ...ran.last, screenshot: null }));
    return { ...ran, result: ran.last.result };
}

test("page-summary opens its own page", async () => {
    const { result: summary } = await result("page-summary");
    assert.deepEqual(summary, { title: "The Lamp Shop", heading: "The Lamp Shop", links: 1 });
});

test("catalogue reads all pages, or as many as are needed", async () => {
    const all = await result("catalogue");
    assert.equal(all.result.products.length, 23);
    assert.equal(all.result.pages, 3);
    assert.deepEqual(all.result.products[22], { name: "Lamp No. 23", price: 41.5 });
    assert.deepEqual(all.logs.map((line) => line.message)[0], "page 1: 8 products so far");

    const few = await result("catalogue", { params: { limit: 10 } });
    assert.equal(few.result.products.length, 10);
    assert.equal(few.result.pages, 2);
});

test("statement signs in with stored credentials and reads a download", async () => {
    const { result: statement } = await result("statement", {
        credentials: { shop_user: "ada", shop_password: "engine" },
    });
    assert.equal(statement.filename, "statement.csv");
    assert.deepEqual(statement.rows[0], { date: "2026-01-05", text: "Lamp No. 3", amount: -21.5 });
});
