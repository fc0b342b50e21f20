// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { test } from "node:test";
import { dependencySet, whyNotFromRegistry } from "../lib/manifest.mjs";

test("a registry serves versions, ranges, tags and aliases", () => {
    for (const spec of [
        "1.2.3",
        "^1.2",
        ">=1 <2 || 3",
        "*",
        "",
        "latest",
        "npm:other@1",
        "npm:@scope/other@^2",
        "1.x",
    ]) {
        assert.equal(whyNotFromRegistry(spec), null, spec);
    }
});

test("a registry does not serve workspaces, files, links, repositories and URLs", () => {
    const refused = [
        "workspace:^",
        "catalog:",
        "catalog:react",
        "link:../x",
        "file:./libretto",
        "portal:x",
        "../x",
        "./x",
        "~/x",
        "/x",
        "x.tgz",
        "git+ssh://git@host/a.git",
        "git://host/a",
        "github:a/b",
        "gitlab:a/b",
        "a/b",
        "a/b#main",
        "https://host/x.tgz",
        "http://host/x",
        "npm:a/b",
        "git@github.com:a/b.git",
    ];
    for (const spec of refused) assert.notEqual(whyNotFromRegistry(spec), null, spec);
});

test("what we provide is dropped, whatever its spec says", () => {
    const set = dependencySet({
        zod: "^4",
        playwright: "catalog:",
        "playwright-core": "file:x",
        impresario: "workspace:*",
        ms: "2",
    });
    assert.deepEqual(Object.keys(set), ["ms", "zod"]);
});

test("a spec that cannot be installed is refused with package and spec", () => {
    assert.throws(() => dependencySet({ left: "workspace:^" }), /"left": "workspace:\^"/);
    assert.doesNotThrow(() =>
        dependencySet({ libretto: "file:./libretto" }, new Set(["libretto"])),
    );
});

test("an illegal package name is refused", () => {
    assert.throws(() => dependencySet({ "../evil": "1" }), /not a legal package name/);
    assert.throws(() => dependencySet({ "a b": "1" }), /not a legal package name/);
});
