// SPDX-License-Identifier: Apache-2.0
/** What `meson install` leaves is whole: the executable finds what it needs, wherever it was put. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "node:test";
import { promisify } from "node:util";
import { oneWorkflow } from "../support/artifact.mjs";
import { BINARY, Server } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";

test("an installed server builds and runs a workflow", async (t) => {
    const root = mkdtempSync(join(tmpdir(), "impresario-installed-"));
    t.after(() => rmSync(root, { recursive: true, force: true }));
    await promisify(execFile)("meson", ["install", "-C", dirname(BINARY), "--no-rebuild", "--quiet", "--destdir", root]);
    const binary = join(root, "usr/local/bin/impresario");
    assert.ok(!existsSync(join(root, "usr/local/share/impresario/runner/test")));

    const server = await Server.start({ binary });
    t.after(() => server.stop());
    const tenant = await Tenant.make("installed", server);
    await tenant.deploy(oneWorkflow("installed", "return 42;"));
    assert.equal(await tenant.result("installed"), 42);
});
