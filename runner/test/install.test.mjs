// SPDX-License-Identifier: Apache-2.0
//
// Installs with the real npm. Where a test's name says so it needs the npm registry.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { adaptLockfile } from "../lib/lockfile.mjs";
import { packageIn } from "../lib/npm.mjs";
import { build, makeBox, run, runner } from "./support/box.mjs";

const boxes = [];
after(() => boxes.forEach((box) => box.remove()));

async function install(dependencies, { lockfile = null, env = {}, overrides = null, scripts = [] } = {}) {
    const box = makeBox();
    boxes.push(box);
    const request = { dependencies, overrides, lockfile, scripts };
    return { box, ...(await run(box, "install.mjs", { stdin: JSON.stringify(request), env })) };
}

const versionOf = (box, name) =>
    JSON.parse(readFileSync(join(box.out, name, "package.json"), "utf8")).version;

test("needs the npm registry: a set is installed, with links to our Playwright and the lock", async () => {
    const { last, box, log } = await install({ ms: "2.1.2", "is-number": "^7" });
    assert.equal(last.t, "installed", JSON.stringify(last));
    assert.equal(last.packages, 2);
    assert.ok(last.bytes > 1000);
    assert.equal(last.missing_libretto, false);
    assert.equal(versionOf(box, "ms"), "2.1.2");
    assert.equal(
        readlinkSync(join(box.out, "playwright")),
        join(runner, "node_modules", "playwright"),
    );
    assert.match(log, /^installing ms@2\.1\.2, is-number@\^7/);

    const lock = JSON.parse(last.lockfile);
    assert.equal(lock.packages["node_modules/ms"].version, "2.1.2");
    assert.equal(lock.packages["node_modules/ms"].resolved, undefined);
    assert.match(lock.packages["node_modules/ms"].integrity, /^sha512-/);

    const again = await install({ ms: "2.1.2", "is-number": "^7" }, { lockfile: last.lockfile });
    assert.equal(again.last.t, "installed", JSON.stringify(again.last));
    assert.doesNotMatch(again.log, /hint/);
});

test("needs the npm registry: a lock decides within the range, and one that does not fit is only a hint", async () => {
    const lock = (version, integrity) =>
        JSON.stringify({
            lockfileVersion: 3,
            packages: {
                "": { dependencies: { ms: "^2.1.0" }, devDependencies: { gone: "1" } },
                "node_modules/gone": { version: "1.0.0", dev: true },
                "node_modules/playwright": { version: "1.0.0" },
                "node_modules/ms": { version, resolved: "http://127.0.0.1:1/ms.tgz", integrity },
            },
        });
    const sha =
        "sha512-sGkPx+VjMtmA6MX27oA4FBFELFCZZ4S4XqeGOXCv68tT+jb3vk/RyaKWP0PTKyWtmLSM0b+adUTEvbs1PEaH2w==";

    const fits = await install({ ms: "^2.1.0" }, { lockfile: lock("2.1.2", sha) });
    assert.equal(fits.last.t, "installed", JSON.stringify(fits.last));
    assert.equal(versionOf(fits.box, "ms"), "2.1.2");
    assert.equal(existsSync(join(fits.box.out, "gone")), false);

    const stale = await install({ ms: "2.1.3" }, { lockfile: lock("2.1.2", sha) });
    assert.equal(stale.last.t, "installed", JSON.stringify(stale.last));
    assert.equal(versionOf(stale.box, "ms"), "2.1.3");
    assert.match(stale.log, /does not fit package\.json and serves only as a hint\nInvalid: /);

    const tampered = await install(
        { ms: "^2.1.0" },
        { lockfile: lock("2.1.2", sha.replace("sGk", "sGG")) },
    );
    assert.match(tampered.last.error, /other bytes than package-lock\.json records/);
});

test("needs the npm registry: a dependency that does not exist is named with its spec", async () => {
    const { last } = await install({ "impresario-no-such-package": "^1" });
    assert.equal(last.t, "fail");
    assert.match(
        last.error.split("\n")[0],
        /^The dependency "impresario-no-such-package" \("\^1"\) does not exist in the registry$/,
    );

    const version = await install({ ms: ">=900 <901" });
    assert.match(
        version.last.error,
        /^No version of "ms" satisfies what is asked for \(">=900 <901"\)/,
    );
});

test("needs the npm registry: without libretto there, the stand-in is put into the layer", async (t) => {
    const { last, box, log } = await install({ libretto: "^0.6", ms: "2.1.3" });
    assert.equal(last.t, "installed", JSON.stringify(last));
    if (!last.missing_libretto) return t.skip("this registry has libretto");
    assert.match(log, /the stand-in of Impresario serves its imports/);
    assert.equal(versionOf(box, "ms"), "2.1.3");

    const author = makeBox({
        "package.json":
            '{ "type": "module", "dependencies": { "libretto": "^0.6", "ms": "2.1.3" } }',
        "index.ts":
            'import { workflow } from "libretto";\nimport ms from "ms";\nexport default workflow(`w${ms("1s")}`, async () => 1);',
    });
    boxes.push(author);
    author.useLayer(box.out);
    const { discovered } = await build(author);
    assert.equal(discovered.last.workflows?.[0].name, "w1000", JSON.stringify(discovered.last));
});

test("needs the npm registry: packages with install scripts are named, and the scripts do not run", async () => {
    const { last, log } = await install({ "core-js": "3.30.0" });
    assert.equal(last.t, "installed", JSON.stringify(last));
    assert.match(log, /install scripts do not run here.*core-js@3\.30\.0/);
});

test("needs the npm registry: the script of a package that is allowed runs", async () => {
    const scripts = ["esbuild"];
    const { last, log, box } = await install({ esbuild: "0.21.5", "core-js": "3.30.0" }, { scripts });
    assert.equal(last.t, "installed", JSON.stringify(last));
    assert.match(log, /running the install script of esbuild@0\.21\.5/);
    assert.match(log, /install scripts do not run here.*: core-js@3\.30\.0\n/);
    // It puts the program in place of the script that starts it.
    const program = readFileSync(join(box.out, "esbuild", "bin", "esbuild"));
    assert.equal(program.subarray(1, 4).toString(), "ELF");
});

test("a registry that does not answer is not the author's fault", async () => {
    const registry = createServer((_request, response) => response.writeHead(503).end());
    await new Promise((resolve) => registry.listen(0, "127.0.0.1", resolve));
    try {
        const env = { IMPRESARIO_REGISTRY: `http://127.0.0.1:${registry.address().port}/` };
        const { last } = await install({ ms: "2" }, { env });
        assert.equal(last.server_fault, true, JSON.stringify(last));
        assert.match(last.error, /not your code's fault/);
    } finally {
        registry.closeAllConnections();
        registry.close();
    }
});

test("a lock that leads to a repository or a folder is refused, naming the package", () => {
    const lock = (entry) =>
        JSON.stringify({ lockfileVersion: 3, packages: { "node_modules/@a/b": entry } });
    assert.throws(
        () => adaptLockfile(lock({ resolved: "git+ssh://git@host/b.git#1" }), {}),
        /takes "@a\/b" from "git\+ssh/,
    );
    assert.throws(
        () => adaptLockfile(lock({ link: true, resolved: "../b" }), {}),
        /takes "@a\/b" from/,
    );
    assert.equal(adaptLockfile("not json", {}), null);
    assert.equal(adaptLockfile('{ "lockfileVersion": 1 }', {}), null);
});

test("npm's messages are read for the package that they are about", () => {
    const asked = { lodash: "^99" };
    assert.deepEqual(packageIn("No matching version found for lodash@^99.", asked), {
        name: "lodash",
        spec: "^99",
    });
    assert.deepEqual(packageIn("The requested resource '@a/b@1 || 2' could not be found", {}), {
        name: "@a/b",
        spec: "1 || 2",
    });
    assert.equal(packageIn("something else", asked), null);
});
