// SPDX-License-Identifier: Apache-2.0
/** credentials/*: kept under a name in any case, given back in clear, and never shown where they were not asked for. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import test from "node:test";
import { oneWorkflow, plain } from "../support/artifact.mjs";
import { UUID } from "../support/contract.mjs";
import { Site } from "../support/site.mjs";
import { Tenant } from "../support/tenant.mjs";

const UNKNOWN = "01900000-0000-7000-8000-000000000000";

test("create keeps a credential, get gives it in clear, list shows no value", async () => {
    const t = await Tenant.make("credentials");
    const created = await t.ok("credentials/create", { name: "Portal_User", value: "  ada lovelace " });
    assert.equal(created.success, true);
    assert.match(created.credential_id, UUID);
    assert.notEqual(created.message, "");
    assert.deepEqual(await t.ok("credentials/get", { name: "Portal_User" }), {
        id: created.credential_id,
        value: "  ada lovelace ",
    });

    const { credentials } = await t.ok("credentials/list", {});
    assert.deepEqual(Object.keys(credentials[0]).sort(), ["created_at", "credential_id", "name", "updated_at"]);
    assert.equal(credentials[0].name, "Portal_User");
    assert.equal(credentials[0].credential_id, created.credential_id);
});

test("a name matches in any case and without its outer spaces", async () => {
    const t = await Tenant.make("credentials-case");
    const { credential_id: id } = await t.ok("credentials/create", { name: "API_Token", value: "x" });
    for (const name of ["api_token", "API_TOKEN", " api_token "]) {
        assert.equal((await t.ok("credentials/get", { name })).id, id);
    }
    await t.fails("credentials/create", { name: " api_token", value: "y" }, "CONFLICT");
});

test("list is by name", async () => {
    const t = await Tenant.make("credentials-list");
    assert.deepEqual(await t.ok("credentials/list"), { credentials: [] });
    for (const name of ["zulu", "alpha", "mike"]) await t.ok("credentials/create", { name, value: name });
    const { credentials } = await t.ok("credentials/list", {});
    assert.deepEqual(
        credentials.map(({ name }) => name),
        ["alpha", "mike", "zulu"],
    );
});

test("a name that exists is 409 and leaves the old value", async () => {
    const t = await Tenant.make("credentials-conflict");
    await t.ok("credentials/create", { name: "once", value: "old" });
    const error = await t.fails("credentials/create", { name: "once", value: "new" }, "CONFLICT");
    assert.match(error.message, /once/);
    assert.equal((await t.ok("credentials/get", { name: "once" })).value, "old");
});

test("upsert creates, then overwrites, and says which", async () => {
    const t = await Tenant.make("credentials-upsert");
    const first = await t.ok("credentials/upsert", { name: "portal_pass", value: "one" });
    const second = await t.ok("credentials/upsert", { name: "PORTAL_PASS", value: "two" });
    assert.deepEqual([first.success, first.overwritten, second.overwritten], [true, false, true]);
    assert.equal(second.credential_id, first.credential_id);
    assert.notEqual(second.message, "");
    assert.equal((await t.ok("credentials/get", { name: "portal_pass" })).value, "two");
});

test("update changes the value, the name, or both", async () => {
    const t = await Tenant.make("credentials-update");
    const { credential_id: id } = await t.ok("credentials/create", { name: "old", value: "1" });
    const [before] = (await t.ok("credentials/list", {})).credentials;

    assert.equal((await t.ok("credentials/update", { id, value: "2" })).success, true);
    assert.equal((await t.ok("credentials/get", { name: "old" })).value, "2");
    await t.ok("credentials/update", { id, name: "new" });
    await t.fails("credentials/get", { name: "old" }, "NOT_FOUND");
    assert.deepEqual(await t.ok("credentials/get", { name: "new" }), { id, value: "2" });
    await t.ok("credentials/update", { id, name: "NEW", value: "3" });

    const [after] = (await t.ok("credentials/list", {})).credentials;
    assert.equal(after.name, "NEW");
    assert.equal(after.created_at, before.created_at);
    assert.ok(after.updated_at >= before.updated_at);
});

test("update needs something to change, and a name that is free", async () => {
    const t = await Tenant.make("credentials-update-errors");
    const { credential_id: id } = await t.ok("credentials/create", { name: "mine", value: "1" });
    await t.ok("credentials/create", { name: "taken", value: "2" });
    const [issue] = await t.refuses("credentials/update", { id });
    assert.equal(issue.code, "custom");
    await t.fails("credentials/update", { id, name: "Taken" }, "CONFLICT");
    await t.fails("credentials/update", { id: UNKNOWN, value: "3" }, "NOT_FOUND");
    await t.refuses("credentials/update", { id: "x", value: "3" });
});

test("delete removes, and is 404 afterwards", async () => {
    const t = await Tenant.make("credentials-delete");
    const { credential_id: id } = await t.ok("credentials/create", { name: "brief", value: "1" });
    const deleted = await t.ok("credentials/delete", { id });
    assert.equal(deleted.success, true);
    assert.notEqual(deleted.message, "");
    await t.fails("credentials/get", { name: "brief" }, "NOT_FOUND");
    await t.fails("credentials/delete", { id }, "NOT_FOUND");
    await t.refuses("credentials/delete", { id: "x" });
});

test("delete is put off while a job uses the credential", async () => {
    const site = await Site.open();
    try {
        const t = await Tenant.make("credentials-in-use");
        const { credential_id: id } = await t.ok("credentials/create", { name: "busy", value: "1" });
        await t.deploy(
            plain({
                "index.ts": `import { workflow } from "impresario";
export default workflow("user-of-busy", { credentials: ["busy"], handler: async () => (await fetch("${site.url}/hold")).text() });
`,
            }),
        );
        const job = await t.start("user-of-busy");
        await site.visit("/hold");
        const refused = await t.ok("credentials/delete", { id });
        assert.equal(refused.success, false);
        assert.match(refused.message, new RegExp(job));

        site.release();
        assert.equal((await t.finished(job)).status, "completed");
        assert.equal((await t.ok("credentials/delete", { id })).success, true);
    } finally {
        await site.close();
    }
});

test("get of an unknown name is 404", async () => {
    const t = await Tenant.make("credentials-unknown");
    await t.fails("credentials/get", { name: "nothing" }, "NOT_FOUND");
});

test("names and values have bounds", async () => {
    const t = await Tenant.make("credentials-bounds");
    for (const route of ["credentials/create", "credentials/upsert"]) {
        const missing = await t.refuses(route, {});
        assert.deepEqual(missing.map(({ path }) => path[0]).sort(), ["name", "value"]);
        for (const [input, path] of [
            [{ name: "", value: "v" }, "name"],
            [{ name: "   ", value: "v" }, "name"],
            [{ name: "n".repeat(129), value: "v" }, "name"],
            [{ name: "n", value: "" }, "value"],
            [{ name: "n", value: "v".repeat(65537) }, "value"],
            [{ name: "n", value: { user: "an object" } }, "value"],
        ]) {
            const [issue] = await t.refuses(route, input);
            assert.equal(issue.path[0], path, `${route} ${JSON.stringify(input).slice(0, 80)}`);
        }
    }
    const value = "v".repeat(65536);
    await t.ok("credentials/create", { name: "n".repeat(128), value });
    assert.equal((await t.ok("credentials/get", { name: "n".repeat(128) })).value, value);
});

test("a value is kept as it came, whatever its script", async () => {
    const t = await Tenant.make("credentials-unicode");
    const value = 'pässwörd 🔑 "quoted" \\ \n\ttab ';
    await t.ok("credentials/create", { name: "geheim", value });
    assert.equal((await t.ok("credentials/get", { name: "geheim" })).value, value);
});

test("a job whose credential does not open fails, and says whose fault it is", async () => {
    const t = await Tenant.make("credentials-damaged");
    const { credential_id: id } = await t.ok("credentials/create", { name: "damaged", value: "1" });
    await t.deploy(
        plain({
            "index.ts": `import { workflow } from "impresario";
export default workflow("user-of-damaged", { credentials: ["damaged"], handler: async () => 1 });
`,
        }),
    );
    const store = new DatabaseSync(join(t.server.data, "impresario.db"), { timeout: 10_000 });
    store.prepare("UPDATE credential SET sealed = zeroblob(40) WHERE id = ?").run(id);
    store.close();

    const job = await t.finished(await t.start("user-of-damaged"));
    assert.equal(job.status, "failed");
    assert.match(job.error, /could not open the job's credentials/);
});

test("no file of the server holds a value, or a callback's secret, in clear", async () => {
    const t = await Tenant.make("credentials-at-rest");
    const value = `needle-${"0123456789abcdef".repeat(4)}`;
    await t.ok("credentials/create", { name: "haystack", value });
    await t.deploy(oneWorkflow("calls-back", "return 1;"));
    await t.run("calls-back", {}, { callback_url: "https://example.com/hook", callback_secret: value });

    const holding = filesBelow(t.server.data).filter((path) => readFileSync(path).includes(value));
    assert.deepEqual(holding, []);
});

function filesBelow(folder) {
    return readdirSync(folder, { withFileTypes: true }).flatMap((each) => {
        const path = join(folder, each.name);
        if (each.isDirectory()) return filesBelow(path);
        return each.isFile() && statSync(path).size < 64 << 20 ? [path] : [];
    });
}
