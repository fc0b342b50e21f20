// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { test } from "node:test";
import { authenticate, workflow, WorkflowInputError, z } from "../impresario/index.mjs";

const echo = async (_ctx, input) => input;
const ctx = { session: "job", page: {} };

test("a workflow carries both brands and what it declares", () => {
    const made = workflow(
        "full",
        {
            input: z.object({}),
            credentials: [" User ", "user", "PASS"],
            authProfile: { name: "portal", refresh: true },
            startUrl: "https://example.com/",
            viewport: { width: 1, height: 2 },
        },
        echo,
    );

    assert.equal(made[Symbol.for("libretto.workflow")], true);
    assert.equal(made[Symbol.for("libretto.workflow.runtime-auth")], true);
    assert.deepEqual(made.credentialNames, ["user", "pass"]);
    assert.equal(made.authProfileName, "portal");
    assert.equal(made.authProfileRefresh, true);
    assert.deepEqual(made.viewport, { width: 1, height: 2 });
});

test("all three ways to call workflow() are the same", async () => {
    for (const made of [
        workflow("w", echo),
        workflow("w", {}, echo),
        workflow("w", { handler: echo }),
    ]) {
        assert.deepEqual(await made.run(ctx, { a: 1 }), { a: 1 });
    }
});

test("a missing handler, an illegal profile and an unknown option are refused at once", () => {
    assert.throws(() => workflow("w"), /has no handler/);
    assert.throws(() => workflow(" ", echo), /needs a name/);
    assert.throws(() => workflow("w", { authProfile: "a/b" }, echo), /illegal authProfile "a\/b"/);
    assert.throws(() => workflow("w", { authProfile: ".." }, echo), /illegal authProfile/);
    assert.throws(() => workflow("w", { inputs: z.object({}) }, echo), /option "inputs"/);
});

test("the handler gets the parsed input: defaults applied, unknown keys gone", async () => {
    const made = workflow("w", { input: z.object({ n: z.number().default(3) }) }, echo);
    assert.deepEqual(await made.run(ctx, { other: 1 }), { n: 3 });
});

test("bad input names the workflow and one line an issue", async () => {
    const made = workflow(
        "w",
        { input: z.object({ a: z.object({ n: z.number() }), s: z.string() }) },
        echo,
    );
    await assert.rejects(made.run(ctx, { a: { n: "x" } }), (error) => {
        assert.ok(error instanceof WorkflowInputError);
        assert.equal(error.name, "LibrettoWorkflowInputError");
        const [first, ...lines] = error.message.split("\n");
        assert.equal(first, 'Invalid input for workflow "w":');
        assert.deepEqual(
            lines.map((line) => line.split(": ")[0]),
            ["  - a.n", "  - s"],
        );
        return true;
    });
    await assert.rejects(made.run(ctx, undefined), /\(root\): /);
});

test("only declared credentials reach the handler, and they are not validated away", async () => {
    const made = workflow(
        "w",
        { input: z.strictObject({ n: z.number() }), credentials: ["user"] },
        echo,
    );
    const input = {
        n: 1,
        credentials: { USER: "u", other: "o", user2: "x" },
        __libretto: { job: {} },
    };
    assert.deepEqual(await made.run(ctx, input), { n: 1, credentials: { user: "u" } });
});

test("without declared credentials a field of that name is the author's own", async () => {
    assert.deepEqual(await workflow("w", echo).run(ctx, { credentials: 1, __libretto: {} }), {
        credentials: 1,
    });
});

test("authenticate signs in only where it is needed and insists on success", async () => {
    let signedIn = false;
    const isSignedIn = async () => signedIn;
    const signIn = async (_ctx, credentials) => (signedIn = credentials.pass === "right");

    await assert.rejects(
        authenticate(ctx, { isSignedIn, signIn, credentials: { pass: "wrong" } }),
        /Still signed out/,
    );
    assert.deepEqual(
        await authenticate(ctx, { isSignedIn, signIn, credentials: { pass: "right" } }),
        { usedProfile: false },
    );
    assert.deepEqual(await authenticate(ctx, { isSignedIn, signIn }), { usedProfile: true });
});
