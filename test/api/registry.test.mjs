// SPDX-License-Identifier: Apache-2.0
/** Installing through the package proxy: whence packages come, that they are what they should be, and how often. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { plain } from "../support/artifact.mjs";
import { Registry } from "../support/registry.mjs";
import { Server, unique } from "../support/server.mjs";
import { Tenant } from "../support/tenant.mjs";

let registry, server, t;

before(async () => {
    registry = await Registry.open({ prefix: "/npm/" });
    server = await Server.start({ env: registry.settings });
    t = await Tenant.make("registry", server);
});
after(async () => {
    await server?.stop();
    await registry?.close();
});

/** A bundle whose one workflow gives what the packages export. */
const using = (workflow, dependencies, more = {}) =>
    plain(
        {
            "index.ts": `import { workflow } from "impresario";
${Object.keys(dependencies).map((name, i) => `import p${i} from ${JSON.stringify(name)};`).join("\n")}
export default workflow(${JSON.stringify(workflow)}, async () => [${Object.keys(dependencies).map((_, i) => `p${i}`)}]);
`,
        },
        { dependencies, ...more },
    );

/** Installs, and gives what the packages export. */
async function installed(dependencies, tenant = t, more = {}) {
    const name = unique("uses");
    await tenant.deploy(using(name, dependencies, more));
    return tenant.result(name);
}

const failure = (dependencies, tenant = t) => tenant.buildError(using(unique("uses"), dependencies));
const asked = (path) => registry.asked.filter((one) => one === path).length;
const folder = () => join(server.data, "registry");
const kept = () => readdirSync(folder());

test("packages on another host than the registry are installed, with a path before their names", async () => {
    registry.add("far", "1.0.0", "far");
    registry.add("@scope/far", "2.0.0-rc.1", "scoped", { dependencies: { deep: "^1" } });
    registry.add("deep", "1.2.3", "deep");
    registry.add("old", "0.0.1", "old", { dist: ({ tarball, shasum }) => ({ tarball, shasum }) });
    assert.deepEqual(await installed({ far: "1.0.0", "@scope/far": "2.0.0-rc.1", old: "*" }), ["far", "scoped", "old"]);
    assert.equal(asked("deep/-/deep-1.2.3.tgz"), 1);
});

test("what was fetched is not fetched again, but asked about", async () => {
    registry.add("once", "1.0.0", "once");
    registry.add("besides", "1.0.0", "besides");
    await installed({ once: "1.0.0" });
    assert.deepEqual(await installed({ once: "1.0.0", besides: "1.0.0" }), ["once", "besides"]);
    assert.equal(asked("once/-/once-1.0.0.tgz"), 1);
    assert.equal(asked("once"), 2);
});

test("a version that was published a moment ago is found", async () => {
    registry.add("grows", "1.0.0", 1);
    assert.deepEqual(await installed({ grows: "*" }), [1]);
    registry.add("grows", "1.1.0", 2);
    assert.deepEqual(await installed({ grows: ">=1" }), [2]);
});

test("a tarball that is not what the registry names is refused, named and not kept", async () => {
    const flipped = (all) => Buffer.from(all.map((byte, i) => (i === 20 ? byte ^ 1 : byte)));
    registry.add("forged", "1.0.0", "forged", { bytes: flipped });
    const error = await failure({ forged: "1.0.0" });
    assert.match(error, /"forged@1\.0\.0" is refused: its bytes do not have the digest that the registry names \(sha512-[0-9a-f]{128}\)/);
    const digest = /sha512-[0-9a-f]+/.exec(error)[0];
    assert.ok(!kept().includes(digest) && !kept().some((name) => name.startsWith("writing.")), kept().join());
    assert.match(await server.says(/registry\.mismatch/), /forged@1\.0\.0/);

    registry.add("forged", "1.0.0", "forged");
    assert.deepEqual(await installed({ forged: "1.0.0" }), ["forged"]);
    assert.ok(kept().includes(digest));
});

test("a package without a digest is refused and named", async () => {
    registry.add("bare", "1.0.0", "bare", { dist: ({ tarball }) => ({ tarball }) });
    assert.match(await failure({ bare: "1.0.0" }), /names no digest for "bare@1\.0\.0"/);
    assert.equal(asked("bare/-/bare-1.0.0.tgz"), 0);
});

test("a package where nothing may be reached is refused and named, also behind a redirect", async () => {
    const { port } = new URL(server.url);
    registry.add("inside", "1.0.0", 1, { dist: (told) => ({ ...told, tarball: `http://127.0.0.1:${port}/healthz` }) });
    registry.add("meta", "1.0.0", 1, { redirect: "http://169.254.169.254/x.tgz" });
    registry.add("files", "1.0.0", 1, { dist: (told) => ({ ...told, tarball: "file:///etc/passwd" }) });
    assert.match(await failure({ inside: "1.0.0" }), /"inside@1\.0\.0" is not fetched: .* may not be reached: loopback address/);
    assert.match(await failure({ meta: "1.0.0" }), /"meta@1\.0\.0" is not fetched: .* may not be reached: link-local address/);
    assert.match(await failure({ files: "1.0.0" }), /names no address for "files@1\.0\.0" that could be used/);
    await server.says(/registry\.refused/);
});

test("a redirect to where packages may lie is followed", async () => {
    registry.add("moved", "1.0.0", "moved", { redirect: "?moved" });
    assert.deepEqual(await installed({ moved: "1.0.0" }), ["moved"]);
    registry.add("lost", "1.0.0", "lost", { redirect: `http://${registry.elsewhere}/nowhere` });
    assert.match(await failure({ lost: "1.0.0" }), /"lost@1\.0\.0" is not where the registry says/);
});

test("files of ours that were damaged are fetched again", async () => {
    registry.add("rots", "1.0.0", "whole");
    registry.add("beside-rot", "1.0.0", 1);
    const before = new Set(kept());
    await installed({ rots: "1.0.0" });
    const fresh = kept().filter((name) => !before.has(name));
    assert.equal(fresh.length, 2, fresh.join());
    for (const name of fresh) {
        const bytes = readFileSync(join(folder(), name));
        bytes[bytes.length - 10] ^= 1;
        writeFileSync(join(folder(), name), bytes);
    }
    assert.deepEqual(await installed({ rots: "1.0.0", "beside-rot": "1.0.0" }), ["whole", 1]);
    assert.equal(asked("rots/-/rots-1.0.0.tgz"), 2);
    await server.says(/registry\.damaged/);
});

test("what one tenant puts in place of a package is in no layer of others", async () => {
    registry.add("shared", "1.0.0", "shared's own");
    registry.add("other", "1.0.0", "another");
    registry.add("outer", "1.0.0", null, { dependencies: { shared: "^1" }, files: { "index.js": 'module.exports = require("shared");' } });
    const overrides = { shared: "npm:other@1.0.0" };
    const neighbour = await Tenant.make("neighbour", server);
    assert.deepEqual(await installed({ outer: "1.0.0" }, t, { overrides }), ["another"]);
    assert.deepEqual(await installed({ outer: "1.0.0" }, neighbour), ["shared's own"]);
    assert.deepEqual(await installed({ outer: "1.0.0" }), ["shared's own"]);
});

test("a package that is not there fails as such, and libretto has its stand-in", async () => {
    assert.match(await failure({ "no-such": "^1" }), /"no-such" \("\^1"\) does not exist in the registry/);
    await t.deploy(
        plain(
            { "index.ts": 'import { workflow } from "libretto";\nexport default workflow("stood-in", async () => 1);\n' },
            { dependencies: { libretto: "^0.6.45" } },
        ),
    );
    assert.equal(await t.result("stood-in"), 1);
});

test("a version that is younger than release_age_days is not installed", async () => {
    const strict = await Server.start({ env: { ...registry.settings, IMPRESARIO_RELEASE_AGE_DAYS: "3" } });
    const tenant = await Tenant.make("aged", strict);
    const daysAgo = (days) => new Date(Date.now() - days * 86_400_000);
    registry.add("aged", "1.0.0", "seasoned", { published: daysAgo(4) });
    registry.add("aged", "1.1.0", "young", { published: daysAgo(2) });
    assert.deepEqual(await installed({ aged: "^1" }, tenant), ["seasoned"]);
    assert.match(await failure({ aged: "1.1.0" }, tenant), /No version of "aged" satisfies .*1\.1\.0.*\n.*with a date before/);
    assert.deepEqual(await installed({ aged: "^1" }), ["young"]);
    await strict.stop();
});

test("install scripts run for the packages that install_scripts names, and for no others", async (context) => {
    const forbidding = await Server.start({ env: registry.settings });
    let tenant = await Tenant.make("scripts", forbidding);
    const { port } = new URL(server.url);
    const files = {
        "make.js": `const make = (value) => require("fs").writeFileSync("index.js", "module.exports = " + JSON.stringify(value));
fetch("http://127.0.0.1:${port}/healthz").then(() => make("reached the host"), () => make("made"));`,
    };
    const scripts = { postinstall: "node make.js" };
    for (const name of ["@scope/makes", "unnamed"]) registry.add(name, "1.0.0", "unmade", { scripts, files });
    registry.add("outermost", "1.0.0", null, { dependencies: { "@scope/makes": "1" }, files: { "index.js": 'module.exports = require("@scope/makes");' } });
    const deploy = async (dependencies, name = unique("makes")) => {
        const { id } = await tenant.deploy(using(name, dependencies));
        return { result: await tenant.result(name), log: await tenant.buildLog(id) };
    };

    const same = [{ outermost: "1.0.0", unnamed: "1.0.0" }, unique("makes")];
    assert.deepEqual((await deploy(...same)).result, ["unmade", "unmade"]);
    await forbidding.end();
    const env = { ...registry.settings, IMPRESARIO_INSTALL_SCRIPTS: "@scope/makes,fails" };
    const allowing = await Server.start({ data: forbidding.data, env });
    context.after(() => allowing.stop());
    tenant = new Tenant(allowing.url, tenant.key);

    const both = await deploy(...same);
    assert.deepEqual(both.result, ["made", "unmade"]);
    assert.match(both.log, /running the install script of @scope\/makes@1\.0\.0/);
    assert.match(both.log, /may lack what it makes: unnamed@1\.0\.0\n.*install_scripts/);

    // A package that calls itself another, under the name of another.
    registry.add("disguised", "1.0.0", "disguised", { scripts, files, calls: "@scope/makes" });
    const disguised = await deploy({ "@scope/makes": "npm:disguised@1.0.0" });
    assert.deepEqual(disguised.result, ["disguised"]);
    assert.match(disguised.log, /is not what the registry has as "@scope\/makes@1\.0\.0": its script does not run/);

    registry.add("fails", "1.0.0", 1, { scripts: { install: "echo what went wrong; exit 3" } });
    assert.match(await failure({ fails: "1.0.0" }, tenant), /The install script of "fails@1\.0\.0" failed\n[^]*what went wrong/);
});

test("a registry that is down or has trouble is not needed for what was fetched before", async () => {
    registry.add("lasting", "1.0.0", "lasting");
    registry.add("lasting-too", "1.0.0", "too");
    await installed({ lasting: "1.0.0", "lasting-too": "1.0.0" });
    registry.status = 503;
    assert.deepEqual(await installed({ lasting: "1.0.0" }), ["lasting"]);
    await registry.close();
    assert.deepEqual(await installed({ "lasting-too": "1.0.0" }), ["too"]);
    await server.says(/registry\.stale/);
    // The build is tried again, and npm tries more than once each time: what the operator hears comes first.
    await t.ok("deployments/create", using("waits", { "never-seen": "1.0.0" }));
    await server.says(/registry\.unreachable.*never-seen/);
});
