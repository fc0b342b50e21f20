// SPDX-License-Identifier: Apache-2.0
/** browserProfiles/*: as far as a deploy needs them. */
import assert from "node:assert/strict";
import test from "node:test";
import { bootstrap, plain } from "../support/artifact.mjs";
import { TIME, UUID } from "../support/contract.mjs";
import { Tenant } from "../support/tenant.mjs";

test("ensure creates a profile once", async () => {
    const t = await Tenant.make("profiles");
    const first = await t.ok("browserProfiles/ensure", { name: "acme-portal" });
    assert.deepEqual([first.success, first.name, first.created], [true, "acme-portal", true]);
    assert.match(first.profile_id, UUID);
    const second = await t.ok("browserProfiles/ensure", { name: "acme-portal" });
    assert.deepEqual([second.profile_id, second.created], [first.profile_id, false]);
});

test("list gives every documented field", async () => {
    const t = await Tenant.make("profiles-list");
    assert.deepEqual(await t.ok("browserProfiles/list", {}), { profiles: [] });
    const { profile_id } = await t.ok("browserProfiles/ensure", { name: "one" });
    const { profiles } = await t.ok("browserProfiles/list");
    assert.equal(profiles.length, 1);
    assert.equal(profiles[0].profile_id, profile_id);
    assert.equal(profiles[0].name, "one");
    assert.match(profiles[0].updated_at, TIME);
});

test("the case of a name counts", async () => {
    const t = await Tenant.make("profiles-case");
    await t.ok("browserProfiles/ensure", { name: "Acme" });
    assert.equal((await t.ok("browserProfiles/ensure", { name: "acme" })).created, true);
});

test("delete counts what it removed; an unknown name is no error", async () => {
    const t = await Tenant.make("profiles-delete");
    await t.ok("browserProfiles/ensure", { name: "brief" });
    assert.deepEqual(await t.ok("browserProfiles/delete", { name: "brief" }), {
        success: true,
        deleted_count: 1,
    });
    const again = await t.ok("browserProfiles/delete", { name: "brief" });
    assert.equal(again.deleted_count, 0);
});

test("illegal names are refused", async () => {
    const t = await Tenant.make("profiles-names");
    for (const name of ["", ".", "..", "a b", "a/b", "ä", "x".repeat(129)]) {
        for (const route of ["browserProfiles/ensure", "browserProfiles/delete"]) {
            const [issue] = await t.refuses(route, { name });
            assert.deepEqual(issue.path, ["name"], `${route} ${name}`);
        }
    }
    for (const name of ["...", "a.b_c-D9", "x".repeat(128)]) await t.ok("browserProfiles/ensure", { name });
    assert.equal((await t.refuses("browserProfiles/ensure", {}))[0].message, "Required");
});

test("a deployment registers the profiles that its workflows name", async () => {
    const t = await Tenant.make("profiles-deployed");
    await t.deploy(
        plain({
            "index.ts": `import { workflow } from "impresario";
export const a = workflow("signed-in", { authProfile: "plain-profile", handler: async () => 1 });
`,
        }),
    );
    await t.deploy(
        await bootstrap({
            "index.ts": `import { workflow } from "libretto";
export const b = workflow("signed-in-too", { authProfile: { name: "client-profile", refresh: true }, handler: async () => 1 });
`,
        }),
    );
    const { profiles } = await t.ok("browserProfiles/list", {});
    assert.deepEqual(profiles.map(({ name }) => name).sort(), ["client-profile", "plain-profile"]);
});

test("an illegal profile in a client's list is left out with a word in the build log", async () => {
    const t = await Tenant.make("profiles-illegal");
    const { id } = await t.deploy(
        await bootstrap(
            {
                "index.ts": `import { workflow } from "libretto";\nexport const c = workflow("odd-profile", async () => 1);\n`,
            },
            { metadata: (all) => all.map((each) => ({ ...each, authProfileName: "not a/legal name" })) },
        ),
    );
    assert.deepEqual((await t.ok("browserProfiles/list", {})).profiles, []);
    assert.match(await t.buildLog(id), /not a\/legal name/);
});
