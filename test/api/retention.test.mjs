// SPDX-License-Identifier: Apache-2.0
/** What is no longer needed goes, and what something may still use stays. The rules have unit tests of their own. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { after } from "node:test";
import { ballast, oneWorkflow } from "../support/artifact.mjs";
import { Server } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";

const ORPHAN = "proofs/01900000-0000-7000-8000-000000000000/source.tar.gz";
const env = { IMPRESARIO_RETENTION_CODE_DAYS: "0" };

test("a sweep removes the code of an old deployment, and leaves the workflows running", async () => {
    let server = await Server.start({ env });
    after(() => server.stop());
    const { data } = server;
    const blob = (key) => join(data, "blobs", key);
    const age = (key) => utimesSync(blob(key), 0, 0);

    let t = await Tenant.make("retention", server);
    const files = ballast();
    const old = await t.deploy(oneWorkflow("swept", 'return "old";', "{}", files));
    const other = await t.deploy(oneWorkflow("other", 'return "other";', "{}", files));
    const current = await t.deploy(oneWorkflow("swept", 'return "current";', "{}", files));
    const before = await t.run("swept");
    await server.end();
    mkdirSync(join(blob(ORPHAN), ".."), { recursive: true });
    writeFileSync(blob(ORPHAN), "of nobody");
    for (const key of [old, other, current].map(({ source_path }) => source_path).concat(ORPHAN)) age(key);

    server = await Server.start({ data, env });
    t = Object.assign(new Tenant(server.url, t.key), { server });
    await server.says(/sweep\.done/);
    assert.deepEqual(
        [old.source_path, ORPHAN, other.source_path, current.source_path].map((key) => existsSync(blob(key))),
        [false, false, true, true],
    );
    const { source_path, bundle_path, ...rest } = await t.ok("deployments/sync", { id: old.id });
    assert.deepEqual([source_path, bundle_path], [null, null]);
    assert.deepEqual({ ...rest, source_path: old.source_path, bundle_path: old.bundle_path }, old);
    const listed = (await t.ok("deployments/list", {})).find(({ id }) => id === old.id);
    assert.deepEqual([listed.source_path, listed.bundle_path, listed.status], [null, null, "ready"]);
    assert.deepEqual(await t.ok("jobs/get", { id: before.job_id }), before);
    assert.deepEqual([await t.result("swept"), await t.result("other")], ["current", "other"]);
    await t.deploy(oneWorkflow("swept", 'return "old";', "{}", files));
    assert.equal(await t.result("swept"), "old");
});
